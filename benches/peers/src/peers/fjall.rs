//! fjall's journal: each batch ends with an `fdatasync`.
//!
//! It maintains a table besides, which here stays in memory: nothing is flushed. A commit syncs under
//! the journal's lock, so that threads share no sync: it stands behind the queue.

use std::sync::Mutex;

use ::fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use anyhow::Result;

use crate::peer::{Log, Peer, Setup, SharedVerifier};

const MEMORY_BYTES: u64 = 8 << 30;

/// See the file's head.
pub struct Fjall;

impl Peer for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn setting(&self) -> &'static str {
        "batches with PersistMode::SyncData, no compression, all in memory; maintains a table, too"
    }

    fn commits_together(&self) -> bool {
        false
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        let (database, keyspace) = open(setup)?;
        Ok(Box::new(FjallLog {
            database,
            keyspace,
            next: Mutex::new(0),
        }))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let (_database, keyspace) = open(setup)?;
        for record in keyspace.iter() {
            verifier.see(&record.value()?)?;
        }
        Ok(())
    }
}

fn open(setup: &Setup) -> Result<(Database, Keyspace)> {
    let database = Database::builder(setup.path("db"))
        .journal_compression(CompressionType::None)
        .max_journaling_size(MEMORY_BYTES)
        .open()?;
    let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMORY_BYTES);
    let keyspace = database.keyspace("log", options)?;
    Ok((database, keyspace))
}

struct FjallLog {
    database: Database,
    keyspace: Keyspace,
    next: Mutex<u64>,
}

impl Log for FjallLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut next = self.next.lock().expect("no panic under the lock");
        let batch = self.database.batch();
        let mut batch = batch.durability(Some(PersistMode::SyncData));
        for record in records {
            batch.insert(&self.keyspace, next.to_be_bytes(), *record);
            *next += 1;
        }
        Ok(batch.commit()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}
