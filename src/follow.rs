//! Following a log: its records as they become durable, for a replica.
//!
//! A tail reads like any reader up to what is durable, and then waits to be woken by the commit
//! that makes more of it durable. It pins the segment that it will go on in, and so all later ones.

use std::sync::Arc;
use std::sync::Weak;

use crate::commit::Committer;
use crate::error::Result;
use crate::replay::WalReader;
use crate::types::WalRecord;

/// An endless iterator over the durable records of a log, from [`crate::WalManager::tail`].
///
/// `next` waits for records that are still to come. It returns `None` once the log is closed, or
/// the tail was stopped, and everything durable was returned; an error ends it, too.
///
/// As long as it lives, ended or not, the log stays locked, even if that is dropped meanwhile: drop
/// the tail to open the log again.
pub struct WalTail {
    committer: Arc<Committer>,
    reader: WalReader,
    number: u64,
    is_over: bool,
}

/// Stops a tail from another thread. It keeps nothing alive, the log's lock included: without its
/// tail it does nothing.
#[derive(Clone)]
pub struct TailStopper {
    committer: Weak<Committer>,
    tail: u64,
}

impl WalTail {
    pub(crate) fn new(committer: Arc<Committer>, reader: WalReader) -> WalTail {
        WalTail {
            number: committer.start_tail(),
            committer,
            reader,
            is_over: false,
        }
    }

    /// Something to stop this tail with while it waits.
    pub fn stopper(&self) -> TailStopper {
        TailStopper {
            committer: Arc::downgrade(&self.committer),
            tail: self.number,
        }
    }

    /// As [`WalReader::unknown_skipped`].
    pub fn unknown_skipped(&self) -> u64 {
        self.reader.unknown_skipped()
    }

    fn read_next(&mut self) -> Result<Option<WalRecord>> {
        loop {
            if let Some(record) = self.reader.next() {
                return record.map(Some);
            }
            match self
                .committer
                .wait_beyond(self.reader.position(), self.number)?
            {
                Some(snapshot) => self.reader.go_on(snapshot)?,
                None => return Ok(None),
            }
        }
    }
}

impl Iterator for WalTail {
    type Item = Result<WalRecord>;

    fn next(&mut self) -> Option<Result<WalRecord>> {
        if self.is_over {
            return None;
        }
        let record = self.read_next();
        self.is_over = !matches!(record, Ok(Some(_)));
        record.transpose()
    }
}

impl Drop for WalTail {
    fn drop(&mut self) {
        self.committer.end_tail(self.number);
    }
}

impl TailStopper {
    /// Lets the tail end behind what is durable now, however much more becomes durable meanwhile.
    /// A second stop changes nothing.
    pub fn stop(&self) {
        if let Some(committer) = self.committer.upgrade() {
            committer.stop_tail(self.tail);
        }
    }
}
