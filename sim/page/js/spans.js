// What the lanes show, worked out once for a recording: what was so from which step to which.

const RECOVERS = "recovers";

// Spans of one thing: each time it changes, the one before is over.
class Spans {
  constructor() {
    this.open = new Map();
    this.done = [];
  }

  set(key, value, at) {
    const before = this.open.get(key);
    if (before && before.value === value) return;
    if (before && before.value) this.done.push({ key, value: before.value, from: before.from, to: at });
    this.open.set(key, { value, from: at });
  }

  close(at) {
    for (const key of [...this.open.keys()]) this.set(key, null, at);
    return this.done;
  }
}

// Sectors and names are looked at only where a step has changed them.
function noteChange(spans, state, change, at) {
  for (const file of change.files || []) {
    if (!file.l) {
      const prefix = `${file.f}:`;
      for (const key of spans.sectors.open.keys()) if (key.startsWith(prefix)) spans.sectors.set(key, null, at);
      continue;
    }
    for (const [first, number] of file.s || []) {
      for (let index = first; index < first + number; index += 1) {
        const key = `${file.f}:${index}`;
        const look = lookOf(state.files.get(file.f)?.sectors.get(index), state.marks.get(key));
        spans.sectors.set(key, look === "empty" ? null : look, at);
      }
    }
  }
  for (const name of change.names || []) {
    const key = `${name.d}/${name.n}`;
    const binding = state.names.get(key);
    const isLost = state.lostNames.has(key);
    spans.names.set(key, binding || isLost ? lookOfName(binding || {}, isLost) : null, at);
  }
}

const known = new WeakMap();

function spansOf(recording) {
  if (known.has(recording)) return known.get(recording);
  const spans = { sectors: new Spans(), names: new Spans(), ops: new Spans(), lives: new Spans() };
  const lsn = [];
  const paths = new Map();
  const start = firstState(recording);
  if (recording.base) {
    noteChange(spans, start, recording.base.change, 0);
    spans.lives.set("life", start.life, 0);
  }
  walk(recording, (state, step, at) => {
    if (step.c) noteChange(spans, state, step.c, at);
    if (step.k === "life") spans.lives.set("life", step.n, at);
    if (step.k === "says" && step.about === "begins") spans.ops.set(step.t ?? 0, step.text, at);
    if (step.k === "says" && step.about === "recovered") spans.ops.set(step.t ?? 0, null, at);
    if (step.k === "call" && !spans.ops.open.get(step.t ?? 0)?.value && step.t !== undefined) {
      spans.ops.set(step.t, RECOVERS, at);
    }
    if (step.k === "crash") for (const task of spans.ops.open.keys()) spans.ops.set(task, null, at);
    if (step.k === "durable" && step.lsn >= (lsn.at(-1)?.lsn ?? -1)) lsn.push({ at, lsn: step.lsn });
    for (const name of step.c?.names || []) {
      for (const ino of [name.c, name.m]) if (ino !== undefined) paths.set(ino, pathOf(state, ino));
    }
  });
  const end = recording.steps.length;
  const all = Object.fromEntries(Object.entries(spans).map(([what, some]) => [what, some.close(end)]));
  const worked = { ...all, lsn, paths, base: start };
  known.set(recording, worked);
  return worked;
}
