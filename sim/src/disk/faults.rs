//! Calls with their faults: each draws what goes wrong, then does the rest.
//!
//! A chance of zero draws nothing, so a new fault does not shift the choices of old seeds.
//! Faults of syncs are drawn here; what they leave behind is in `sync`.

use std::path::Path;

use seawall::env::vfs::{Metadata, OpenHow};

use crate::choice::{Ratio, Stream};

use super::Disk;
use super::counts::Fault;
use super::errno::Errno;
use super::file::PAGE;
use super::io::FdId;
use super::knobs::SyncErrorMode;
use super::profile::Profile;
use super::sync::Covers;

const HALF: Ratio = Ratio::new(1, 2);
const SECTOR: u32 = 512;

/// A failed call on names: nothing was done, or all of it.
enum NameFault {
    Refused(Errno),
    Applied(Errno),
}

impl Disk {
    pub(super) fn faulty_read(
        &mut self,
        fd: FdId,
        offset: u64,
        buf: &mut [u8],
        stream: &mut Stream,
    ) -> Result<usize, Errno> {
        self.maybe_interrupt(stream)?;
        self.maybe_lose(stream);
        if stream.happens(self.faults.read_error) && self.counts.fire(Fault::ReadError) {
            return Err(Errno::EIO);
        }
        if let Some(result) = self.misplace_read(fd, offset, buf) {
            return result;
        }
        let open = *self.fd(fd);
        if stream.happens(self.faults.evict) {
            let end = offset.saturating_add(buf.len() as u64);
            let shows = self.file(open.ino).shows_lost_pages(offset, end);
            if !shows || self.counts.fire(Fault::Eviction) {
                self.file_mut(open.ino).evict(offset, end);
            }
        }
        let count = self.read(fd, offset, buf)?;
        if stream.happens(self.faults.short_read)
            && let Some(shorter) = self.draw_shorter(count, open.direct, stream)
            && self.counts.fire(Fault::ShortRead)
        {
            buf[shorter..count].fill(0);
            return Ok(shorter);
        }
        Ok(count)
    }

    pub(super) fn faulty_write(
        &mut self,
        fd: FdId,
        offset: u64,
        data: &[u8],
        stream: &mut Stream,
    ) -> Result<usize, Errno> {
        self.maybe_interrupt(stream)?;
        self.maybe_lose(stream);
        if let Some(count) = self.misplace_write(fd, offset, data) {
            return Ok(count);
        }
        let direct = self.fd(fd).direct;
        let is_refused = self.take_refusal();
        if is_refused || self.draw_write_fault(stream) {
            let partial = match is_refused {
                true => Fault::SpaceRefusedPartial,
                false => Fault::WriteErrorPartial,
            };
            if stream.happens(HALF)
                && let Some(part) = self.draw_shorter(data.len(), direct, stream)
                && self.counts.fire(partial)
            {
                self.write(fd, offset, &data[..part])?;
            }
            return Err(match is_refused {
                true => Errno::ENOSPC,
                false => draw_write_error(stream),
            });
        }
        if stream.happens(self.faults.short_write)
            && let Some(shorter) = self.draw_shorter(data.len(), direct, stream)
            && self.counts.fire(Fault::ShortWrite)
        {
            return self.write(fd, offset, &data[..shorter]);
        }
        self.write(fd, offset, data)
    }

    /// The part of a write that a death in its middle leaves: whole pages of the cache.
    // Source: the kernel copies page by page, and a signal may stop it between two; measured
    // on Linux 6.18: a kill during a write of 1 GiB left 4 MiB.
    pub(super) fn write_within(
        &mut self,
        fd: FdId,
        offset: u64,
        data: &[u8],
        stream: &mut Stream,
    ) -> Result<usize, Errno> {
        match self.knobs.profile {
            Profile::LosesNothing => return Ok(0),
            Profile::DamagesASector => {
                self.damage_within(self.fd(fd).ino, (offset, data.len() as u64), stream);
                return Ok(0);
            }
            _ => {}
        }
        let first_end = offset / PAGE * PAGE + PAGE;
        let end = offset.saturating_add(data.len() as u64);
        let ends = end.saturating_sub(first_end).div_ceil(PAGE) + 2;
        let part = match stream.below(ends) {
            0 => 0,
            pages => (first_end + (pages - 1) * PAGE).min(end) - offset,
        };
        self.write(fd, offset, &data[..part as usize])
    }

    pub(super) fn faulty_sync(
        &mut self,
        fd: FdId,
        (covers, called): (Covers, u64),
        has_effect: bool,
        stream: &mut Stream,
    ) -> Result<(), Errno> {
        self.maybe_interrupt(stream)?;
        self.maybe_lose(stream);
        // A sync with nothing to write has nothing to fail with.
        let pending = self.file(self.fd(fd).ino).is_pending();
        let works = self.check_mode().is_ok();
        let fault = sync_fault(self.knobs.sync_error_mode);
        if pending && works && stream.happens(self.faults.sync_error) && self.counts.fire(fault) {
            return Err(self.fail_sync(fd, stream));
        }
        if works && !has_effect && self.counts.fire(Fault::LieAtSite) {
            return Ok(());
        }
        let ino = self.ino(fd);
        if works && self.lies_about(ino, stream) {
            return Ok(());
        }
        self.sync_until(fd, covers, called)?;
        self.told_the_truth(ino);
        Ok(())
    }

