// A step in words, and what kind of mark it gets.
const EXPECTED = new Set(["ENOENT", "EEXIST", "EAGAIN"]);
const SYNCS = new Set(["fdatasync", "fsync", "syncdir"]);
const NAME_CALLS = new Set(["create", "mkdir", "rename", "unlink"]);
const READS = new Set(["read", "open", "stat", "readdir", "len", "lock", "dioalign", "mode"]);

const faultsOf = (step) => step.c?.faults || [];
const isFailed = (step) => step.k === "call" && step.e !== undefined && !EXPECTED.has(step.e);
const isShort = (step) => step.k === "call" && step.call === "write" && step.r !== undefined && step.r < step.l;

const hasFault = (step) => faultsOf(step).length > 0 || isFailed(step) || isShort(step);

// The mark above a step, if it deserves one.
function markOf(step) {
  if (step.k === "violation") return "violation";
  if (step.k === "crash") return "crash";
  if (step.k === "repair") return "repair";
  if (hasFault(step)) return "fault";
  if (step.k === "durable" && step.lsn > 0) return "ack";
  return step.k === "switch" ? "switch" : null;
}

const MARKS = {
  violation: ["✖", "what is wrong is seen"],
  crash: ["✕", "a life is over"],
  repair: ["✚", "made durable, though nobody synced it"],
  fault: ["▲", "the disk fails"],
  ack: ["✓", "acknowledged as durable"],
  switch: ["◆", "a task makes way for another"],
};

function kindOf(step) {
  if (isFailed(step)) return "failed";
  if (SYNCS.has(step.call)) return "sync";
  if (NAME_CALLS.has(step.call)) return "names";
  return READS.has(step.call) ? "read" : "write";
}

const hasTask = (step) => step.t !== undefined && step.t !== null;
const whoOf = (step, state) => (hasTask(step) ? (state.isOpening ? "recovery" : `client ${step.t}`) : "");

function callWords(step, state) {
  const path = pathOf(state, step.f);
  // A call about a name that is gone, or not there yet, tells the name itself.
  const byName = step.name.startsWith("/");
  const name = byName || !path ? step.name : path;
  const range = step.call === "read" || step.call === "write" ? ` @${step.o || 0} +${step.l || 0}` : "";
  const to = step.call === "truncate" ? ` to ${step.o || 0}` : "";
  return `${step.call} ${byName ? name : fileName(name)}${range}${to}`;
}

function resultWords(step) {
  if (step.e) return step.e;
  if (isShort(step)) return `only ${step.r} bytes`;
  return step.r === undefined && step.k === "call" ? "not done" : "";
}

// A step in one line.
function stepWords(step, state) {
  switch (step.k) {
    case "life":
      return `life ${step.n} begins`;
    case "call": {
      const result = resultWords(step);
      const cut = step.cut ? ` (the life ends ${step.cut} it)` : "";
      return `${callWords(step, state)}${result ? `: ${result}` : ""}${cut}`;
    }
    case "switch":
      return `makes way for client ${step.to}`;
    case "says":
      return step.text;
    case "durable":
      return `all up to lsn ${step.lsn} is promised to be durable`;
    case "crash":
      return step.lost ? `crash (${step.by}); lost: ${step.lost.join("; ")}` : `crash (${step.by}); nothing is lost`;
    case "repair":
      return "made durable, though nobody synced it";
    default:
      return `violation of ${step.property}: ${step.story}`;
  }
}

// The words of every step and who does it, made once: names change as files are renamed.
const wordsKnown = new WeakMap();

function wordsOf(recording) {
  if (!wordsKnown.has(recording)) {
    const words = [];
    walk(recording, (state, step) => words.push({ text: brief(stepWords(step, state)), who: whoOf(step, state) }));
    wordsKnown.set(recording, words);
  }
  return wordsKnown.get(recording);
}

// Where in the log.
const siteOf = (recording, step) => (step.site === undefined ? "" : recording.sites[step.site]);

// The next step with this mark after `from`, or before it; null where there is none.
function findMark(recording, from, mark, direction) {
  for (let index = from + direction; index >= 0 && index < recording.steps.length; index += direction) {
    const step = recording.steps[index];
    // A crash may be a fault, too.
    if (markOf(step) === mark || (mark === "fault" && hasFault(step))) return index;
  }
  return null;
}
