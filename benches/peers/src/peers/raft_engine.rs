//! raft-engine, TiKV's log: each write syncs, and concurrent writes share syncs.
//!
//! Entries of a raft group have indexes without a gap, so each thread has a group of its own. An entry
//! must be a protobuf message: `Any` has room for the index and the bytes. It keeps an index of all
//! entries in memory; a replay recovers that and then reads the entries of the first group.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use ::raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize, RecoveryMode};
use anyhow::Result;
use protobuf::well_known_types::Any;

use crate::peer::{Log, Peer, Setup, SharedVerifier};

const READ_ENTRIES: u64 = 256;
const FIRST_GROUP: u64 = 1;

/// See the file's head.
pub struct RaftEngine;

impl Peer for RaftEngine {
    fn name(&self) -> &'static str {
        "raft-engine"
    }

    fn setting(&self) -> &'static str {
        "each write synced, no compression; a raft group for each thread"
    }

    fn commits_together(&self) -> bool {
        true
    }

    fn reopens(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        Ok(Box::new(RaftLog {
            engine: open(setup)?,
            groups: AtomicU64::new(FIRST_GROUP),
        }))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let engine = open(setup)?;
        let last = engine.last_index(FIRST_GROUP).unwrap_or(0);
        let mut entries = Vec::new();
        let mut next = 1;
        while next <= last {
            let end = (next + READ_ENTRIES).min(last + 1);
            engine.fetch_entries_to::<Indexed>(FIRST_GROUP, next, end, None, &mut entries)?;
            for entry in entries.drain(..) {
                verifier.see(&entry.value)?;
            }
            next = end;
        }
        Ok(())
    }
}

fn open(setup: &Setup) -> Result<Engine> {
    Ok(Engine::open(Config {
        dir: setup.path("engine").to_string_lossy().into_owned(),
        batch_compression_threshold: ReadableSize(0),
        recovery_mode: RecoveryMode::TolerateTailCorruption,
        ..Config::default()
    })?)
}

/// How the engine finds an entry's index.
struct Indexed;

impl MessageExt for Indexed {
    type Entry = Any;

    fn index(entry: &Any) -> u64 {
        entry
            .type_url
            .parse()
            .expect("the index that was put there")
    }
}

struct RaftLog {
    engine: Engine,
    /// The next group that no thread has.
    groups: AtomicU64,
}

/// A thread's group, and its next index.
struct Group {
    id: u64,
    next: u64,
    batch: LogBatch,
}

thread_local! {
    static GROUP: RefCell<Option<Group>> = const { RefCell::new(None) };
}

impl Log for RaftLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        GROUP.with_borrow_mut(|group| {
            let group = group.get_or_insert_with(|| Group {
                id: self.groups.fetch_add(1, Ordering::Relaxed),
                next: 1,
                batch: LogBatch::default(),
            });
            let entry = |(index, record): (u64, &&[u8])| Any {
                type_url: index.to_string(),
                value: record.to_vec(),
                ..Any::default()
            };
            let entries: Vec<Any> = (group.next..).zip(records).map(entry).collect();
            group.batch.add_entries::<Indexed>(group.id, &entries)?;
            self.engine.write(&mut group.batch, true)?;
            group.next += records.len() as u64;
            Ok(())
        })
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.engine.sync()?)
    }
}
