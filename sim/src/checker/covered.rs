//! Contract 5, 7 and 13: what is acknowledged is covered by syncs, whatever the disk would forgive.
//!
//! *Verified:* at each acknowledgement, a watermark that the log reports and what an open shows
//! included: each name on the way from the root to the segment that holds the LSN, and to the older
//! ones that are there, was covered by a sync of its directory that began when the name was there;
//! a full sync of the file, which may do as well on this disk, does not count. And of each LSN of
//! this life up to there: a write to the segment that holds it began after its append had begun,
//! and a sync of that file began when the write was done and succeeded, with no failed one before
//! it in this life, however little that had lost. What an open has written to a new segment is
//! covered when it shows the log. So a mistake is found where no crash state of this disk shows it.
//! *Not verified:* which of the writes has the record, only that one has that can; bytes from
//! earlier lives that an open believes, or writes again in their place. Both are for the power cuts.

use std::path::Path;

use super::{Property, Tally, Violation, ensure};
use crate::disk::{Disk, Ino};
use crate::model::Model;
use crate::world::LOG_DIR;

/// Checks that an acknowledgement of everything up to `lsn` was earned.
///
/// # Errors
/// [`Property::CoveredNames`] or [`Property::CoveredData`].
pub fn check_acknowledged(
    model: &mut Model,
    disk: &Disk,
    lsn: u64,
    tally: &mut Tally,
) -> Result<(), Violation> {
    check_names(disk, lsn, tally)?;
    // What is below was checked with an earlier acknowledgement, up to the first LSN whose append had
    // not returned then: from there on all is checked again.
    let first = (model.covered + 1).min(lsn);
    let mut is_known = true;
    for lsn in first..=lsn {
        let began = model.began(lsn);
        if let Some(began) = began {
            check_data(disk, lsn, began, tally)?;
        }
        is_known &= began.is_some();
        if is_known {
            model.covered = model.covered.max(lsn);
        }
    }
    Ok(())
}

/// Checks that what an open shows, everything up to `lsn`, was made durable before.
///
/// # Errors
/// As [`check_acknowledged`].
pub fn check_opened(disk: &Disk, lsn: u64, tally: &mut Tally) -> Result<(), Violation> {
    check_names(disk, lsn, tally)?;
    if !tally.evaluates(Property::CoveredData) {
        return Ok(());
    }
    let mut segments = segments(disk);
    let uncovered = segments.find(|segment| disk.is_new_and_uncovered(segment.ino));
    ensure(Property::CoveredData, uncovered.is_none(), || {
        let name = uncovered.expect("there is one").name;
        format!("the open shows the log, but no sync has covered what it wrote to {name}")
    })
}

fn check_names(disk: &Disk, lsn: u64, tally: &mut Tally) -> Result<(), Violation> {
    if !tally.evaluates(Property::CoveredNames) {
        return Ok(());
    }
    let log_dir = disk.resolve(Path::new(LOG_DIR));
    for (dir, name, ino) in disk.uncovered_names() {
        let is_segment = Ok(dir) == log_dir && first_lsn(name).is_some_and(|first| first <= lsn);
        let mut ancestors = Path::new(LOG_DIR).ancestors();
        let is_above = ancestors.any(|ancestor| disk.resolve(ancestor) == Ok(ino));
        ensure(Property::CoveredNames, !is_segment && !is_above, || {
            format!("lsn {lsn} is durable, but no sync of its directory has covered {name}")
        })?;
    }
    Ok(())
}

fn check_data(disk: &Disk, lsn: u64, began: u64, tally: &mut Tally) -> Result<(), Violation> {
    let mut newest_first = segments(disk).rev();
    // One that is not there any more was truncated.
    let Some(holder) = newest_first.find(|segment| segment.first_lsn <= lsn) else {
        return Ok(());
    };
    if !tally.evaluates(Property::CoveredData) {
        return Ok(());
    }
    let covered = disk.newest_covered_write(holder.ino);
    ensure(
        Property::CoveredData,
        covered.is_some_and(|covered| covered >= began),
        || {
            let name = holder.name;
            format!(
                "lsn {lsn} is durable, but no sync has covered a write to {name} that can have it"
            )
        },
    )
}

struct Segment<'a> {
    name: &'a str,
    first_lsn: u64,
    ino: Ino,
}

/// The log's segments, by their names, oldest first.
fn segments(disk: &Disk) -> impl DoubleEndedIterator<Item = Segment<'_>> {
    let entries = disk.entries(Path::new(LOG_DIR));
    entries.filter_map(|(name, ino)| {
        let first_lsn = first_lsn(name)?;
        Some(Segment {
            name,
            first_lsn,
            ino,
        })
    })
}

/// The first LSN in a segment's name.
// Source: src/format/format.md, "Directory".
fn first_lsn(name: &str) -> Option<u64> {
    let (_, first) = name
        .strip_prefix("seg-")?
        .strip_suffix(".wal")?
        .split_once('-')?;
    first.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segments_name_tells_its_first_lsn() {
        let name = "seg-0000000003-00000000000000000042.wal";
        assert_eq!(first_lsn(name), Some(42));
        for other in ["seg-3", "next.wal.tmp", "wal-00000000000000000001.seg"] {
            assert_eq!(first_lsn(other), None);
        }
    }
}
