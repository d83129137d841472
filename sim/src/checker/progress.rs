//! Contract 8: every call returns, and when the disk behaves the log goes on.
//!
//! *Verified:* no dead-lock, no lost wake-up, no life without end; after the faults have stopped,
//! the log opens, every client's append becomes durable, and the log closes.
//! *Not verified:* how long that takes, but for the limit on steps.

use super::{Property, Tally, Violation};
use crate::sched::outcome::Outcome;

/// Checks how a run of clients ended.
///
/// # Errors
/// [`Property::Progress`] or [`Property::Panic`].
pub fn check(outcome: &Outcome, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::Progress);
    tally.evaluated(Property::Panic);
    match outcome {
        Outcome::Finished | Outcome::Cut => Ok(()),
        Outcome::Deadlock(_) | Outcome::Livelock { .. } => {
            Err(Violation::new(Property::Progress, outcome.to_string()))
        }
        Outcome::Panicked { .. } => Err(Violation::new(Property::Panic, outcome.to_string())),
    }
}
