//! The key hierarchy, derived a second time from the format's description.
// Source: src/format/format.md, "Encryption"; RFC 5869; NIST SP 800-38D.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

use super::layout::{CHECK_AT, CHECKED_BYTES, Identity, SealedFrame};
use crate::keyholder;

/// A master key with its id.
#[derive(Clone, Copy)]
pub struct Master {
    /// The number that headers know it by.
    pub id: u64,
    bytes: [u8; 32],
}

thread_local! {
    static MASTERS: RefCell<BTreeMap<u32, Master>> = const { RefCell::new(BTreeMap::new()) };
}

impl Master {
    /// The keyholder's key with this number.
    pub fn numbered(number: u32) -> Master {
        let make = || {
            let bytes = keyholder::key_bytes(number);
            let mut id = [0; 8];
            Hkdf::<Sha256>::new(None, &bytes)
                .expand(b"seawall key id", &mut id)
                .expect("a few bytes can be expanded");
            let id = u64::from_le_bytes(id).max(1);
            Master { id, bytes }
        };
        // The same few keys in every run.
        MASTERS.with_borrow_mut(|masters| *masters.entry(number).or_insert_with(make))
    }
}

/// The keys of one segment.
pub struct SegmentKeys {
    cipher: Aes256Gcm,
    check: [u8; 32],
}

impl SegmentKeys {
    /// Derives them.
    pub fn derive(master: &Master, identity: &Identity) -> SegmentKeys {
        let mut info = [0; 18 + 32];
        info[..18].copy_from_slice(b"seawall segment v1");
        info[18..34].copy_from_slice(&identity.log);
        info[34..42].copy_from_slice(&identity.number.to_le_bytes());
        info[42..].copy_from_slice(&identity.key_id.to_le_bytes());
        let mut derived = [0; 64];
        Hkdf::<Sha256>::new(Some(&identity.salt), &master.bytes)
            .expand(&info, &mut derived)
            .expect("64 bytes can be expanded");
        let (seal, check) = derived.split_at(32);
        SegmentKeys {
            cipher: Aes256Gcm::new_from_slice(seal).expect("32 bytes are a key"),
            check: check.try_into().expect("the other 32 bytes"),
        }
    }

    /// Whether a header's check value is what it has to be.
    pub fn is_checked(&self, header: &[u8]) -> bool {
        let mut bytes = [0; CHECKED_BYTES];
        bytes.copy_from_slice(&header[..CHECKED_BYTES]);
        bytes[CHECK_AT].fill(0);
        // Source: RFC 5869, section 2.2: the extraction is HMAC with the salt as its key.
        let (full, _) = Hkdf::<Sha256>::extract(Some(&self.check), &bytes);
        full[..CHECK_AT.len()] == header[CHECK_AT]
    }

    /// Whether a frame was sealed with these keys, as a frame of this segment. `scratch` is room
    /// for what was sealed.
    pub fn is_sealed(
        &self,
        frame: &SealedFrame<'_>,
        identity: &Identity,
        scratch: &mut Vec<u8>,
    ) -> bool {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&frame.counter.to_le_bytes());
        scratch.clear();
        scratch.extend_from_slice(frame.ciphertext);
        let bound = frame.bound_to(identity);
        let inout = scratch.as_mut_slice().into();
        let opened =
            self.cipher
                .decrypt_inout_detached(&nonce.into(), &bound, inout, &frame.tag.into());
        opened.is_ok()
    }
}
