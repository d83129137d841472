// The lanes: clients, calls, acknowledged LSN, names and sectors over all steps, with the cursor.
const ROWS_MAX = 20;
const WORST = ["removed", "durable", "volatile", "dropped", "lost", "torn"];

const rect = (from, to, y, height, name, title) => html`
  <rect x=${from} y=${y} width=${Math.max(to - from, 0.001)} height=${height} class=${name}>${title && html`<title>${title}</title>`}</rect>`;

function Lane({ label, title, length, height, isFile, children }) {
  return html`
    <div class=${`label${isFile ? " file" : ""}`} title=${title || label}>${label}</div>
    <svg viewBox=${`0 0 ${length} ${height}`} height=${height} preserveAspectRatio="none" role="img" aria-label=${title || label}>${children}</svg>`;
}

function clientLanes(recording, spans) {
  const length = recording.steps.length;
  const tasks = [...new Set(spans.ops.map((op) => op.key))].sort((a, b) => a - b);
  const place = (from, to) => `left:${(from / length) * 100}%;width:${((to - from) / length) * 100}%`;
  const told = recording.steps.map((step, at) => ({ step, at })).filter(({ step }) => step.k === "says" && ["failed", "acked"].includes(step.about));
  return tasks.map((task) => html`
    <div class="label" key=${`label ${task}`}>client ${task}</div>
    <div class="ops" key=${`client ${task}`} role="img" aria-label=${`what client ${task} does`}>
      ${spans.ops.filter((op) => op.key === task).map((op) => html`
        <span class=${op.value === RECOVERS ? "recovery" : ""} style=${place(op.from, op.to)} title=${op.value}>${op.value.replace(/^client \d+ /, "")}</span>`)}
      ${told.filter(({ step }) => step.t === task).map(({ step, at }) => html`<i class=${step.about} style=${place(at, at + 1)} title=${step.text}></i>`)}
    </div>`);
}

function callLane(recording) {
  const heights = { read: [6, 8], write: [2, 12], sync: [2, 12], names: [2, 12], failed: [0, 16] };
  return html`
    <${Lane} label="calls" title="calls to the disk" length=${recording.steps.length} height=${16}>
      ${recording.steps.map((step, at) => {
        if (step.k !== "call") return null;
        const [y, height] = heights[kindOf(step)];
        return rect(at + 0.12, at + 0.88, y, height, `k-${kindOf(step)}`, `${step.call} ${step.name}`);
      })}
    <//>`;
}

function lsnLane(recording, spans) {
  const length = recording.steps.length;
  const most = Math.max(1, ...spans.lsn.map((one) => one.lsn));
  const y = (lsn) => 20 - (lsn / most) * 17;
  let path = `M0 ${y(spans.base.lsn)}`;
  for (const { at, lsn } of spans.lsn) path += `H${at}V${y(lsn)}`;
  return html`
    <${Lane} label=${`lsn ≤ ${most}`} title=${`acknowledged LSN, up to ${most}`} length=${length} height=${22}>
      <path class="k-lsn" d=${`${path}H${length}`} vector-effect="non-scaling-stroke" />
    <//>`;
}

function nameLanes(recording, spans) {
  const keys = [...new Set([...spans.names].sort((a, b) => a.from - b.from).map((name) => name.key))];
  const worst = (key) => Math.max(...spans.names.filter((name) => name.key === key).map((name) => WORST.indexOf(name.value)));
  const shown = keys.length > ROWS_MAX ? [...keys].sort((a, b) => worst(b) - worst(a)).slice(0, ROWS_MAX) : keys;
  return keys.filter((key) => shown.includes(key)).map((key) => {
    const name = key.slice(key.indexOf("/") + 1);
    return html`
      <${Lane} key=${`name ${key}`} label=${brief(name)} title=${`the name ${name} in its directory`} length=${recording.steps.length} height=${12}>
        ${spans.names.filter((one) => one.key === key).map((one) => rect(one.from, one.to, 3, 6, `s-${one.value}`, `${name}: ${LOOKS[one.value]}`))}
      <//>`;
  });
}

