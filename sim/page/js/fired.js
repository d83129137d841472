// What the night tried: what fired and how often, and what never did.
const GROUPS = [
  ["Faults", "faults"], ["Power cuts", "strategies"], ["Profiles", "profiles"], ["Probes", "probes"],
  ["Verdicts on damaged logs", "damaged_logs"], ["Calls", "calls"], ["Checks", "checks"],
];

function Fired({ total }) {
  const promised = total.never_happened || [];
  const groups = GROUPS.filter(([, key]) => total[key]).map(([title, key]) => [title, Object.entries(total[key])]);
  const isPromised = (name) => promised.some((one) => one.split(" ").includes(name));
  const never = groups.flatMap(([title, counts]) => counts.filter(([, number]) => number === 0 && !isPromised(name)).map(([name]) => [title.toLowerCase(), name]));
  return html`
    <section class="card" aria-label="what fired">
      <h2>What never fired</h2>
      ${promised.length === 0 ? html`<p class="soft">Nothing that is promised of every campaign.</p>` : html`
        <p>Promised of every campaign, and missing:</p><div class="list" style="margin-bottom:10px">${promised.map((one) => html`<span class="badge bad">${one}</span>`)}</div>`}
      ${never.length > 0 && html`<details><summary>never drawn, by rule: ${count(never.length)}</summary>
        <p class="soft">Lies are for canaries, simple disks for comparisons; and some calls the log never makes.</p>
        <div class="list">${never.map(([group, name]) => html`<span class="badge" title=${group}>${name}</span>`)}</div></details>`}
      <h2 style="margin-top:14px">What fired</h2>
      ${groups.map(([title, counts]) => html`
        <details open=${title === "Faults"}>
          <summary>${title}: ${count(counts.reduce((sum, [, number]) => sum + number, 0))}</summary>
          <div class="list">${counts.filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1])
            .map(([name, number]) => html`<span class="badge">${name}<b>${rough(number)}</b></span>`)}</div>
        </details>`)}
    </section>`;
}
