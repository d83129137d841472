//! raft-engine: each append is a synchronous write, into a raft group of the thread's own.

use std::path::Path;

use raft_engine::env::FileSystem;
use raft_engine::{Config, Engine, ReadableSize};

use self::entries::Entries;
use crate::subject::{Log, Open, Outcome, Promises, Subject};

pub(super) mod entries;

// Source: https://docs.rs/raft-engine/0.4.2/raft_engine/, its Config and Engine; README, "Write".
pub(super) const SUBJECT: Subject = Subject {
    name: "raft-engine",
    version: "raft-engine 0.4.2",
    open: Open::Log(|path| Ok(Box::new(Entries::of(Engine::open(config(path))?)?))),
    promises: Promises {
        durable: Some("a synchronous write calls fdatasync: buffered data is flushed to storage"),
        opens: Some("recovery tolerates a corrupted tail, by default"),
        intact: Some("writes are atomic"),
        prefix: Some("entries of a group have consecutive indexes"),
        faults: Some(
            "a write that fails for lack of space is tried again; else it returns an error",
        ),
        ..Promises::NONE
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

impl<F: FileSystem> Log for Entries<F> {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        self.write(entry, true)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(())
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        Entries::read_all(self)
    }

    fn trim(&self, count: usize) -> Outcome<()> {
        Entries::trim(self, count)
    }
}
