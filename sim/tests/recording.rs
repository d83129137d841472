//! Recordings: what was seen of a run, and that to be seen changed nothing.
//!
//! *Verified:* a recorded run has the trace of one that nobody watches. Steps tell calls, clients,
//! crashes and acknowledgements; what a crash lost is marked in sectors, and what was synced is durable on the
//! medium.
//! One that is too long says what it left
//! out, and its beginning has the state that the left-out steps led to. The trace for Perfetto is valid,
//! in order, and has a track for each client and one for the disk.
//! *Not verified:* that Perfetto shows it.

use std::collections::BTreeSet;

use seawall_sim::disk::CallKind;
use seawall_sim::events::state::State;
use seawall_sim::recording::{BYTES_MAX, Recording, What, chrome_trace, record, record_whole};
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;

fn scenario(seed: u64) -> Scenario {
    generate(Seed(seed), Setting::default())
}

fn json_bytes(recording: &Recording) -> usize {
    serde_json::to_string(recording).expect("plain data").len()
}

#[test]
fn to_be_recorded_changes_nothing() {
    for seed in 0..30 {
        let scenario = scenario(seed);
        let recording = record(&scenario);
        let trace = format!("{:016x}", run(&scenario, false).trace.hash);
        assert_eq!(recording.trace, trace, "seed {seed}");
        assert_eq!(record(&scenario), recording, "seed {seed}");
        let text = serde_json::to_string(&recording).expect("plain data");
        let again: Recording = serde_json::from_str(&text).expect("its own text");
        assert_eq!(again, recording, "seed {seed}");
    }
}

#[test]
fn what_happened_is_told_step_by_step() {
    let (mut faults, mut lost, mut torn, mut switches) = (0, 0, 0, 0);
    let mut kinds = BTreeSet::new();
    let is_all = |seen: [usize; 4]| seen.iter().all(|&number| number > 0);
    for seed in 0..1000 {
        if is_all([faults, lost, torn, switches]) {
            break;
        }
        for step in record(&scenario(seed)).steps {
            kinds.insert(match step.what {
                What::Life { .. } => "life",
                What::Call(_) => "call",
                What::Switch { .. } => "switch",
                What::Says { .. } => "says",
                What::Durable { .. } => "durable",
                What::Crash { .. } => "crash",
                What::Repair => "repair",
                What::Violation { .. } => "violation",
            });
            switches += usize::from(matches!(step.what, What::Switch { .. }));
            let Some(change) = step.change else {
                continue;
            };
            faults += change.faults.len();
            let is_crash = matches!(step.what, What::Crash { .. });
            for file in &change.files {
                assert!(is_crash || file.lost.is_empty() && file.torn.is_empty());
                lost += file.lost.len();
                torn += file.torn.len();
            }
        }
    }
    let expected = ["call", "crash", "durable", "life", "says", "switch"];
    assert!(kinds.iter().eq(expected.iter()), "{kinds:?}");
    let seen = [faults, lost, torn, switches];
    assert!(is_all(seen), "{seen:?}");
}

#[test]
fn what_a_sync_has_covered_is_the_same_on_both_sides() {
    let mut syncs = 0;
    for seed in 0..40 {
        let recording = record(&scenario(seed));
        let mut state = State::default();
        let base = recording.base.iter().map(|base| &base.change);
        base.for_each(|change| state.apply(change));
        for step in &recording.steps {
            let has_fault = step
                .change
                .as_ref()
                .is_some_and(|change| !change.faults.is_empty());
            step.change.iter().for_each(|change| state.apply(change));
            let What::Call(call) = &step.what else {
                continue;
            };
            let is_sync = matches!(call.call, CallKind::SyncData | CallKind::SyncAll);
            if !is_sync || call.returned.is_none() || has_fault {
                continue;
            }
            let file = &state.files[&call.ino];
            // Writes that others made while it ran are not covered.
            let covered = file.sectors.values().filter(|sector| sector.pending == 0);
            for sector in covered {
                assert_eq!(sector.cached, sector.durable, "seed {seed}");
                syncs += 1;
            }
        }
    }
    assert!(syncs > 1000, "{syncs}");
}

#[test]
fn a_long_run_says_what_is_left_out_and_begins_with_the_state_after_it() {
    for seed in 0..500 {
        let recording = record(&scenario(seed));
        assert!(json_bytes(&recording) < 2 * BYTES_MAX);
        let Some(base) = &recording.base else {
            assert_eq!(recording.left_out, 0);
            continue;
        };
        let whole = record_whole(&scenario(seed), None);
        let (before, rest) = whole.steps.split_at(recording.left_out);
        assert_eq!(rest, recording.steps);
        let mut expected = State::default();
        let changes = before.iter().filter_map(|step| step.change.as_ref());
        changes.for_each(|change| expected.apply(change));
        let mut state = State::default();
        state.apply(&base.change);
        assert_eq!(state, expected);
        let lives = before
            .iter()
            .filter(|step| matches!(step.what, What::Life { .. }));
        assert_eq!(lives.count() as u64, base.life);
        return;
    }
    panic!("no run was long enough");
}

#[test]
fn the_trace_for_perfetto_is_in_order_and_complete() {
    let recording = record(&scenario(5));
    let text = chrome_trace(&recording).to_string();
    let trace: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let events = trace["traceEvents"].as_array().expect("an array");
    let mut last = 0;
    let mut names = BTreeSet::new();
    let mut phases = BTreeSet::new();
    for event in events {
        let phase = event["ph"].as_str().expect("each has a phase");
        let time = event["ts"].as_u64().expect("each has a time");
        assert!(time >= last, "{event}");
        last = time;
        phases.insert(phase);
        if phase == "X" {
            assert!(event["dur"].as_u64().is_some(), "{event}");
        }
        if event["name"] == "thread_name" {
            names.insert(event["args"]["name"].as_str().expect("a name"));
        }
    }
    assert!(phases.iter().eq(["C", "M", "X", "i"].iter()), "{phases:?}");
    assert!(
        names.contains("disk") && names.contains("client 0"),
        "{names:?}"
    );
    let calls = recording
        .steps
        .iter()
        .filter(|step| matches!(step.what, What::Call(_)));
    let spans = events
        .iter()
        .filter(|event| event["ph"] == "X" && event["tid"] == 1000);
    assert_eq!(calls.count(), spans.count());
    let counted = |name: &str| {
        events
            .iter()
            .any(|event| event["ph"] == "C" && event["name"] == name)
    };
    assert!(counted("acknowledged LSN") && counted("dirty sectors"));
    assert!(
        events
            .iter()
            .any(|event| event["ph"] == "i" && event["s"] == "g")
    );
}
