//! The floor's encryption: AES-256-GCM, each batch sealed as one, batches numbered for their nonces.

use std::path::Path;

use anyhow::{Result, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// The tag behind what was sealed.
pub const TAG_BYTES: usize = 16;

/// A key and the number of the next batch.
pub struct Sealer {
    key: LessSafeKey,
    next: u64,
}

impl Sealer {
    /// The key is in a file.
    pub fn new(key: &Path) -> Result<Sealer> {
        let key = UnboundKey::new(&AES_256_GCM, &std::fs::read(key)?);
        Ok(Sealer {
            key: LessSafeKey::new(key.map_err(|_| anyhow!("not a key"))?),
            next: 0,
        })
    }

    /// Encrypts all but the last bytes in place, which become the tag.
    pub fn seal(&mut self, bytes: &mut [u8]) -> Result<()> {
        let nonce = self.nonce();
        let (text, tag) = bytes.split_at_mut(bytes.len() - TAG_BYTES);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::empty(), text);
        tag.copy_from_slice(sealed.map_err(|_| anyhow!("not sealed"))?.as_ref());
        Ok(())
    }

    /// Decrypts in place what [`Sealer::seal`] made, in the same order.
    pub fn open<'b>(&mut self, bytes: &'b mut [u8]) -> Result<&'b [u8]> {
        let nonce = self.nonce();
        let opened = self.key.open_in_place(nonce, Aad::empty(), bytes);
        Ok(opened.map_err(|_| anyhow!("not authentic"))?)
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.next.to_le_bytes());
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}