// The sectors of each file; of a long file several share a row, which shows the worst of them.
function sectorLanes(recording, spans) {
  const files = new Map();
  for (const one of spans.sectors) {
    const [ino, index] = one.key.split(":").map(Number);
    if (!files.has(ino)) files.set(ino, []);
    files.get(ino).push({ ...one, index });
  }
  return [...files].sort((a, b) => a[0] - b[0]).map(([ino, some]) => {
    const last = Math.max(...some.map((one) => one.index));
    const group = Math.ceil((last + 1) / ROWS_MAX);
    const rows = Math.ceil((last + 1) / group);
    const size = rows > 6 ? 5 : 8;
    const sorted = [...some].sort((a, b) => WORST.indexOf(a.value) - WORST.indexOf(b.value));
    const name = fileName(spans.paths.get(ino)) || `file ${ino}`;
    const about = `${name}, ${plural(last + 1, "sector")}${group > 1 ? `, ${group} in a row` : ""}, the first on top`;
    return html`
      <${Lane} key=${`file ${ino}`} label=${brief(name)} title=${about} isFile=${true} length=${recording.steps.length} height=${rows * size + 4}>
        ${sorted.map((one) => rect(one.from, one.to, 2 + Math.floor(one.index / group) * size, size - 1, `s-${one.value}`,
          `sector ${one.index}: ${LOOKS[one.value]}`))}
      <//>`;
  });
}

function Marks({ recording }) {
  const length = recording.steps.length;
  const marks = recording.steps.map((step, at) => ({ mark: markOf(step), at })).filter(({ mark }) => mark);
  return html`
    <div class="label">marks</div>
    <div class="marks" aria-hidden="true">
      ${marks.map(({ mark, at }) => html`<i class=${mark} style=${`left:${((at + 0.5) / length) * 100}%`} title=${MARKS[mark][1]}>${MARKS[mark][0]}</i>`)}
    </div>`;
}

function Lives({ recording, spans }) {
  const length = recording.steps.length;
  return html`
    <div class="label">life</div>
    <div class="lives">
      ${spans.lives.map((life) => html`<span class=${life.value % 2 ? "odd" : ""}
        style=${`left:${(life.from / length) * 100}%;width:${((life.to - life.from) / length) * 100}%`}>${life.value}</span>`)}
    </div>`;
}

const CALLS = { read: "reads", write: "writes", sync: "syncs", names: "names", failed: "failed" };

function LaneLegend({ recording }) {
  const marks = Object.keys(MARKS).filter((mark) => recording.steps.some((step) => markOf(step) === mark));
  return html`
    <div class="legend">
      <span>calls:</span>
      ${Object.entries(CALLS).map(([kind, name]) => html`<span><i style=${`background:var(--${kind === "failed" ? "lost" : kind})`}></i>${name}</span>`)}
      ${marks.map((mark) => html`<span class="marks-told"><i class=${mark}>${MARKS[mark][0]}</i>${MARKS[mark][1]}</span>`)}
    </div>`;
}

// What does not change with the step is drawn once.
function drawLanes(recording) {
  const spans = spansOf(recording);
  return html`
    <${Lives} recording=${recording} spans=${spans} />
    <${Marks} recording=${recording} />
    ${clientLanes(recording, spans)}
    ${callLane(recording)}
    ${lsnLane(recording, spans)}
    ${nameLanes(recording, spans)}
    ${sectorLanes(recording, spans)}`;
}

function Lanes({ recording, step, onStep, parts }) {
  const length = recording.steps.length;
  const drawn = useMemo(() => drawLanes(recording), [recording]);
  const crashes = useMemo(() => recording.steps.map((one, at) => (one.k === "crash" ? at : -1)).filter((at) => at >= 0), [recording]);
  const at = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(length - 1, Math.floor(((event.clientX - box.left) / box.width) * length)));
  };
  const left = (number) => `left:${((number + 0.5) / length) * 100}%`;
  return html`
    <div class="lanes">
      ${drawn}
      <div class="over" onPointerDown=${(event) => { event.currentTarget.setPointerCapture(event.pointerId); onStep(at(event)); }}
        onPointerMove=${(event) => event.buttons && onStep(at(event))}>
        ${crashes.map((one) => html`<div class="crash-line" style=${left(one)}></div>`)}
        ${parts !== undefined && html`<div class="differs-line" style=${left(parts)}></div>`}
        <div class="cursor" style=${left(step)}></div>
      </div>
    </div>`;
}
