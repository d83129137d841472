//! nodedb-wal 0.0.0-beta.1, buffered and without encryption.

use std::path::Path;
use std::sync::Mutex;

use nodedb_wal::{RecordType, SegmentedWal, SegmentedWalConfig};

use super::lock;
use crate::subject::{Log, Open, Outcome, Promises, Subject};

// Source: https://docs.rs/nodedb-wal/0.0.0-beta.1/nodedb_wal/, also its recovery and segmented.
pub(super) const SUBJECT: Subject = Subject {
    name: "nodedb-wal-beta",
    version: "nodedb-wal 0.0.0-beta.1",
    open: Open::Log(|path| open(path, false)),
    promises: Promises {
        durable: Some("sync makes what was appended durable"),
        opens: Some("after a crash at any point a replay recovers; torn writes are no errors"),
        intact: Some("each record has a CRC32C of its header and payload; LSNs are unique"),
        prefix: Some("recovers a consistent prefix, and replays it in the order of LSNs"),
        stable: Some("recovery is idempotent: a second one gives the same answer"),
        faults: Some("sync returns a Result: Ok says durable, and names no exception"),
        ..Promises::NONE
    },
    longest: 4000,
    source: "nodedb-wal-0.0.0-beta.1/src",
};

pub(super) fn open(path: &Path, direct: bool) -> Outcome<Box<dyn Log>> {
    let mut config = SegmentedWalConfig::new(path.to_owned());
    config.segment_target_size = 1024;
    config.writer_config.use_direct_io = direct;
    config.writer_config.write_buffer_size = 8192;
    Ok(Box::new(Mutex::new(SegmentedWal::open(config)?)))
}

impl Log for Mutex<SegmentedWal> {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        lock(self).append(RecordType::Put as u16, 1, 0, entry)?;
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        Ok(lock(self).sync()?)
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        let records = lock(self).replay()?;
        Ok(records.into_iter().map(|it| it.payload).collect())
    }

    fn trim(&self, count: usize) -> Outcome<()> {
        let wal = lock(self);
        if let Some(last) = wal.replay()?.iter().take(count).next_back() {
            wal.truncate_before(last.header.lsn + 1)?;
        }
        Ok(())
    }
}
