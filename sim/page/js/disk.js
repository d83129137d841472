// Both sides of the disk at one step: each sector in the cache and on the medium, and every name.
const LOOKS = {
  durable: "durable",
  volatile: "not synced yet",
  dropped: "dropped by a failed sync: clean in the cache, not on the medium",
  lost: "lost at the crash",
  torn: "torn or damaged",
  removed: "removed, but not durably",
  empty: "zeros, or not there",
};
const CELLS_MAX = 256;

const version = (number) => (number ? `v${number}` : "·");

function Cell({ index, sector, mark, unit, isChanged }) {
  const [cached, durable, pending] = sector || [0, 0, 0];
  const look = lookOf(sector, mark);
  const medium = look === "durable" || look === "lost" || look === "torn" ? look : durable ? "older" : "";
  const cache = look === "empty" ? "" : look;
  const bytes = `bytes ${index * unit} to ${(index + 1) * unit}`;
  const title = `sector ${index}, ${bytes}: ${LOOKS[look]}; cache ${version(cached)}, medium ${version(durable)}${
    pending ? `, ${plural(pending, "change")} pending` : ""}`;
  return html`
    <div class=${`cell${isChanged ? " changed" : ""}`} title=${title} data-look=${look}>
      <span class=${cache}>${look === "lost" ? "✕" : look === "torn" ? "≈" : version(cached)}</span>
      <span class=${medium}>${version(durable)}</span>
      <small>${index}</small>
    </div>`;
}

function summary(file, marks) {
  const counts = {};
  for (const [index, sector] of file.sectors) {
    const look = lookOf(sector, marks(index));
    counts[look] = (counts[look] || 0) + 1;
  }
  const words = { volatile: "not synced", dropped: "dropped" };
  return ["lost", "torn", "dropped", "volatile", "durable"].filter((look) => counts[look])
    .map((look) => `${count(counts[look])} ${words[look] || look}`).join(", ");
}

function FileLook({ state, ino, file, unit, change }) {
  const path = pathOf(state, ino);
  const marks = (index) => state.marks.get(`${ino}:${index}`);
  const marked = [...state.marks.keys()].filter((key) => key.startsWith(`${ino}:`)).map((key) => Number(key.split(":")[1]));
  const last = Math.max(-1, ...file.sectors.keys(), ...marked);
  const changed = new Set();
  for (const [first, number] of change?.s || []) for (let index = first; index < first + number; index += 1) changed.add(index);
  const shown = Math.min(last + 1, CELLS_MAX);
  const [cached, durable] = file.lens;
  const told = [...marked.filter((index) => !file.sectors.has(index))];
  const gone = told.filter((index) => marks(index) === "lost").length;
  const words = [summary(file, marks), gone ? `${count(gone)} lost to zeros or nothing` : ""].filter(Boolean).join(", ");
  return html`
    <div class="file-look">
      <div class="line">
        <h3 class="mono" title=${path}>${path ? brief(fileName(path)) : "a file without a name"}</h3>
        <span class="soft">${cached === durable ? `${count(cached)} bytes` : `${count(cached)} bytes in the cache, ${count(durable)} on the medium`}</span>
        <span class="soft">${words || "no bytes but zeros"}</span>
      </div>
      ${shown > 0 && html`
        <div class="cells" role="img" aria-label=${`sectors of ${path || "a file"}: ${words}`}>
          ${Array.from({ length: shown }, (_, index) => html`
            <${Cell} key=${index} index=${index} sector=${file.sectors.get(index)} mark=${marks(index)} unit=${unit} isChanged=${changed.has(index)} />`)}
        </div>`}
      ${last + 1 > shown && html`<span class="soft">and ${plural(last + 1 - shown, "sector")} more</span>`}
    </div>`;
}

function Names({ state, change }) {
  const keys = [...new Set([...state.names.keys(), ...state.lostNames])].sort();
  const changed = new Set((change?.names || []).map((name) => `${name.d}/${name.n}`));
  const leads = (ino) => (ino === undefined ? "–" : state.files.has(ino) ? `file ${ino}` : `dir ${ino}`);
  return html`
    <div class="scroll">
      <table class="names">
        <thead><tr><th scope="col">name</th><th scope="col">cache</th><th scope="col">medium</th><th scope="col"></th></tr></thead>
        <tbody>
          ${keys.map((key) => {
            const binding = state.names.get(key) || {};
            const look = lookOfName(binding, state.lostNames.has(key));
            const dir = Number(key.split("/")[0]);
            const path = pathOf(state, dir);
            const name = key.slice(key.indexOf("/") + 1);
            return html`
              <tr key=${key}>
                <td class="mono name">${path === "/" ? "" : path || `(${dir})`}/<b>${brief(name)}</b>${changed.has(key) ? " *" : ""}</td>
                <td>${leads(binding.cached)}</td><td>${leads(binding.durable)}</td>
                <td class=${look === "removed" ? "volatile" : look}>${LOOKS[look]}</td>
              </tr>`;
          })}
        </tbody>
      </table>
    </div>`;
}

function Legend() {
  return html`
    <div class="legend">
      ${["durable", "volatile", "dropped", "lost", "torn"].map((look) => html`
        <span><i style=${`background:var(--${look})`}></i>${LOOKS[look].split(":")[0]}</span>`)}
      <span>in a cell: cache above, medium below, each content by its number</span>
    </div>`;
}

function DiskLook({ recording, state, step, title }) {
  const change = step.c;
  const files = [...state.files].sort((a, b) => a[0] - b[0]);
  const isDull = ([ino, file]) => file.sectors.size === 0 && ![...state.marks.keys()].some((key) => key.startsWith(`${ino}:`));
  const shown = files.filter((file) => !isDull(file));
  const dull = files.filter(isDull);
  return html`
    <section class="card" aria-label=${`${title}: page cache and medium`}>
      <h2>${title}: page cache and medium, in sectors of ${recording.sector} bytes</h2>
      ${shown.map(([ino, file]) => html`
        <${FileLook} key=${ino} state=${state} ino=${ino} file=${file} unit=${recording.sector}
          change=${(change?.files || []).find((one) => one.f === ino)} />`)}
      ${dull.length > 0 && html`<p class="soft" style="margin:10px 0 0">without bytes: ${dull.map(([ino]) => brief(fileName(pathOf(state, ino)) || `file ${ino}`)).join(", ")}</p>`}
      <${Legend} />
    </section>
    <section class="card" aria-label=${`${title}: directories`}>
      <h2>${title}: directories in the cache and on the medium</h2>
      <${Names} state=${state} change=${change} />
    </section>`;
}
