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

    /// How a segment that was found can be read, once its key has proven the header.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a header that its key does not prove.
    pub(crate) fn unlock(&self, header: &SegmentHeader, path: &Path) -> Result<Access> {
        let ring = self.ring.lock();
        let Some(id) = header.key_id else {
            return Ok(
                match ring.as_ref().is_some_and(KeyRing::is_only_encrypted) {
                    false => Access::Plain,
                    true => Access::Forbidden,
                },
            );
        };
        let Some(master) = ring.as_ref().and_then(|ring| ring.find(id)) else {
            return Ok(Access::Locked(id));
        };
        let key = SegmentKey::derive(master, &header.identity());
        match header.is_checked_by(&key) {
            true => Ok(Access::Sealed(Arc::new(key))),
            false => Err(Error::Corrupt {
                segment: path.to_owned(),
                offset: 0,
                lsn: header.first_lsn,
                why: "the header is not authentic",
            }),
        }
    }
}

/// How a segment can be read.
///
/// One that can't be may be there all the same: it is no longer part of the log, but a crash has
/// brought its file back, when its key was gone already. So it is asked for only where a segment
/// is read, or linked to another one.
#[derive(Debug)]
pub(crate) enum Access {
    /// It is in plain.
    Plain,
    /// It is in plain, which the ring forbids.
    Forbidden,
    /// With this key.
    Sealed(Arc<SegmentKey>),
    /// It needs a key that is not there.
    Locked(KeyId),
}

impl Access {
    /// That of a segment in the making.
    pub(crate) fn of_new(key: Option<&Arc<SegmentKey>>) -> Access {
        key.map_or(Access::Plain, |key| Access::Sealed(Arc::clone(key)))
    }

    /// The key to read it with, if it is sealed.
    ///
    /// # Errors
    /// [`Error::Encrypted`] and [`Error::Plaintext`].
    pub(crate) fn key(&self, path: &Path) -> Result<Option<&Arc<SegmentKey>>> {
        match self {
            Access::Plain => Ok(None),
            Access::Sealed(key) => Ok(Some(key)),
            Access::Forbidden => Err(Error::Plaintext {
                path: path.to_owned(),
            }),
            Access::Locked(key_id) => Err(Error::Encrypted {
                path: path.to_owned(),
                key_id: *key_id,
            }),
        }
    }
}
