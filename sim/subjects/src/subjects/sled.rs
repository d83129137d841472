//! sled: batches, then a flush for several; a thread of its own flushes as well, twice a second.

use std::collections::BTreeMap;

use sled::{Batch, Db};

use crate::subject::{Change, Open, Outcome, Promises, Store, Subject};

// Source: https://docs.rs/sled/0.34.7/sled/, its Tree::flush, Tree::apply_batch and Error.
pub(super) const SUBJECT: Subject = Subject {
    name: "sled",
    version: "sled 0.34.7",
    open: Open::Store(|path| Ok(Box::new(sled::open(path)?))),
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
