//! Bits that flip, and sectors that can't be read any more. Class F7.
//!
//! Both come to bytes that a sync has covered and that nothing pending touches: what is not synced
//! may be lost anyhow.
// Source: Bairavasundaram et al., "An Analysis of Latent Sector Errors in Disk Drives", SIGMETRICS 2007.

use crate::choice::{Ratio, Stream};
use crate::disk::Disk;
use crate::disk::counts::Fault;
use crate::disk::dir::Ino;
use crate::disk::errno::Errno;
use crate::disk::io::FdId;

use super::{FaultClass, MediaKind, SECTOR, choices_of};

impl Disk {
    /// Does what is due of flips and unreadable sectors, where there is a place for it.
    pub(super) fn rot(&mut self) {
        let is_rot = |event: &super::MediaEvent| event.kind.class() == FaultClass::Rot;
        while let Some(index) = self.media.due(is_rot) {
            let event = self.media.plan.events[index];
            let mut stream = choices_of(&event);
            let Some((ino, offset)) = self.draw_place(&mut stream) else {
                return;
            };
            self.media.plan.events.remove(index);
            let before = self.file(ino).dur.stored().to_vec();
            match event.kind {
                MediaKind::Flip if !self.counts.fire(Fault::BitRot) => {}
                MediaKind::Flip => {
                    let byte = before[offset as usize] ^ 1 << stream.below(8);
                    self.overwrite(ino, offset, &[byte]);
                    let range = (offset, offset + 1);
                    self.media.happened(Fault::BitRot, ino, range, before);
                }
                _ => {
                    let sector = offset / SECTOR;
                    self.media.bad.insert((ino, sector));
                    // It counts where somebody meets it.
                    let range = (sector * SECTOR, (sector + 1) * SECTOR);
                    self.media.happened(Fault::LatentSector, ino, range, before);
                }
            }
        }
    }

    /// A byte that a sync has covered: in three of five cases any, in one of five in the last
    /// sector of the newest file, in one of five in the first sector of any. Mostly one that is not
    /// zero, since zeros are what nobody reads.
    fn draw_place(&self, stream: &mut Stream) -> Option<(Ino, u64)> {
        let region = stream.weighted(&[60, 20, 20]);
        let with_zeros = stream.happens(Ratio::new(1, 8));
        let mut places = Vec::new();
        for (ino, file) in self.files().filter(|(_, file)| file.linked) {
            let end = self.synced_end(ino);
            let stored = &file.dur.stored()[..end as usize];
            let used = stored.iter().rposition(|&byte| byte != 0);
            let Some(last) = used.map(|used| used as u64 / SECTOR * SECTOR) else {
                continue;
            };
            let (from, to) = match region {
                0 => (0, end),
                1 => (last, end.min(last + SECTOR)),
                _ => (0, end.min(SECTOR)),
            };
            if region == 1 {
                places.clear();
            }
            let is_place = |offset: &u64| {
                (with_zeros || stored[*offset as usize] != 0)
                    && !self.is_touched(ino, (*offset, offset + 1))
            };
            places.extend((from..to).filter(is_place).map(|offset| (ino, offset)));
        }
        (!places.is_empty()).then(|| places[stream.below(places.len() as u64) as usize])
    }

    /// How many of `len` bytes can be read from `offset` on, up to an unreadable sector.
    // Source: filemap_read in mm/filemap.c of Linux: what was read before the error is returned,
    // and the error by the next call.
    pub(super) fn readable(&mut self, fd: FdId, offset: u64, len: usize) -> Result<usize, Errno> {
        if self.media.bad.is_empty() {
            return Ok(len);
        }
        let ino = self.ino(fd);
        let there = self.file(ino).cur.len().saturating_sub(offset);
        let end = offset + there.min(len as u64);
        let sectors = (ino, offset / SECTOR)..(ino, end.div_ceil(SECTOR));
        let Some(&(_, sector)) = self.media.bad.range(sectors).next() else {
            return Ok(len);
        };
        if !self.counts.fire(Fault::LatentSector) {
            return Ok(len);
        }
        match (sector * SECTOR).checked_sub(offset) {
            None | Some(0) => Err(Errno::EIO),
            Some(before) => Ok(before as usize),
        }
    }

    /// Bytes were written: sectors that are whole among them can be read again.
    pub(in crate::disk) fn heal_sectors(&mut self, ino: Ino, offset: u64, count: usize) {
        if self.media.bad.is_empty() {
            return;
        }
        let end = offset + count as u64;
        let bad = &mut self.media.bad;
        bad.retain(|&(its, sector)| {
            its != ino || sector * SECTOR < offset || (sector + 1) * SECTOR > end
        });
    }
}
