//! walrus with `FsyncSchedule::SyncEach` and its default files: each append is durable.

use std::path::Path;
use std::sync::Mutex;

use walrus_rust::{FsyncSchedule, ReadConsistency, Walrus};

use super::lock;
use crate::subject::{Log, Open, Outcome, Promises, Subject};

mod ring;

const TOPIC: &str = "log";

// Source: https://docs.rs/walrus-rust/0.2.0/walrus_rust/, "Fsync Scheduling"; docs/architecture.md
// there, "Recovery".
pub(super) const SUBJECT: Subject = Subject {
    name: "walrus",
    version: "walrus-rust 0.2.0",
    open: Open::Log(open),
    promises: Promises {
        durable: Some("SyncEach: an fsync after every single write, maximum durability"),
        opens: Some("on startup each block is replayed"),
        ..Promises::NONE
    },
    longest: usize::MAX,
    source: "walrus-rust-0.2.0/src",
};

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    // It puts its files below the working directory.
    std::env::set_current_dir(path)?;
    ring::forgive_its_absence();
    // A place is never stored, so that each life reads from the start.
    let reads = ReadConsistency::AtLeastOnce {
        persist_every: u32::MAX,
    };
    let log = Walrus::with_consistency_and_schedule(reads, FsyncSchedule::SyncEach)?;
    Ok(Box::new((log, Mutex::default())))
}

/// A log, and what was read of it: it goes on where the last read ended.
impl Log for (Walrus, Mutex<Vec<Vec<u8>>>) {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        Ok(self.0.append_for_topic(TOPIC, entry)?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(())
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        let mut all = lock(&self.1);
        while let Some(entry) = self.0.read_next(TOPIC, true)? {
            all.push(entry.data);
        }
        Ok(all.clone())
    }
}
