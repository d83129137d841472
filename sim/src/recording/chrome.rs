//! A recording as Chrome's trace events, which Perfetto opens: a track for each client and one for the
//! disk, marks for faults, crashes and acknowledgements, and counters.
//!
//! There is no clock in a run: each step takes ten microseconds.
// Source: "Trace Event Format", Google, 2016: phases X, i, C and M; times in microseconds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Call, Recording, Step, What};
use crate::disk::CallKind;
use crate::events::Saying;
use crate::events::state::State;

const STEP_MICROS: usize = 10;
const PROCESS: u32 = 1;
/// The disk's track, below those of the clients.
const DISK: usize = 1000;

/// The trace events of a recording, in the order of their times.
pub fn chrome_trace(recording: &Recording) -> Value {
    let mut tracks = Tracks::default();
    let mut state = State::default();
    if let Some(base) = &recording.base {
        state.apply(&base.change);
        tracks.lsn = base.lsn;
        let about = json!({"steps": recording.left_out});
        tracks.mark(0, None, "steps before this were left out", about);
    }
    for (number, step) in recording.steps.iter().enumerate() {
        let time = number * STEP_MICROS;
        tracks.step(time, step, recording);
        if let Some(change) = &step.change {
            for fault in &change.faults {
                tracks.mark(time, Some(DISK), &format!("fault: {fault}"), json!({}));
            }
            state.apply(change);
            let count = json!({"sectors": state.volatile_sectors()});
            tracks.count(time, "dirty sectors", count);
        }
    }
    tracks.end_all(recording.steps.len() * STEP_MICROS);
    tracks.into_value()
}

#[derive(Default)]
struct Tracks {
    events: Vec<(usize, Value)>,
    /// What each client does, and since when.
    under_way: BTreeMap<usize, (usize, String)>,
    lsn: u64,
}

impl Tracks {
    fn step(&mut self, time: usize, step: &Step, recording: &Recording) {
        let task = step.task.unwrap_or(0);
        match &step.what {
            What::Life { n } => self.mark(time, None, &format!("life {n}"), json!({})),
            What::Call(call) => self.call(time, task, call, recording),
            What::Switch { to, site } => {
                let site = site.map(|site| &recording.sites[site]);
                let about = json!({ "site": site });
                self.mark(time, Some(task), &format!("makes way for {to}"), about);
            }
            What::Says { about, text } if *about == Saying::Begins => {
                self.end(task, time);
                self.under_way.insert(task, (time, text.clone()));
            }
            What::Says { text, .. } => self.mark(time, Some(task), text, json!({})),
            What::Durable { lsn } => {
                self.lsn = self.lsn.max(*lsn);
                self.mark(time, Some(task), &format!("durable: lsn {lsn}"), json!({}));
                let count = json!({"lsn": self.lsn});
                self.count(time, "acknowledged LSN", count);
            }
            What::Crash { by, lost } => {
                self.end_all(time);
                self.mark(time, None, &format!("crash: {by}"), json!({ "lost": lost }));
            }
            What::Repair => self.mark(time, Some(DISK), "made durable", json!({})),
            What::Violation { property, story } => {
                let about = json!({ "story": story });
                self.mark(time, None, &format!("violation: {property}"), about);
            }
        }
    }

    fn call(&mut self, time: usize, task: usize, call: &Call, recording: &Recording) {
        let range = match call.call {
            CallKind::Read | CallKind::Write => format!(" @{} +{}", call.offset, call.len),
            CallKind::SetLen => format!(" to {}", call.offset),
            _ => String::new(),
        };
        let about = json!({
            "call": call.n,
            "task": task,
            "returned": call.returned,
            "error": call.error,
            "site": call.site.map(|site| &recording.sites[site]),
            "the life ends": call.cut,
        });
        let name = format!("{} {}{range}", call.call, call.name);
        self.span(time, STEP_MICROS, DISK, &name, about);
    }

    fn end(&mut self, task: usize, time: usize) {
        if let Some((since, what)) = self.under_way.remove(&task) {
            self.span(since, time - since, task, &what, json!({}));
        }
    }

    fn end_all(&mut self, time: usize) {
        let tasks: Vec<usize> = self.under_way.keys().copied().collect();
        tasks.into_iter().for_each(|task| self.end(task, time));
    }

    fn span(&mut self, time: usize, lasts: usize, track: usize, name: &str, about: Value) {
        let event = json!({
            "ph": "X", "ts": time, "dur": lasts, "pid": PROCESS, "tid": track,
            "name": name, "args": about,
        });
        self.events.push((time, event));
    }

    /// A mark on a track, or through all of them.
    fn mark(&mut self, time: usize, track: Option<usize>, name: &str, about: Value) {
        let scope = if track.is_some() { "t" } else { "g" };
        let event = json!({
            "ph": "i", "ts": time, "pid": PROCESS, "tid": track.unwrap_or(DISK),
            "s": scope, "name": name, "args": about,
        });
        self.events.push((time, event));
    }

    fn count(&mut self, time: usize, name: &str, counts: Value) {
        let event = json!({
            "ph": "C", "ts": time, "pid": PROCESS, "name": name, "args": counts,
        });
        self.events.push((time, event));
    }

    fn into_value(mut self) -> Value {
        self.events.sort_by_key(|(time, _)| *time);
        let events = self.events.into_iter().map(|(_, event)| event);
        let events: Vec<Value> = events.collect();
        let tracks = events.iter().filter_map(|event| event["tid"].as_u64());
        let tracks: std::collections::BTreeSet<u64> = tracks.collect();
        let named = tracks.into_iter().map(|track| {
            let name = match track as usize {
                DISK => "disk".to_owned(),
                client => format!("client {client}"),
            };
            json!({
                "ph": "M", "ts": 0, "pid": PROCESS, "tid": track,
                "name": "thread_name", "args": {"name": name},
            })
        });
        let process = json!({
            "ph": "M", "ts": 0, "pid": PROCESS,
            "name": "process_name", "args": {"name": "seawall"},
        });
        let all: Vec<Value> = std::iter::once(process)
            .chain(named)
            .chain(events)
            .collect();
        json!({"traceEvents": all, "displayTimeUnit": "ns"})
    }
}