    pub(super) fn faulty_set_len(
        &mut self,
        fd: FdId,
        len: u64,
        stream: &mut Stream,
    ) -> Result<(), Errno> {
        if self.draw_write_fault(stream) {
            return Err(*stream.pick(&[Errno::EIO, Errno::ENOSPC]));
        }
        self.set_len(fd, len)
    }

    pub(super) fn faulty_allocate(
        &mut self,
        fd: FdId,
        offset: u64,
        len: u64,
        stream: &mut Stream,
    ) -> Result<(), Errno> {
        self.maybe_interrupt(stream)?;
        let is_refused = self.take_refusal();
        if is_refused || self.draw_write_fault(stream) {
            if len > PAGE && stream.happens(HALF) && self.counts.fire(Fault::WriteErrorPartial) {
                self.allocate(fd, offset, len / 2)?;
            }
            return Err(match is_refused {
                true => Errno::ENOSPC,
                false => draw_write_error(stream),
            });
        }
        self.allocate(fd, offset, len)
    }

    pub(super) fn faulty_lock(&mut self, fd: FdId, stream: &mut Stream) -> Result<(), Errno> {
        self.maybe_interrupt(stream)?;
        if stream.happens(self.faults.metadata_error) && self.counts.fire(Fault::MetadataError) {
            return Err(Errno::ENOLCK);
        }
        self.try_lock(fd)
    }

    pub(super) fn faulty_metadata(
        &mut self,
        path: &Path,
        stream: &mut Stream,
    ) -> Result<Metadata, Errno> {
        let found = self.metadata(path)?;
        if stream.happens(self.faults.metadata_error) && self.counts.fire(Fault::MetadataError) {
            return Err(*stream.pick(&[Errno::EIO, Errno::EACCES]));
        }
        Ok(found)
    }

    pub(super) fn faulty_open(
        &mut self,
        path: &Path,
        how: OpenHow,
        stream: &mut Stream,
    ) -> Result<FdId, Errno> {
        self.maybe_interrupt(stream)?;
        self.maybe_lose(stream);
        self.maybe_forget(path, stream);
        self.refuse_open(how)?;
        if stream.happens(self.faults.metadata_error) {
            let creates = matches!(how, OpenHow::CreateNew { .. });
            if creates && stream.happens(HALF) {
                // The name may be there all the same.
                return match self.draw_name_fault(stream) {
                    Some(NameFault::Applied(errno)) => self.create(path).and(Err(errno)),
                    Some(NameFault::Refused(errno)) => Err(errno),
                    None => self.open(path, how),
                };
            }
            if self.counts.fire(Fault::MetadataError) {
                let errors = [Errno::EMFILE, Errno::ENFILE, Errno::EIO, Errno::EACCES];
                return Err(*stream.pick(&errors));
            }
        }
        self.open(path, how)
    }

    pub(super) fn faulty_create_dir(
        &mut self,
        path: &Path,
        stream: &mut Stream,
    ) -> Result<(), Errno> {
        self.with_name_fault(stream, |disk| disk.create_dir(path))
    }

    pub(super) fn faulty_remove(&mut self, path: &Path, stream: &mut Stream) -> Result<(), Errno> {
        self.with_name_fault(stream, |disk| disk.remove_file(path))
    }

    pub(super) fn faulty_remove_dir(
        &mut self,
        path: &Path,
        stream: &mut Stream,
    ) -> Result<(), Errno> {
        self.with_name_fault(stream, |disk| disk.remove_dir(path))
    }

    pub(super) fn faulty_rename(
        &mut self,
        from: &Path,
        to: &Path,
        has_effect: bool,
        stream: &mut Stream,
    ) -> Result<(), Errno> {
        self.with_name_fault(stream, |disk| {
            let before = disk.now();
            disk.rename(from, to)?;
            if !has_effect && disk.now() > before && disk.counts.fire(Fault::LieAtSite) {
                disk.atoms.loosen_last();
            }
            Ok(())
        })
    }

    /// The names in a directory, in any order.
    pub(super) fn faulty_read_dir(
        &mut self,
        path: &Path,
        stream: &mut Stream,
    ) -> Result<Vec<String>, Errno> {
        if stream.happens(self.faults.metadata_error) && self.counts.fire(Fault::MetadataError) {
            return Err(Errno::EIO);
        }
        let mut names = self.read_dir(path)?;
        for last in (1..names.len()).rev() {
            names.swap(last, stream.within(0, last as u64) as usize);
        }
        Ok(names)
    }

