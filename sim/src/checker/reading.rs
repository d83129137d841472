//! Contract 24: a reader beside the writer sees a consistent, durable snapshot, or a typed error.
//!
//! *Verified:* what it returns has no gap, begins where it was asked to, holds every record that
//! was settled when it began, byte for byte, and nothing that is not durable by the log's own
//! word; what it showed counts as shown from then on. What was truncated is refused.
//! *Not verified:* how much memory it takes.

use seawall::WalRecord;

use super::{Property, Tally, Violation, ensure};
use crate::model::Model;

/// What a reader could expect when it began.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// Where it was asked to begin; the low-water mark for `None`.
    pub from: Option<u64>,
    /// The low-water mark that was certain when it began.
    pub low_water: u64,
    /// What was acknowledged or shown when it began.
    pub settled: u64,
}

/// Checks what a reader returned; `durable` is what the log called durable afterwards.
///
/// # Errors
/// [`Property::Reading`], or what [`Model::see`] finds.
pub fn check(
    model: &mut Model,
    expectation: Expectation,
    records: &[WalRecord],
    durable: u64,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Reading);
    let Some(first) = records.first().map(|record| record.header.lsn) else {
        let begin = expectation.from.unwrap_or(model.low_water.possible);
        return ensure(Property::Reading, expectation.settled < begin, || {
            format!(
                "a reader from lsn {begin} saw nothing of {}",
                expectation.settled
            )
        });
    };
    let begins_well = match expectation.from {
        Some(from) => first == from,
        None => (expectation.low_water..=model.low_water.possible).contains(&first),
    };
    ensure(Property::Reading, begins_well, || {
        format!("a reader began with lsn {first}: {expectation:?}")
    })?;
    for (expected, record) in (first..).zip(records) {
        let lsn = record.header.lsn;
        ensure(Property::Reading, lsn == expected, || {
            format!("a reader saw lsn {lsn} where lsn {expected} should be")
        })?;
        model.see(record)?;
    }
    let last = first + records.len() as u64 - 1;
    ensure(Property::Reading, last >= expectation.settled, || {
        format!("a reader ended with lsn {last}: {expectation:?}")
    })?;
    ensure(Property::Reading, last <= durable, || {
        format!("a reader saw lsn {last}, but only {durable} is durable")
    })?;
    model.shown = model.shown.max(last);
    Ok(())
}
