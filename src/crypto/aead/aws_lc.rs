//! AES-256-GCM by the crate `aws-lc-rs`. What it frees, keys among it, it wipes.
// Source: OPENSSL_free in crypto/mem.c of AWS-LC.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{NONCE_BYTES, TAG_BYTES};
use crate::crypto::KEY_BYTES;

/// A key, ready for use.
pub(crate) struct AwsLc {
    key: LessSafeKey,
}

impl AwsLc {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> AwsLc {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes");
        AwsLc {
            key: LessSafeKey::new(key),
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
        sealed.copy_from_slice(body);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(bound), sealed);
        // Source: NIST SP 800-38D, section 5.2.1.1: at most 64 GiB.
        let tag = tag.expect("a body is at most 64 MiB");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
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
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .open_separate_gather(nonce, Aad::from(bound), ciphertext, tag, body)
            .is_ok()
    }
}