    pub(super) fn faulty_sync_dir(
        &mut self,
        path: &Path,
        called: u64,
        has_effect: bool,
        stream: &mut Stream,
    ) -> Result<(), Errno> {
        self.maybe_interrupt(stream)?;
        let works = self.check_mode().is_ok();
        if works && stream.happens(self.faults.dirsync_error) {
            let is_durable = stream.happens(HALF);
            let fault = match is_durable {
                true => Fault::DirSyncDurable,
                false => Fault::DirSyncPending,
            };
            if self.counts.fire(fault) {
                if is_durable {
                    self.sync_dir_until(path, called)?;
                }
                return Err(*stream.pick(&[Errno::EIO, Errno::EIO, Errno::EINVAL, Errno::ENOSPC]));
            }
        }
        let dir = self.resolve(path)?;
        if works && !has_effect && self.counts.fire(Fault::LieAtSite) {
            return Ok(());
        }
        if works && self.lies_about(dir, stream) {
            return Ok(());
        }
        self.sync_dir_until(path, called)?;
        self.told_the_truth(dir);
        Ok(())
    }

    /// Whether this call is one of those that find no space.
    fn take_refusal(&mut self) -> bool {
        let is_refused = self.refusals > 0;
        self.refusals = self.refusals.saturating_sub(1);
        is_refused && self.counts.fire(Fault::SpaceRefused)
    }

    fn draw_write_fault(&mut self, stream: &mut Stream) -> bool {
        stream.happens(self.faults.write_error) && self.counts.fire(Fault::WriteError)
    }

    /// A count from 1 to below `count`, at a sector's edge every second time; at one of direct
    /// I/O's blocks always when the file is open for that. `None` where there is no such count.
    fn draw_shorter(&self, count: usize, direct: bool, stream: &mut Stream) -> Option<usize> {
        let edge = match direct {
            true => self.knobs.direct_alignment,
            false => SECTOR,
        } as usize;
        let edges = count.checked_sub(1)? / edge;
        if edges > 0 && (direct || stream.happens(HALF)) {
            return Some(stream.within(1, edges as u64) as usize * edge);
        }
        (count > 1 && !direct).then(|| stream.within(1, count as u64 - 1) as usize)
    }

    fn maybe_interrupt(&mut self, stream: &mut Stream) -> Result<(), Errno> {
        if stream.happens(self.faults.eintr) && self.counts.fire(Fault::Interrupted) {
            return Err(Errno::EINTR);
        }
        Ok(())
    }

    /// Something pending may have been lost in the background by now.
    fn maybe_lose(&mut self, stream: &mut Stream) {
        if stream.happens(self.faults.writeback_error) {
            self.fail_writeback(stream);
        }
    }

    /// A file that nobody has open may have left the cache, and with it what was to be heard of a
    /// failure.
    // Source: measured on Linux 6.18 with ext4, xfs and btrfs: closed, evicted, opened again, a
    // file that had lost a write says `Ok` to a sync and reads as before it.
    fn maybe_forget(&mut self, path: &Path, stream: &mut Stream) {
        // Calm or not: the failure is of an earlier life.
        if self.knobs.writeback_error.is_never() {
            return;
        }
        let Some(ino) = self.resolve(path).ok().filter(|&ino| !self.is_dir(ino)) else {
            return;
        };
        let file = self.file(ino);
        let may_leave = file.opens == 0 && !file.is_pending();
        let is_unheard = file.failures_heard < file.sync_failures;
        let forgets = may_leave && is_unheard && stream.happens(Ratio::new(1, 4));
        if forgets && self.counts.fire(Fault::WritebackErrorForgotten) {
            self.file_mut(ino).forget_cache();
        }
    }

    fn with_name_fault(
        &mut self,
        stream: &mut Stream,
        call: impl FnOnce(&mut Disk) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if !stream.happens(self.faults.metadata_error) {
            return call(self);
        }
        match self.draw_name_fault(stream) {
            Some(NameFault::Refused(errno)) => Err(errno),
            Some(NameFault::Applied(errno)) => call(self).and(Err(errno)),
            None => call(self),
        }
    }

    fn draw_name_fault(&mut self, stream: &mut Stream) -> Option<NameFault> {
        if stream.happens(HALF) {
            let fires = self.counts.fire(Fault::MetadataErrorApplied);
            fires.then_some(NameFault::Applied(Errno::EIO))
        } else {
            let fires = self.counts.fire(Fault::MetadataError);
            fires.then(|| NameFault::Refused(*stream.pick(&[Errno::EIO, Errno::ENOSPC])))
        }
    }
}

fn sync_fault(mode: SyncErrorMode) -> Fault {
    match mode {
        SyncErrorMode::CleanKeepCache => Fault::SyncCleanKeepCache,
        SyncErrorMode::CleanRevertCache => Fault::SyncCleanRevertCache,
        SyncErrorMode::KeepDirty => Fault::SyncKeepDirty,
        SyncErrorMode::FlushErrNoReportSecond => Fault::SyncFlushErr,
        SyncErrorMode::AbortRo => Fault::SyncAbortRo,
        SyncErrorMode::ShutDown => Fault::SyncShutDown,
    }
}

fn draw_write_error(stream: &mut Stream) -> Errno {
    let errors = [Errno::EIO, Errno::ENOSPC, Errno::EDQUOT, Errno::EFBIG];
    *stream.pick(&errors)
}
