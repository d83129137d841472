//! The active segment: the one file that the log writes to, from its making to its seal.
//!
//! A segment is made under a temporary name, synced, renamed to its own, and its directory
//! synced; only then does it take its first record. One handle stays open all that time, so
//! that no error of the kernel's write-back can pass unseen between two opens.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalog::LogDir;
use super::direct;
use super::transfer::{uninterrupted, write_all};
use crate::config::WalConfig;
use crate::env::vfs::{File, OpenHow};
use crate::error::{Error, Result};
use crate::format::aligned::AlignedBytes;
use crate::format::buffer::{FrameBuffer, Place};
use crate::format::frame::FrameKind;
use crate::format::header::{HEADER_BYTES, SegmentHeader};
use crate::format::holds::Holds;

/// A segment in the making, under the temporary name. Its frames come first, its header last.
pub(crate) struct Draft<'a> {
    dir: &'a LogDir,
    file: Arc<dyn File>,
    is_direct: bool,
    end: u64,
}

impl Draft<'_> {
    /// Starts a segment, with room for its header.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no space for it.
    pub(crate) fn begin<'a>(dir: &'a LogDir, config: &WalConfig) -> Result<Draft<'a>> {
        let path = dir.temporary_path();
        let how = OpenHow::CreateNew {
            direct: config.use_direct_io,
        };
        let mut created = uninterrupted(|| dir.env.vfs.open(&path, how));
        if matches!(&created, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            // What a crash, or an attempt that failed, left behind.
            dir.remove(&path)?;
            created = uninterrupted(|| dir.env.vfs.open(&path, how));
        }
        Ok(Draft {
            dir,
            file: created.map_err(Error::io("create", &path))?,
            is_direct: config.use_direct_io,
            end: config.tuning.alignment as u64,
        })
    }

    /// The offset at which the next frame goes.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Adds a frame that the segment starts with.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no space for it, [`Error::DirectIoRefused`] when its blocks
    /// are too small for direct I/O: then nothing is left of the segment.
    pub(crate) fn append(&mut self, frame: &[u8]) -> Result<()> {
        self.write(self.end, frame)?;
        self.end += frame.len() as u64;
        Ok(())
    }

    /// Adds the log's holds, if there are any: each segment has them all, so that those before
    /// it may go.
    ///
    /// # Errors
    /// As [`Draft::append`].
    pub(crate) fn append_holds(&mut self, holds: &Holds, header: &SegmentHeader) -> Result<()> {
        if holds.is_empty() {
            return Ok(());
        }
        let place = Place {
            segment: header,
            offset: self.end,
            last_lsn: header.first_lsn.before(),
            durable_lsn: header.first_lsn.before(),
            durable_end: 0,
            low_water_lsn: header.low_water_lsn,
        };
        let body = holds.encode();
        let mut buffer = FrameBuffer::with_capacity(body.len());
        self.append(buffer.encode_bare(FrameKind::Holds, &body, &place))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let path = self.dir.temporary_path();
        let written = write_all(&*self.file, offset, bytes);
        let refused = Error::direct_io(self.is_direct, direct::TOO_SMALL, "write", &path);
        let written = written.map_err(refused);
        if let Err(Error::Full { .. } | Error::DirectIoRefused { .. }) = &written {
            // The space that it took may be all that the next attempt needs.
            self.dir.remove(&path)?;
        }
        written
    }

    /// Makes the segment durable and gives it its name: from now on it is part of the log.
    ///
    /// # Errors
    /// As [`Draft::append`].
    pub(crate) fn publish(self, header: &SegmentHeader) -> Result<ActiveSegment> {
        let header = SegmentHeader {
            durable_end: self.end,
            ..*header
        };
        let block_bytes = header.block_bytes as usize;
        let mut block = AlignedBytes::zeroed(block_bytes);
        block
            .first_mut(HEADER_BYTES)
            .copy_from_slice(&header.encode());
        self.write(0, block.first(block_bytes))?;
        let from = self.dir.temporary_path();
        self.file
            .sync_all()
            .map_err(Error::final_io("sync", &from))?;
        let path = self.dir.segment_path(header.segment_id, header.first_lsn);
        self.rename(&from, &path)?;
        self.dir.sync()?;
        Ok(ActiveSegment {
            file: self.file,
            header,
            path,
            end: self.end,
            synced_end: self.end,
            is_synced: true,
            next_write: NextWrite::Free,
        })
    }
}

impl Draft<'_> {
    /// Gives the segment its name. A directory without space for it is as a disk without space for
    /// the segment, if the name is not there all the same.
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let vfs = &self.dir.env.vfs;
        let Err(error) = vfs.rename(from, to) else {
            return Ok(());
        };
        let is_absent = |path: &Path| {
            let found = uninterrupted(|| vfs.metadata(path));
            found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        if error.kind() == ErrorKind::StorageFull && is_absent(to) {
            self.dir.remove(from)?;
            return Err(Error::io("rename", from)(error));
        }
        Err(Error::final_io("rename", from)(error))
    }
}

/// The segment that takes new frames.
pub(crate) struct ActiveSegment {
    file: Arc<dyn File>,
    header: SegmentHeader,
    path: PathBuf,
    end: u64,
    // What a sync has covered.
    synced_end: u64,
    is_synced: bool,
    next_write: NextWrite,
}

/// What the next write has to heed, so that no crash brings back a frame that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextWrite {
    Free,
    /// A write failed at the end and may have left a frame there, or a part of one.
    OverLeftovers,
    /// What was written over leftovers is not durable yet: a crash could leave either, and of
    /// what stands behind only one can follow.
    AfterSync,
}

impl ActiveSegment {
    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Where the next frame goes, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Up to where a sync has covered the segment, in bytes.
    pub(crate) fn synced_end(&self) -> u64 {
        self.synced_end
    }

    /// Whether a sync has covered all that was appended.
    pub(crate) fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Writes a frame at the end; it is not durable before the next sync. After an error the
    /// end is where it was, and the next frame goes over what was left there; that one is then
    /// synced before another one follows.
    pub(crate) fn append(&mut self, frame: &[u8]) -> Result<()> {
        assert_eq!(frame.len() as u64 % u64::from(self.header.block_bytes), 0);
        if self.next_write == NextWrite::AfterSync {
            self.sync()?;
        }
        self.is_synced = false;
        let written = write_all(&*self.file, self.end, frame);
        if written.is_err() {
            self.next_write = NextWrite::OverLeftovers;
        }
        written.map_err(Error::io("write", &self.path))?;
        self.end += frame.len() as u64;
        if self.next_write == NextWrite::OverLeftovers {
            self.next_write = NextWrite::AfterSync;
        }
        Ok(())
    }

    /// Makes all that was appended before the call durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(Error::final_io("sync", &self.path))?;
        self.is_synced = true;
        self.synced_end = self.end;
        if self.next_write == NextWrite::AfterSync {
            self.next_write = NextWrite::Free;
        }
        Ok(())
    }
}
