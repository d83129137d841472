//! okaywal: each commit syncs, and concurrent commits share syncs.
//!
//! Its fastest setting: large files, filled with zeros when they are made and recycled after a
//! checkpoint, so that an append is a pure overwrite. A batch is one entry, a record one chunk.

use std::io::Read;

use ::okaywal::{
    Configuration, Entry, EntryId, LogManager, ReadChunkResult, SegmentReader, WriteAheadLog,
};
use anyhow::Result;

use crate::peer::{Log, Peer, Setup, SharedVerifier};

const FILE_BYTES: u64 = 64 << 20;

/// See the file's head.
pub struct OkayWal;

impl OkayWal {
    fn open_with(&self, setup: &Setup, manager: Manager) -> Result<WriteAheadLog> {
        let bytes = match setup.keeps_all {
            // A checkpoint would drop records: one file for all of them.
            true => setup.bytes + setup.bytes / 4 + FILE_BYTES,
            false => FILE_BYTES,
        };
        let config = Configuration::default_for(setup.path("wal"))
            .preallocate_bytes(bytes.try_into()?)
            .checkpoint_after_bytes(bytes - bytes / 16);
        Ok(config.open(manager)?)
    }
}

impl Peer for OkayWal {
    fn name(&self) -> &'static str {
        "okaywal"
    }

    fn setting(&self) -> &'static str {
        "files of 64 MiB, zero-filled, recycled; one file where all records stay"
    }

    fn commits_together(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        let manager = Manager { verifier: None };
        Ok(Box::new(OkayLog(self.open_with(setup, manager)?)))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let verifier = Some(verifier.clone());
        let log = self.open_with(setup, Manager { verifier })?;
        Ok(log.shutdown()?)
    }
}

struct OkayLog(WriteAheadLog);

impl Log for OkayLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut entry = self.0.begin_entry()?;
        for record in records {
            entry.write_chunk(record)?;
        }
        entry.commit()?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.0.shutdown()?)
    }
}

/// What the log calls when it recovers an entry, and before it recycles a file: nothing of that is
/// kept elsewhere, so there is nothing to make durable first.
struct Manager {
    verifier: Option<SharedVerifier>,
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Manager")
    }
}

impl LogManager for Manager {
    fn recover(&mut self, entry: &mut Entry<'_>) -> std::io::Result<()> {
        let Some(verifier) = &self.verifier else {
            return Ok(());
        };
        let mut verifier = verifier.lock().expect("one thread");
        let mut record = Vec::new();
        while let ReadChunkResult::Chunk(mut chunk) = entry.read_chunk()? {
            record.clear();
            chunk.read_to_end(&mut record)?;
            if !chunk.check_crc()? {
                return Err(std::io::Error::other("checksum"));
            }
            verifier.see(&record).map_err(std::io::Error::other)?;
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        _entries: &mut SegmentReader,
        _log: &WriteAheadLog,
    ) -> std::io::Result<()> {
        Ok(())
    }
}
