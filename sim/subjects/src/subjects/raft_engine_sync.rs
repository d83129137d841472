//! raft-engine with writes that do not sync, and a call that does, for all of them.

use ::raft_engine::{Engine, env::DefaultFileSystem};

use super::raft_engine::{self, config, entries::Entries};
use crate::subject::{Log, Open, Outcome, Promises, Subject};

// Source: https://docs.rs/raft-engine/0.4.2/raft_engine/struct.Engine.html, sync.
pub(super) const SUBJECT: Subject = Subject {
    name: "raft-engine-sync",
    open: Open::Log(|path| {
        let engine = Engine::open(config(path))?;
        Ok(Box::new(Unsynced(Entries::of(engine)?)))
    }),
    promises: Promises {
        durable: Some("Engine::sync synchronizes the Raft engine"),
        ..raft_engine::SUBJECT.promises
    },
    ..raft_engine::SUBJECT
};

struct Unsynced(Entries<DefaultFileSystem>);

impl Log for Unsynced {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        self.0.write(entry, false)
    }

    fn commit(&self) -> Outcome<()> {
        self.0.sync()
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        self.0.read_all()
    }

    fn trim(&self, count: usize) -> Outcome<()> {
        self.0.trim(count)
    }
}
