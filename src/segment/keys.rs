//! Which keys the log has, and which of them a segment needs.

use std::path::Path;
use std::sync::Arc;

use crate::crypto::{KeyId, KeyRing, SegmentKey};
use crate::env::sync::Mutex;
use crate::error::{Error, Result};
use crate::format::header::SegmentHeader;

/// The log's keys, shared by its writer and its readers; none for a log that is not encrypted.
pub(crate) struct Keys {
    ring: Mutex<Option<KeyRing>>,
}

impl Keys {
    pub(crate) fn new(ring: Option<KeyRing>) -> Keys {
        Keys {
            ring: Mutex::new(ring),
        }
    }

    /// The ring as it is now.
    pub(crate) fn ring(&self) -> Option<KeyRing> {
        self.ring.lock().clone()
    }

    /// Replaces the ring. Only in a writer's turn, and with no segment open that was made with
    /// another current key.
    pub(crate) fn replace(&self, ring: KeyRing) {
        *self.ring.lock() = Some(ring);
    }

    /// The key that new segments are sealed with.
    pub(crate) fn current(&self) -> Option<KeyId> {
        self.ring.lock().as_ref().map(|ring| ring.current().id())
    }

    /// The key of a segment in the making.
    pub(crate) fn for_new(&self, header: &SegmentHeader) -> Option<SegmentKey> {
        let ring = self.ring.lock();
        let id = header.key_id?;
        let master = ring.as_ref().and_then(|ring| ring.find(id));
        let master = master.expect("its header was made with the current key");
        Some(SegmentKey::derive(master, &header.identity()))
    }

    /// The key of a segment that was found, once it has proven the header; `None` for a plain one,
    /// and where no key fits: see [`need`].
    ///
    /// # Errors
    /// [`Error::Plaintext`] for a plain segment with a ring that forbids it; [`Error::Corrupt`] for
    /// a header that the key does not prove.
    pub(crate) fn unlock(
        &self,
        header: &SegmentHeader,
        path: &Path,
    ) -> Result<Option<Arc<SegmentKey>>> {
        let ring = self.ring.lock();
        let Some(id) = header.key_id else {
            return match ring.as_ref().is_some_and(KeyRing::is_only_encrypted) {
                false => Ok(None),
                true => Err(Error::Plaintext {
                    path: path.to_owned(),
                }),
            };
        };
        let Some(master) = ring.as_ref().and_then(|ring| ring.find(id)) else {
            return Ok(None);
        };
        let key = SegmentKey::derive(master, &header.identity());
        match header.is_checked_by(&key) {
            true => Ok(Some(Arc::new(key))),
            false => Err(Error::Corrupt {
                segment: path.to_owned(),
                offset: 0,
                lsn: header.first_lsn,
                why: "the header is not authentic",
            }),
        }
    }
}

/// The key that a segment has to be read with, if it is encrypted.
///
/// A segment that is no longer part of the log may be there without its key: one that was retired
/// before the segment's file was gone for good. So this is asked of those that are.
///
/// # Errors
/// [`Error::Encrypted`] when it is not there.
pub(crate) fn need<'a>(
    header: &SegmentHeader,
    key: Option<&'a Arc<SegmentKey>>,
    path: &Path,
) -> Result<Option<&'a Arc<SegmentKey>>> {
    match (header.key_id, key) {
        (Some(key_id), None) => Err(Error::Encrypted {
            path: path.to_owned(),
            key_id,
        }),
        (_, key) => Ok(key),
    }
}
