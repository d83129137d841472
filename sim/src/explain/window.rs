//! Between which two calls a life has to end so that it fails.

use super::Explainer;
use super::words::describe;
use crate::disk::Fate;
use crate::events::{Event, Made};
use crate::run::watch;
use crate::scenario::{Counted, CrashPoint, How, Phase, Scenario};

/// A life with more changes than this is not walked through.
const CHANGES_MAX: u64 = 300;

impl Explainer<'_> {
    /// When the machine or the process has to die, for each life that dies at a call.
    pub(super) fn crash(&mut self) -> Vec<String> {
        let lives = 0..self.scenario.lives.len();
        lives.filter_map(|life| self.crash_of(life)).collect()
    }

    fn crash_of(&mut self, index: usize) -> Option<String> {
        let life = index as u64 + 1;
        let end = self.scenario.lives[index].end;
        // Where no call is cut off, the clients have done all that they had to do.
        let cut = self.calls(life).find(|made| made.fate != Fate::Run)?;
        let before_cut = self.calls(life).filter(|made| made.number < cut.number);
        let done = before_cut.filter_map(|made| made.change).max().unwrap_or(0);
        let actual = match (cut.fate, cut.change) {
            (Fate::CutAfter, Some(change)) => change + 1,
            _ => done + 1,
        };
        let what = match end.how {
            How::Kill => "process is killed",
            How::PowerCut | How::Close => "power is cut",
        };
        let cut = describe(cut);
        let uncut = with_end(self.scenario, index, None);
        let changes = changes_of(&uncut, life);
        if changes.len() as u64 > CHANGES_MAX {
            return Some(format!("In life {life} the {what}: {cut}."));
        }
        let fails = |explainer: &mut Self, number: u64| {
            let at = CrashPoint {
                counted: Counted::Changes,
                number: number as u32,
                phase: Phase::Before,
            };
            explainer.still_fails(&with_end(explainer.scenario, index, Some(at)))
        };
        if !fails(self, actual) {
            return Some(format!(
                "In life {life} the {what}: {cut}. Only there it fails."
            ));
        }
        let mut first = actual;
        while first > 1 && fails(self, first - 1) {
            first -= 1;
        }
        let mut last = actual;
        while last < changes.len() as u64 && fails(self, last + 1) {
            last += 1;
        }
        let is_open_ended = last == changes.len() as u64 && self.still_fails(&uncut);
        let of = |number: u64| changes.iter().find(|made| made.change == Some(number));
        let from = match first.checked_sub(1).and_then(of) {
            None => "from its beginning on".into(),
            Some(opens) => format!("after {}", describe(opens)),
        };
        let to = match of(last).filter(|_| !is_open_ended) {
            None => "however late".into(),
            Some(closes) => format!("and not after {}", describe(closes)),
        };
        Some(format!(
            "In life {life} the {what}: {cut}. It fails if that happens {from}, {to}."
        ))
    }
}

fn with_end(scenario: &Scenario, life: usize, at: Option<CrashPoint>) -> Scenario {
    let mut other = scenario.clone();
    let end = &mut other.lives[life].end;
    end.at = at;
    if end.how == How::Close {
        end.how = How::PowerCut;
    }
    other
}

/// The calls of a life that change the disk.
fn changes_of(scenario: &Scenario, life: u64) -> Vec<Made> {
    let (_, events) = watch(scenario, None);
    let mut of = 0;
    let mut changes = Vec::new();
    for event in events {
        match event {
            Event::Life(number) => of = number,
            Event::Call(made) if of == life && made.change.is_some() => changes.push(made),
            _ => {}
        }
    }
    changes
}
