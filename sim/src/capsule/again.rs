//! An old failure on a new commit: whether it is still one.

use super::{Capsule, State, with_other_choices};
use crate::results::Commit;
use crate::run::run;
use crate::scenario::Scenario;
use crate::shrink::Fingerprint;

/// What became of a failure between two nights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It fails as it did.
    Open,
    /// It passes from this commit on.
    FixedSince,
    /// It had passed, and fails again.
    Reopened,
    /// It passes, as it did.
    StaysFixed,
    /// It fails in another way.
    Differs,
}

impl Again {
    /// In a word, or three.
    pub fn name(self) -> &'static str {
        match self {
            Again::Open => "open",
            Again::FixedSince => "fixed since",
            Again::Reopened => "reopened",
            Again::StaysFixed => "fixed",
            Again::Differs => "fails otherwise",
        }
    }

    /// Whether it is a failure now.
    pub fn is_failure(self) -> bool {
        !matches!(self, Again::FixedSince | Again::StaysFixed)
    }
}

impl Capsule {
    /// Runs the failure again on another commit, notes what became of it, and says so. It passes only where
    /// both the smallest scenario and the one that was found do, and with other choices, too: a change
    /// of the log may shift which of them hit the spot.
    ///
    /// # Errors
    /// When its scenarios can't be read any more: says in one line why.
    pub fn run_again(&mut self, commit: &Commit) -> Result<Again, String> {
        let texts = [Some(&self.scenario), self.original.as_ref()];
        let scenarios: Result<Vec<Scenario>, String> = texts
            .into_iter()
            .flatten()
            .map(|text| Scenario::parse(text))
            .collect();
        let before = self.status.state;
        let state = self.state_of(&scenarios?);
        if state != before {
            self.status.state = state;
            self.status.since = commit.clone();
        }
        Ok(match (before, state) {
            (State::Open | State::Differs, State::Open) => Again::Open,
            (State::Fixed, State::Fixed) => Again::StaysFixed,
            (State::Open | State::Differs, State::Fixed) => Again::FixedSince,
            (State::Fixed, State::Open | State::Differs) => Again::Reopened,
            (State::Open | State::Differs, State::Differs) => Again::Differs,
        })
    }

    fn state_of(&self, scenarios: &[Scenario]) -> State {
        let others = scenarios.iter().flat_map(with_other_choices);
        let mut state = State::Fixed;
        for scenario in scenarios.iter().cloned().chain(others) {
            match run(&scenario, false).violation {
                None => {}
                Some(violation) if self.has(&Fingerprint::of(&violation).to_string()) => {
                    return State::Open;
                }
                Some(_) => state = State::Differs,
            }
        }
        state
    }
}
