//! Which keys the log's segments need, and changing them, with nobody writing meanwhile.

use std::sync::Arc;

use super::Committer;
use crate::crypto::{KeyId, KeyRing};
use crate::error::{Error, Result};
use crate::format::header::SegmentHeader;
use crate::segment::catalog::{Entry, LogDir, Segment};
use crate::segment::writer::Writer;

impl Committer {
    /// Replaces the ring by what `change` makes of it, in a turn of its own.
    ///
    /// # Errors
    /// [`Error::Encrypted`] when a segment's key is not in the new one, [`Error::Plaintext`] when
    /// it forbids what is there; then nothing is changed.
    pub(crate) fn change_keys(
        &self,
        dir: &LogDir,
        change: impl FnOnce(Option<KeyRing>) -> KeyRing,
    ) -> Result<()> {
        // No segment is encrypted anew, or dropped, meanwhile, and nobody else changes the keys.
        let _doomed = self.doomed.lock();
        let ring = change(dir.keys.ring());
        let queue = self.lock_open_and_unled()?;
        for entry in queue.catalog.entries() {
            let segment = &entry.segment;
            let path = segment.path.clone();
            match segment.header.key_id {
                Some(key_id) if ring.find(key_id).is_none() => {
                    return Err(Error::Encrypted { path, key_id });
                }
                None if ring.is_only_encrypted() => return Err(Error::Plaintext { path }),
                _ => {}
            }
        }
        self.lead(queue, |writer| writer.replace_keys(ring), |_| {})
    }

    /// Takes a key out of the ring that no segment needs; `false` when it is not in it.
    pub(crate) fn retire_key(&self, dir: &LogDir, key_id: KeyId) -> Result<bool> {
        let _doomed = self.doomed.lock();
        let ring = dir.keys.ring();
        let queue = self.lock_open_and_unled()?;
        let Some(ring) = ring.filter(|ring| ring.find(key_id).is_some()) else {
            return Ok(false);
        };
        let in_use = |segment| Err(Error::KeyInUse { key_id, segment });
        if ring.current().id() == key_id {
            return in_use(dir.path.clone());
        }
        for entry in queue.catalog.entries() {
            if entry.segment.header.key_id == Some(key_id) {
                return in_use(entry.segment.path.clone());
            }
        }
        let retire = |writer: &mut Writer| writer.replace_keys(ring.without(key_id));
        self.lead(queue, retire, |_| {})?;
        Ok(true)
    }

    /// The keys of the segments, in their order, and some more than once.
    pub(crate) fn segment_keys(&self) -> Vec<KeyId> {
        let queue = self.queue.lock();
        let keys = queue
            .catalog
            .entries()
            .filter_map(|entry| entry.segment.header.key_id);
        keys.collect()
    }

    /// Lets `copy` replace each segment before the active one that is not under the current key,
    /// the latest first, so that nothing in plain ever stands behind it. No truncation comes in
    /// between a copy and its place in the catalog, and no other change of keys.
    pub(crate) fn replace_segments(
        &self,
        dir: &LogDir,
        mut copy: impl FnMut(&Entry, &SegmentHeader) -> Result<(Segment, u64)>,
    ) -> Result<()> {
        let is_encrypted = dir.keys.current().is_some();
        let queue = self.lock_open_and_unled()?;
        if !is_encrypted {
            return Ok(());
        }
        // Looked at only now: nothing in plain comes behind these any more.
        let ids = queue.catalog.segment_ids();
        drop(queue);
        for id in ids.into_iter().rev() {
            let _doomed = self.doomed.lock();
            let current = dir.keys.current();
            let mut queue = self.lock_open_and_unled()?;
            let is_due = |entry: &Entry| {
                let header = &entry.segment.header;
                header.segment_id == id && header.key_id != current
            };
            if !queue.catalog.entries().any(is_due) {
                continue;
            }
            if queue.catalog.next_of(id).is_none() {
                // So that there is one behind it, which says where it ends.
                self.lead(queue, Writer::see_to_active, |_| {})?;
                queue = self.lock_open()?;
            }
            let entry = queue.catalog.entries().find(|entry| is_due(entry)).cloned();
            let next = queue.catalog.next_of(id).map(|next| next.segment.header);
            let (entry, next) = entry
                .zip(next)
                .expect("it was just there, and now has one behind it");
            drop(queue);
            let (segment, file_bytes) = copy(&entry, &next)?;
            let mut queue = self.lock_open()?;
            queue.catalog.replace(Arc::new(segment), file_bytes);
        }
        Ok(())
    }
}
