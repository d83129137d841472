// Both sides of the disk after each step: a recording tells only how a state became the next.
const CHECKPOINT = 64;

const emptyState = () => ({
  files: new Map(), // number -> {lens: [cached, durable], sectors: Map(index -> [cached, durable, pending])}
  names: new Map(), // "directory/name" -> {dir, name, cached, durable}
  marks: new Map(), // "file:sector" -> "lost" | "torn"
  lostNames: new Set(),
  ops: new Map(), // task -> what it does
  lsn: 0,
  life: 0,
  isOpening: false, // a recovery is at work, and no client yet
});

function copyState(state) {
  const files = new Map();
  for (const [ino, file] of state.files) files.set(ino, { lens: file.lens, sectors: new Map(file.sectors) });
  return {
    ...state,
    files,
    names: new Map(state.names),
    marks: new Map(state.marks),
    lostNames: new Set(state.lostNames),
    ops: new Map(state.ops),
  };
}

function applyFile(state, change) {
  if (!change.l) {
    state.files.delete(change.f);
    return;
  }
  const file = state.files.get(change.f) || { lens: [0, 0], sectors: new Map() };
  state.files.set(change.f, { lens: change.l, sectors: file.sectors });
  for (const [first, number, cached, durable, pending] of change.s || []) {
    for (let index = first; index < first + number; index += 1) {
      if (cached || durable || pending) file.sectors.set(index, [cached, durable, pending]);
      else file.sectors.delete(index);
      state.marks.delete(`${change.f}:${index}`);
    }
  }
  for (const mark of ["lost", "torn"]) {
    for (const [first, number] of change[mark] || []) {
      for (let index = first; index < first + number; index += 1) state.marks.set(`${change.f}:${index}`, mark);
    }
  }
}

function applyName(state, change, isCrash) {
  const key = `${change.d}/${change.n}`;
  const before = state.names.get(key);
  const wasThere = before && before.cached !== undefined;
  if (isCrash && wasThere && before.cached !== change.c) state.lostNames.add(key);
  else state.lostNames.delete(key);
  if (change.c === undefined && change.m === undefined) state.names.delete(key);
  else state.names.set(key, { dir: change.d, name: change.n, cached: change.c, durable: change.m });
}

function applyChange(state, change, isCrash) {
  (change.files || []).forEach((file) => applyFile(state, file));
  (change.names || []).forEach((name) => applyName(state, name, isCrash));
}

function applyStep(state, step) {
  if (step.k === "life") {
    state.life = step.n;
    state.isOpening = true;
    state.ops.clear();
  } else if (step.k === "crash") state.ops.clear();
  else if (step.k === "durable") state.lsn = Math.max(state.lsn, step.lsn);
  else if (step.k === "says" && step.about === "begins") state.ops.set(step.t ?? 0, step.text);
  else if (step.k === "says" && step.about === "recovered") state.isOpening = false;
  if (step.c) applyChange(state, step.c, step.k === "crash");
}

function firstState(recording) {
  const state = emptyState();
  const base = recording.base;
  if (base) {
    applyChange(state, base.change, false);
    state.life = base.life;
    state.lsn = base.lsn;
  }
  return state;
}

// Calls `see` with the state after every step, in order.
function walk(recording, see) {
  const state = firstState(recording);
  recording.steps.forEach((step, index) => {
    applyStep(state, step);
    see(state, step, index);
  });
}

const checkpoints = new WeakMap();

// The state after step `number`, counted from 0.
function stateAt(recording, number) {
  if (!checkpoints.has(recording)) {
    const kept = [firstState(recording)];
    walk(recording, (state, _, index) => {
      if ((index + 1) % CHECKPOINT === 0) kept.push(copyState(state));
    });
    checkpoints.set(recording, kept);
  }
  const place = Math.floor((number + 1) / CHECKPOINT);
  const state = copyState(checkpoints.get(recording)[place]);
  for (let index = place * CHECKPOINT; index <= number; index += 1) applyStep(state, recording.steps[index]);
  return state;
}

// What is the matter with a sector, in a word.
function lookOf(sector, mark) {
  if (mark) return mark;
  if (!sector) return "empty";
  const [cached, durable, pending] = sector;
  if (pending > 0) return "volatile";
  return cached === durable ? "durable" : "dropped";
}

const lookOfName = (binding, isLost) => {
  if (isLost) return "lost";
  if (binding.cached === binding.durable) return "durable";
  return binding.cached === undefined ? "removed" : "volatile";
};

// The path of a file or directory, by its number.
function pathOf(state, ino) {
  if (ino === 0) return "/";
  for (const side of ["cached", "durable"]) {
    for (const binding of state.names.values()) {
      if (binding[side] === ino) {
        const parent = binding.dir === ino ? "/" : pathOf(state, binding.dir);
        return `${parent === "/" ? "" : parent}/${binding.name}`;
      }
    }
  }
  return null;
}

const fileName = (path) => (path ? path.slice(path.lastIndexOf("/") + 1) : null);
