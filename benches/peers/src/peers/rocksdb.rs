//! RocksDB's log: each write syncs, and concurrent writes share syncs.
//!
//! It maintains a table besides, which here stays in memory while it is written: nothing is flushed. A
//! replay opens the database, which takes the log into a table, and reads that.

use std::sync::atomic::{AtomicU64, Ordering};

use ::rocksdb::{DB, DBCompressionType, IteratorMode, Options, WriteBatch, WriteOptions};
use anyhow::Result;

use crate::peer::{Log, Peer, Setup, SharedVerifier};

/// More than a second's appends.
const MEMORY_BYTES: u64 = 256 << 20;

/// See the file's head.
pub struct RocksDb;

impl Peer for RocksDb {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    fn setting(&self) -> &'static str {
        "sync=true, no compression, all in memory while it is written; maintains a table, too"
    }

    fn commits_together(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        let mut write = WriteOptions::default();
        write.set_sync(true);
        Ok(Box::new(RocksLog {
            db: DB::open(&options(setup), setup.path("db"))?,
            write,
            next: AtomicU64::new(0),
        }))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let db = DB::open(&options(setup), setup.path("db"))?;
        for entry in db.iterator(IteratorMode::Start) {
            verifier.see(&entry?.1)?;
        }
        Ok(())
    }
}

fn options(setup: &Setup) -> Options {
    // Not more than is needed: a log file is allocated as large as the memory, and a tenth.
    let memory_bytes = match setup.keeps_all {
        true => 2 * setup.bytes + MEMORY_BYTES,
        false => MEMORY_BYTES,
    };
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_compression_type(DBCompressionType::None);
    options.set_write_buffer_size(memory_bytes as usize);
    options
}

struct RocksLog {
    db: DB,
    write: WriteOptions,
    next: AtomicU64,
}

impl Log for RocksLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut batch = WriteBatch::default();
        let first = self.next.fetch_add(records.len() as u64, Ordering::Relaxed);
        for (number, record) in (first..).zip(records) {
            batch.put(number.to_be_bytes(), record);
        }
        Ok(self.db.write_opt(batch, &self.write)?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
