//! walrus: `FsyncSchedule::SyncEach`, and a batch where there are several records.
//!
//! Its files are mapped into memory: the other back end opens them with `O_SYNC`, so that in a batch
//! each record is a sync of its own, and a single append is two. A topic's appends exclude each
//! other: it stands behind the queue.

use std::sync::Mutex;

use anyhow::Result;
use walrus_rust::{FsyncSchedule, ReadConsistency, Walrus as Wal, disable_fd_backend};

use crate::peer::{Log, Peer, Setup, SharedVerifier};

const TOPIC: &str = "log";
const BATCH_RECORDS_MAX: usize = 2000;
const READ_BYTES: usize = 1 << 20;

/// See the file's head.
pub struct Walrus;

impl Peer for Walrus {
    fn name(&self) -> &'static str {
        "walrus"
    }

    fn setting(&self) -> &'static str {
        "FsyncSchedule::SyncEach, mapped files; batches of at most 2000 records, each synced"
    }

    fn commits_together(&self) -> bool {
        false
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        Ok(Box::new(WalrusLog(Mutex::new(open(setup)?))))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let log = open(setup)?;
        loop {
            let entries = log.batch_read_for_topic(TOPIC, READ_BYTES, true)?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                verifier.see(&entry.data)?;
            }
        }
    }
}

fn open(setup: &Setup) -> Result<Wal> {
    disable_fd_backend();
    // It puts its files below the working directory.
    std::env::set_current_dir(&setup.dir)?;
    // So that the next replay begins at the start again.
    let reads = ReadConsistency::AtLeastOnce {
        persist_every: u32::MAX,
    };
    Ok(Wal::with_consistency_and_schedule(
        reads,
        FsyncSchedule::SyncEach,
    )?)
}

struct WalrusLog(Mutex<Wal>);

impl Log for WalrusLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let log = self.0.lock().expect("no panic under the lock");
        if let [record] = records {
            return Ok(log.append_for_topic(TOPIC, record)?);
        }
        for batch in records.chunks(BATCH_RECORDS_MAX) {
            log.batch_append_for_topic(TOPIC, batch)?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
