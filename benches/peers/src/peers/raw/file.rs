//! The floor's file: filled beforehand, written from aligned memory, read in large pieces.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use anyhow::Result;

/// What direct I/O counts in.
pub const BLOCK_BYTES: usize = 4096;
/// How much is read, and filled, at once.
pub const PIECE_BYTES: usize = 1 << 20;

/// Writes zeros over the whole file, so that neither its blocks nor its length change later.
pub fn fill(path: &Path, bytes: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let zeros = vec![0; PIECE_BYTES];
    for _ in 0..bytes / PIECE_BYTES as u64 {
        file.write_all(&zeros)?;
    }
    Ok(file.sync_all()?)
}

/// A buffer that begins at a block's boundary in memory, as direct I/O asks for.
#[derive(Default)]
pub struct Aligned {
    bytes: Vec<u8>,
}

impl Aligned {
    /// So many bytes, with whatever is in them.
    pub fn slice(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() < bytes + BLOCK_BYTES {
            self.bytes = vec![0; bytes + BLOCK_BYTES];
        }
        let start = self.bytes.as_ptr().align_offset(BLOCK_BYTES);
        &mut self.bytes[start..start + bytes]
    }
}

/// Reads a file from front to back in large pieces, into one buffer.
pub struct Window {
    file: File,
    buffer: Vec<u8>,
    /// What of the buffer is not yet consumed.
    unread: Range<usize>,
    /// Where in the file that begins.
    offset: u64,
}

impl Window {
    /// At the file's beginning.
    pub fn new(file: File) -> Window {
        Window {
            file,
            buffer: vec![0; 3 * PIECE_BYTES],
            unread: 0..0,
            offset: 0,
        }
    }

    /// The next bytes, at most two pieces, which stay; zeros behind the end of the file.
    pub fn peek(&mut self, bytes: usize) -> Result<&mut [u8]> {
        while self.unread.len() < bytes {
            self.buffer.copy_within(self.unread.clone(), 0);
            let kept = self.unread.len();
            let place = self.offset + kept as u64;
            let free = &mut self.buffer[kept..kept + PIECE_BYTES];
            let read = rustix::io::pread(&self.file, &mut *free, place)?;
            free[read..].fill(0);
            self.unread = 0..kept + PIECE_BYTES;
        }
        let start = self.unread.start;
        Ok(&mut self.buffer[start..start + bytes])
    }

    /// Goes on behind so many bytes that were looked at.
    pub fn skip(&mut self, bytes: usize) {
        self.unread.start += bytes;
        self.offset += bytes as u64;
    }

    /// Goes on at the next block; `false` when one begins here.
    pub fn skip_to_block(&mut self) -> Result<bool> {
        let inside = self.offset as usize % BLOCK_BYTES;
        if inside > 0 {
            self.peek(BLOCK_BYTES - inside)?;
            self.skip(BLOCK_BYTES - inside);
        }
        Ok(inside > 0)
    }
}
