//! okaywal: each append is durable. What it recovered and what was appended is kept by its manager.

use std::path::Path;

use okaywal::{Configuration, WriteAheadLog};

use self::manager::{Kept, Manager};
use crate::subject::{Log, Open, Outcome, Promises, Subject};

mod manager;

// Source: https://docs.rs/okaywal/0.3.1/okaywal/, its EntryWriter::commit, Entry and EntryId.
pub(super) const SUBJECT: Subject = Subject {
    name: "okaywal",
    version: "okaywal 0.3.1",
    open: Open::Log(open),
    promises: Promises {
        durable: Some("once commit returns, all is atomically updated and synchronized to disk"),
        opens: Some("an entry that a crash or power outage cut off is to be ignored"),
        intact: Some("writes are atomic; each chunk ends with its CRC-32"),
        prefix: Some("ids are in the order of the entries' writers"),
        faults: Some("commit returns a Result: Ok says synchronized, and names no exception"),
        ..Promises::NONE
    },
    longest: usize::MAX,
    source: "okaywal-0.3.1/src",
};

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    let config = Configuration::default_for(path).preallocate_bytes(4096);
    let kept = Kept::default();
    let wal = config
        .checkpoint_after_bytes(3072)
        .open(Manager(kept.clone()))?;
    Ok(Box::new((wal, kept)))
}

impl Log for (WriteAheadLog, Kept) {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let mut writer = self.0.begin_entry()?;
        writer.write_chunk(entry)?;
        self.1.insert(writer.id(), entry.to_vec());
        writer.commit()?;
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        Ok(())
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        Ok(self.1.all())
    }

    fn trim(&self, count: usize) -> Outcome<()> {
        self.1.trim(count);
        Ok(())
    }
}
