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
use super::gate::{SyncGate, is_for_space};
use super::transfer::{uninterrupted, write_all, write_sync_all};
use crate::config::WalConfig;
use crate::crypto::SegmentKey;
use crate::crypto::segment::{Seal, Sealer};
use crate::env::vfs::{File, OpenHow};
use crate::error::{Error, Result};
use crate::format::aligned::AlignedBytes;
use crate::format::buffer::{FrameBuffer, Place};
use crate::format::frame::FrameKind;
use crate::format::header::{HEADER_BYTES, SegmentHeader};
use crate::format::holds::Holds;
use crate::types::Lsn;

/// A long segment in the making is synced each time that so many bytes were added.
const SYNC_BYTES: u64 = 4 << 20;

/// A segment in the making, under a temporary name. Its frames come first, its header last; only in
/// an encrypted one the header comes first, too, so that its salt is durable before it is used.
pub(crate) struct Draft<'a> {
    dir: &'a LogDir,
    path: PathBuf,
    file: Arc<dyn File>,
    is_direct: bool,
    header: SegmentHeader,
    sealer: Option<Sealer>,
    end: u64,
    synced_end: u64,
    footer_bytes: u64,
}

impl Draft<'_> {
    /// Starts the segment with this header, under the temporary name `name`.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no space for it.
    pub(crate) fn begin<'a>(
        dir: &'a LogDir,
        config: &WalConfig,
        name: &str,
        header: SegmentHeader,
    ) -> Result<Draft<'a>> {
        let path = dir.path.join(name);
        let how = OpenHow::CreateNew {
            direct: config.use_direct_io,
        };
        let mut created = uninterrupted(|| dir.env.vfs.open(&path, how));
        if matches!(&created, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            // What a crash, or an attempt that failed, left behind.
            dir.remove(&path)?;
            created = uninterrupted(|| dir.env.vfs.open(&path, how));
        }
        let file = created.map_err(Error::io("create", &path))?;
        let key = dir.keys.for_new(&header);
        Ok(Draft {
            dir,
            path,
            file,
            is_direct: config.use_direct_io,
            end: u64::from(header.block_bytes),
            header,
            sealer: key.map(|key| Sealer::new(Arc::new(key))),
            synced_end: 0,
            footer_bytes: 0,
        })
    }

    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// The offset at which the next frame goes.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The seal for the next frame, if the segment is encrypted.
    ///
    /// # Errors
    /// As [`Draft::append`].
    pub(crate) fn next_seal(&mut self) -> Result<Option<Seal>> {
        if self.end == u64::from(self.header.block_bytes) && self.sealer.is_some() {
            self.write_header()?;
            let gate = &self.dir.gate;
            gate.pass("sync", &self.path, || self.file.sync_data())?;
        }
        Ok(self.sealer.as_mut().map(Sealer::next))
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

    /// Makes what was added so far durable, a piece at a time, so that the last sync, which all
    /// others wait for, is short.
    pub(crate) fn sync_so_far(&mut self) -> Result<()> {
        if self.end - self.synced_end < SYNC_BYTES {
            return Ok(());
        }
        self.synced_end = self.end;
        let gate = &self.dir.gate;
        gate.pass("sync", &self.path, || self.file.sync_data())
    }

    /// Adds the log's holds, if there are any: each segment has them all, so that those before
    /// it may go.
    ///
    /// # Errors
    /// As [`Draft::append`].
    pub(crate) fn append_holds(&mut self, holds: &Holds) -> Result<()> {
        if holds.is_empty() {
            return Ok(());
        }
        let seal = self.next_seal()?;
        let header = &self.header;
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
        self.append(buffer.encode_bare(FrameKind::Holds, &body, &place, seal))
    }

    /// Adds a footer, behind the last frame.
    ///
    /// # Errors
    /// As [`Draft::append`].
    pub(crate) fn append_footer(&mut self, frame: &[u8]) -> Result<()> {
        self.write(self.end, frame)?;
        self.footer_bytes = frame.len() as u64;
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let written = write_all(&*self.file, offset, bytes);
        let refused = Error::direct_io(self.is_direct, direct::TOO_SMALL, "write", &self.path);
        let written = written.map_err(refused);
        if let Err(Error::Full { .. } | Error::DirectIoRefused { .. }) = &written {
            // The space that it took may be all that the next attempt needs.
            self.dir.remove(&self.path)?;
        }
        written
    }

    fn write_header(&mut self) -> Result<()> {
        if let Some(sealer) = &self.sealer {
            self.header = self.header.with_check(sealer.key());
        }
        let block_bytes = self.header.block_bytes as usize;
        let mut block = AlignedBytes::zeroed(block_bytes);
        block
            .first_mut(HEADER_BYTES)
            .copy_from_slice(&self.header.encode());
        self.write(0, block.first(block_bytes))
    }

    /// Makes the segment durable and gives it its name: from now on it is part of the log. All
    /// records in it, those up to `durable_lsn`, are durable then.
    ///
    /// # Errors
    /// As [`Draft::append`].
    pub(crate) fn publish(mut self, durable_lsn: Lsn) -> Result<ActiveSegment> {
        self.header.durable_lsn = durable_lsn;
        self.header.durable_end = self.end;
        self.write_header()?;
        let gate = &self.dir.gate;
        gate.pass("sync", &self.path, || self.file.sync_all())?;
        let header = self.header;
        let path = self.dir.segment_path(header.segment_id, header.first_lsn);
        self.rename(&path)?;
        self.dir.sync()?;
        Ok(ActiveSegment {
            file: self.file,
            header,
            sealer: self.sealer,
            path,
            end: self.end,
            file_bytes: self.end + self.footer_bytes,
            synced_end: self.end,
            is_synced: true,
            next_write: NextWrite::Free,
        })
    }

    /// Gives the segment its name. A directory without space for it is as a disk without space for
    /// the segment, if it still has the temporary name.
    fn rename(&self, to: &Path) -> Result<()> {
        let (vfs, from) = (&self.dir.env.vfs, &self.path);
        let Err(error) = vfs.rename(from, to) else {
            return Ok(());
        };
        let is_there = uninterrupted(|| vfs.metadata(from)).is_ok();
        if error.kind() == ErrorKind::StorageFull && is_there {
            self.dir.remove(from)?;
            return Err(Error::io("rename", from)(error));
        }
        Err(Error::final_io("rename", from)(error))
    }
}

