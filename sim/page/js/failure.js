// The page of one failure: the lanes with their cursor, both sides of the disk, and the story.
const STATUSES = { open: "bad", new: "bad", reopened: "bad", fixed: "good", "fixed since": "good", differs: "warn", "fails otherwise": "warn" };

const clamp = (number, length) => Math.max(0, Math.min(length - 1, number));

// Where to begin: at the crash that lost something, for that is what one wants to see, or at the end.
function startOf(recording) {
  const isLossy = (step) => step.k === "crash" && (step.lost || (step.c?.files || []).some((file) => file.lost || file.torn));
  const lossy = recording.steps.findLastIndex(isLossy);
  return lossy >= 0 ? lossy : recording.steps.length - 1;
}

function NowStep({ recording, step, state, label }) {
  const one = recording.steps[step];
  const mark = markOf(one);
  const faults = faultsOf(one);
  const words = wordsOf(recording)[step];
  return html`
    <div class="now-step" role="status" aria-live="polite" aria-atomic="true">
      <span class="soft">${label ? `${label}, ` : ""}step ${step + 1} of ${recording.steps.length}, life ${state.life}${words.who ? `, ${words.who}` : ""}</span>
      ${mark && html`<span class=${`flag ${mark}`}>${MARKS[mark][0]} ${faults.length ? faults.join(", ") : MARKS[mark][1]}</span>`}
      <b>${words.text}</b>
      <span class="where mono">${siteOf(recording, one)}</span>
    </div>`;
}

function Doing({ recording, state }) {
  const ops = [...state.ops].sort((a, b) => a[0] - b[0]);
  const doing = ops.map(([task, op]) => op.replace(/^client \d+/, `client ${task} does`)).join("; ");
  // Only a log has LSNs.
  const hasLsn = state.lsn > 0 || recording.steps.some((one) => one.k === "durable");
  return html`
    <p class="soft" style="margin:8px 0 0">${hasLsn && html`acknowledged up to lsn <b>${state.lsn}</b>${doing && "; "}`}${doing}</p>`;
}

// A place in the program: functions with their lines, innermost first.
const PLACE = / in ((?:[\w./-]+\.\w+:\d+ \w+(?: < )?)+)/;

// A sentence with calls as code, and of each place only where the call is made; the rest is a hint.
function sentence(text) {
  return brief(text).split(/(`[^`]*`)/).map((part) => {
    if (part.startsWith("`")) return html`<code>${part.slice(1, -1)}</code>`;
    return part.split(new RegExp(PLACE, "g")).map((piece, at) => {
      if (at % 2 === 0) return piece;
      const [line, name] = piece.split(" < ")[0].split(" ");
      return html` <small class="soft" title=${piece}>in ${name} (${line})</small>`;
    });
  });
}

function Story({ capsule, parts, onStep }) {
  const { explanation, found } = capsule;
  const passing = capsule.recordings?.passing;
  return html`
    <section class="card" aria-label="story">
      <h2>Why</h2>
      ${explanation?.sentences?.length ? html`<ul class="why">${explanation.sentences.map((one) => html`<li>${sentence(one)}</li>`)}</ul>` : html`<p class="soft">Not explained.</p>`}
      ${passing && html`
        <p class="differs">The neighbour that passes: <b>${sentence(passing.what)}</b>.${" "}
          The two part at <a href="#" onClick=${(event) => { event.preventDefault(); onStep(parts); }}>step ${parts + 1}</a>.</p>`}
      <p class="mono story"><kbd aria-hidden="true">$</kbd> ${capsule.command}</p>
      <p class="soft">
        ${capsule.size ? `${capsule.size}. ` : ""}${found?.seed ? `Seed ${found.seed}` : ""}${found?.night ? `, night ${found.night}` : ""}${found?.count > 1 ? `, found ${count(found.count)} times` : ""}.
        ${" "}Commit <code>${capsule.commit.slice(0, 12)}${capsule.commit.endsWith("-dirty") ? "-dirty" : ""}</code>, trace <code>${capsule.trace}</code>${explanation?.runs ? `, ${plural(explanation.runs, "run")} to explain` : ""}.
      </p>
      ${capsule.scenario && html`<details><summary>the scenario</summary><pre>${capsule.scenario}</pre></details>`}
      ${explanation?.timeline?.length > 0 && html`<details><summary>the story as text</summary><pre>${explanation.timeline.join("\n")}${"\n\n"}${explanation.sentences.join("\n\n")}</pre></details>`}
    </section>`;
}

function Controls({ recording, step, onStep, hasPassing, isBeside, onBeside, parts }) {
  const jump = (mark, name, keys) => {
    const next = findMark(recording, step, mark, 1);
    const back = findMark(recording, step, mark, -1);
    const to = next ?? back;
    return html`<button disabled=${to === null} title=${`next ${name} (${keys})`} onClick=${() => onStep(to)}>${MARKS[mark][0]} ${name}</button>`;
  };
  const last = recording.steps.length - 1;
  return html`
    <div class="controls" role="toolbar" aria-label="time travel">
      <button aria-label="to the beginning" title="Home" onClick=${() => onStep(0)}>⇤</button>
      <button aria-label="one step back" title="←" onClick=${() => onStep(step - 1)}>←</button>
      <button aria-label="one step on" title="→" onClick=${() => onStep(step + 1)}>→</button>
      <button aria-label="to the end" title="End" onClick=${() => onStep(last)}>⇥</button>
      ${jump("fault", "fault", "f")} ${jump("crash", "crash", "c")} ${jump("ack", "ack", "a")}
      <span class="gap"></span>
      ${hasPassing && html`
        <button title="d" onClick=${() => onStep(parts)}>to the difference</button>
        <button title="p" aria-pressed=${isBeside} onClick=${onBeside}>passing neighbour</button>`}
    </div>
    <input class="slider" type="range" min="0" max=${last} value=${step} aria-label="step"
      aria-valuetext=${`step ${step + 1}: ${wordsOf(recording)[step].text}`} onInput=${(event) => onStep(Number(event.currentTarget.value))} />`;
}

