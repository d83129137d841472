// The page: the line on top, the help, and what the address asks for.
const KEYS = [
  ["← →", "one step; with Shift ten"], ["Home End", "to the beginning, to the end"],
  ["f F", "next fault, the one before"], ["c C", "next crash, the one before"],
  ["a A", "next acknowledgement, the one before"], ["d", "to where the passing neighbour differs"],
  ["p", "the passing neighbour beside it"], ["t", "light or dark"], ["?", "this help"],
];

function Help({ element }) {
  return html`
    <dialog class="help" ref=${element} aria-labelledby="help-title" onClick=${(event) => event.target === event.currentTarget && event.currentTarget.close()}>
      <h1 id="help-title">Keys</h1>
      <dl>${KEYS.map(([keys, what]) => html`<dt>${keys.split(" ").map((one) => html`<kbd>${one}</kbd>${" "}`)}</dt><dd>${what}</dd>`)}</dl>
      <p class="soft">The slider and the lanes can be dragged. The address names the step: send it to somebody.</p>
      <button onClick=${() => element.current.close()}>Close</button>
    </dialog>`;
}

function Page() {
  const route = useRoute();
  const dark = useTheme();
  const help = useRef(null);
  const capsule = route.page === "failure" ? capsuleOf(route.id) : capsules.length === 1 && !night ? capsules[0] : null;
  useKeys({ "?": () => help.current.showModal(), t: toggleTheme });
  useEffect(() => window.scrollTo(0, 0), [capsule]);
  return html`
    <header class="top">
      <nav class="path" aria-label="path">
        <a href="#/">seawall</a>${night && html`<span>night ${night.night}</span>`}${capsule && html`<span class="mono">${capsule.id}</span>`}
      </nav>
      <button onClick=${() => help.current.showModal()} aria-label="keys">?</button>
      <button onClick=${toggleTheme} aria-label=${dark ? "light theme" : "dark theme"}>${dark ? "☀" : "☾"}</button>
    </header>
    <main>
      ${capsule ? html`<${Failure} key=${capsule.id} capsule=${capsule} route=${route.page === "failure" ? route : { ...route, step: null }} />`
        : route.page === "failure" ? html`<p>There is no failure ${route.id} in this report. <a href="#/">To the overview</a></p>` : html`<${Overview} />`}
    </main>
    <${Help} element=${help} />`;
}

render(html`<${Page} />`, document.getElementById("page"));
