//! Why a scenario fails: told in a few sentences, each of which was tried.
//!
//! A failure alone tells what is wrong, a trace what came before; neither tells what it needs. So
//! the scenario is run again and again with one thing changed: the crash comes earlier or later, a
//! fault does not happen, a task is not interrupted, something is made durable that the log has not
//! synced. What makes the failure go away is part of the story; what does not is left out. Nothing
//! here knows the log: calls are told by the place in its source that made them.
//!
//! What it cannot tell is a mistake that needs none of these; then it says so.

use crate::case::Case;
use crate::checker::{Property, Violation};
use crate::choice::Purpose;
use crate::disk::Errno;
use crate::events::{Event, Made};
use crate::run::Wants;
use crate::scenario::Scenario;
use crate::shrink::Fingerprint;

mod missing_sync;
mod neighbour;
mod timeline;
mod window;
mod words;

pub(crate) use words::{describe, place};

pub use neighbour::Neighbour;
use neighbour::{Kind, Nearest};

/// Why a scenario fails.
#[derive(Clone, Debug)]
pub struct Explanation<C = Scenario> {
    /// How it fails.
    pub violation: Violation,
    /// What happened, a line each: what clients did and saw, and the calls that change the disk.
    pub timeline: Vec<String>,
    /// What the failure needs, a sentence each.
    pub sentences: Vec<String>,
    /// The kind of mistake, where a sync is missing: of what, and in which file of the program.
    pub cause: Option<String>,
    /// The scenario with the one change that tells most of those that make it pass.
    pub neighbour: Option<Neighbour<C>>,
    /// How many runs that took.
    pub runs: u64,
}

/// Explains a scenario that fails. It has its choices on a tape, as [`shrink`](crate::shrink::shrink)
/// leaves it, or else its faults and switches can't be taken away one by one. `None` where it does
/// not fail.
pub fn explain(scenario: &Scenario) -> Option<Explanation> {
    explain_with(scenario, |explainer| {
        let mut sentences = explainer.lies();
        sentences.extend(explainer.crash());
        sentences
    })
}

/// Explains a case that fails; `begin` tells first what only its kind can tell.
pub(crate) fn explain_with<C: Case>(
    case: &C,
    begin: impl FnOnce(&mut Explainer<'_, C>) -> Vec<String>,
) -> Option<Explanation<C>> {
    let wants = Wants {
        events: true,
        ..Wants::default()
    };
    let seen = case.watch(wants);
    let violation = seen.violation?;
    let mut explainer = Explainer {
        case,
        property: violation.property,
        fingerprint: Fingerprint::of(&violation),
        events: seen.events.into_iter().map(|(_, event)| event).collect(),
        nearest: Nearest::default(),
        cause: None,
        runs: 1,
    };
    let mut sentences = begin(&mut explainer);
    sentences.extend(explainer.faults());
    sentences.extend(explainer.switches());
    sentences.extend(explainer.missing_sync());
    if sentences.is_empty() {
        sentences.push(explainer.nothing());
    } else if violation.property == Property::Opens {
        sentences.push(format!(
            "The last that {} did before it refused: {}.",
            C::WHO,
            explainer.last_call()
        ));
    }
    Some(Explanation {
        violation,
        timeline: timeline::tell(&explainer.events),
        sentences,
        cause: explainer.cause,
        neighbour: explainer.nearest.into_neighbour(),
        runs: explainer.runs,
    })
}

/// Takes something out of a scenario.
type LeaveOut = fn(&mut Scenario);

/// How a scenario ends with one thing changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Passes,
    /// As the one that is explained.
    FailsSo,
    FailsOtherwise,
}

pub(crate) struct Explainer<'a, C> {
    pub(crate) case: &'a C,
    property: Property,
    fingerprint: Fingerprint,
    events: Vec<Event>,
    nearest: Nearest<C>,
    cause: Option<String>,
    runs: u64,
}

