// All steps as a list beside the lanes; a long list shows what is around the cursor.
const AROUND = 90;

const TONES = { violation: "bad", crash: "bad", fault: "bad", ack: "ack", repair: "ack", switch: "switch" };

// Calls that change nothing and go well are left out, unless all are wanted.
const isTold = (step) => step.k !== "call" || step.w || markOf(step) !== null;

function StepList({ recording, step, onStep }) {
  const [isAll, setAll] = useState(false);
  const list = useRef(null);
  const words = wordsOf(recording);
  const told = useMemo(() => recording.steps.map((one, at) => ({ one, at })).filter(({ one }) => isAll || isTold(one)), [recording, isAll]);
  const place = told.findLastIndex(({ at }) => at <= step);
  const from = Math.max(0, place - AROUND);
  const shown = told.slice(from, place + AROUND);
  useLayoutEffect(() => {
    const current = list.current?.querySelector("[aria-current]");
    if (!current) return;
    const top = current.offsetTop - list.current.clientHeight / 2;
    list.current.scrollTop = Math.max(0, top);
  }, [step, isAll, recording]);
  return html`
    <section class="card" aria-label="steps">
      <div class="controls">
        <h2 style="margin:0">What happened</h2><span class="gap"></span>
        <button aria-pressed=${isAll} onClick=${() => setAll(!isAll)}>reads, too</button>
      </div>
      <div class="steps" ref=${list}>
        ${from > 0 && html`<div class="life">${plural(from, "step")} before</div>`}
        ${shown.map(({ one, at }) => one.k === "life" ? html`
          <div class="life" key=${at}>life ${one.n}${recording.lives[one.n - 1] ? html`, to end with ${recording.lives[one.n - 1].end}` : ": nothing fails any more"}</div>` : html`
          <button key=${at} aria-current=${at === shown[place - from]?.at ? "step" : undefined} onClick=${() => onStep(at)}>
            <span class="soft number">${at + 1}</span>
            <span class="soft">${words[at].who}</span>
            <span class=${TONES[markOf(one)] || ""}>${markOf(one) ? `${MARKS[markOf(one)][0]} ` : ""}${words[at].text}</span>
          </button>`)}
        ${place + AROUND < told.length && html`<div class="life">${plural(told.length - place - AROUND, "step")} behind</div>`}
      </div>
    </section>`;
}
