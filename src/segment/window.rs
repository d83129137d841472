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
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The bytes `offset..offset + len`, or fewer where the file ends before.
    pub(crate) fn at(&mut self, offset: u64, len: u64) -> Result<&[u8]> {
        let len = len.min(self.file_bytes.saturating_sub(offset));
        if len == 0 {
            return Ok(&[]);
        }
        if offset < self.start || offset + len > self.start + self.bytes.len() as u64 {
            self.load(offset, len)?;
        }
        let from = (offset - self.start) as usize;
        let to = (from + len as usize).min(self.bytes.len());
        Ok(&self.bytes[from..to])
    }

    fn load(&mut self, offset: u64, len: u64) -> Result<()> {
        let wanted = len.max(READ_BYTES).min(self.file_bytes - offset) as usize;
        self.bytes.resize(wanted, 0);
        self.start = offset;
        let count = read_full(&*self.file, offset, &mut self.bytes);
        let count = count.inspect_err(|_| self.bytes.clear());
        let count = count.map_err(Error::io("read", &self.path))?;
        self.bytes.truncate(count);
        Ok(())
    }

    /// The first byte from `from` on that is not zero, if the file has one there.
    pub(crate) fn nonzero_from(&mut self, from: u64) -> Result<Option<u64>> {
        let mut at = from;
        loop {
            let bytes = self.at(at, READ_BYTES)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if let Some(index) = bytes.iter().position(|&byte| byte != 0) {
                return Ok(Some(at + index as u64));
            }
            at += bytes.len() as u64;
        }
    }
}
