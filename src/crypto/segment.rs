//! The keys of one segment: sealing and opening its frames, checking its header.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::WalEncryptionKey;
use super::aead::{Aead, NONCE_BYTES, TAG_BYTES};
use super::master::{KEY_BYTES, expand};

/// The length of a header's check value in bytes: an HMAC cut to 128 bits.
pub const CHECK_BYTES: usize = 16;
/// What stands before a sealed body: the counter that its nonce is made of.
pub const COUNTER_BYTES: usize = 8;
/// How many bytes sealing adds to a body: the counter in front, and GCM's tag behind it.
pub const SEAL_BYTES: usize = COUNTER_BYTES + TAG_BYTES;

/// How often one key may seal.
// Source: NIST SP 800-38D, section 8.3: 2^32 invocations with one key. For nonces that are counted
// it would not have to be so few.
const SEALS_MAX: u64 = 1 << 32;
/// When the segment should be followed by another one: early enough for what is still to be
/// written to it.
const SEALS_ENOUGH: u64 = SEALS_MAX - (1 << 16);

/// What makes a segment's keys its own.
#[derive(Clone, Copy, Debug)]
pub struct SegmentIdentity {
    /// The log that it belongs to.
    pub log_id: [u8; 16],
    /// Its number.
    pub segment_id: u64,
    /// Its random salt.
    pub salt: [u8; 16],
}

/// The keys of one segment, ready for use. Wiped when dropped.
pub struct SegmentKey {
    cipher: Aead,
    check_key: Zeroizing<[u8; KEY_BYTES]>,
}

impl SegmentKey {
    /// Derives a segment's keys from a master key.
    pub fn derive(master: &WalEncryptionKey, segment: &SegmentIdentity) -> SegmentKey {
        let mut derived = Zeroizing::new([0; 2 * KEY_BYTES]);
        let purpose: [&[u8]; 4] = [
            b"seawall segment v1",
            &segment.log_id,
            &segment.segment_id.to_le_bytes(),
            &master.id().as_u64().to_le_bytes(),
        ];
        expand(master.bytes(), &segment.salt, &purpose, &mut *derived);
        let (cipher_key, check_key) = derived.split_first_chunk().expect("it has two keys");
        let mut own = Zeroizing::new([0; KEY_BYTES]);
        own.copy_from_slice(check_key);
        SegmentKey {
            cipher: Aead::new(cipher_key),
            check_key: own,
        }
    }

    /// The check value of these bytes of the segment's header.
    pub fn check(&self, header: &[u8]) -> [u8; CHECK_BYTES] {
        let full = self.mac(header).finalize().into_bytes();
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&full[..CHECK_BYTES]);
        check
    }

    /// Whether this is the check value of these bytes. It takes the same time for all wrong ones.
    pub fn is_check(&self, header: &[u8], check: &[u8; CHECK_BYTES]) -> bool {
        self.mac(header).verify_truncated_left(check).is_ok()
    }

    fn mac(&self, header: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.check_key);
        mac.expect("HMAC takes keys of any length")
            .chain_update(header)
    }

    /// Opens a sealed body into `body`, which is then what was sealed; `false`, and nothing in it,
    /// when it is not what was sealed with this key and these authenticated data.
    pub fn open(&self, bound: &[u8], sealed: &[u8], body: &mut Vec<u8>) -> bool {
        let Some(body_bytes) = sealed.len().checked_sub(SEAL_BYTES) else {
            body.clear();
            return false;
        };
        let (counter, rest) = sealed.split_first_chunk().expect("a seal is longer");
        // Whatever it holds is written over.
        body.resize(body_bytes, 0);
        let is_opened = self.cipher.open(nonce(*counter), bound, rest, body);
        if !is_opened {
            body.clear();
        }
        is_opened
    }
}

impl fmt::Debug for SegmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentKey")
    }
}

/// The nonce of a counter: 96 bits, of which the upper 32 are zero.
fn nonce(counter: [u8; COUNTER_BYTES]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..COUNTER_BYTES].copy_from_slice(&counter);
    nonce
}

/// Gives out the seals of one segment, each with a nonce of its own. There is one for a segment,
/// with whoever makes it, and it dies with it: nobody goes on counting in an old segment.
#[derive(Debug)]
pub struct Sealer {
    key: Arc<SegmentKey>,
    next: u64,
}

