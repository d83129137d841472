//! Bytes at an address that direct I/O accepts.

/// Every buffer starts at a multiple of this, which satisfies direct I/O on every known device.
pub(crate) const MEMORY_ALIGNMENT: usize = 4096;

/// A growable run of bytes that starts at a multiple of [`MEMORY_ALIGNMENT`].
///
/// The alignment is found within a larger ordinary vector, so nothing here is unsafe.
pub(crate) struct AlignedBytes {
    storage: Vec<u8>,
    start: usize,
}

impl AlignedBytes {
    /// No bytes, and no memory for any.
    pub(crate) fn empty() -> AlignedBytes {
        AlignedBytes {
            storage: Vec::new(),
            start: 0,
        }
    }

    /// At least `len` zeros.
    pub(crate) fn zeroed(len: usize) -> AlignedBytes {
        let storage = vec![0; len + MEMORY_ALIGNMENT];
        let start = storage.as_ptr().align_offset(MEMORY_ALIGNMENT);
        assert!(start < MEMORY_ALIGNMENT, "bytes can be aligned to anything");
        AlignedBytes { storage, start }
    }

    /// How many bytes there are room for.
    pub(crate) fn len(&self) -> usize {
        self.storage.len() - self.start
    }

    /// Makes room for `len` bytes; the first `keep` keep their values.
    pub(crate) fn grow(&mut self, len: usize, keep: usize) {
        if len > self.len() {
            let mut grown = AlignedBytes::zeroed(len.max(2 * self.len()));
            grown.first_mut(keep).copy_from_slice(self.first(keep));
            *self = grown;
        }
    }

    /// The first `len` bytes.
    pub(crate) fn first(&self, len: usize) -> &[u8] {
        &self.storage[self.start..self.start + len]
    }

    /// The first `len` bytes, to be changed.
    pub(crate) fn first_mut(&mut self, len: usize) -> &mut [u8] {
        &mut self.storage[self.start..self.start + len]
    }
}
