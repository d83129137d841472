//! The keys that a log is read and written with.

use super::{KeyId, WalEncryptionKey};

/// The keys of a log: the current one, which all new records are sealed with, and any number of
/// previous ones, which older segments are read with.
///
/// Cloning is cheap, and all clones share the keys' bytes.
#[derive(Clone, Debug)]
pub struct KeyRing {
    // The first one is the current one. No two have the same id.
    keys: Vec<WalEncryptionKey>,
    is_strict: bool,
}

impl KeyRing {
    /// A ring with one key.
    pub fn new(current: WalEncryptionKey) -> KeyRing {
        KeyRing {
            keys: vec![current],
            is_strict: false,
        }
    }

    /// The same ring with one more key to read with.
    pub fn with_previous(mut self, previous: WalEncryptionKey) -> KeyRing {
        if self.find(previous.id()).is_none() {
            self.keys.push(previous);
        }
        self
    }

    /// The same ring, with which a log that has any segment in plain is refused.
    ///
    /// Without it a log that was plain once can be opened with a key: it is encrypted from then on,
    /// and its plain segments stay readable. In an encrypted log nothing plain is accepted either
    /// way; but only this notices when the whole directory is replaced by a plain one, or when what
    /// was in plain once, and was encrypted anew, is put back in plain. So use it as soon as nothing
    /// is in plain any more.
    pub fn only_encrypted(mut self) -> KeyRing {
        self.is_strict = true;
        self
    }

    /// The key that new records are sealed with.
    pub fn current(&self) -> &WalEncryptionKey {
        &self.keys[0]
    }

    /// All keys, the current one first, then the previous ones, the latest first.
    pub fn keys(&self) -> impl Iterator<Item = &WalEncryptionKey> {
        self.keys.iter()
    }

    /// The key with this id.
    pub fn find(&self, id: KeyId) -> Option<&WalEncryptionKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// Whether plain segments are refused.
    pub fn is_only_encrypted(&self) -> bool {
        self.is_strict
    }

    /// The same ring with another current key; the one so far becomes a previous one.
    pub(crate) fn rotated(mut self, current: WalEncryptionKey) -> KeyRing {
        self.keys.retain(|key| key.id() != current.id());
        self.keys.insert(0, current);
        self
    }

    /// The same ring without one of its previous keys.
    pub(crate) fn without(mut self, id: KeyId) -> KeyRing {
        assert_ne!(self.current().id(), id, "the current key stays");
        self.keys.retain(|key| key.id() != id);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> WalEncryptionKey {
        WalEncryptionKey::from_bytes(&[number; 32])
    }

    fn ids(ring: &KeyRing) -> Vec<KeyId> {
        ring.keys().map(WalEncryptionKey::id).collect()
    }

    #[test]
    fn a_rotation_keeps_the_previous_keys() {
        let ring = KeyRing::new(key(1)).rotated(key(2)).rotated(key(3));
        assert_eq!(ids(&ring), [key(3).id(), key(2).id(), key(1).id()]);
        let back = ring.rotated(key(1));
        assert_eq!(ids(&back), [key(1).id(), key(3).id(), key(2).id()]);
        assert_eq!(ids(&back.without(key(3).id())).len(), 2);
    }

    #[test]
    fn a_key_is_in_a_ring_once() {
        let ring = KeyRing::new(key(1)).with_previous(key(1));
        assert_eq!(ids(&ring), [key(1).id()]);
    }
}
