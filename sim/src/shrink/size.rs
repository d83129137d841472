//! How large a failure is, in what a person has to read.

use std::fmt;

use crate::choice::{Purpose, Tape};
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
    /// Choices of the scheduler other than to let a task go on, or to take the first.
    pub switches: usize,
    /// Choices of the disk other than to do what it was told.
    pub faults: usize,
    /// Choices of power cuts other than to lose everything.
    pub survivors: usize,
}

impl Size {
    /// The size of a scenario; its choices are those of its run.
    pub fn of(scenario: &Scenario) -> Size {
        let recorded = std::panic::catch_unwind(|| record(scenario));
        let tape = recorded.map_or(Tape::default(), |(_, record)| record.tape());
        let places = tape.places();
        let of = |purpose| {
            places
                .iter()
                .filter(|(id, _)| id.purpose == purpose)
                .count()
        };
        let clients = scenario.lives.iter().flat_map(|life| &life.clients);
        Size {
            crashes: scenario.lives.len(),
            clients: clients.clone().count(),
            operations: clients.flatten().count(),
            switches: of(Purpose::Schedule),
            faults: of(Purpose::Faults),
            survivors: of(Purpose::Crash),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size {
            crashes,
            clients,
            operations,
            switches,
            faults,
            survivors,
        } = self;
        write!(
            f,
            "{operations} operations of {clients} clients, {crashes} crashes, {switches} switches, {faults} choices of faults, {survivors} of what survives"
        )
    }
}
