//! A piece of a file in memory, which moves along with whoever reads.
//!
//! A read error is an error, never the end of the file. Nothing is allocated on the word of a length
//! that goes beyond the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::transfer::read_full;
use crate::env::vfs::File;
use crate::error::{Error, Result};

/// Files are read in pieces of at least this many bytes: large enough that a call costs
/// little, small enough that a streaming replay stays small.
const READ_BYTES: u64 = 256 << 10;

/// A window on a file.
pub(crate) struct Window {
    file: Arc<dyn File>,
    path: PathBuf,
    // The file's length when the window was made; what is appended later is not looked at.
    file_bytes: u64,
    // A piece of the file, from `start` on.
    bytes: Vec<u8>,
    start: u64,
    // How much is read at one go.
    ahead: u64,
    // Where it is not read ahead any more.
    limit: u64,
}

impl Window {
    pub(crate) fn new(file: Arc<dyn File>, path: &Path) -> Result<Window> {
        let file_bytes = file.len().map_err(Error::io("measure", path))?;
        Ok(Window {
            file,
            path: path.to_owned(),
            file_bytes,
            bytes: Vec::new(),
            start: 0,
            ahead: READ_BYTES,
            limit: u64::MAX,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Looks at the file anew: it may have grown, and what was read of its end, while it was
    /// being written, may be of no worth.
    ///
    /// # Errors
    /// When the file can't be measured.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        self.bytes.clear();
        self.ahead = READ_BYTES;
        self.file_bytes = self.file.len().map_err(Error::io("measure", &self.path))?;
        Ok(())
    }

    /// Reads nothing ahead from this offset on: what is there is of no use yet.
    pub(crate) fn read_ahead_up_to(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Gets the bytes `offset..offset + len` into the window; `false` when the file is shorter.
    pub(crate) fn fill(&mut self, offset: u64, len: u64) -> Result<bool> {
        if offset + len > self.file_bytes {
            return Ok(false);
        }
        let end = self.start + self.bytes.len() as u64;
        if offset >= self.start && offset + len <= end {
            return Ok(true);
        }
        // As much as was needed before is needed again: frames are much alike.
        self.ahead = self.ahead.max(len);
        let limit = self.limit.max(offset + len).min(self.file_bytes);
        let wanted = self.ahead.min(limit - offset) as usize;
        let held = match offset >= self.start && offset < end {
            true => {
                let from = (offset - self.start) as usize;
                self.bytes.copy_within(from.., 0);
                self.bytes.len() - from
            }
            false => 0,
        };
        self.bytes.resize(wanted, 0);
        self.start = offset;
        let count = read_full(&*self.file, offset + held as u64, &mut self.bytes[held..]);
        let count = count.inspect_err(|_| self.bytes.clear());
        let count = held + count.map_err(Error::io("read", &self.path))?;
        self.bytes.truncate(count);
        Ok(count as u64 >= len)
    }

    /// The bytes that [`Window::fill`] has got last, or a part of them.
    pub(crate) fn held(&self, offset: u64, len: u64) -> &[u8] {
        let from = (offset - self.start) as usize;
        &self.bytes[from..from + len as usize]
    }

    /// The bytes `offset..offset + len`, or fewer where the file ends before.
    pub(crate) fn at(&mut self, offset: u64, len: u64) -> Result<&[u8]> {
        let len = len.min(self.file_bytes.saturating_sub(offset));
        Ok(match self.fill(offset, len)? {
            true if len > 0 => self.held(offset, len),
            // The file has become shorter meanwhile: what was read of it is not used.
            _ => &[],
        })
    }

    /// The first byte in `from..to` that is not zero, if the file has one there.
    pub(crate) fn nonzero_within(&mut self, from: u64, to: u64) -> Result<Option<u64>> {
        let mut at = from;
        while at < to.min(self.file_bytes) {
            let len = READ_BYTES.min(to.min(self.file_bytes) - at);
            if !self.fill(at, len)? {
                break; // The file has become shorter meanwhile.
            }
            let nonzero = self.held(at, len).iter().position(|&byte| byte != 0);
            if let Some(index) = nonzero {
                return Ok(Some(at + index as u64));
            }
            at += len;
        }
        Ok(None)
    }
}
