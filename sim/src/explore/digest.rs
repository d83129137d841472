//! A digest of 64 bits, to know again what was seen before.
//!
//! It is the same in every process. Two different things have the same digest with a chance of
//! 2^-64: of ten million things no two have it, but for a chance of one in four hundred thousand.

use std::hash::Hasher;

/// Words are multiplied by this, and both halves of the product folded: each bit of the word then
/// reaches all bits. Any odd number without a pattern will do.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A digest in the making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn new() -> Digest {
        Digest(FACTOR)
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
        let mut digest = Digest::new();
        digest.write(bytes);
        digest.finish()
    }

    pub(crate) fn of_words(words: &[u64]) -> u64 {
        let mut digest = Digest::new();
        words.iter().for_each(|&word| digest.word(word));
        digest.finish()
    }

    pub(crate) fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        // Without the rotation, words that make the factor vanish would wipe out what was before.
        self.0 = (product as u64 ^ (product >> 64) as u64).wrapping_add(self.0.rotate_left(29));
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }

    fn finish(&self) -> u64 {
        let mut last = *self;
        last.word(FACTOR.rotate_left(32));
        last.0
    }
}

/// A map by digests, or by words that are as good. Nobody walks through it, so its order, which is
/// the same in every process, too, does not matter.
#[allow(clippy::disallowed_types)] // See above; it is looked up a million times a second.
pub(crate) type Seen<V> = std::collections::HashMap<u64, V, AsItIs>;

/// Takes a digest for its own hash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsItIs;

impl std::hash::BuildHasher for AsItIs {
    type Hasher = Itself;

    fn build_hasher(&self) -> Itself {
        Itself(0)
    }
}

/// The last word that was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Itself(u64);

impl Hasher for Itself {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only words are looked up");
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_has_another_digest() {
        let texts: [&[u8]; 6] = [
            b"",
            b"\0",
            b"\0\0",
            b"12345678",
            b"123456789",
            b"12345678\0",
        ];
        for (place, one) in texts.iter().enumerate() {
            for other in &texts[..place] {
                assert_ne!(Digest::of_bytes(one), Digest::of_bytes(other));
            }
        }
        assert_eq!(Digest::of_bytes(b"abc"), Digest::of_bytes(b"abc"));
    }
}
