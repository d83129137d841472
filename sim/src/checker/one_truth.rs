//! Contract 10: every way to read gives the same verdict on the same bytes.
//!
//! *Verified:* on a log that has been opened, damaged or not, everything at once, a stream and a
//! stream from the middle return the same records; where one of the first two ends in an error,
//! so does the other, with the same words.
//! *Not verified:* a reader from the middle of a damaged log: it need not see the damage.

use seawall::{Error, WalRecord};

use super::errors::tell;
use super::{Property, Tally, Violation, ensure};

/// What one log returned when it was read in several ways, one after the other.
pub struct Readings {
    /// All at once.
    pub eager: Result<Vec<WalRecord>, Error>,
    /// One by one, up to an error.
    pub streamed: Vec<WalRecord>,
    /// What ended the stream, if it was an error.
    pub stream_error: Option<Error>,
    /// Where the last one began.
    pub from: u64,
    /// All at once, from there.
    pub eager_from: Result<Vec<WalRecord>, Error>,
}

/// Checks that they agree.
///
/// # Errors
/// [`Property::OneTruth`].
pub fn check(readings: &Readings, tally: &mut Tally) -> Result<(), Violation> {
    tally.evaluated(Property::OneTruth);
    let wrong = |story: String| Err(Violation::new(Property::OneTruth, story));
    let records = match (&readings.eager, &readings.stream_error) {
        (Ok(records), None) => records,
        (Err(one), Some(other)) if tell(one) == tell(other) => return Ok(()),
        (Err(one), Some(other)) => {
            return wrong(format!(
                "one reader said: {}; another: {}",
                tell(one),
                tell(other)
            ));
        }
        (Ok(_), Some(error)) | (Err(error), None) => {
            return wrong(format!("one reader said: {}; another nothing", tell(error)));
        }
    };
    let streamed = &readings.streamed;
    ensure(Property::OneTruth, records == streamed, || {
        let (one, other) = (records.len(), streamed.len());
        format!("one reader saw {one} records, another {other}, or others")
    })?;
    let from = readings.from;
    let expected = records.iter().filter(|record| record.header.lsn >= from);
    match &readings.eager_from {
        Ok(found) if expected.eq(found) => Ok(()),
        Ok(found) => wrong(format!(
            "a reader from lsn {from} saw {} records",
            found.len()
        )),
        Err(error) => wrong(format!("a reader from lsn {from} said: {}", tell(error))),
    }
}
