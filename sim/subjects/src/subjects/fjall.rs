//! fjall: a journal, and trees that it makes of small memtables; batches, then a persist for several.

use std::collections::BTreeMap;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::subject::{Change, Open, Outcome, Promises, Store, Subject};

// Source: https://docs.rs/fjall/3.1.13/fjall/, its Database::persist and OwnedWriteBatch::commit;
// and "Durability" in its README.
pub(super) const SUBJECT: Subject = Subject {
    name: "fjall",
    version: "fjall 3.1.13",
    open: Open::Store(open),
    promises: Promises {
        durable: Some("PersistMode::SyncAll syncs the journal: data is definitely durable"),
        opens: Some("even without flushing data is crash-safe"),
        intact: Some("persisting affects durability only, not consistency"),
        atomic: Some("a batch is committed atomically"),
        faults: Some("a failed write or sync poisons the keyspace; what returns Ok is done"),
        ..Promises::NONE
    },
    longest: usize::MAX,
    source: "fjall-3.1.13/src",
};

fn open(path: &Path) -> Outcome<Box<dyn Store>> {
    let database = Database::builder(path).worker_threads(1).open()?;
    let options = || KeyspaceCreateOptions::default().max_memtable_size(4096);
    let keyspace = database.keyspace("store", options)?;
    Ok(Box::new((database, keyspace)))
}

impl Store for (Database, Keyspace) {
    fn put(&self, changes: &[Change]) -> Outcome<()> {
        let mut batch = self.0.batch();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(&self.1, key.clone(), value.clone()),
                None => batch.remove(&self.1, key.clone()),
            }
        }
        Ok(batch.commit()?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(self.0.persist(PersistMode::SyncAll)?)
    }

    fn read_all(&self) -> Outcome<BTreeMap<Vec<u8>, Vec<u8>>> {
        let pairs = self.1.iter().map(|pair| {
            let (key, value) = pair.into_inner()?;
            Ok((key.to_vec(), value.to_vec()))
        });
        pairs.collect()
    }
}
