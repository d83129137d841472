//! Dropping the oldest segments: the durable mark first, then the files, then their names.
//!
//! A crash at any point leaves either segments that the mark says may go, which the next open
//! removes, or none. In which order the removals reached the disk does not matter then, but they
//! are asked for oldest first all the same, so that whoever looks at the directory sees no hole.

use std::io::ErrorKind;

use crate::commit::Committer;
use crate::error::{Error, Result};
use crate::segment::catalog::LogDir;
use crate::types::{Lsn, TruncateResult};

/// Deletes the sealed segments wholly below `lsn` that no reader has pinned.
pub(crate) fn truncate_before(
    dir: &LogDir,
    committer: &Committer,
    lsn: Lsn,
) -> Result<TruncateResult> {
    committer.truncate_before(lsn, |doomed| {
        let mut result = TruncateResult::default();
        while let Some(entry) = doomed.front() {
            match dir.remove(&entry.segment.path) {
                // An earlier removal that failed may have been done all the same.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
            result.segments_deleted += 1;
            result.bytes_reclaimed += entry.file_bytes;
            doomed.pop_front();
        }
        if result.segments_deleted > 0 {
            dir.sync().map_err(|error| committer.poison(error))?;
        }
        Ok(result)
    })
}
