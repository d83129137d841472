//! Opening records of the legacy format, which a migration reads.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use super::WalEncryptionKey;
use super::segment::TAG_BYTES;

/// Opens a record's payload, ciphertext and tag, in place; `false`, and `payload` unchanged, when
/// it was not sealed with this key and these authenticated data.
// Source: the legacy format's description, "Encryption".
pub(crate) fn open_legacy(
    key: &WalEncryptionKey,
    nonce: &[u8; 12],
    bound: &[u8],
    payload: &mut Vec<u8>,
) -> bool {
    let Some((ciphertext, tag)) = payload.split_last_chunk::<TAG_BYTES>() else {
        return false;
    };
    let tag = Tag::from(*tag);
    let mut opened = ciphertext.to_vec();
    let cipher = Aes256Gcm::new_from_slice(key.bytes()).expect("a key of 32 bytes");
    let result =
        cipher.decrypt_inout_detached(&(*nonce).into(), bound, opened.as_mut_slice().into(), &tag);
    if result.is_ok() {
        *payload = opened;
    }
    result.is_ok()
}
