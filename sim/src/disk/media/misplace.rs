//! Writes that get lost or go elsewhere, reads that come from elsewhere. Class F8.
//!
//! The call says `Ok`, the length is what it should be, and the bytes are not: readers see that at
//! once, as if the page had left the cache right behind the write.
// Source: Bairavasundaram et al., "An Analysis of Data Corruption in the Storage Stack", FAST 2008.

use crate::choice::Stream;
use crate::disk::Disk;
use crate::disk::counts::Fault;
use crate::disk::dir::Ino;
use crate::disk::errno::Errno;
use crate::disk::io::FdId;

use super::{MediaEvent, MediaKind, SECTOR, choices_of};

impl Disk {
    /// Loses or misdirects a write, if one is due to be, and there is a place for it. Returns how
    /// many bytes the call says that it took.
    pub(in crate::disk) fn misplace_write(
        &mut self,
        fd: FdId,
        offset: u64,
        data: &[u8],
    ) -> Option<usize> {
        if self.media.plan.events.is_empty() || data.is_empty() {
            return None;
        }
        let is_write = |event: &MediaEvent| {
            matches!(
                event.kind,
                MediaKind::LostWrite | MediaKind::MisdirectWithin | MediaKind::MisdirectOther
            )
        };
        let index = self.media.due(is_write)?;
        let event = self.media.plan.events[index];
        let ino = self.ino(fd);
        let mut stream = choices_of(&event);
        let victim = match event.kind {
            MediaKind::LostWrite => None,
            kind => {
                let is_within = kind == MediaKind::MisdirectWithin;
                Some(self.draw_victim(ino, offset, data, is_within, &mut stream)?)
            }
        };
        let end = offset + data.len() as u64;
        let mut before = self.file(ino).cur.stored().to_vec();
        before.resize(before.len().max(end as usize), 0);
        before[offset as usize..end as usize].copy_from_slice(data);
        // The length, the space and the caller's mistakes are those of any write.
        let len = self.file(ino).cur.len().max(end);
        self.check_alignment(*self.fd(fd), offset, data.len())
            .ok()?;
        if self.charge(ino, end) < end {
            return None;
        }
        self.set_len(fd, len).ok()?;
        self.media.plan.events.remove(index);
        let fault = match event.kind {
            MediaKind::LostWrite => Fault::LostWrite,
            MediaKind::MisdirectWithin => Fault::MisdirectedWithin,
            _ => Fault::MisdirectedOther,
        };
        if !self.counts.fire(fault) {
            return None;
        }
        self.media.happened(fault, ino, (offset, end), before);
        if let Some((ino, at, len)) = victim {
            let before = self.file(ino).dur.stored().to_vec();
            self.overwrite(ino, at, &data[..len]);
            let range = (at, at + len as u64);
            self.media.happened(fault, ino, range, before);
        }
        Some(data.len())
    }

    /// A place that a write may hit instead: sectors that a sync has covered, and that differ.
    fn draw_victim(
        &self,
        own: Ino,
        offset: u64,
        data: &[u8],
        is_within: bool,
        stream: &mut Stream,
    ) -> Option<(Ino, u64, usize)> {
        let mut victims = Vec::new();
        for (ino, file) in self.files().filter(|(_, file)| file.linked) {
            if (ino == own) != is_within {
                continue;
            }
            let end = self.synced_end(ino);
            for at in (0..end).step_by(SECTOR as usize) {
                let len = data.len().min((end - at) as usize);
                let range = (at, at + len as u64);
                let is_same = file.dur.stored()[at as usize..][..len] == data[..len];
                let is_meant = ino == own && at == offset;
                if !is_meant && !is_same && !self.is_touched(ino, range) {
                    victims.push((ino, at, len));
                }
            }
        }
        (!victims.is_empty()).then(|| *stream.pick(&victims))
    }

    /// Reads from another place, if a read is due to, and the bytes there differ; or up to a sector
    /// that can't be read. `None` where the read is like any.
    pub(in crate::disk) fn misplace_read(
        &mut self,
        fd: FdId,
        offset: u64,
        buf: &mut [u8],
    ) -> Option<Result<usize, Errno>> {
        if !self.media.is_on {
            return None;
        }
        match self.readable(fd, offset, buf.len()) {
            Ok(len) if len == buf.len() => {}
            Ok(len) => return Some(self.read(fd, offset, &mut buf[..len])),
            Err(errno) => return Some(Err(errno)),
        }
        let is_read = |event: &MediaEvent| event.kind == MediaKind::MisdirectedRead;
        let index = self.media.due(is_read)?;
        let mut stream = choices_of(&self.media.plan.events[index]);
        let count = match self.read(fd, offset, buf) {
            Ok(count) if count > 0 => count,
            result => return Some(result),
        };
        let (ino, buf) = (self.ino(fd), &mut buf[..count]);
        let mut places = Vec::new();
        for (from, file) in self.files().filter(|(_, file)| file.linked) {
            for at in (0..file.cur.stored().len() as u64).step_by(SECTOR as usize) {
                let mut other = vec![0; count];
                file.cur.copy(at, &mut other);
                if other != buf {
                    places.push((from, at));
                }
            }
        }
        if places.is_empty() {
            return Some(Ok(count));
        }
        let (from, at) = *stream.pick(&places);
        self.media.plan.events.remove(index);
        if self.counts.fire(Fault::MisdirectedRead) {
            let before = self.file(ino).cur.stored().to_vec();
            let range = (offset, offset + count as u64);
            self.media
                .happened(Fault::MisdirectedRead, ino, range, before);
            self.file(from).cur.copy(at, buf);
        }
        Some(Ok(count))
    }
}
