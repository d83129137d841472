//! Calls through a descriptor, without faults: what a kernel does on a good day.
//!
//! A full disk is part of a good day: it is a state, not a chance.

use super::counts::Fault;
use super::dir::Ino;
use super::errno::Errno;
use super::file::PAGE;
use super::{Disk, Mode};

/// No file is longer than this, so that a wild offset is an error and not a full memory.
const FILE_BYTES_MAX: u64 = 1 << 32;

/// A descriptor; of use in one life of the process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdId(pub(super) u32);

#[derive(Clone, Copy, Debug)]
pub(super) struct Fd {
    pub(super) ino: Ino,
    pub(super) writable: bool,
    pub(super) direct: bool,
    /// How many failed syncs of the file this descriptor has heard of.
    pub(super) failures_seen: u32,
}

impl Disk {
    /// The file behind a descriptor.
    ///
    /// # Panics
    /// When the descriptor is closed.
    pub fn ino(&self, fd: FdId) -> Ino {
        self.fd(fd).ino
    }

    /// Reads what readers see, up to the end of the file.
    pub fn read(&mut self, fd: FdId, offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let fd = *self.fd(fd);
        check_range(offset, buf.len())?;
        // Source: __iomap_dio_rw in fs/iomap/direct-io.c of Linux: a read at the end of the file is
        // done before anybody looks at its alignment.
        if buf.is_empty() || offset >= self.file(fd.ino).cur.len() {
            return Ok(0);
        }
        self.check_alignment(fd, offset, buf.len())?;
        Ok(self.file(fd.ino).cur.read(offset, buf))
    }

    /// Writes; only a full disk makes it write less than given.
    pub fn write(&mut self, fd: FdId, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        let fd = *self.fd(fd);
        check_range(offset, 0)?;
        if !fd.writable {
            return Err(Errno::EBADF);
        }
        check_range(offset, data.len())?;
        self.check_mode()?;
        if data.is_empty() {
            return Ok(0);
        }
        self.check_alignment(fd, offset, data.len())?;
        let end = checked_end(offset, data.len() as u64)?;
        let granted = self
            .charge(fd.ino, end)
            .min(self.copyable(fd.ino, offset, end));
        if granted <= offset {
            return Err(Errno::ENOSPC);
        }
        let count = (granted.min(end) - offset) as usize;
        let seq = self.next_seq();
        self.file_mut(fd.ino).write(seq, offset, &data[..count]);
        self.heal_sectors(fd.ino, offset, count);
        Ok(count)
    }

    /// Somebody has stored to mapped memory: it is in the page cache, as far as there is a file.
    pub fn store(&mut self, ino: Ino, offset: u64, data: &[u8]) {
        let len = self.file(ino).cur.len();
        let count = len.saturating_sub(offset).min(data.len() as u64) as usize;
        if count > 0 {
            let seq = self.next_seq();
            self.file_mut(ino).write(seq, offset, &data[..count]);
            self.strict
                .wrote(ino, offset, count as u64, Some(count as u64));
        }
    }

    /// Sets the length.
    pub fn set_len(&mut self, fd: FdId, len: u64) -> Result<(), Errno> {
        let fd = *self.fd(fd);
        if !fd.writable {
            return Err(Errno::EINVAL);
        }
        checked_end(0, len)?;
        self.check_mode()?;
        let seq = self.next_seq();
        self.file_mut(fd.ino).set_len(seq, len);
        Ok(())
    }

