//! Contract 15: truncation drops what it may, no more, oldest first, for good.
//!
//! *Verified:* the low-water mark after a truncation or a recovery is at least what an `Ok` has
//! told and at most what was asked for; files are removed oldest first; what is not durable is
//! refused.
//! *Not verified:* that space is given back: only that the call says what it deleted.

use seawall::SegmentMeta;

use super::{Property, Recovered, Tally, Violation, ensure};
use crate::model::Model;

/// Checks what an open showed.
///
/// # Errors
/// [`Property::Truncation`].
pub fn check_recovered(
    model: &Model,
    recovered: &Recovered,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let bounds = model.low_water;
    if bounds.possible > 1 {
        tally.evaluated(Property::Truncation);
    }
    let low = recovered.low_water;
    ensure(
        Property::Truncation,
        (bounds.certain..=bounds.possible).contains(&low),
        || format!("the log begins with lsn {low}: {bounds:?}"),
    )
}

/// Checks the mark after a truncation before `asked` that returned `Ok`.
///
/// # Errors
/// [`Property::Truncation`].
pub fn check_truncated(
    asked: u64,
    low_before: u64,
    low_after: u64,
    possible: u64,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Truncation);
    ensure(
        Property::Truncation,
        low_after >= low_before && low_after <= possible,
        || format!("truncating before {asked} moved the mark from {low_before} to {low_after}"),
    )
}

/// Checks the segments before and after a truncation before `asked` that nobody held back: none that
/// was sealed when it began, and wholly below, is left.
///
/// # Errors
/// [`Property::Truncation`].
pub fn check_complete(
    asked: u64,
    before: &[SegmentMeta],
    after: &[SegmentMeta],
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Truncation);
    let dead = before.windows(2).filter(|pair| pair[1].first_lsn <= asked);
    let mut paths = dead.map(|pair| &pair[0].path);
    let left = paths.find(|&path| after.iter().any(|segment| segment.path == *path));
    ensure(Property::Truncation, left.is_none(), || {
        format!("truncating before {asked} left {left:?}")
    })
}

/// Checks a removal: `removed` must come before every segment name that is left.
///
/// # Errors
/// [`Property::Truncation`].
pub fn check_removal(removed: &str, left: &[String], tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::Truncation);
    let older = left.iter().find(|name| name.as_str() < removed);
    ensure(Property::Truncation, older.is_none(), || {
        format!("{removed} was removed while the older {older:?} was still there")
    })
}
