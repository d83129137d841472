// The latest night at a glance, and all nights before it.
const isOpen = (failure) => !failure.status.startsWith("fixed");
const isFresh = (failure) => ["new", "open"].includes(failure.status);

function Tile({ value, label, tone }) {
  return html`<div class=${`tile ${tone || ""}`}><b>${value}</b><span>${label}</span></div>`;
}

function Tiles() {
  const total = night.total;
  const failures = night.failures || [];
  const open = failures.filter(isOpen).length;
  const killed = (night.mutants || []).filter((one) => one.state === "killed").length;
  const canaries = night.canaries || [];
  const noticed = canaries.filter((one) => one.noticed).length;
  const explored = (night.explored || []).reduce((sum, one) => sum + Number(one.judged || 0), 0);
  // An exploration's groups and a fuzzer's inputs are no features of runs.
  const seeds = (night.arms || []).filter((one) => one.family === "run");
  const fresh = seeds.reduce((sum, one) => sum + (one.new || 0), 0);
  return html`
    <div class="tiles">
      <${Tile} value=${count(open)} label=${open === 1 ? "failure open" : "failures open"} tone=${open ? "bad" : "good"} />
      <${Tile} value=${rough(total?.seeds)} label="seeds" />
      <${Tile} value=${rough(total?.recoveries)} label="recoveries checked" />
      <${Tile} value=${rough(total?.recoveries_per_cpu_second)} label="recoveries per CPU-second" />
      <${Tile} value=${rough(night.states_known)} label=${`states known, ${rough(fresh)} new`} />
      <${Tile} value=${rough(explored)} label="crash states explored" />
      ${night.mutants?.length > 0 && html`<${Tile} value=${`${killed}/${night.mutants.length}`} label="mutants killed" tone=${night.mutants.some((one) => one.compared) ? "bad" : "good"} />`}
      <${Tile} value=${`${noticed}/${canaries.length}`} label="canaries noticed" tone=${noticed < canaries.length || !canaries.length ? "bad" : "good"} />
    </div>`;
}

function Failures() {
  const failures = night?.failures || capsules.map((one) => ({
    id: one.id, property: one.verdict.property, class: one.verdict.class, story: one.verdict.story,
    status: one.status?.state || "open", since: one.status?.since, count: one.found?.count, seed: one.found?.seed,
  }));
  const order = ["reopened", "new", "open", "fails otherwise", "differs", "fixed since", "fixed"];
  const sorted = [...failures].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  return html`
    <section class="card" aria-label="failures">
      <h2>Failures</h2>
      ${sorted.length === 0 ? html`<p class="soft">None.</p>` : html`
        <div class="scroll"><table>
          <thead><tr><th scope="col">status</th><th scope="col">property</th><th scope="col">what is wrong</th><th scope="col" class="number">found</th></tr></thead>
          <tbody>${sorted.map((one) => html`
            <tr>
              <td><span class=${`badge ${STATUSES[one.status] || ""}`}>${one.status}</span>${one.since && !isFresh(one) ? html`<br /><small class="soft">since ${one.since.slice(0, 10)}</small>` : ""}</td>
              <td>${capsuleOf(one.id) ? html`<a href=${`#/failure/${one.id}`}><b>${one.property}</b></a>` : html`<b>${one.property}</b>`}<br /><small class="soft">${one.class}</small></td>
              <td class="story">${brief(one.story)}<br /><small class="soft mono">${one.id}${one.seed ? `, seed ${one.seed}` : ""}</small></td>
              <td class="number">${one.count ? `${count(one.count)}×` : ""}</td>
            </tr>`)}</tbody>
        </table></div>`}
    </section>`;
}

