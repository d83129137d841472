// Uses the report as a reader does, and tells what it saw.
(async () => {
  const passed = [];
  const failed = [];
  const check = (what, holds) => (holds ? passed : failed).push(what);
  const settle = () => new Promise((done) => setTimeout(done, 60));
  const all = (selector) => [...document.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const press = async (key, more) => {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
    await settle();
  };
  const step = () => Number(/step (\d+) of/.exec(one(".now-step")?.textContent)?.[1]);
  const go = async (hash) => {
    location.hash = hash;
    await settle();
  };

  const contrast = (element) => {
    const parse = (text) => /rgba?\(([\d., ]+)\)/.exec(text)[1].split(",").map(Number);
    const behind = (at) => {
      const colour = parse(getComputedStyle(at).backgroundColor);
      return colour.length === 4 && colour[3] === 0 && at.parentElement ? behind(at.parentElement) : colour;
    };
    const light = (colour) => {
      const [r, g, b] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const isReadable = () => {
    const told = all("main p, main li, main td, main th, main h1, main h2, .badge, .soft, .cell span, .flag, .steps button span");
    const poor = told.filter((element) => element.textContent.trim() && contrast(element) < 4.5);
    poor.slice(0, 3).forEach((element) => failed.push(`contrast ${contrast(element).toFixed(2)}: ${element.className} ${element.textContent.slice(0, 40)}`));
    return poor.length === 0;
  };

  try {
    await settle();
    check("the overview tells the night", one("h1")?.textContent.startsWith("Night"));
    check("plots over nights are drawn", all(".plot canvas").length === 4 && all(".plot canvas").every((canvas) => canvas.width > 100));
    check("what never fired is told", /never fired/.test(document.body.textContent));
    check("the overview is readable", isReadable());
    const link = one('a[href^="#/failure/"]');
    check("a failure is linked", link);
    await go(link.getAttribute("href"));
    check("a failure has its page", step() > 0 && one(".slider"));
    const id = link.getAttribute("href").split("/")[2];

    await press("Home");
    check("Home goes to the first step", step() === 1);
    await press("ArrowRight");
    check("the right arrow goes one step on", step() === 2);
    check("the address names the step", location.hash === `#/failure/${id}/step/2`);
    await press("ArrowLeft");
    check("the left arrow goes one step back", step() === 1);
    await press("ArrowRight", { shiftKey: true });
    check("with Shift it is ten", step() === 11);
    await press("End");
    const steps = step();
    check("End goes to the last step", steps > 20 && one(".slider").value === String(steps - 1));
    check("there the violation is shown", one(".now-step .violation"));

    const slider = one(".slider");
    slider.value = "6";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await settle();
    check("the slider scrubs", step() === 7 && one(".cursor").style.left !== "");
    check("the slider says where it is", /^step 7: /.test(slider.getAttribute("aria-valuetext")));
    const over = one(".lanes .over").getBoundingClientRect();
    const at = { clientX: over.left + over.width * 0.5, clientY: over.top + 5, bubbles: true, pointerId: 1, buttons: 1 };
    one(".lanes .over").setPointerCapture = () => {};
    one(".lanes .over").dispatchEvent(new PointerEvent("pointerdown", at));
    await settle();
    check("the lanes scrub", Math.abs(step() - steps / 2) < 2);

    await press("Home");
    await press("f");
    check("f goes to the fault", one(".now-step .fault, .now-step .crash"));
    check("the fault has its name", /lie-at-site/.test(one(".now-step").textContent));
    await press("Home");
    await press("c");
    check("c goes to the crash", one(".now-step .crash"));
    await go(`#/failure/${id}`);
    check("a failure begins at the crash that lost something", one(".now-step .crash") && /lost: /.test(one(".now-step").textContent));
    check("what the crash lost is shown", all('.cell[data-look="lost"], .names .lost').length > 0);
    check("lanes show it, too", all(".s-lost").length > 0);
    await press("Home");
    await press("a");
    check("a goes to an acknowledgement", one(".now-step .ack"));
    check("the step is announced", one('[aria-live="polite"]')?.textContent.includes("step"));

    await press("p");
    check("the neighbour that passes stands beside it", all(".lanes").length === 2 && location.hash.endsWith("/beside"));
    await press("d");
    check("d goes to where they part", all(".differs-line").length === 2);
    await press("End");
    check("the neighbour has no violation", !all(".now-step")[1].querySelector(".violation"));
    check("the story is told", all(".why li").length > 0);

    const theme = () => getComputedStyle(document.body).backgroundColor;
    const before = theme();
    check("the failure is readable", isReadable());
    await press("t");
    check("t changes the theme", theme() !== before);
    check("the other theme is readable", isReadable());
    await press("?");
    check("? shows the keys", one("dialog[open] kbd"));
    one("dialog[open]").close();
    check("every button has a name", all("button").every((button) => button.textContent.trim() || button.ariaLabel));
    await go("#/failure/none/step/3");
    check("an unknown failure is said to be unknown", /no failure none/.test(document.body.textContent));
  } catch (error) {
    failed.push(`the script stopped: ${error.stack}`);
  }
  check("nothing was asked for", performance.getEntriesByType("resource").length === 0);
  window.wrongs.forEach((wrong) => failed.push(wrong));
  const told = document.createElement("pre");
  told.id = "verdict";
  told.textContent = JSON.stringify({ passed, failed });
  document.body.append(told);
})();
