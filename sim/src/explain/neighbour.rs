//! The passing neighbour: the scenario with one thing changed, to stand beside the one that fails.

use crate::case::Case;
use crate::recording::{Recording, record_repaired};
use crate::scenario::Scenario;
use crate::world::Repair;

/// A scenario that passes and differs from one that fails in one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour<C = Scenario> {
    /// In what it differs, in words.
    pub what: String,
    /// The scenario.
    pub scenario: C,
    /// What is made durable in its run, though nobody syncs it.
    pub repair: Option<Repair>,
}

impl<C: Case> Neighbour<C> {
    /// Runs it and records it.
    pub fn record(&self) -> Recording {
        record_repaired(&self.scenario, self.repair.clone())
    }
}

/// What was changed.
pub(super) enum Kind {
    /// The disk fails once less.
    Fault,
    /// A task makes way once less, or for another one.
    Switch,
    /// Something is synced.
    Synced(String),
    /// A life ends at another change of the disk.
    Crash { life: u64, is_later: bool },
    /// What no disk may do does not happen.
    Without(&'static str),
}

impl Kind {
    /// The less, the more it tells. A cause says more than what would have hidden it; that a disk which
    /// lies has to be a liar, everybody knows.
    fn rank(&self) -> u32 {
        match self {
            Kind::Synced(_) => 0,
            Kind::Fault => 1,
            Kind::Switch => 2,
            Kind::Crash { .. } => 3,
            Kind::Without(_) => 4,
        }
    }

    fn words(&self) -> String {
        match self {
            Kind::Fault => "the disk fails once less".into(),
            Kind::Switch => "one choice of the scheduler less".into(),
            Kind::Synced(what) => what.clone(),
            Kind::Crash { life, is_later } => {
                let when = if *is_later { "a later" } else { "an earlier" };
                format!("life {life} ends at {when} change of the disk")
            }
            Kind::Without(what) => format!("without {what}"),
        }
    }
}

/// The best so far; of several that tell as much it is the first.
pub(super) struct Nearest<C> {
    best: Option<(u32, Neighbour<C>)>,
}

impl<C> Default for Nearest<C> {
    fn default() -> Nearest<C> {
        Nearest { best: None }
    }
}

impl<C: Clone> Nearest<C> {
    /// This one passes.
    pub(super) fn note(&mut self, kind: &Kind, scenario: &C, repair: Option<Repair>) {
        let rank = kind.rank();
        if self.best.as_ref().is_some_and(|(best, _)| *best <= rank) {
            return;
        }
        let neighbour = Neighbour {
            what: kind.words(),
            scenario: scenario.clone(),
            repair,
        };
        self.best = Some((rank, neighbour));
    }

    pub(super) fn into_neighbour(self) -> Option<Neighbour<C>> {
        self.best.map(|(_, neighbour)| neighbour)
    }
}
