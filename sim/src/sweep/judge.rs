//! Which outcomes of damage to one place are allowed.
//!
//! *Verified:* whatever was done to one place, the log says so with an error that names the damaged
//! file, or shows records without a gap, byte for byte those of the undamaged log, from its beginning
//! on, up to the end of a frame; all that something else than the damaged place proves, and all there
//! is of a log that was closed. So for holds and the low-water mark. A reader that begins behind the
//! damage shows what it should, too. What harms no record is noticed by a verification, unless
//! nothing vouches for it. All who read agree; those who look change nothing, nor does an open that
//! fails; and an open that succeeds is followed by one that shows the same.
//! *Not verified:* offset and LSN that an error names.

use std::path::Path;

use seawall::{Error, Verdict, WalRecord};

use super::bench::{Panicked, Patch, Seen};
use super::subject::{Intact, Proof};
use crate::checker::errors::tell;
use crate::checker::{Property, Tally, Violation, ensure, listing, one_truth};
use crate::named::named_enum;

named_enum! {
    /// What became of damage, where all is as it should be.
    pub enum Outcome {
        /// An error that names a file.
        Detected = "detected",
        /// A beginning of the log, or what it keeps beside its records as it was before; nothing
        /// proves the rest.
        Torn = "torn tail",
        /// All is there; a verification tells that there is rot.
        Rot = "rot",
        /// All is there, and nobody can tell the difference.
        Harmless = "harmless",
    }
}

/// The violation that a panic is.
pub(super) fn panicked(_: Panicked) -> Violation {
    Violation::new(
        Property::Panic,
        "a reader or an open panicked; its message is above",
    )
}

/// Judges what was seen of a damaged log.
///
/// # Errors
/// What is not as it should be.
pub(super) fn judge(
    intact: &Intact,
    proof: Proof,
    patches: &[Patch],
    seen: &Seen,
) -> Result<Outcome, Violation> {
    let mut tally = Tally::default();
    ensure(Property::OneTruth, !seen.looks_changed, || {
        "looking at a log has changed its files".into()
    })?;
    ensure(Property::Structure, !seen.failure_changed, || {
        "an open that failed has changed the log's files".into()
    })?;
    let readings = seen.opened.as_ref().map(|shown| &shown.found.readings);
    if let Ok(readings) = readings {
        one_truth::check(readings, &mut tally)?;
    }
    one_truth::check_looks(&seen.looks, readings, &mut tally)?;
    let shown = match &seen.opened {
        Err(error) => return check_error(error, patches).map(|()| Outcome::Detected),
        Ok(shown) => shown,
    };
    let found = &shown.found;
    let readings = &found.readings;
    let (low, end) = (found.low_water, found.next_lsn);
    check_records(intact, low, end, &readings.streamed)?;
    if let Ok(records) = &readings.eager_from {
        let expected = intact
            .records
            .iter()
            .filter(|record| (readings.from..end).contains(&record.header.lsn));
        ensure(Property::Prefix, expected.eq(records), || {
            format!(
                "a reader from lsn {} does not show all up to lsn {end}",
                readings.from
            )
        })?;
    }
    let is_proven = end > proof.up_to;
    ensure(Property::Evidence, is_proven, || {
        format!(
            "the log ends before lsn {end} in silence: lsn {} is proven",
            proof.up_to
        )
    })?;
    ensure(Property::Atomic, intact.frame_starts.contains(&end), || {
        format!("the log ends before lsn {end}, within a frame")
    })?;
    ensure(Property::NextLsn, shown.durable_lsn + 1 == end, || {
        format!(
            "lsn {} is durable, and {end} the next one",
            shown.durable_lsn
        )
    })?;
    listing::check(&shown.segments, low, &mut tally)?;
    let keeps = low == intact.low_water && found.holds == intact.holds;
    ensure(Property::Holds, keeps || !proof.of_kept, || {
        let holds = &found.holds;
        format!("the log begins with lsn {low} and has the holds {holds:?} in silence")
    })?;
    if let Err(error) = &readings.eager {
        return check_error(error, patches).map(|()| Outcome::Detected);
    }
    let whole = intact
        .records
        .iter()
        .take_while(|record| record.header.lsn < end);
    ensure(Property::Prefix, whole.eq(&readings.streamed), || {
        format!("not all records up to lsn {end} are there")
    })?;
    check_again(seen.again.as_ref(), &readings.streamed)?;
    let is_noticed = !matches!(seen.looks.verdict, Ok(Verdict::Intact));
    match (end == intact.next_lsn && keeps, is_noticed) {
        (false, _) => Ok(Outcome::Torn),
        (true, true) => Ok(Outcome::Rot),
        (true, false) if !proof.of_bytes => Ok(Outcome::Harmless),
        (true, false) => Err(Violation::new(
            Property::OneTruth,
            "a verification does not notice bytes that are not what was written",
        )),
    }
}

/// What was read, to the end or up to an error, is a beginning of the log.
fn check_records(
    intact: &Intact,
    low: u64,
    end: u64,
    streamed: &[WalRecord],
) -> Result<(), Violation> {
    ensure(Property::Prefix, low <= intact.low_water, || {
        format!("the log begins with lsn {low}, not {}", intact.low_water)
    })?;
    ensure(Property::Prefix, end <= intact.next_lsn, || {
        format!("the log ends before lsn {end}, not {}", intact.next_lsn)
    })?;
    for (index, record) in streamed.iter().enumerate() {
        let expected = intact.records.get(index);
        ensure(Property::Prefix, expected == Some(record), || {
            let lsn = record.header.lsn;
            match expected {
                Some(expected) if expected.header.lsn == lsn => {
                    format!("the record with lsn {lsn} is another one")
                }
                _ => format!("record {index} has lsn {lsn}, which is not its place"),
            }
        })?;
    }
    Ok(())
}

/// The next open shows what the first one has shown.
fn check_again(
    again: Option<&Result<Vec<WalRecord>, Error>>,
    shown: &[WalRecord],
) -> Result<(), Violation> {
    match again.expect("an open without an error is followed by another") {
        Ok(records) => ensure(Property::Stability, records == shown, || {
            let (one, other) = (shown.len(), records.len());
            format!("one open showed {one} records, the next one {other}, or others")
        }),
        Err(error) => {
            let story = format!("the log opened once, and then: {}", tell(error));
            Err(Violation::new(Property::Stability, story))
        }
    }
}

/// An error has to be about the file that was damaged.
fn check_error(error: &Error, patches: &[Patch]) -> Result<(), Violation> {
    let path = match error {
        Error::Corrupt { segment: path, .. }
        | Error::Foreign { path, .. }
        | Error::Version { path, .. }
        | Error::Encrypted { path, .. }
        | Error::Plaintext { path } => Some(path),
        _ => None,
    };
    let is_named =
        path.is_some_and(|path| patches.iter().any(|patch| Path::new(&patch.path) == path));
    ensure(Property::Evidence, is_named, || {
        format!("damage was reported as: {}", tell(error))
    })
}
