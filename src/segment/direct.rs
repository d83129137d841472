//! Direct I/O: whether the log's directory has it, and what its blocks must be aligned to.
//!
//! It is settled at open, before anything of the log is changed, so that neither shows up as the
//! failure of a write later. What the system does not tell then, the first write of the segment
//! that every open starts does.

use super::catalog::{LOCK, LogDir};
use super::transfer::uninterrupted;
use crate::config::{ALIGNMENT_MAX, WalConfig};
use crate::env::vfs::OpenHow;
use crate::error::{Error, Result};
use crate::format::aligned::MEMORY_ALIGNMENT;

const ABSENT: &str = "the file system does not have it; open the log buffered";
pub(super) const TOO_SMALL: &str = "the file system takes no blocks of this alignment; open the log with a larger one, or buffered";
const TOO_LARGE: &str =
    "the device needs a larger alignment than a log can have; open the log buffered";

/// The configuration with blocks as large as the device needs them for direct I/O.
///
/// The lock file is asked, in place of a segment: it is in the same directory, and there already.
///
/// # Errors
/// [`Error::DirectIoRefused`] when there is no direct I/O, or none that a log can do.
pub(crate) fn fit(dir: &LogDir, mut config: WalConfig) -> Result<WalConfig> {
    if !config.use_direct_io {
        return Ok(config);
    }
    let path = dir.path.join(LOCK);
    let how = OpenHow::Write { direct: true };
    let opened = uninterrupted(|| dir.env.vfs.open(&path, how));
    let file = opened.map_err(Error::direct_io(true, ABSENT, "open", &path))?;
    let Some(needed) = file.direct_alignment() else {
        return Ok(config);
    };
    let offset_bytes = needed.offset_bytes as usize;
    if !offset_bytes.is_power_of_two()
        || offset_bytes > ALIGNMENT_MAX
        || needed.memory_bytes as usize > MEMORY_ALIGNMENT
    {
        return Err(Error::DirectIoRefused {
            path,
            why: TOO_LARGE,
            source: None,
        });
    }
    config.tuning.alignment = config.tuning.alignment.max(offset_bytes);
    Ok(config)
}
