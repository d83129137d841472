//! The verbs of an encrypted log: opening it, changing its keys.

use std::path::Path;

use super::WalManager;
use crate::config::WalConfig;
use crate::crypto::{KeyId, KeyRing, WalEncryptionKey};
use crate::env::Env;
use crate::error::Result;
use crate::rotation::{Reencrypted, reencrypt};

impl WalManager {
    /// As [`WalManager::open`], with an AES-256-GCM key from a file of exactly 32 raw bytes.
    ///
    /// All that is written from now on is encrypted: payloads, types, tenants, shards and the names
    /// of holds. LSNs and lengths are not.
    ///
    /// | the log is | and the key is | then |
    /// | --- | --- | --- |
    /// | new | any | it is encrypted from its first record on |
    /// | encrypted | one that its segments need | it opens |
    /// | encrypted | missing, or another one | [`Error::Encrypted`], which names the id of the key |
    /// | in plain | any | it opens, and is encrypted from here on; what is there stays in plain until [`WalManager::reencrypt`], and readable. A ring with [`KeyRing::only_encrypted`] refuses it |
    ///
    /// The plain opens ([`WalManager::open`] and its kin) refuse an encrypted log. Nothing is ever
    /// written with a key that does not fit.
    ///
    /// [`Error::Encrypted`]: crate::Error::Encrypted
    ///
    /// # Errors
    /// As [`WalManager::open`], and as [`WalEncryptionKey::from_file`].
    pub fn open_encrypted(path: &Path, use_direct_io: bool, key_path: &Path) -> Result<WalManager> {
        let ring = KeyRing::new(WalEncryptionKey::from_file(key_path)?);
        open_with(path, use_direct_io, ring)
    }

    /// As [`WalManager::open_encrypted`] during a rotation: records are written with the current key,
    /// and those written with the previous one stay readable. For more keys than two there is
    /// [`WalManager::open_in`].
    ///
    /// # Errors
    /// As [`WalManager::open_encrypted`].
    pub fn open_encrypted_rotating(
        path: &Path,
        use_direct_io: bool,
        current_key_path: &Path,
        previous_key_path: &Path,
    ) -> Result<WalManager> {
        let ring = KeyRing::new(WalEncryptionKey::from_file(current_key_path)?)
            .with_previous(WalEncryptionKey::from_file(previous_key_path)?);
        open_with(path, use_direct_io, ring)
    }

    /// Encrypts all records appended after this call with the key in a file, while others go on
    /// appending. The keys so far stay in the ring: what they have sealed stays readable. In a plain
    /// log encryption begins.
    ///
    /// From now on the log needs this key and all those that [`WalManager::needed_keys`] names. After
    /// a crash during this call, either ring opens it: the one from before may lack the new key
    /// only until something was appended behind it. So keep both, and open with
    /// [`WalManager::open_encrypted_rotating`].
    ///
    /// # Errors
    /// As [`WalEncryptionKey::from_file`] and [`WalManager::sync`]. After an error that is not final
    /// the keys are what they were. A full disk is none: what is queued is written under the new key.
    pub fn rotate_key(&self, new_key_path: &Path) -> Result<()> {
        self.rotate_key_to(WalEncryptionKey::from_file_in(&self.dir.env, new_key_path)?)
    }

    /// As [`WalManager::rotate_key`], with a key that is at hand.
    ///
    /// # Errors
    /// As [`WalManager::rotate_key`].
    pub fn rotate_key_to(&self, new_key: WalEncryptionKey) -> Result<()> {
        let id = new_key.id();
        self.committer.change_keys(&self.dir, |ring| match ring {
            None => KeyRing::new(new_key),
            Some(ring) => ring.rotated(new_key),
        })?;
        tracing::info!(key = %id, "rotated the key");
        Ok(())
    }

    /// The key that new records are encrypted with; `None` for a plain log.
    pub fn encryption_key(&self) -> Option<WalEncryptionKey> {
        self.encryption_ring().map(|ring| ring.current().clone())
    }

    /// All keys in use; `None` for a plain log.
    pub fn encryption_ring(&self) -> Option<KeyRing> {
        self.dir.keys.ring()
    }

    /// Replaces the ring. When its current key is another one, that is a rotation.
    ///
    /// # Errors
    /// [`Error::Encrypted`] when it lacks a key that the log needs; as [`WalManager::rotate_key`].
    ///
    /// [`Error::Encrypted`]: crate::Error::Encrypted
    pub fn set_encryption_ring(&mut self, ring: KeyRing) -> Result<()> {
        self.committer.change_keys(&self.dir, |_| ring)
    }

    /// The keys that the log's segments need, and the current one: with these, and no others, it
    /// opens. A key that is not among them may be destroyed.
    ///
    /// It tells of this moment: a key that a rotation beside it makes the current one may be missing.
    ///
    /// The key of a segment that a truncation has dropped, or that was encrypted anew, is none of
    /// them, even if a crash brings its file back.
    pub fn needed_keys(&self) -> Vec<KeyId> {
        let mut keys: Vec<KeyId> = self.committer.segment_keys();
        keys.extend(self.dir.keys.current());
        keys.sort();
        keys.dedup();
        keys
    }

    /// Takes a key out of the ring that nothing needs any more; `false` when it is not in it.
    /// Afterwards it may be destroyed.
    ///
    /// # Errors
    /// [`Error::KeyInUse`] for one of [`WalManager::needed_keys`]; [`Error::Poisoned`] and
    /// [`Error::Closed`].
    ///
    /// [`Error::KeyInUse`]: crate::Error::KeyInUse
    /// [`Error::Poisoned`]: crate::Error::Poisoned
    /// [`Error::Closed`]: crate::Error::Closed
    pub fn retire_key(&self, key_id: KeyId) -> Result<bool> {
        self.committer.retire_key(&self.dir, key_id)
    }

    /// Encrypts all segments that are in plain, or under another key than the current one, anew under
    /// the current one, the latest first, while others go on appending and reading. What was done is
    /// durable on return, and stays done if another segment fails. Each segment needs as much space
    /// again while it is copied; for so long a truncation or a change of keys waits. In a plain log
    /// there is nothing to do.
    ///
    /// After it, in a log that was in plain before, open with [`KeyRing::only_encrypted`].
    ///
    /// # Errors
    /// [`Error::Full`] when there is no space for the copy of a segment; [`Error::Corrupt`] when one
    /// can't be read: what was done until then stays. [`Error::Poisoned`], [`Error::Closed`].
    ///
    /// [`Error::Full`]: crate::Error::Full
    /// [`Error::Corrupt`]: crate::Error::Corrupt
    /// [`Error::Poisoned`]: crate::Error::Poisoned
    /// [`Error::Closed`]: crate::Error::Closed
    pub fn reencrypt(&self) -> Result<Reencrypted> {
        reencrypt(&self.dir, &self.committer)
    }
}

fn open_with(path: &Path, use_direct_io: bool, ring: KeyRing) -> Result<WalManager> {
    let config = WalConfig {
        use_direct_io,
        ..WalConfig::default()
    };
    WalManager::open_in(Env::os(), path, config, Some(ring))
}
