//! Randomness for what must be unique: log ids and segment salts.

use std::io;

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// When the source can't be read; nothing may then be created under the half-filled bytes.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}