    /// Reserves space for a range, and extends the file over it.
    pub fn allocate(&mut self, fd: FdId, offset: u64, len: u64) -> Result<(), Errno> {
        let fd = *self.fd(fd);
        check_range(offset, 0)?;
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        if !fd.writable {
            return Err(Errno::EBADF);
        }
        let end = checked_end(offset, len)?;
        self.check_mode()?;
        if self.knobs.allocate_refused && self.counts.fire(Fault::AllocateRefused) {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.charge(fd.ino, end) < end {
            return Err(Errno::ENOSPC);
        }
        if end > self.file(fd.ino).cur.len() {
            let seq = self.next_seq();
            self.file_mut(fd.ino).set_len(seq, end);
        } else {
            self.file_mut(fd.ino).allocated_ends.insert(end);
        }
        Ok(())
    }

    /// The length that readers see.
    pub fn len(&self, fd: FdId) -> u64 {
        self.file(self.fd(fd).ino).cur.len()
    }

    /// Takes the file's lock for this descriptor.
    // Source: flock(2): the lock belongs to the open file description, and a second request
    // on the same description changes nothing.
    pub fn try_lock(&mut self, fd: FdId) -> Result<(), Errno> {
        let ino = self.fd(fd).ino;
        let file = self.file_mut(ino);
        if file.lock.is_some_and(|owner| owner != fd.0) {
            return Err(Errno::EAGAIN);
        }
        file.lock = Some(fd.0);
        Ok(())
    }

    /// Closes a descriptor, and with it its lock.
    ///
    /// # Panics
    /// When it is closed already.
    pub fn close(&mut self, fd: FdId) {
        let ino = self.fd(fd).ino;
        self.fds[fd.0 as usize] = None;
        self.free_fds.push(fd.0);
        let file = self.file_mut(ino);
        assert!(file.opens > 0, "an open file has descriptors");
        file.opens -= 1;
        if file.lock == Some(fd.0) {
            file.lock = None;
        }
        if file.opens == 0 && !file.linked {
            self.forget_if_gone(ino);
        }
    }

    pub(super) fn open_fd(&mut self, ino: Ino, writable: bool, direct: bool) -> FdId {
        let file = self.file_mut(ino);
        file.opens += 1;
        let fd = Fd {
            ino,
            writable,
            direct,
            // Source: Documentation/core-api/errseq.rst of Linux: who opens the file later hears
            // of what nobody has heard yet.
            failures_seen: file.failures_heard,
        };
        match self.free_fds.pop() {
            Some(free) => {
                self.fds[free as usize] = Some(fd);
                FdId(free)
            }
            None => {
                self.fds.push(Some(fd));
                FdId(self.fds.len() as u32 - 1)
            }
        }
    }

    pub(super) fn fd(&self, fd: FdId) -> &Fd {
        self.fds[fd.0 as usize]
            .as_ref()
            .expect("a descriptor is used only while it is open")
    }

    pub(super) fn fd_mut(&mut self, fd: FdId) -> &mut Fd {
        self.fds[fd.0 as usize]
            .as_mut()
            .expect("a descriptor is used only while it is open")
    }

    /// What direct I/O has to be aligned to, where the disk tells.
    pub fn direct_alignment(&self) -> Option<u32> {
        let knobs = &self.knobs;
        knobs
            .direct_alignment_told
            .then_some(knobs.direct_alignment)
    }

    // Source: open(2), NOTES, O_DIRECT: the logical block size of the storage is what matters; and
    // __iomap_dio_rw in fs/iomap/direct-io.c of Linux: `(pos | length)` must be aligned.
    pub(super) fn check_alignment(&mut self, fd: Fd, offset: u64, len: usize) -> Result<(), Errno> {
        let alignment = u64::from(self.knobs.direct_alignment);
        if !fd.direct || (offset | len as u64).is_multiple_of(alignment) {
            return Ok(());
        }
        // Source: measured on Linux 6.18: btrfs takes 100 bytes at any offset.
        if self.knobs.direct_falls_back && self.counts.fire(Fault::MisalignedBuffered) {
            return Ok(());
        }
        match self.counts.fire(Fault::Misaligned) {
            true => Err(Errno::EINVAL),
            false => Ok(()),
        }
    }

    pub(super) fn check_mode(&self) -> Result<(), Errno> {
        match self.mode {
            Mode::ReadWrite => Ok(()),
            Mode::FlushLost | Mode::Aborted => Err(Errno::EROFS),
            Mode::ShutDown => Err(Errno::EIO),
        }
    }

    /// Bytes of space that nobody has.
    fn free(&self) -> u64 {
        let limits = [self.knobs.capacity, self.limit];
        match limits.into_iter().flatten().min() {
            Some(capacity) => capacity.saturating_sub(self.used) / PAGE * PAGE,
            None => u64::MAX / 2,
        }
    }

    /// Up to where a write from `offset` finds space for copies of what it overwrites.
    // Source: measured on Linux 6.18: btrfs refuses to overwrite what was reserved and written
    // before, once it is full; ext4 and xfs never do.
    fn copyable(&mut self, ino: Ino, offset: u64, end: u64) -> u64 {
        let overwritten = self.file(ino).dur.len();
        if !self.knobs.copies_on_write || offset >= overwritten {
            return end;
        }
        let granted = offset / PAGE * PAGE + self.free();
        match granted < end.min(overwritten) && self.counts.fire(Fault::NoSpaceToCopy) {
            true => granted,
            false => end,
        }
    }

    /// Charges a file for space up to `end`; returns up to where there is space for it.
    pub(super) fn charge(&mut self, ino: Ino, end: u64) -> u64 {
        let charged = self.file(ino).charged;
        let wanted = end.next_multiple_of(PAGE);
        if wanted <= charged {
            return end;
        }
        let free = charged + self.free();
        let granted = match free < wanted && self.counts.fire(Fault::NoSpace) {
            true => free,
            false => wanted,
        };
        self.used += granted - charged;
        self.file_mut(ino).charged = granted;
        granted.min(end)
    }
}

/// Linux has signed offsets.
// Source: rw_verify_area in fs/read_write.c, and vfs_fallocate in fs/open.c of Linux.
fn check_range(offset: u64, len: usize) -> Result<(), Errno> {
    match offset.checked_add(len as u64) {
        Some(end) if end <= i64::MAX as u64 => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

fn checked_end(offset: u64, len: u64) -> Result<u64, Errno> {
    match offset.checked_add(len) {
        Some(end) if end <= FILE_BYTES_MAX => Ok(end),
        _ => Err(Errno::EFBIG),
    }
}
