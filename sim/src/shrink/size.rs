//! How large a failure is, in what a person has to read.

use std::fmt;

use crate::choice::{Decision, Purpose};
use crate::run::record;
use crate::scenario::Scenario;

/// What a person has to read of a scenario and its choices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Lives, each of which ends in a crash.
    pub crashes: usize,
    /// Clients of all lives.
    pub clients: usize,
    /// Operations of all clients.
    pub operations: usize,
    /// Tasks that could have gone on and made way for others.
    pub preemptions: usize,
    /// Choices of the disk other than to do what it was told.
    pub faults: usize,
    /// Choices of power cuts other than to lose everything.
    pub survivors: usize,
}

impl Size {
    /// The size of a scenario; its choices are those of its run.
    pub fn of(scenario: &Scenario) -> Size {
        let (_, record) = record(scenario);
        let of = |purpose, counts: fn(&Decision) -> bool| -> usize {
            let tracks = record.tracks().filter(|(id, _)| id.purpose == purpose);
            let made = tracks.flat_map(|(_, made)| made);
            made.filter(|decision| counts(decision)).count()
        };
        let is_not_plain = |decision: &Decision| decision.value != 0;
        let clients = scenario.lives.iter().flat_map(|life| &life.clients);
        Size {
            crashes: scenario.lives.len(),
            clients: clients.clone().count(),
            operations: clients.flatten().count(),
            preemptions: of(Purpose::Schedule, |decision| decision.is_preemption()),
            faults: of(Purpose::Faults, is_not_plain),
            survivors: of(Purpose::Crash, is_not_plain),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size {
            crashes,
            clients,
            operations,
            preemptions,
            faults,
            survivors,
        } = self;
        write!(
            f,
            "{operations} operations of {clients} clients, {crashes} crashes, {preemptions} preemptions, {faults} choices of faults, {survivors} of what survives"
        )
    }
}
