//! Opening records of the legacy format, which a migration reads.

use super::WalEncryptionKey;
use super::aead::{Aead, NONCE_BYTES, TAG_BYTES};

/// Opens a record's payload, ciphertext and tag; `false`, and `payload` unchanged, when
/// it was not sealed with this key and these authenticated data.
// Source: the legacy format's description, "Encryption".
pub(crate) fn open_legacy(
    key: &WalEncryptionKey,
    nonce: &[u8; NONCE_BYTES],
    bound: &[u8],
    payload: &mut Vec<u8>,
) -> bool {
    let Some(opened_bytes) = payload.len().checked_sub(TAG_BYTES) else {
        return false;
    };
    let mut opened = vec![0; opened_bytes];
    let is_opened = Aead::new(key.bytes()).open(*nonce, bound, payload, &mut opened);
    if is_opened {
        *payload = opened;
    }
    is_opened
}
