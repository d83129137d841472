//! What a log still owes where the medium broke its word: the strongest that its class allows.
//!
//! *Verified:* whatever happened, what an open shows is a beginning of the accepted records, byte
//! for byte, without a gap, a part of a batch or anything that was lost before. It may be shorter
//! than what was acknowledged only by records that were in the damaged place or behind it, and of
//! which nothing on the disk says that they were durable. It may be refused in place of that, with
//! an error that says which file is damaged, and where, when it is one file's bytes; then no file is
//! changed. Where nothing was damaged that a sync had covered, all is as without any of it.
//! *Not verified:* that a hold, or the low-water mark, is the last one that was set: they may be in
//! what is missing, so they are some that were; that an error names the damage and not what follows
//! from it, where whole files are lost or mixed up.

use std::path::PathBuf;

use seawall::Error;

use super::errors::tell;
use super::{
    Property, Recovered, Tally, Violation, atomic, ensure, holds, judge_recovery, listing, lsn,
    prefix,
};
use crate::disk::{Disk, FaultClass};
use crate::model::Model;
use crate::named::named_enum;

named_enum! {
    /// What became of a log with a fault class in its past.
    pub enum Remainder {
        /// All is there.
        Exact = "exact",
        /// A beginning of what was acknowledged is there.
        SuffixLost = "suffix-lost",
        /// An open or the first reading was refused.
        Detected = "detected",
        /// A call of a log that was open was refused.
        DetectedLive = "detected-live",
    }
}

/// Damage to the bytes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where the file is.
    pub path: PathBuf,
    /// Where the damage ends in it.
    pub end: u64,
}

/// What still holds.
#[derive(Clone, Debug)]
pub struct Guarantee {
    /// The weakest class of what happened since all was judged; `None` for nothing.
    pub class: Option<FaultClass>,
    /// Records up to this one are there, if they were acknowledged, unless the log is refused;
    /// `u64::MAX` where no record is at risk, and so nothing else is, either.
    pub keeps: u64,
    /// Whether any of that was not judged yet.
    pub is_fresh: bool,
    /// Whether the log may be refused.
    pub may_refuse: bool,
    /// A read came from another place: what it hid is still there, and may be shown again.
    pub is_misread: bool,
    /// Files with a sector that can't be read.
    pub unreadable: Vec<PathBuf>,
    /// Where the damage is, if it is only in the bytes of files.
    pub places: Option<Vec<Place>>,
}

impl Guarantee {
    /// Nothing happened: everything holds.
    pub fn whole() -> Guarantee {
        Guarantee {
            class: None,
            keeps: u64::MAX,
            is_misread: false,
            is_fresh: false,
            may_refuse: false,
            unreadable: Vec::new(),
            places: None,
        }
    }

    /// Whether this error is one that the damage explains.
    pub fn explains(&self, error: &Error) -> bool {
        self.may_refuse && (is_about_damage(error) || self.is_unreadable(error))
    }

    /// Whether an error says that a file can't be read which has an unreadable sector.
    fn is_unreadable(&self, error: &Error) -> bool {
        match error {
            Error::Io {
                operation, path, ..
            } => *operation == "read" && self.unreadable.contains(path),
            _ => false,
        }
    }
}

/// Where all that happened to a disk's bytes is, if it happened to the bytes of files only.
pub fn places(disk: &Disk) -> Option<Vec<Place>> {
    let incidents = disk.incidents();
    let is_in_bytes = incidents.iter().all(|one| one.class == FaultClass::Rot);
    let places = incidents.iter().filter_map(|one| {
        let path = disk.read_as(one)?;
        let end = one.range.1;
        Some(Place { path, end })
    });
    is_in_bytes.then(|| places.collect())
}

/// Whether an error says that bytes are not what they should be, or files not where.
pub fn is_about_damage(error: &Error) -> bool {
    matches!(
        error,
        Error::Corrupt { .. }
            | Error::Foreign { .. }
            | Error::Version { .. }
            | Error::Encrypted { .. }
            | Error::Plaintext { .. }
    )
}

/// Judges a recovery; the model then knows the log's end.
///
/// # Errors
/// The first property that does not hold.
pub fn judge(
    model: &mut Model,
    recovered: &Recovered,
    guarantee: &Guarantee,
    tally: &mut Tally,
) -> Result<Remainder, Violation> {
    if !guarantee.is_fresh || guarantee.keeps == u64::MAX {
        return judge_recovery(model, recovered, tally).map(|()| Remainder::Exact);
    }
    lsn::check_recovered(recovered, tally)?;
    let last = recovered.next_lsn - 1;
    let settled = model.settled();
    // Of a log that may have been truncated up to there nothing is left: a new one begins.
    let keeps = match settled.min(guarantee.keeps) {
        keeps if keeps < model.low_water.possible => 0,
        keeps => keeps,
    };
    tally.evaluated(Property::Guarantee);
    ensure(Property::Guarantee, last >= keeps, || {
        format!(
            "the log ends with lsn {last} in silence, but what happened does not excuse the loss of lsn {keeps}: {guarantee:?}"
        )
    })?;
    let (low, possible) = (recovered.low_water, model.low_water.possible);
    ensure(Property::Guarantee, low <= possible, || {
        format!(
            "the log begins with lsn {low}, but nothing above {possible} was truncated: {guarantee:?}"
        )
    })?;
    prefix::check_recovered(model, recovered, tally)?;
    atomic::check_recovered(model, recovered, tally)?;
    holds::check_any(model, recovered)?;
    listing::check(&recovered.segments, recovered.low_water, tally)?;
    model.low_water.certain = low;
    model.low_water.possible = low;
    match guarantee.is_misread {
        true => model.settle_unless_hidden(last),
        false => model.settle(last),
    }
    Ok(match last >= settled {
        true => Remainder::Exact,
        false => Remainder::SuffixLost,
    })
}

/// Checks an error that the damage explains: it names the damaged file, or misses records that were
/// truncated, as the mark that said so is damaged.
///
/// # Errors
/// [`Property::Guarantee`], where it names a file that nothing happened to.
pub fn check_refusal(
    model: &Model,
    guarantee: &Guarantee,
    error: &Error,
    tally: &mut Tally,
) -> Result<(), Violation> {
    match &guarantee.places {
        Some(places) => check_place(model, places, error, tally),
        None => Ok(()),
    }
}

/// The same, where all damage is in these places.
///
/// # Errors
/// [`Property::Guarantee`].
pub fn check_place(
    model: &Model,
    places: &[Place],
    error: &Error,
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Guarantee);
    let is_named = |path: &PathBuf, offset: u64| {
        let mut places = places.iter();
        places.any(|place| place.path == *path && offset < place.end)
    };
    let is_right = match error {
        Error::Corrupt {
            segment,
            offset,
            lsn,
            ..
        } => {
            let truncated = 1..model.low_water.possible;
            is_named(segment, *offset) || truncated.contains(&lsn.as_u64())
        }
        Error::Foreign { path, .. } | Error::Version { path, .. } | Error::Io { path, .. } => {
            is_named(path, 0)
        }
        _ => false,
    };
    ensure(Property::Guarantee, is_right, || {
        format!("damage in {places:?} was reported as: {}", tell(error))
    })
}
