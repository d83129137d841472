//! Contract 10: every way to read gives the same verdict on the same bytes.
//!
//! *Verified:* on a log that has been opened, damaged or not, everything at once, a stream and a
//! stream from the middle return the same records; where one of the first two ends in an error,
//! so does the other, with the same words. Whoever looks at the log before it is opened, and
//! changes nothing, sees the same: the dump the same records or error, the verification
//! damage or something foreign wherever an open refuses or a reading ends in an error. On a log
//! that nobody has damaged, the verification finds nothing, whatever crash came before.
//! *Not verified:* a reader from the middle of a damaged log: it need not see the damage. That a
//! verification finds nothing where a damaged log opens: it looks at bytes that no reader needs.

use seawall::{Error, Verdict, WalRecord};

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

/// What was seen of a log without opening it.
pub struct Looks {
    /// The verification's outcome.
    pub verdict: Result<Verdict, Error>,
    /// What a dump returned.
    pub dumped: Result<Vec<WalRecord>, Error>,
}

/// Checks that who looks at an undamaged log sees no damage, and what who opens will see.
///
/// # Errors
/// [`Property::OneTruth`].
pub fn check_intact_looks(
    looks: &Looks,
    opened: &Readings,
    tally: &mut Tally,
) -> Result<(), Violation> {
    if let Ok(verdict @ (Verdict::Damaged | Verdict::Foreign)) = looks.verdict {
        let story = format!("a verification calls an undamaged log {verdict:?}");
        return Err(Violation::new(Property::OneTruth, story));
    }
    check_looks(looks, Ok(opened), tally)
}

/// Checks that who looks sees what who opens will see.
///
/// # Errors
/// [`Property::OneTruth`].
pub fn check_looks(
    looks: &Looks,
    opened: Result<&Readings, &Error>,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::OneTruth);
    let read = opened.and_then(|readings| readings.eager.as_ref());
    let wrong = |story: String| Err(Violation::new(Property::OneTruth, story));
    match (&looks.verdict, read) {
        (Err(error), _) => return wrong(format!("a verification failed: {}", tell(error))),
        (Ok(Verdict::Intact), Err(error)) => {
            return wrong(format!(
                "a verification found nothing, a reader said: {}",
                tell(error)
            ));
        }
        (Ok(_), _) => {}
    }
    match (&looks.dumped, read) {
        // A dump shows records of unknown types, too, which a reader refuses or skips.
        (Ok(_), Err(Error::UnknownType { .. })) => Ok(()),
        (Ok(dumped), Ok(records)) => {
            let mut rest = dumped.iter();
            let all_there = records.iter().all(|record| rest.any(|one| one == record));
            let more = dumped.iter().filter(|record| is_known(record)).count();
            ensure(
                Property::OneTruth,
                all_there && more == records.len(),
                || {
                    let (one, other) = (dumped.len(), records.len());
                    format!("a dump showed {one} records, a reader {other}, or others")
                },
            )
        }
        (Err(one), Err(other)) if tell(one) == tell(other) => Ok(()),
        (dumped, read) => {
            let told = |result: Option<&Error>| result.map_or("nothing".into(), tell);
            let (one, other) = (told(dumped.as_ref().err()), told(read.err()));
            wrong(format!("a dump said: {one}; a reader: {other}"))
        }
    }
}

fn is_known(record: &WalRecord) -> bool {
    seawall::RecordType::from_number(record.header.record_type).is_some()
}