impl Sealer {
    /// The only sealer of a new segment.
    pub fn new(key: Arc<SegmentKey>) -> Sealer {
        Sealer { key, next: 0 }
    }

    pub(crate) fn key(&self) -> &Arc<SegmentKey> {
        &self.key
    }

    /// Whether the segment should take no more records: its key has sealed often enough.
    pub(crate) fn is_spent(&self) -> bool {
        self.next >= SEALS_ENOUGH
    }

    /// The next seal. Its nonce counts as used from now on, whatever becomes of it.
    ///
    /// # Panics
    /// When the key has sealed as often as it may, long after it is spent.
    #[allow(clippy::should_implement_trait)] // It is no iterator: it must not run dry unseen.
    pub fn next(&mut self) -> Seal {
        assert!(self.next < SEALS_MAX, "a key is replaced before it is worn");
        let counter = self.next;
        self.next += 1;
        Seal {
            key: Arc::clone(&self.key),
            counter,
        }
    }
}

/// Good for sealing once.
#[derive(Debug)]
pub struct Seal {
    key: Arc<SegmentKey>,
    counter: u64,
}

impl Seal {
    /// Seals `body`, bound to the other data given, into `sealed`, in one pass.
    ///
    /// # Panics
    /// Unless `sealed` is longer than `body` by [`SEAL_BYTES`].
    pub(crate) fn seal(self, bound: &[u8], body: &[u8], sealed: &mut [u8]) {
        assert_eq!(sealed.len(), body.len() + SEAL_BYTES);
        let counter = self.counter.to_le_bytes();
        let (front, rest) = sealed.split_at_mut(COUNTER_BYTES);
        let (ciphertext, back) = rest.split_at_mut(body.len());
        front.copy_from_slice(&counter);
        let cipher = &self.key.cipher;
        back.copy_from_slice(&cipher.seal(nonce(counter), bound, body, ciphertext));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(salt: u8) -> Arc<SegmentKey> {
        let segment = SegmentIdentity {
            log_id: [1; 16],
            segment_id: 2,
            salt: [salt; 16],
        };
        let master = WalEncryptionKey::from_bytes(&[7; KEY_BYTES]);
        Arc::new(SegmentKey::derive(&master, &segment))
    }

    fn seal(sealer: &mut Sealer, bound: &[u8], body: &[u8]) -> Vec<u8> {
        let mut sealed = vec![0; body.len() + SEAL_BYTES];
        sealer.next().seal(bound, body, &mut sealed);
        sealed
    }

    #[test]
    fn what_was_sealed_opens_and_nothing_else() {
        let mut sealer = Sealer::new(key(1));
        let sealed = seal(&mut sealer, b"place", b"secret");
        let mut body = Vec::new();
        assert!(key(1).open(b"place", &sealed, &mut body));
        assert_eq!(body, b"secret");
        assert!(!key(2).open(b"place", &sealed, &mut body));
        assert!(!key(1).open(b"elsewhere", &sealed, &mut body));
        assert!(body.is_empty());
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!key(1).open(b"place", &damaged, &mut body), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(!key(1).open(b"place", &sealed[..len], &mut body));
        }
    }

    #[test]
    fn no_two_seals_have_the_same_nonce() {
        let mut sealer = Sealer::new(key(1));
        let one = seal(&mut sealer, b"", b"secret");
        let other = seal(&mut sealer, b"", b"secret");
        assert_ne!(one[..COUNTER_BYTES], other[..COUNTER_BYTES]);
        assert_ne!(one[COUNTER_BYTES..], other[COUNTER_BYTES..]);
    }

    #[test]
    fn a_key_is_spent_long_before_it_is_worn() {
        let mut sealer = Sealer::new(key(1));
        sealer.next = SEALS_ENOUGH - 1;
        assert!(!sealer.is_spent());
        sealer.next();
        assert!(sealer.is_spent());
        seal(&mut sealer, b"", b"a footer");
    }

    #[test]
    #[should_panic(expected = "before it is worn")]
    fn a_worn_key_seals_no_more() {
        let mut sealer = Sealer::new(key(1));
        sealer.next = SEALS_MAX;
        sealer.next();
    }

    #[test]
    fn a_check_value_holds_for_its_bytes_only() {
        let check = key(1).check(b"header");
        assert!(key(1).is_check(b"header", &check));
        assert!(!key(1).is_check(b"Header", &check));
        assert!(!key(2).is_check(b"header", &check));
    }
}
