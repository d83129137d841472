//! A master key, and the number that files know it by.

use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The length of a master key in bytes.
pub const KEY_BYTES: usize = 32;

/// The number of a master key, derived from it: every segment's header says by it which key its
/// records are sealed with. It tells nothing else of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

impl KeyId {
    /// The id as it stands in a segment's header, where 0 stands for none.
    pub fn from_number(number: u64) -> Option<KeyId> {
        (number != 0).then_some(KeyId(number))
    }

    /// The number as it stands in a segment's header.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A master key: 32 random bytes. Clones share them; they are wiped when the last one is dropped,
/// and no `Debug` shows them.
#[derive(Clone)]
pub struct WalEncryptionKey {
    bytes: Arc<Zeroizing<[u8; KEY_BYTES]>>,
    id: KeyId,
}

impl WalEncryptionKey {
    /// The key with these bytes, which should come from a source of cryptographic randomness.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> WalEncryptionKey {
        let mut number = [0; 8];
        expand(bytes, &[], &[b"seawall key id"], &mut number);
        WalEncryptionKey {
            bytes: Arc::new(Zeroizing::new(*bytes)),
            // 0 stands for no key.
            id: KeyId(u64::from_le_bytes(number).max(1)),
        }
    }

    /// The number that headers know it by.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for WalEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WalEncryptionKey({})", self.id)
    }
}

/// HKDF-SHA-256: `out` from a key, a salt, and a purpose told in parts.
pub(super) fn expand(key: &[u8; KEY_BYTES], salt: &[u8], purpose: &[&[u8]], out: &mut [u8]) {
    let expanded = Hkdf::<Sha256>::new(Some(salt), key).expand_multi_info(purpose, out);
    // Source: RFC 5869, section 2.3: at most 255 hashes of output.
    expanded.expect("a few bytes can be expanded");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_shows_a_key() {
        let key = WalEncryptionKey::from_bytes(&[0xAB; KEY_BYTES]);
        let shown = format!("{key:?} {:?}", crate::KeyRing::new(key.clone()));
        assert!(!shown.to_lowercase().contains("abab") && !shown.contains("171"));
        assert!(shown.contains(&key.id().to_string()));
    }

    #[test]
    fn keys_have_ids_of_their_own() {
        let one = WalEncryptionKey::from_bytes(&[1; KEY_BYTES]);
        let other = WalEncryptionKey::from_bytes(&[2; KEY_BYTES]);
        assert_ne!(one.id(), other.id());
        assert_eq!(one.id(), WalEncryptionKey::from_bytes(&[1; KEY_BYTES]).id());
    }

    // RFC 5869, appendix A.1, with a key of 32 bytes computed by another implementation of the RFC.
    #[test]
    fn hkdf_is_the_standard_one() {
        let mut out = [0; 42];
        let hkdf = Hkdf::<Sha256>::new(Some(&(0..13).collect::<Vec<u8>>()), &[0x0b; 22]);
        hkdf.expand(&(0xf0..0xfa).collect::<Vec<u8>>(), &mut out)
            .expect("a few bytes");
        assert_eq!(out[..8], [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a]);
    }
}
