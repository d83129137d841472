//! raft-engine, with all entries in one raft group: writes that do not sync, then a sync for several.

use std::path::Path;
use std::sync::Mutex;

use raft_engine::env::FileSystem;
use raft_engine::{Config, Engine, ReadableSize};

use super::lock;
use crate::subject::{Log, Open, Outcome, Promises, Subject};

mod entries;

// Source: https://github.com/tikv/raft-engine, "Write"; Config::recovery_mode and Engine::write in
// https://docs.rs/raft-engine/0.4.2/raft_engine/
pub(super) const SUBJECT: Subject = Subject {
    name: "raft-engine",
    version: "raft-engine 0.4.2",
    open: Open::Log(open),
    promises: Promises {
        durable: Some("a synchronous write calls fdatasync: buffered data is flushed to storage"),
        opens: Some("recovery tolerates a corrupted tail, by default"),
        intact: Some("writes are atomic"),
        prefix: Some("entries of a group have consecutive indexes"),
        atomic: None,
        stable: None,
    },
    longest: usize::MAX,
    source: "raft-engine-0.4.2/src",
};

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    let engine = Engine::open(Config {
        dir: path.to_string_lossy().into_owned(),
        recovery_threads: 1,
        target_file_size: ReadableSize(4096),
        purge_threshold: ReadableSize(8192),
        ..Config::default()
    })?;
    Ok(Box::new((engine, Mutex::new(()))))
}

impl<F: FileSystem> Log for (Engine<F>, Mutex<()>) {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let _one_index_each = lock(&self.1);
        self.0.write(&mut entries::batch(&self.0, entry)?, false)?;
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        Ok(self.0.sync()?)
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        entries::read_all(&self.0)
    }

    fn trim(&self, count: usize) -> Outcome<()> {
        entries::trim(&self.0, count);
        self.0.purge_expired_files()?;
        Ok(())
    }
}
