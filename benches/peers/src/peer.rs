//! What a log must be able to do to be measured: append durably, close, and show its records again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Result;

use crate::payload::Verifier;

/// A log with the settings it is measured with, as one row of the table.
pub trait Peer: Sync {
    /// The row's name.
    fn name(&self) -> &'static str;

    /// Which settings these are, and what else a reader of the table must know.
    fn setting(&self) -> &'static str;

    /// Appends of several threads share syncs without help. A peer that can't stands behind
    /// [`crate::queue::Queue`] where several threads append, and its name gets a `+q`.
    fn commits_together(&self) -> bool;

    /// It can encrypt what it writes.
    fn encrypts(&self) -> bool {
        false
    }

    /// Opening what is there is a thing of its own, not a replay of all records.
    fn reopens(&self) -> bool {
        false
    }

    /// Opens or creates the log. What prepares it for [`Setup::bytes`] happens here.
    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>>;

    /// Opens the log and shows all its records, in order.
    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()>;
}

/// A verifier that a callback without a lifetime can hold.
pub type SharedVerifier = Arc<Mutex<Verifier>>;

/// An open log.
pub trait Log: Send + Sync {
    /// Appends the records in this order and returns once all of them are durable.
    fn append(&self, records: &[&[u8]]) -> Result<()>;

    /// Ends the log in an orderly way.
    fn close(self: Box<Self>) -> Result<()>;
}

/// Where and for what a log is opened.
pub struct Setup {
    /// A directory of its own, which is there.
    pub dir: PathBuf,
    /// How many bytes of records to prepare for.
    pub bytes: u64,
    /// The length of a record.
    pub record_bytes: usize,
    /// All records are wanted later: nothing may be recycled or wrapped around.
    pub keeps_all: bool,
    /// A file with 32 bytes, for an encrypted log.
    pub key: Option<PathBuf>,
}

impl Setup {
    /// A path below the log's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Makes the names in a directory durable.
pub fn sync_dir(dir: &Path) -> Result<()> {
    Ok(std::fs::File::open(dir)?.sync_all()?)
}
