//! What okaywal asks of who uses it: to take the entries it recovers, and to tell when a segment may
//! go. Here that is once all of its entries are trimmed: until then its checkpoint does not end.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use okaywal::{Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};

use crate::subjects::lock;

type Entries = BTreeMap<EntryId, Vec<u8>>;

/// What was not trimmed.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<(Mutex<Entries>, Condvar)>);

impl Kept {
    pub(super) fn insert(&self, id: EntryId, entry: Vec<u8>) {
        lock(&self.0.0).insert(id, entry);
    }

    pub(super) fn all(&self) -> Vec<Vec<u8>> {
        lock(&self.0.0).values().cloned().collect()
    }

    pub(super) fn trim(&self, count: usize) {
        let mut entries = lock(&self.0.0);
        for _ in 0..count {
            entries.pop_first();
        }
        self.0.1.notify_all();
    }
}

#[derive(Debug)]
pub(super) struct Manager(pub(super) Kept);

impl LogManager for Manager {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        if let Some(chunks) = entry.read_all_chunks()? {
            self.0.insert(entry.id(), chunks.concat());
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        last: EntryId,
        _: &mut SegmentReader,
        _: &WriteAheadLog,
    ) -> io::Result<()> {
        let (entries, trimmed) = &*self.0.0;
        let needed = |it: &mut Entries| it.range(..=last).next().is_some();
        drop(trimmed.wait_while(lock(entries), needed));
        Ok(())
    }
}
