//! Contract 3: LSNs go up by one and go on after a recovery.
//!
//! *Verified:* after an open, next and durable LSN fit what replay returned, also when that is
//! nothing; when all clients of a life are done, the LSNs that they got leave no hole, but for
//! calls that never said which one they got.
//! *Not verified:* the order of two appends whose calls overlapped.

use super::{Property, Recovered, Tally, Violation, ensure};
use crate::model::Model;

/// Checks what an open showed.
///
/// # Errors
/// [`Property::NextLsn`].
pub fn check_recovered(recovered: &Recovered, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::NextLsn);
    let next = recovered.next_lsn;
    let expected = recovered.low_water + recovered.records.len() as u64;
    ensure(Property::NextLsn, next == expected, || {
        let (low, count) = (recovered.low_water, recovered.records.len());
        format!("the next lsn is {next} after {count} records from lsn {low} on")
    })?;
    let durable = recovered.durable_lsn;
    ensure(Property::NextLsn, durable + 1 == next, || {
        format!("lsn {durable} is the last durable one, but the next is {next}")
    })
}

/// Checks the LSNs that a life gave out, when all its clients are done.
///
/// # Errors
/// [`Property::NextLsn`].
pub fn check_life(model: &Model, next_lsn: u64, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::NextLsn);
    let (holes, in_flight) = (model.holes(), model.in_flight());
    ensure(Property::NextLsn, holes <= in_flight, || {
        format!("{holes} LSNs belong to nobody, but only {in_flight} appends do not know theirs")
    })?;
    let (low, high) = (model.accepted + 1, model.accepted + 1 + in_flight);
    ensure(Property::NextLsn, (low..=high).contains(&next_lsn), || {
        format!(
            "the next lsn is {next_lsn}, but the last one given is {}",
            model.accepted
        )
    })
}