function useKeys(keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const listener = (event) => {
      const isNative = event.target.matches?.("input, select, textarea") && /^(Arrow|Home|End|Page)/.test(event.key);
      const act = latest.current[event.key];
      if (!act || isNative || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      act(event);
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, []);
}

function Travel({ capsule, route }) {
  const recording = capsule.recordings.failing;
  const passing = capsule.recordings.passing?.recording;
  const aligned = useMemo(() => (passing ? align(recording, passing) : null), [recording, passing]);
  const step = clamp(route.step === null ? startOf(recording) : route.step - 1, recording.steps.length);
  const isBeside = Boolean(passing) && route.isBeside;
  const onStep = (to, beside = isBeside) => goTo(routeTo(capsule.id, clamp(to, recording.steps.length) + 1, beside));
  const jump = (mark, direction) => onStep(findMark(recording, step, mark, direction) ?? step);
  useKeys({
    ArrowRight: (event) => onStep(step + (event.shiftKey ? 10 : 1)),
    ArrowLeft: (event) => onStep(step - (event.shiftKey ? 10 : 1)),
    Home: () => onStep(0),
    End: () => onStep(recording.steps.length - 1),
    f: () => jump("fault", 1), F: () => jump("fault", -1),
    c: () => jump("crash", 1), C: () => jump("crash", -1),
    a: () => jump("ack", 1), A: () => jump("ack", -1),
    d: () => aligned && onStep(aligned.parts),
    p: () => passing && onStep(step, !isBeside),
  });
  const state = stateAt(recording, step);
  const besideStep = aligned ? aligned.beside[step] : 0;
  const fromBeside = (to) => {
    const at = aligned.beside.indexOf(to);
    onStep(at >= 0 ? at : aligned.beside.findLastIndex((one) => one <= to));
  };
  return html`
    <div class="travel">
      <div class="stack">
        <section class="card" aria-label="time travel">
          <${Controls} recording=${recording} step=${step} onStep=${onStep} hasPassing=${Boolean(passing)} isBeside=${isBeside}
            parts=${aligned?.parts} onBeside=${() => onStep(step, !isBeside)} />
          <${NowStep} recording=${recording} step=${step} state=${state} label=${isBeside ? "failing" : ""} />
          ${recording.left_out > 0 && html`<p class="soft" style="margin:8px 0 0">The first ${plural(recording.left_out, "step")} are left out, as the run is long.</p>`}
          <${Lanes} recording=${recording} step=${step} onStep=${onStep} parts=${aligned?.parts} />
          <${Doing} recording=${recording} state=${state} />
          <${LaneLegend} recording=${recording} />
        </section>
        ${isBeside && html`
          <section class="card" aria-label="the neighbour that passes">
            <h2>The neighbour that passes: ${sentence(capsule.recordings.passing.what)}</h2>
            <${NowStep} recording=${passing} step=${besideStep} state=${stateAt(passing, besideStep)} label="passing" />
            <${Lanes} recording=${passing} step=${besideStep} onStep=${fromBeside} parts=${aligned.parts} />
          </section>`}
        <div class=${isBeside ? "pair" : ""}>
          <div class="stack"><${DiskLook} recording=${recording} state=${state} step=${recording.steps[step]} title=${isBeside ? "Failing" : "Disk"} /></div>
          ${isBeside && html`<div class="stack"><${DiskLook} recording=${passing} state=${stateAt(passing, besideStep)} step=${passing.steps[besideStep]} title="Passing" /></div>`}
        </div>
      </div>
      <div class="stack">
        <${Story} capsule=${capsule} parts=${aligned?.parts ?? 0} onStep=${onStep} />
        <${StepList} recording=${recording} step=${step} onStep=${onStep} />
      </div>
    </div>`;
}

function Failure({ capsule, route }) {
  const { verdict, status } = capsule;
  const state = status?.state;
  return html`
    <div>
      <div class="head">
        <h1>${verdict.property}</h1>
        <span class="badge bad">${verdict.class}</span>
        ${state && html`<span class=${`badge ${STATUSES[state] || ""}`}>${state}${status?.since && state !== "open" ? ` since ${status.since.slice(0, 10)}` : ""}</span>`}
      </div>
      <p class="story" style="margin:6px 0 0">${brief(verdict.story)}</p>
    </div>
    ${capsule.recordings?.failing ? html`<${Travel} capsule=${capsule} route=${route} />` : html`
      <div class="card"><p>This failure has no recording.</p><${Story} capsule=${capsule} parts=${0} onStep=${() => {}} /></div>`}`;
}
