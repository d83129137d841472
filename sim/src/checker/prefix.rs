//! Contract 1, 2 and 4: what is recovered was accepted, in that order, and was not lost before.
//!
//! *Verified:* each record's LSN, type, shard and payload, byte for byte; no gap, no duplicate,
//! nothing that was never appended, nothing that was refused, nothing that an earlier recovery
//! had dropped.
//! *Not verified:* that enough is recovered: see `acknowledged`.

use super::{Property, Recovered, Tally, Violation, ensure};
use crate::model::Model;

/// Checks what an open showed.
///
/// # Errors
/// [`Property::Prefix`], [`Property::Resurrection`] or [`Property::Refused`].
pub fn check_recovered(
    model: &mut Model,
    recovered: &Recovered,
    tally: &mut Tally,
) -> Result<(), Violation> {
    if !recovered.records.is_empty() {
        tally.evaluated(Property::Prefix);
    }
    if model.refused > 0 && !recovered.records.is_empty() {
        tally.evaluated(Property::Refused);
    }
    if model.lost > 0 && !recovered.records.is_empty() {
        tally.evaluated(Property::Resurrection);
    }
    for (expected, record) in (recovered.low_water..).zip(&recovered.records) {
        let lsn = record.header.lsn;
        ensure(Property::Prefix, lsn == expected, || {
            format!("lsn {lsn} was recovered where lsn {expected} should be")
        })?;
        model.see(record)?;
    }
    Ok(())
}
