// Plots over all nights.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function drawPlot(element, values, hue) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const options = {
    width: element.clientWidth,
    height: 120,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.15 : 1] } },
    axes: [
      { ...axis, size: 24, incrs: [1, 2, 5, 10, 20, 50, 100], values: (_, all) => all.map((one) => (Number.isInteger(one) ? one : "")) },
      { ...axis, size: 52, values: (_, all) => all.map((one) => (Number.isInteger(one) || one < 1 ? rough(one) : "")) },
    ],
    series: [{}, { stroke: colour(hue), width: 2, fill: `${colour(hue)}22`, points: { show: true, size: 6, fill: colour(hue) } }],
  };
  return new uPlot(options, [nights.map((one) => one.night), values], element);
}

function Plot({ title, of, hue, show }) {
  const dark = useTheme();
  const element = useRef(null);
  const values = nights.map((one) => of(one) ?? null);
  useEffect(() => {
    const plot = drawPlot(element.current, values, hue);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.current.clientWidth, height: 120 }));
    observer.observe(element.current);
    return () => { observer.disconnect(); plot.destroy(); };
  }, [dark]);
  const told = nights.map((one, at) => `night ${one.night}: ${show(values[at])}`).join(", ");
  return html`
    <div class="card plot">
      <h2>${title} <span class="now">${show(values.at(-1))}</span></h2>
      <div ref=${element} role="img" aria-label=${`${title}: ${told}`}></div>
    </div>`;
}

function Plots() {
  return html`
    <section class="plots" aria-label="over all nights">
      <${Plot} title="Seeds a night" of=${(one) => one.seeds} hue="--durable" show=${rough} />
      <${Plot} title="States known" of=${(one) => one.states_known} hue="--switch" show=${rough} />
      <${Plot} title="Recoveries per CPU-second" of=${(one) => one.recoveries_per_cpu_second} hue="--ack" show=${rough} />
      <${Plot} title="Failures open" of=${(one) => one.open} hue="--lost" show=${count} />
    </section>`;
}