/// A segment in the making that could not be synced for want of space: nothing relies on it yet, so
/// that who makes it may do without.
pub(crate) fn full_if_for_space(error: Error) -> Error {
    match error {
        Error::Io {
            operation: "sync",
            path,
            source,
        } => Error::io("sync", &path)(source),
        error => error,
    }
}

/// The segment that takes new frames.
pub(crate) struct ActiveSegment {
    file: Arc<dyn File>,
    header: SegmentHeader,
    sealer: Option<Sealer>,
    path: PathBuf,
    end: u64,
    file_bytes: u64,
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
    /// To another segment: no sync of this file would be believed.
    Elsewhere,
}

impl ActiveSegment {
    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    pub(crate) fn key(&self) -> Option<&Arc<SegmentKey>> {
        self.sealer.as_ref().map(Sealer::key)
    }

    /// The seal for the next frame, if the segment is encrypted.
    pub(crate) fn next_seal(&mut self) -> Option<Seal> {
        self.sealer.as_mut().map(Sealer::next)
    }

    /// Whether the next frames should go to another segment: its key has sealed enough, or it
    /// [can't be sealed](ActiveSegment::is_given_up).
    pub(crate) fn is_spent(&self) -> bool {
        self.is_given_up() || self.sealer.as_ref().is_some_and(Sealer::is_spent)
    }

