//! AES-256-GCM by the crate `aes-gcm`, which wipes its key when dropped.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};

use super::{NONCE_BYTES, TAG_BYTES};
use crate::crypto::KEY_BYTES;

/// A key, ready for use.
pub(crate) struct RustCrypto {
    cipher: Aes256Gcm,
}

impl RustCrypto {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> RustCrypto {
        RustCrypto {
            cipher: Aes256Gcm::new(key.into()),
        }
    }

    /// Seals `body` into `sealed`, of the same length; returns the tag.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        body: &[u8],
        sealed: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let bytes = InOutBuf::new(body, sealed).expect("both have the same length");
        let tag = self
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), bound, bytes);
        // Source: NIST SP 800-38D, section 5.2.1.1: at most 64 GiB.
        tag.expect("a body is at most 64 MiB").into()
    }

    /// Opens what was sealed, with its tag behind it, into `body`; `false`, with nothing of worth
    /// in it, when it is not what was sealed with this key, nonce and bound data.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        sealed: &[u8],
        body: &mut [u8],
    ) -> bool {
        let (ciphertext, tag) = sealed.split_at(body.len());
        let bytes = InOutBuf::new(ciphertext, body).expect("both have the same length");
        let tag: [u8; TAG_BYTES] = tag.try_into().expect("callers hand over a whole tag");
        let cipher = &self.cipher;
        cipher
            .decrypt_inout_detached(&Nonce::from(nonce), bound, bytes, &Tag::from(tag))
            .is_ok()
    }
}
