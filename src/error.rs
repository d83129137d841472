//! What can go wrong, and what it means for the caller.
//!
//! | error | does the log go on? |
//! | --- | --- |
//! | [`Error::Full`] | yes: nothing was lost; the records wait in memory and the next call tries again |
//! | [`Error::RecordTooLarge`], [`Error::EmptyBatch`], [`Error::BatchTooLarge`], [`Error::BadHold`], [`Error::KeyFile`], [`Error::KeyInUse`], [`Error::NotAppended`], [`Error::NotDurable`], [`Error::BelowLowWater`] | yes: the call was refused and changed nothing |
//! | [`Error::Corrupt`], [`Error::UnknownType`] from a reader | yes: writing goes on, but reading ends there |
//! | [`Error::Io`] from a reader, a listing or an unlink | yes |
//! | [`Error::Poisoned`] | no: open again, which trusts only what is durable |
//! | [`Error::Closed`] | no: it was closed |
//! | any error from an open, a verification, a dump, a salvage or a migration | there is no log to go on with; no record was changed or removed |

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::crypto::KeyId;
use crate::types::Lsn;

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No space, or no quota, for what was to be written. Records that were given an LSN wait
    /// in memory: make space and call again.
    #[error("no space to {operation} {}", path.display())]
    Full {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A write or sync failed earlier, so nothing more can be promised. Records that were not
    /// acknowledged are indeterminate: a prefix of them may be there after the next open.
    #[error("the log is poisoned: {cause}")]
    Poisoned {
        /// The first failure.
        #[source]
        cause: Arc<Error>,
    },
    /// A thread panicked while it wrote for all.
    #[error("a thread panicked in the middle of a commit")]
    LeaderPanicked,
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// Bytes that were durable are damaged or missing.
    #[error("{} is corrupt at offset {offset}, lsn {lsn}: {why}", segment.display())]
    Corrupt {
        /// The file.
        segment: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// The first LSN that is known to be lost. Where a whole segment or the end of one is
        /// missing, those before it may be lost, too.
        lsn: Lsn,
        /// What is wrong there.
        why: &'static str,
    },
    /// A file in the log's directory is not of this log, or not of a log at all.
    #[error("{} does not belong to this log: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why it can't be used.
        why: &'static str,
    },
    /// A segment of a format version that this library does not know. Nothing was changed.
    #[error("{} has format version {version}, which this version cannot read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A segment is encrypted with a key that is not among those given. Nothing was changed.
    #[error("{} is encrypted with key {key_id}, which is not among those given", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
        /// The key that it needs.
        key_id: KeyId,
    },
    /// A segment is in plain where only an encrypted one can be: behind an encrypted one, in place
    /// of one, or with a ring of keys that forbids it. Nothing was changed.
    #[error("{} is not encrypted, as it should be", path.display())]
    Plaintext {
        /// The file.
        path: PathBuf,
    },
    /// A file can't be taken for a key's. Nothing was changed.
    #[error("{} is no key file: {why}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key can't go: it is the current one, or a segment still needs it. Nothing was changed.
    #[error("key {key_id} is still needed, by {}", segment.display())]
    KeyInUse {
        /// The key.
        key_id: KeyId,
        /// The oldest segment that needs it; the log's directory for the current key.
        segment: PathBuf,
    },
    /// The log has records of a type that this version does not know and that a reader must
    /// understand. Nothing was changed.
    #[error("{} has records of the required type {record_type:#06x}, which this version does not know", segment.display())]
    UnknownType {
        /// A segment that has them, or comes behind them.
        segment: PathBuf,
        /// The type's number.
        record_type: u16,
    },
    /// A file in the legacy format. An open migrates it, unless there are segments beside it of which
    /// nothing tells that they came from it; whoever only looks, reads none.
    #[error("{} is in the legacy format", path.display())]
    Legacy {
        /// The file.
        path: PathBuf,
    },
    /// A legacy file is not what it was when it was migrated: a program of before has written to it
    /// since. Its new records are not in the log. Nothing was changed.
    #[error("{} was written to after it was migrated", path.display())]
    LegacyChanged {
        /// The file.
        path: PathBuf,
    },
    /// An encrypted record of the legacy format is whole, but no key was given that opens it. Nothing
    /// was changed.
    #[error("{} has an encrypted record at offset {offset}, lsn {lsn}, and no key was given that opens it", path.display())]
    NoKeyOpens {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// The record's LSN.
        lsn: Lsn,
    },
    /// Another handle has the log open.
    #[error("{} is locked by another writer", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// There is no log to look at in this directory, or no directory. An open would create one.
    #[error("{} holds no log", path.display())]
    NoLog {
        /// The directory.
        path: PathBuf,
    },
    /// A salvage or a migration needs a directory of its own for the new log. Nothing was written.
    #[error("{} is not empty", path.display())]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// A payload is above the limit; no LSN was given.
    #[error("a payload of {len} bytes is above the limit of {max}")]
    RecordTooLarge {
        /// The payload's length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A batch without records; no LSN was given.
    #[error("a batch without records")]
    EmptyBatch,
    /// A batch is above the limit; no LSN was given.
    #[error("a batch of {bytes} bytes is above the limit of {max}")]
    BatchTooLarge {
        /// What its records take: each its payload and 12 bytes.
        bytes: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A hold can't be set. Nothing was changed.
    #[error("bad hold: {why}")]
    BadHold {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The LSN was not given to any record yet.
    #[error("lsn {asked} was not appended yet; the next is {next}")]
    NotAppended {
        /// The LSN asked for.
        asked: Lsn,
        /// The next to be given.
        next: Lsn,
    },
    /// A truncation would drop records that are not durable.
    #[error("cannot truncate before lsn {asked}: only lsn {durable} is durable")]
    NotDurable {
        /// The LSN asked for.
        asked: Lsn,
        /// The last durable one.
        durable: Lsn,
    },
    /// The records asked for were truncated.
    #[error("lsn {asked} was truncated; the oldest record is lsn {low_water}")]
    BelowLowWater {
        /// The LSN asked for.
        asked: Lsn,
        /// The first LSN that was kept.
        low_water: Lsn,
    },
    /// Direct I/O was asked for, and the file system or the device does not do it as the log
    /// would. No segment was changed: open the log without it, or with a larger alignment.
    #[error("direct I/O is refused on {}: {why}", path.display())]
    DirectIoRefused {
        /// The file that it was tried on.
        path: PathBuf,
        /// Who refused what, and what to do.
        why: &'static str,
        /// What the operating system said; `None` where what it told of the device is too much.
        source: Option<io::Error>,
    },
    /// A setting is outside its limits.
    #[error("bad configuration: {why}")]
    Config {
        /// Which, and what the limits are.
        why: &'static str,
    },
}

impl Error {
    /// Wraps an error of the operating system, telling a full disk from the rest.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full {
                    operation,
                    path,
                    source,
                },
                _ => Error::Io {
                    operation,
                    path,
                    source,
                },
            }
        }
    }

    /// As [`Error::io`], for calls on a file that may be open for direct I/O: there an invalid
    /// argument is a refusal, for which `why` has the words.
    // Source: open(2), ERRORS, EINVAL: "The filesystem does not support the O_DIRECT flag"; and
    // NOTES, O_DIRECT: misaligned calls fail with EINVAL.
    pub(crate) fn direct_io(
        is_direct: bool,
        why: &'static str,
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Error {
        move |source| match source.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported if is_direct => {
                Error::DirectIoRefused {
                    path: path.to_owned(),
                    why,
                    source: Some(source),
                }
            }
            _ => Error::io(operation, path)(source),
        }
    }

    /// Wraps an error of a sync, of a name or of another change: there a full disk is no better than any other
    /// error, since what was written before may be lost.
    // Source: fsync(2), ERRORS: ENOSPC and EDQUOT are reported for data written earlier.
    pub(crate) fn final_io(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    }
}