    /// Whether nothing may be written to it any more. What it holds is durable.
    pub(crate) fn is_given_up(&self) -> bool {
        self.next_write == NextWrite::Elsewhere
    }

    /// Where the next frame goes, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The file's size in bytes: what lies behind the end is zeros, written ahead of the frames.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
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
    pub(crate) fn append(&mut self, gate: &SyncGate, frame: &[u8]) -> Result<()> {
        assert_eq!(frame.len() as u64 % u64::from(self.header.block_bytes), 0);
        assert!(!self.is_given_up(), "a segment that was given up is left");
        if self.next_write == NextWrite::AfterSync {
            self.sync(gate)?;
        }
        self.is_synced = false;
        let written = write_all(&*self.file, self.end, frame);
        if written.is_err() {
            self.next_write = NextWrite::OverLeftovers;
        }
        written.map_err(Error::io("write", &self.path))?;
        self.end += frame.len() as u64;
        self.file_bytes = self.file_bytes.max(self.end);
        if self.next_write == NextWrite::OverLeftovers {
            self.next_write = NextWrite::AfterSync;
        }
        Ok(())
    }

    /// Whether [`ActiveSegment::append_synced`] can take a frame of so many bytes: the file has
    /// them already, and a sync has covered all else.
    pub(crate) fn is_prepared_for(&self, bytes: u64) -> bool {
        self.is_synced && self.next_write == NextWrite::Free && self.end + bytes <= self.file_bytes
    }

    /// Writes a frame at the end, durably, with one call. After [`Error::Full`], which a file
    /// system that copies on write has for bytes that are there, too, the segment takes no more
    /// frames: it may have been the sync that failed, and none of this file would prove anything.
    /// Any other error is final.
    pub(crate) fn append_synced(&mut self, gate: &SyncGate, frame: &[u8]) -> Result<()> {
        assert!(self.is_prepared_for(frame.len() as u64));
        let write = || write_sync_all(&*self.file, self.end, frame);
        let written = gate.pass("sync a write to", &self.path, write);
        match written {
            Ok(()) => {}
            Err(Error::Io { path, source, .. }) if is_for_space(&source) && !gate.has_failed() => {
                self.next_write = NextWrite::Elsewhere;
                return Err(Error::io("write", &path)(source));
            }
            Err(error) => return Err(error),
        }
        self.end += frame.len() as u64;
        self.synced_end = self.end;
        Ok(())
    }

    /// Writes zeros from the end of the file up to `to`, so that frames there change neither its
    /// length nor where its blocks are, and their syncs have nothing else to write.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no space for them: then it grows frame by frame.
    pub(crate) fn prepare(&mut self, to: u64, zeros: &[u8]) -> Result<()> {
        while self.file_bytes < to && self.next_write == NextWrite::Free {
            let count = zeros.len().min((to - self.file_bytes) as usize);
            self.is_synced = false;
            let written = write_all(&*self.file, self.file_bytes, &zeros[..count]);
            written.map_err(Error::io("write", &self.path))?;
            self.file_bytes += count as u64;
        }
        Ok(())
    }

    /// Cuts off what was prepared and not used, but for a block.
    pub(crate) fn trim(&mut self) -> Result<()> {
        let keep = self.end + u64::from(self.header.block_bytes);
        if self.file_bytes > keep {
            self.is_synced = false;
            let cut = uninterrupted(|| self.file.set_len(keep));
            cut.map_err(Error::final_io("cut", &self.path))?;
            self.file_bytes = keep;
        }
        Ok(())
    }

    /// Makes all that was appended before the call durable.
    pub(crate) fn sync(&mut self, gate: &SyncGate) -> Result<()> {
        gate.pass("sync", &self.path, || self.file.sync_data())?;
        self.is_synced = true;
        self.synced_end = self.end;
        if self.next_write == NextWrite::AfterSync {
            self.next_write = NextWrite::Free;
        }
        Ok(())
    }
}
