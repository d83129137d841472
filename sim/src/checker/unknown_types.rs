//! Contract 12: a record of an unknown type is skipped and counted, or refused if it must be
//! understood.
//!
//! *Verified:* where one record of a log gets a type that this version does not know, the log shows
//! all others, in every way of reading, and says that it has skipped one; where the type is one
//! that must be understood, the open or the reading ends with the error that says so. A record
//! that was cut off with a torn tail, or truncated, makes no difference.
//! *Not verified:* that the open itself refuses where the record is in an earlier segment: a
//! later version would have put the type into the headers behind it, which no probe does.

use seawall::{Error, WalRecord};

use super::errors::tell;
use super::evidence::{Found, Intact};
use super::{Property, Tally, Violation, ensure};

/// Checks a log in which one record has a type that only a later version knows.
///
/// # Errors
/// [`Property::UnknownTypes`].
pub fn check(
    intact: Intact<'_>,
    found: &Result<Found, Error>,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::UnknownTypes);
    let found = match found {
        Ok(found) => found,
        Err(error) => return check_refusal(error),
    };
    let shown = match &found.readings.eager {
        Ok(records) => records,
        Err(error) => return check_refusal(error),
    };
    let mut rest = intact.records.iter();
    let is_from_it = |record: &WalRecord| rest.any(|one| one == record);
    ensure(Property::UnknownTypes, shown.iter().all(is_from_it), || {
        "a log with one record of an unknown type shows others than it had".into()
    })?;
    let missing = intact.records.len() - shown.len();
    let skipped = found.unknown_skipped;
    ensure(
        Property::UnknownTypes,
        missing <= 1 && skipped == missing as u64,
        || format!("{missing} records are not shown, {skipped} were counted as skipped"),
    )?;
    ensure(
        Property::UnknownTypes,
        found.next_lsn == intact.next_lsn(),
        || format!("the next lsn is {} now", found.next_lsn),
    )
}

fn check_refusal(error: &Error) -> Result<(), Violation> {
    let is_right =
        matches!(error, Error::UnknownType { record_type, .. } if record_type >> 15 == 1);
    ensure(Property::UnknownTypes, is_right, || {
        format!(
            "a record of an unknown type was reported as: {}",
            tell(error)
        )
    })
}
