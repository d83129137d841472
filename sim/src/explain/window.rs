//! Between which two calls a life has to end so that it fails.

use super::words::describe;
use super::{Ending, Explainer, Kind};
use crate::disk::Fate;
use crate::events::{Event, Made};
use crate::run::{Wants, watch};
use crate::scenario::{Counted, CrashPoint, How, Phase, Scenario};

/// A life with more changes than this is not walked through.
const CHANGES_MAX: u64 = 300;

impl Explainer<'_, Scenario> {
    /// When the machine or the process has to die, for each life that dies at a call.
    pub(super) fn crash(&mut self) -> Vec<String> {
        let lives = 0..self.case.lives.len();
        lives.filter_map(|life| self.crash_of(life)).collect()
    }

    fn crash_of(&mut self, index: usize) -> Option<String> {
        let life = index as u64 + 1;
        let end = self.case.lives[index].end;
        let cut = self
            .calls(life)
            .find(|made| made.fate != Fate::Run)
            .cloned();
        // A close has no place of its own, and in its last life a failure needs no end.
        if end.how == How::Close || cut.is_none() && life == self.last_life() {
            return None;
        }
        let uncut = with_end(self.case, index, None);
        let changes = changes_of(&uncut, life);
        let limit = cut.as_ref().map_or(u64::MAX, |made| made.number);
        let before_cut = self.calls(life).filter(|made| made.number < limit);
        let done = before_cut.filter_map(|made| made.change).max().unwrap_or(0);
        let actual = match &cut {
            Some(made) if made.fate == Fate::CutAfter => made.change.map_or(done, |at| at) + 1,
            _ => done + 1,
        };
        let what = match end.how {
            How::Kill => "process is killed",
            _ => "power is cut",
        };
        let cut = match &cut {
            Some(made) => format!("at {}", describe(made)),
            None => "when all is done".into(),
        };
        if changes.len() as u64 > CHANGES_MAX {
            return Some(format!("In life {life} the {what} {cut}."));
        }
        // After the last change comes the end itself.
        let end = changes.len() as u64 + 1;
        let fails = |explainer: &mut Self, number: u64| {
            let at = CrashPoint {
                counted: Counted::Changes,
                number: number as u32,
                phase: Phase::Before,
            };
            let at = (number < end).then_some(at);
            let other = with_end(explainer.case, index, at);
            let ending = explainer.try_out(&other);
            if ending == Ending::Passes {
                let kind = Kind::Crash {
                    life,
                    is_later: number > actual,
                };
                explainer.nearest.note(&kind, &other, None);
            }
            ending == Ending::FailsSo
        };
        if !fails(self, actual) {
            return Some(format!(
                "In life {life} the {what} {cut}. It does not fail so if that happens just before change {actual} of that life."
            ));
        }
        let mut first = actual;
        while first > 1 && fails(self, first - 1) {
            first -= 1;
        }
        let mut last = actual;
        while last < end && fails(self, last + 1) {
            last += 1;
        }
        if (first, last) == (1, end) {
            return None;
        }
        let of = |number: u64| changes.iter().find(|made| made.change == Some(number));
        let from = match first.checked_sub(1).and_then(of) {
            None => "from its beginning on".into(),
            Some(opens) => format!("after {}", describe(opens)),
        };
        let to = match of(last) {
            None => "however late".into(),
            Some(closes) => format!("and not after {}", describe(closes)),
        };
        Some(format!(
            "In life {life} the {what} {cut}. It fails so if that happens {from}, {to}."
        ))
    }
}

fn with_end(scenario: &Scenario, life: usize, at: Option<CrashPoint>) -> Scenario {
    let mut other = scenario.clone();
    other.lives[life].end.at = at;
    other
}

/// The calls of a life that change the disk.
fn changes_of(scenario: &Scenario, life: u64) -> Vec<Made> {
    let wants = Wants {
        events: true,
        ..Wants::default()
    };
    let mut of = 0;
    let mut changes = Vec::new();
    for (_, event) in watch(scenario, wants).events {
        match event {
            Event::Life(number) => of = number,
            Event::Call(made) if of == life && made.change.is_some() => changes.push(made),
            _ => {}
        }
    }
    changes
}
