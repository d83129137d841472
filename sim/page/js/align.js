// Two runs side by side: which step of the one stands beside which of the other.
//
// They are the same up to the first step that differs. Behind it, steps that say the same are paired as
// far as their order allows (a longest common subsequence); the others stand beside what came before.
const PAIRED_MAX = 2500;

function sign(step) {
  if (step.k === "call") return `${step.t} ${step.call} ${step.name} ${step.o} ${step.l} ${step.e} ${step.cut} ${faultsOf(step)}`;
  return `${step.k} ${step.t} ${step.text || step.n || step.lsn || step.to || step.by || step.property || ""}`;
}

function firstDifference(a, b) {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) if (a[index] !== b[index]) return index;
  return length;
}

// For each step of `a` behind `from`, the step of `b` that stands beside it.
function pairRest(a, b, from) {
  const rows = a.length - from;
  const columns = b.length - from;
  const best = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      best[row][column] =
        a[from + row] === b[from + column]
          ? best[row + 1][column + 1] + 1
          : Math.max(best[row + 1][column], best[row][column + 1]);
    }
  }
  const beside = [];
  let column = 0;
  for (let row = 0; row < rows; row += 1) {
    while (column < columns && a[from + row] !== b[from + column] && best[row][column + 1] > best[row + 1][column]) column += 1;
    beside.push(from + Math.min(column, columns - 1));
    if (column < columns && a[from + row] === b[from + column]) column += 1;
  }
  return beside;
}

// Where two recordings part, and for each step of the first the one beside it.
function align(first, second) {
  const a = first.steps.map(sign);
  const b = second.steps.map(sign);
  const parts = firstDifference(a, b);
  const isLong = a.length - parts > PAIRED_MAX || b.length - parts > PAIRED_MAX;
  const rest = isLong || parts >= b.length ? [] : pairRest(a, b, parts);
  const last = b.length - 1;
  const beside = a.map((_, index) => (index < parts ? index : rest[index - parts] ?? Math.min(index, last)));
  return { parts: Math.min(parts, a.length - 1), beside };
}
