//! The ledger's entries: which message each nonce of a segment's key has met, and how many there are.

use super::keys::SegmentKeys;
use super::layout::TAG_BYTES;

/// What a ledger has in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Different pairs of key and nonce.
    pub nonces: u64,
    /// Frames opened: more than that, where frames were written again.
    pub frames: u64,
    /// Headers checked.
    pub headers: u64,
    /// Bytes scanned for canaries as they were handed over.
    pub scanned: u64,
    /// Bytes scanned on the disk itself.
    pub scanned_on_disk: u64,
}

impl Size {
    /// Adds another's.
    pub fn add(&mut self, other: &Size) {
        self.nonces += other.nonces;
        self.frames += other.frames;
        self.headers += other.headers;
        self.scanned += other.scanned;
        self.scanned_on_disk += other.scanned_on_disk;
    }
}

/// One segment under one key. Its identity determines the derived key.
pub(super) struct Segment {
    pub(super) keys: SegmentKeys,
    /// Whether a sync has covered a header with its salt.
    pub(super) is_durable: bool,
    /// A digest of the message, by the nonce's counter: GCM's tag is one, since for one key and
    /// nonce it is a polynomial of ciphertext and authenticated data at a secret point, and it was
    /// proven here to be that. Two messages have the same one with a chance of 2^-100 or so.
    /// In the order of counters.
    pub(super) messages: Vec<(u64, [u8; TAG_BYTES])>,
}

impl Segment {
    /// Enters a message; returns the one that is there, if one is.
    pub(super) fn enter(&mut self, counter: u64, tag: [u8; TAG_BYTES]) -> Option<[u8; TAG_BYTES]> {
        // Nearly always it is the highest one so far.
        let above = self
            .messages
            .iter()
            .rev()
            .take_while(|known| known.0 > counter);
        let at = self.messages.len() - above.count();
        match at.checked_sub(1).map(|below| self.messages[below]) {
            Some((known, message)) if known == counter => Some(message),
            _ => {
                self.messages.insert(at, (counter, tag));
                None
            }
        }
    }
}
