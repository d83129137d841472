//! The bytes of a file: a prefix in memory, and zeros from there to the length.
//!
//! So a file that was only extended costs nothing, however long it is. Holes inside the
//! prefix are stored as zeros. Clones share the prefix until one of them is changed: what readers see
//! and what is durable after a power cut, a disk and its forks and snapshots.

use std::sync::Arc;

/// The bytes of a file. `bytes` is never longer than `len`; what lies between is zeros.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    bytes: Arc<Vec<u8>>,
    len: u64,
    /// Whether somebody has looked at all bytes since one was changed.
    is_seen: bool,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The stored prefix; everything behind it is zeros.
    pub(super) fn stored(&self) -> &[u8] {
        &self.bytes
    }

    /// The same for who looks at all that is new: nothing where no byte was changed since.
    pub(super) fn unseen(&mut self) -> Option<&[u8]> {
        let is_seen = std::mem::replace(&mut self.is_seen, true);
        (!is_seen).then_some(self.stored())
    }

    /// The bytes, to change them.
    fn bytes_mut(&mut self) -> &mut Vec<u8> {
        self.is_seen = false;
        Arc::make_mut(&mut self.bytes)
    }

    /// Copies what is at `offset`, up to the end of the file; returns how much.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        if offset >= self.len {
            return 0;
        }
        let count = (self.len - offset).min(buf.len() as u64) as usize;
        self.copy(offset, &mut buf[..count]);
        count
    }

    /// Fills `buf` with what is at `offset`; zeros behind the end of the file.
    pub(super) fn copy(&self, offset: u64, buf: &mut [u8]) {
        let stored = self.bytes.get(offset as usize..).unwrap_or(&[]);
        let count = stored.len().min(buf.len());
        buf[..count].copy_from_slice(&stored[..count]);
        buf[count..].fill(0);
    }

    /// Puts bytes at `offset`, extending the file where they reach beyond its end.
    pub(super) fn put(&mut self, offset: u64, data: &[u8]) {
        let start = offset as usize;
        let end = start + data.len();
        let bytes = self.bytes_mut();
        if start == bytes.len() {
            bytes.extend_from_slice(data);
        } else {
            if end > bytes.len() {
                bytes.resize(end, 0);
            }
            bytes[start..end].copy_from_slice(data);
        }
        self.len = self.len.max(end as u64);
    }

    /// Zeros a range; the length stays.
    pub(super) fn zero(&mut self, from: u64, to: u64) {
        let stored = self.bytes.len() as u64;
        let from = from.min(stored) as usize;
        let to = to.min(stored) as usize;
        if from < to {
            self.bytes_mut()[from..to].fill(0);
        }
    }

    /// Sets the length: cuts what is behind it, or adds zeros.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.bytes.len() as u64 {
            self.bytes_mut().truncate(len as usize);
        }
        self.len = len;
        assert!(self.bytes.len() as u64 <= self.len);
    }

    /// Flips bits of a stored byte.
    pub(super) fn flip(&mut self, offset: u64, mask: u8) {
        self.bytes_mut()[offset as usize] ^= mask;
    }

    /// Whether it reads as these bytes.
    pub(super) fn equals(&self, bytes: &[u8]) -> bool {
        let (stored, zeros) = bytes.split_at(self.bytes.len().min(bytes.len()));
        self.len == bytes.len() as u64
            && *self.bytes == stored
            && zeros.iter().all(|&byte| byte == 0)
    }

    /// Whether both read the same.
    pub(super) fn reads_as(&self, other: &Content) -> bool {
        let common = self.bytes.len().min(other.bytes.len());
        let is_shared = Arc::ptr_eq(&self.bytes, &other.bytes);
        self.len == other.len && (is_shared || self.has_same_bytes(other, common))
    }

    fn has_same_bytes(&self, other: &Content, common: usize) -> bool {
        self.bytes[..common] == other.bytes[..common]
            && self.bytes[common..].iter().all(|&byte| byte == 0)
            && other.bytes[common..].iter().all(|&byte| byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_put_reads_as_zeros() {
        let mut content = Content::default();
        content.put(3, b"abc");
        content.set_len(10);
        let mut buf = [9; 12];
        assert_eq!(content.read(2, &mut buf), 8);
        assert_eq!(&buf[..8], b"\0abc\0\0\0\0");
        assert_eq!(content.read(10, &mut buf), 0);
    }

    #[test]
    fn a_cut_and_an_extension_leave_zeros() {
        let mut content = Content::default();
        content.put(0, b"abcdef");
        content.set_len(2);
        content.set_len(4);
        let mut buf = [9; 4];
        assert_eq!(content.read(0, &mut buf), 4);
        assert_eq!(&buf, b"ab\0\0");
    }

    #[test]
    fn equality_knows_that_the_rest_is_zeros() {
        let mut stored = Content::default();
        stored.put(0, b"a\0\0");
        let mut extended = Content::default();
        extended.put(0, b"a");
        assert!(!stored.reads_as(&extended));
        extended.set_len(3);
        assert!(stored.reads_as(&extended));
    }
}
