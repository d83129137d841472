// Looks at the report where it is as wide as a phone, and tells the page around it.
(async () => {
  const passed = [];
  const failed = [];
  const settle = () => new Promise((done) => setTimeout(done, 80));
  const fits = (what) => {
    const wide = document.documentElement.scrollWidth;
    const isWithin = (element) => element.closest(".scroll, pre, .uplot") || element.getBoundingClientRect().right <= innerWidth + 1;
    const out = [...document.querySelectorAll("main *")].filter((element) => !isWithin(element) && element.closest(".lanes, .unseen") === null);
    const holds = wide <= innerWidth && out.length === 0;
    (holds ? passed : failed).push(`${what}: ${wide} of ${innerWidth} pixels ${out.slice(0, 3).map((one) => one.outerHTML.slice(0, 90))}`);
  };
  await settle();
  if (innerWidth !== 390) failed.push(`the frame is ${innerWidth} wide`);
  fits("the overview");
  location.hash = document.querySelector('a[href^="#/failure/"]').getAttribute("href");
  await settle();
  fits("a failure");
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "p", bubbles: true }));
  await settle();
  fits("a failure with its neighbour");
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }));
  await settle();
  fits("the help");
  document.querySelector("dialog[open]").close();
  const small = [...document.querySelectorAll(".controls button")].filter((one) => one.getBoundingClientRect().height < 38);
  (small.length ? failed : passed).push(`buttons are large enough for a finger: ${small.length} are not`);
  window.wrongs.forEach((wrong) => failed.push(wrong));
  parent.postMessage(JSON.stringify({ passed, failed }), "*");
})();