impl<C: Case> Explainer<'_, C> {
    /// How another case ends.
    pub(crate) fn try_out(&mut self, case: &C) -> Ending {
        self.runs += 1;
        match case.watch(Wants::default()).violation {
            None => Ending::Passes,
            Some(violation) if self.fingerprint.is_of(&violation) => Ending::FailsSo,
            Some(_) => Ending::FailsOtherwise,
        }
    }

    /// The calls of a life.
    pub(crate) fn calls(&self, life: u64) -> impl Iterator<Item = &Made> {
        self.lives().filter_map(move |(of, event)| match event {
            Event::Call(made) if of == life => Some(made),
            _ => None,
        })
    }

    /// Each event with its life.
    fn lives(&self) -> impl Iterator<Item = (u64, &Event)> {
        let mut life = 0;
        self.events.iter().map(move |event| {
            if let Event::Life(number) = event {
                life = *number;
            }
            (life, event)
        })
    }

    /// The last life that began.
    pub(crate) fn last_life(&self) -> u64 {
        self.lives().last().map_or(0, |(life, _)| life)
    }

    /// How many entries of the tape's tracks for `purpose` the failure needs.
    fn needed(&mut self, purpose: Purpose, kind: Kind) -> (usize, usize) {
        let places = self.case.tape().places();
        let places: Vec<_> = places
            .into_iter()
            .filter(|(id, _)| id.purpose == purpose)
            .collect();
        let is_needed = |&&(id, place): &&_| {
            let mut without = self.case.clone();
            without.tape_mut().track_mut(id).set(place, 0);
            let is_needed = self.try_out(&without) == Ending::Passes;
            if is_needed {
                self.nearest.note(&kind, &without, None);
            }
            is_needed
        };
        (places.iter().filter(is_needed).count(), places.len())
    }

    /// What went wrong with the disk, if the failure needs that.
    fn faults(&mut self) -> Option<String> {
        let (needed, all) = self.needed(Purpose::Faults, Kind::Fault);
        if needed == 0 {
            return None;
        }
        let failed = self.lives().filter_map(|(life, event)| match event {
            Event::Call(made) if went_wrong(made) => {
                Some(format!("{} in life {life}", describe(made)))
            }
            _ => None,
        });
        let failed: Vec<String> = failed.collect();
        Some(format!(
            "It needs {needed} of {all} choices by which the disk fails: without any one of them it passes. What failed: {}.",
            failed.join("; ")
        ))
    }

    /// Where tasks were interrupted, if the failure needs that.
    fn switches(&mut self) -> Option<String> {
        let (needed, all) = self.needed(Purpose::Schedule, Kind::Switch);
        if needed == 0 {
            return None;
        }
        let switched = self.lives().filter_map(|(life, event)| match event {
            Event::Switch {
                to,
                site: Some(site),
            } => {
                let place = place(site);
                Some(format!(
                    "in {place} one makes way for task {to}, life {life}"
                ))
            }
            _ => None,
        });
        let switched: Vec<String> = switched.collect();
        Some(format!(
            "It needs {needed} of {all} choices of the scheduler: without any one of them it passes. Tasks that could have gone on: {}.",
            match switched.is_empty() {
                true => "none was stopped".into(),
                false => switched.join("; "),
            }
        ))
    }

    /// The last call that the log made.
    fn last_call(&self) -> String {
        let calls = self.calls(self.last_life());
        let last = calls.filter(|made| made.site.is_some()).last();
        last.map_or("no call at all".into(), describe)
    }

    /// What is left to say where no change helps.
    fn nothing(&self) -> String {
        let last = self.last_call();
        format!(
            "None of what was tried makes it pass: another end of a life, one fault or one switch less, a sync more. So it is what {} computes that is wrong, or more than one of these. The last call before it was seen: {last}.",
            C::WHO
        )
    }
}

impl Explainer<'_, Scenario> {
    /// What the scenario says about the disk that no disk may do, if it passes without that.
    fn lies(&mut self) -> Vec<String> {
        let ways: [(&str, LeaveOut); 3] = [
            ("the lie of the disk", |scenario| scenario.disk.lie = None),
            ("what the medium does", |scenario| scenario.media = None),
            ("the site without effect", |scenario| {
                scenario.without = None
            }),
        ];
        let mut told = Vec::new();
        for (what, leave_out) in ways {
            let mut without = self.case.clone();
            leave_out(&mut without);
            if without != *self.case && self.try_out(&without) == Ending::Passes {
                self.nearest.note(&Kind::Without(what), &without, None);
                told.push(format!("It passes without {what}."));
            }
        }
        told
    }
}

/// Whether a call failed, or wrote less than it was given.
fn went_wrong(made: &Made) -> bool {
    match made.result {
        Some(Err(errno)) => errno != Errno::ENOENT && errno != Errno::EEXIST,
        Some(Ok(count)) => made.call.kind == crate::disk::CallKind::Write && count < made.call.len,
        None => false,
    }
}