function Arms() {
  const arms = night.arms || [];
  if (!arms.length) return null;
  const shares = [...arms].sort((a, b) => b.share - a.share);
  return html`
    <section class="card" aria-label="time">
      <h2>Where the time went</h2>
      <div class="scroll"><table>
        <thead><tr><th scope="col">arm</th><th scope="col">share</th><th scope="col" class="number">time</th><th scope="col" class="number">seeds</th><th scope="col" class="number">new</th></tr></thead>
        <tbody>${shares.map((one) => html`
          <tr><td>${one.name}</td>
            <td class="wide"><div class="bar" style=${`width:${(one.share / shares[0].share) * 100}%`} title=${percent(one.share)}></div></td>
            <td class="number">${span(one.wall_seconds)}</td><td class="number">${rough(one.seeds)}</td><td class="number">${rough(one.new)}</td></tr>`)}</tbody>
      </table></div>
    </section>`;
}

function Watchmen() {
  const { canaries = [], mutants = [], explored = [], fuzz = [], skipped = [] } = night;
  const alive = mutants.filter((one) => one.state !== "killed");
  return html`
    <section class="card" aria-label="canaries, mutants and others">
      <h2>Who watches: canaries and mutants</h2>
      <div class="list">${canaries.map((one) => html`<span class=${`badge ${one.noticed ? "good" : "bad"}`} title=${one.reported}>${one.noticed ? "✓" : "✕"} ${one.name}</span>`)}</div>
      ${mutants.length > 0 && html`
        <p style="margin-top:10px">${plural(mutants.length - alive.length, "mutant")} killed of ${count(mutants.length)}${alive.length ? ":" : "."}</p>
        <div class="list">${alive.map((one) => html`<span class=${`badge ${one.compared ? "bad" : ""}`} title=${one.compared}>${one.name}: ${one.state}</span>`)}</div>
        <details><summary>all mutants</summary><div class="scroll"><table><tbody>${mutants.map((one) => html`
          <tr><td>${one.name}</td><td>${one.state} <small class="soft">${one.compared}</small></td><td class="number">${one.seeds === null || one.seeds === undefined ? "–" : plural(one.seeds, "seed")}</td><td class="number">${span(one.cpu_seconds)}</td></tr>`)}</tbody></table></div></details>`}
      ${explored.length > 0 && html`
        <h2 style="margin-top:14px">Explored whole</h2>
        <div class="scroll"><table><tbody>${explored.map((one) => html`
          <tr><td>${one.name}</td><td class="number">${count(one.done)} of ${count(one.workloads)} workloads</td><td class="number">${rough(Number(one.judged))} judged</td><td class="number">${span(one.cpu_seconds)}</td></tr>`)}</tbody></table></div>`}
      ${fuzz.length > 0 && html`
        <h2 style="margin-top:14px">Fuzz targets</h2>
        <div class="scroll"><table><tbody>${fuzz.map((one) => html`
          <tr><td>${one.target}</td><td class="number">${rough(one.runs)} runs</td><td class="number">${rough(one.new)} new</td><td class="number">${plural(one.crashes, "crash", "crashes")}</td></tr>`)}</tbody></table></div>`}
      ${skipped.map((one) => html`<p class="soft" style="margin:10px 0 0">Skipped: ${one}</p>`)}
    </section>`;
}

function Overview() {
  if (!night) return html`<h1>Failures</h1><${Failures} />`;
  const verdict = night.is_void ? ["warn", "void"] : night.exit_code === 0 ? ["good", "passed"] : ["bad", night.verdict];
  return html`
    <div>
      <div class="head"><h1>Night ${night.night}</h1><span class=${`badge ${verdict[0]}`}>${verdict[1]}</span></div>
      <div class="facts" style="margin-top:4px">
        <span>commit <code>${(night.commit || "").slice(0, 16)}</code></span><span>${moment(night.begun)} to ${moment(night.ended)}</span>
        <span>${span(night.wall_seconds)} of ${span(night.asked_seconds)} asked, ${span(night.cpu_seconds)} CPU</span>
        ${night.sittings > 1 && html`<span>${plural(night.sittings, "sitting")}</span>`}
        ${night.shard && night.shard !== "1/1" && html`<span>shard ${night.shard}</span>`}
      </div>
    </div>
    <${Tiles} />
    <${Failures} />
    <${Plots} />
    <div class="halves"><${Arms} /><${Watchmen} /></div>
    ${night.total && html`<${Fired} total=${night.total} />`}`;
}
