//! nodedb-wal 0.0.0-beta.1 through its group commit, which appends to one file and syncs it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nodedb_wal::group_commit::PendingWrite;
use nodedb_wal::reader::WalReader;

use nodedb_wal::{GroupCommitter, RecordType, WalWriter};

use super::nodedb_wal_beta;
use crate::subject::{Log, Open, Outcome, Promises, Subject};

// Source: https://docs.rs/nodedb-wal/0.0.0-beta.1/nodedb_wal/group_commit/
pub(super) const SUBJECT: Subject = Subject {
    name: "nodedb-wal-beta-group",
    open: Open::Log(open),
    promises: Promises {
        durable: Some("submit blocks until the record is durable, and says so"),
        ..nodedb_wal_beta::SUBJECT.promises
    },
    ..nodedb_wal_beta::SUBJECT
};

type Group = (PathBuf, Mutex<WalWriter>, GroupCommitter);

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    let path = path.join("log.wal");
    let writer = Mutex::new(WalWriter::open_without_direct_io(&path)?);
    Ok(Box::new((path, writer, GroupCommitter::new())))
}

impl Log for Group {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let write = PendingWrite {
            record_type: RecordType::Put as u16,
            tenant_id: 1,
            vshard_id: 0,
            payload: entry.to_vec(),
        };
        let result = self.2.submit(&self.1, write)?;
        result.durable.then_some(()).ok_or("not durable")?;
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        Ok(())
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        let records = WalReader::open(&self.0)?.records();
        records.map(|record| Ok(record?.payload)).collect()
    }
}
