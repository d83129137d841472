//! raft-engine, with all entries in one raft group: writes that do not sync, then a sync for several.

use std::path::Path;
use std::sync::Mutex;

use raft_engine::env::FileSystem;
use raft_engine::{Config, Engine, ReadableSize};

use super::lock;
use crate::subject::{Log, Open, Outcome, Promises, Subject};

mod entries;

// Source: https://docs.rs/raft-engine/0.4.2/raft_engine/, its Config and Engine; README, "Write".
pub(super) const SUBJECT: Subject = Subject {
    name: "raft-engine",
    version: "raft-engine 0.4.2",
    open: Open::Log(|path| Ok(Box::new((Engine::open(config(path))?, Mutex::new(()))))),
    promises: Promises {
        durable: Some("a synchronous write calls fdatasync: buffered data is flushed to storage"),
        opens: Some("recovery tolerates a corrupted tail, by default"),
        intact: Some("writes are atomic"),
        prefix: Some("entries of a group have consecutive indexes"),
        atomic: None,
        stable: None,
        faults: Some("a write that fails for lack of space is tried again; else it returns an error"),
    },
    longest: usize::MAX,
    source: "raft-engine-0.4.2/src",
};

pub(super) fn config(path: &Path) -> Config {
    Config {
        dir: path.to_string_lossy().into_owned(),
        recovery_threads: 1,
        target_file_size: ReadableSize(4096),
        purge_threshold: ReadableSize(8192),
        ..Config::default()
    }
}

impl<F: FileSystem> Log for (Engine<F>, Mutex<()>) {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let _one_index_each = lock(&self.1);
        let mut batch = entries::batch(&self.0, entry)?;
        Ok(self.0.write(&mut batch, false).map(drop)?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(self.0.sync()?)
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        entries::read_all(&self.0)
    }

    fn trim(&self, count: usize) -> Outcome<()> {
        entries::trim(&self.0, count);
        Ok(self.0.purge_expired_files().map(drop)?)
    }
}
