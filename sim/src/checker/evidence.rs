//! Contract 9: damage is an error that names a file, or it cuts a tail that nothing proves.
//!
//! *Verified:* a log that was damaged in one place says so, naming a file, or has the records of
//! the undamaged one, or a beginning of them: never another payload, never a gap. If the life
//! before ended in a close, it has all of them. If that life acknowledged anything that its open
//! had not shown, it has at least what that open had shown: each frame carries a promise of what
//! was durable before it, so only the last batch can be beyond proof. The same goes for holds: of a
//! closed log all of them are there, and otherwise those that the life's open showed and that the
//! life left alone, if it acknowledged anything. Of a batch all records are there or none. A log
//! that does not open has changed no file.
//! *Not verified:* offset and LSN that the error names; damage to several places at once; a log
//! that was closed and then cut short, since one cut takes the records and their proof, and the
//! holds of any log that was cut short.

use seawall::{Error, Hold, WalRecord};

use super::errors::tell;
use super::holds::name_of;
use super::one_truth::Readings;
use super::{Property, Tally, Violation, ensure};
use crate::model::{AppendId, Model};

/// What cannot have been lost to one place of damage.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The log was closed, and the close's own evidence is not in the same place.
    pub of_all: bool,
    /// The last LSN that is proven anyhow; 0 for none.
    pub up_to: u64,
    /// The holds that the life's open showed and that nobody touched since are proven: something
    /// that the life acknowledged is behind them.
    pub of_old_holds: bool,
}

/// A log that opened, and what it returned.
pub struct Found {
    /// Where it says that it begins.
    pub low_water: u64,
    /// The LSN that it would give next.
    pub next_lsn: u64,
    /// What it returned.
    pub readings: Readings,
    /// How many records it says that the eager reading has skipped.
    pub unknown_skipped: u64,
    /// Its holds.
    pub holds: Vec<Hold>,
}

/// What was read of the undamaged log.
#[derive(Clone, Copy)]
pub struct Intact<'a> {
    /// Where it begins.
    pub low_water: u64,
    /// Its records.
    pub records: &'a [WalRecord],
    /// Its holds.
    pub holds: &'a [Hold],
}

impl Intact<'_> {
    /// The LSN behind its last record.
    pub fn next_lsn(&self) -> u64 {
        self.low_water + self.records.len() as u64
    }

    /// Whether a record is one of these, or one that was truncated here and is not there.
    fn has(&self, record: &WalRecord, model: &Model) -> bool {
        match record.header.lsn.checked_sub(self.low_water) {
            Some(index) => self.records.get(index as usize) == Some(record),
            None => model.was_appended(record),
        }
    }
}

/// Checks the log after damage to one place.
///
/// # Errors
/// [`Property::Evidence`].
pub fn check(
    model: &Model,
    proof: Proof,
    intact: Intact<'_>,
    found: &Result<Found, Error>,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Evidence);
    match found {
        Err(error) => check_error(error),
        Ok(found) => check_found(model, proof, intact, found, check_error),
    }
}

/// The same of a log that opened; an error that ends the reading is for `check_error` to judge.
pub(super) fn check_found(
    model: &Model,
    proof: Proof,
    intact: Intact<'_>,
    found: &Found,
    check_error: impl FnOnce(&Error) -> Result<(), Violation>,
) -> Result<(), Violation> {
    check_records(model, intact, found)?;
    check_batches(model, found)?;
    check_holds(model, proof, intact, found)?;
    if let Err(error) = &found.readings.eager {
        return check_error(error);
    }
    let (end, records) = (found.next_lsn, found.readings.streamed.len() as u64);
    ensure(Property::Evidence, found.low_water + records == end, || {
        format!(
            "{records} records are there from lsn {} to {end}",
            found.low_water
        )
    })?;
    let (whole, up_to) = (intact.next_lsn(), proof.up_to);
    ensure(Property::Evidence, end > up_to, || {
        format!("damage cut the log before lsn {end} in silence: lsn {up_to} was proven")
    })?;
    ensure(Property::Evidence, end == whole || !proof.of_all, || {
        format!("damage cut a closed log before lsn {end} in silence: it ended before {whole}")
    })
}

/// What was read, to its end or up to an error, is there without a gap and without damage.
fn check_records(model: &Model, intact: Intact<'_>, found: &Found) -> Result<(), Violation> {
    // Damage to a fresh mark may bring back what was truncated, as long as it is all there.
    let low = found.low_water;
    ensure(Property::Evidence, low <= intact.low_water, || {
        format!(
            "the damaged log begins with lsn {low}, not {}",
            intact.low_water
        )
    })?;
    for (expected, record) in (low..).zip(&found.readings.streamed) {
        let lsn = record.header.lsn;
        ensure(Property::Evidence, lsn == expected, || {
            format!("the damaged log has lsn {lsn} where lsn {expected} should be")
        })?;
        ensure(Property::Evidence, intact.has(record, model), || {
            format!("the damaged log has another record with lsn {lsn}")
        })?;
    }
    Ok(())
}

/// What was read, to its end or up to an error, has no part of a batch.
fn check_batches(model: &Model, found: &Found) -> Result<(), Violation> {
    let records = &found.readings.streamed;
    let Some(last) = records.last().map(|record| record.header.lsn) else {
        return Ok(());
    };
    for record in records {
        let (lsn, id) = (record.header.lsn, record.header.tenant_id);
        let Some(batch) = model.batch_of(AppendId(id)) else {
            continue;
        };
        // Whether its front is there, the records before this one tell; truncation may take it.
        let end = lsn + u64::from(batch.end() - id);
        ensure(Property::Evidence, end <= last, || {
            format!("of the batch {batch:?}, up to lsn {end}, the damaged log ends with lsn {last}")
        })?;
    }
    Ok(())
}

/// Holds that nothing vouches for may be what they were once; the others are what they are.
fn check_holds(
    model: &Model,
    proof: Proof,
    intact: Intact<'_>,
    found: &Found,
) -> Result<(), Violation> {
    let holds = &found.holds;
    ensure(
        Property::Evidence,
        !proof.of_all || holds == intact.holds,
        || {
            let intact = intact.holds;
            format!("damage to a closed log made its holds {holds:?} in silence: {intact:?}")
        },
    )?;
    if !proof.of_old_holds {
        return Ok(());
    }
    for (&client, view) in model.holds.iter().filter(|(_, view)| !view.is_touched) {
        let name = name_of(client);
        let hold = holds.iter().find(|hold| hold.name == name);
        let value = hold.map(|hold| hold.lsn.as_u64());
        ensure(Property::Evidence, value == view.told, || {
            let told = view.told;
            format!("damage made the hold `{name}` {value:?} in silence: it was proven as {told:?}")
        })?;
    }
    Ok(())
}

/// An error has to be about a file of the log.
fn check_error(error: &Error) -> Result<(), Violation> {
    let names_a_file = matches!(
        error,
        Error::Corrupt { .. } | Error::Foreign { .. } | Error::Version { .. }
    );
    ensure(Property::Evidence, names_a_file, || {
        format!("damage was reported as: {}", tell(error))
    })
}
