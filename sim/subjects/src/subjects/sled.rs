//! sled: batches, then a flush for several.

use std::collections::BTreeMap;
use std::path::Path;

use sled::{Batch, Config, Db};

use crate::subject::{Change, Open, Outcome, Promises, Store, Subject};

// Source: https://docs.rs/sled/0.34.7/sled/, its Tree::flush, Tree::apply_batch and Error.
pub(super) const SUBJECT: Subject = Subject {
    name: "sled",
    version: "sled 0.34.7",
    open: Open::Store(open),
    promises: Promises {
        durable: Some("after a flush all previous writes are recovered if the system crashes"),
        opens: Some("after a flush all previous writes are recovered if the system crashes"),
        intact: Some("corruption of the storage file is detected, and is an error"),
        atomic: Some("a batch is applied atomically"),
        ..Promises::NONE
    },
    longest: usize::MAX,
    source: "sled-0.34.7/src",
};

fn open(path: &Path) -> Outcome<Box<dyn Store>> {
    // The first batch of a process spins until nobody is within a call, and the simulator can't switch to whoever
    // is: so it comes before the clients, and without the thread that flushes twice a second.
    let db = Config::new().path(path).flush_every_ms(None).open()?;
    db.apply_batch(Batch::default())?;
    Ok(Box::new(db))
}

impl Store for Db {
    fn put(&self, changes: &[Change]) -> Outcome<()> {
        let mut batch = Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(&key[..], &value[..]),
                None => batch.remove(&key[..]),
            }
        }
        Ok(self.apply_batch(batch)?)
    }

    fn commit(&self) -> Outcome<()> {
        self.flush()?;
        Ok(())
    }

    fn read_all(&self) -> Outcome<BTreeMap<Vec<u8>, Vec<u8>>> {
        let pairs = self.iter().map(|pair| {
            let (key, value) = pair?;
            Ok((key.to_vec(), value.to_vec()))
        });
        pairs.collect()
    }
}
