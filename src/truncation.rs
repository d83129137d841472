//! Dropping the oldest segments: the durable mark first, then the files, then their names.
//!
//! A crash at any point leaves either segments that the mark says may go, which the next open
//! removes, or none. In which order the removals reached the disk does not matter then, but they
//! are asked for oldest first all the same, so that whoever looks at the directory sees no hole.

use crate::commit::Committer;
use crate::error::Result;
use crate::segment::catalog::LogDir;
use crate::types::{Lsn, TruncateResult};

/// Deletes the sealed segments wholly below `lsn` that no reader has pinned and no hold keeps.
pub(crate) fn truncate_before(
    dir: &LogDir,
    committer: &Committer,
    lsn: Lsn,
) -> Result<TruncateResult> {
    committer
        .truncate_before(lsn, |oldest, doomed| {
            let mut result = TruncateResult::default();
            let removed = dir.remove_below(oldest, doomed, &mut result);
            if result.segments_deleted > 0 {
                dir.sync().map_err(|error| committer.poison(error))?;
            }
            removed.map(|()| result)
        })
        .inspect(|result| {
            tracing::info!(
                before = lsn.as_u64(),
                low_water = committer.low_water().as_u64(),
                segments_deleted = result.segments_deleted,
                bytes_reclaimed = result.bytes_reclaimed,
                "truncated"
            );
        })
}
