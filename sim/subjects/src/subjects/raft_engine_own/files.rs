//! What raft-engine asks of its files: a handle, and readers and writers that have a place in it.

use std::io::{Read, Result, Seek, SeekFrom, Write};
use std::sync::Arc;

use raft_engine::env::{Handle, WriteExt};

use crate::subjects::own::File;

impl Handle for File {
    fn truncate(&self, offset: usize) -> Result<()> {
        self.resize(offset as u64)
    }

    fn file_size(&self) -> Result<usize> {
        Ok(usize::try_from(self.size()?).expect("usize has 64 bits"))
    }

    fn sync(&self) -> Result<()> {
        self.sync(true)
    }
}

/// A file and a place in it.
pub(super) struct Cursor(pub(super) Arc<File>, pub(super) u64);

impl Read for Cursor {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let count = self.0.read_at(self.1, buf)?;
        self.1 += count as u64;
        Ok(count)
    }
}

impl Write for Cursor {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.write_at(self.1, bytes)?;
        self.1 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for Cursor {
    fn seek(&mut self, place: SeekFrom) -> Result<u64> {
        let (from, by) = match place {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::Current(by) => (self.1, by),
            SeekFrom::End(by) => (self.0.size()?, by),
        };
        let place = from.checked_add_signed(by);
        self.1 = place.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.1)
    }
}

impl WriteExt for Cursor {
    fn truncate(&mut self, offset: usize) -> Result<()> {
        self.0.resize(offset as u64)?;
        self.1 = offset as u64;
        Ok(())
    }

    fn allocate(&mut self, offset: usize, size: usize) -> Result<()> {
        self.0.allocate(offset as u64, size as u64)
    }
}
