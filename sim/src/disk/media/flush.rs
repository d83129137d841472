//! Flushes that lie, and units that a power cut damages. Classes F6 and F2x.
//!
//! A lie alone harms nobody: what it has left pending is lost only by a power cut, and not if a
//! sync that tells the truth comes first. So the incident is the loss, not the lie.
// Source: Zheng et al., "Understanding the Robustness of SSDs under Power Fault", FAST 2013.

use crate::choice::{Ratio, Stream};
use crate::disk::Disk;
use crate::disk::counts::{Counts, Fault};
use crate::disk::dir::Ino;
use crate::disk::file::FileNode;
use crate::disk::versions::units_of;

use super::{FORGOTTEN, MediaState, SECTOR};

/// The units of a file that a power cut damages, and what was durable of it.
pub(in crate::disk) struct Hit {
    units: Vec<u64>,
    unit_bytes: u64,
    before: Vec<u8>,
}

impl Disk {
    /// Whether a sync of a file or directory lies: it says `Ok`, and all that is pending stays so.
    pub(in crate::disk) fn lies_about(&mut self, ino: Ino, stream: &mut Stream) -> bool {
        if !stream.happens(self.media.plan.flush_lies) {
            return false;
        }
        let is_pending = match self.is_dir(ino) {
            true => {
                let mut atoms = self.atoms.list().iter();
                atoms.any(|atom| atom.op.keys().any(|key| key.dir == ino))
            }
            false => self.file(ino).is_pending(),
        };
        let fault = match self.is_dir(ino) {
            true => Fault::DirFlushLie,
            false => Fault::FlushLie,
        };
        let lies = is_pending && self.counts.fire(fault);
        if lies {
            self.media.lies.insert(ino, self.seq);
        }
        lies
    }

    /// A sync has told the truth.
    pub(in crate::disk) fn told_the_truth(&mut self, ino: Ino) {
        let told = self.media.lies.get(&ino).copied().unwrap_or(0);
        let is_file = !self.is_dir(ino);
        // It may have been outrun, and cover less than the lie did.
        let is_left = told == FORGOTTEN
            || is_file && self.file(ino).log.iter().any(|change| change.seq <= told);
        if !is_left {
            self.media.lies.remove(&ino);
        }
    }

    /// A failed sync has forgotten what it had to write, and with it what a lie had left behind: it is
    /// in the cache only, until it leaves it or the power is cut.
    pub(in crate::disk) fn forgot_pending(&mut self, ino: Ino) {
        if self.media.lies.contains_key(&ino) {
            let stored = self.file(ino).cur.stored();
            let beginning = stored[..stored.len().min(SECTOR as usize)].to_vec();
            self.media.beginnings.entry(ino).or_insert(beginning);
            self.media.lost(ino, &mut self.counts);
            self.media.lies.insert(ino, FORGOTTEN);
        }
    }

    /// A crash damages one sector of a write that it has interrupted, and leaves the others as they were.
    pub(in crate::disk) fn damage_within(
        &mut self,
        ino: Ino,
        (offset, len): (u64, u64),
        stream: &mut Stream,
    ) {
        if len == 0 || !self.counts.fire(Fault::UnitDamage) {
            return;
        }
        let sector = stream.within(offset / SECTOR, (offset + len - 1) / SECTOR);
        let range = (sector * SECTOR, (sector + 1) * SECTOR);
        let mut noise = [0; SECTOR as usize];
        stream.fill(&mut noise);
        let seq = self.next_seq();
        let file = self.file_mut(ino);
        let before = file.cur.stored().to_vec();
        file.write(seq, range.0, &noise);
        self.media.happened(Fault::UnitDamage, ino, range, before);
    }

    /// A power cut keeps only the chosen changes of names.
    pub(in crate::disk) fn cut_names(&mut self, chosen: &[bool]) {
        let lost = self.atoms.list().iter().zip(chosen);
        let lost = lost.filter(|(_, kept)| !**kept);
        let dirs: Vec<Ino> = lost
            .flat_map(|(atom, _)| atom.op.keys().map(move |key| (key.dir, atom.seq)))
            .filter(|(dir, seq)| self.media.lies.get(dir).is_some_and(|told| seq <= told))
            .map(|(dir, _)| dir)
            .collect();
        for dir in dirs {
            self.media.lost(dir, &mut self.counts);
        }
    }
}

impl MediaState {
    /// Something of a file or directory was lost: an incident, where a lie had covered it.
    pub(in crate::disk) fn lost(&mut self, ino: Ino, counts: &mut Counts) {
        if self.lies.remove(&ino).is_some() && counts.fire(Fault::FlushLost) {
            self.happened(Fault::FlushLost, ino, (u64::MAX, u64::MAX), Vec::new());
        }
    }

    /// The power is back: all that is there is durable, and no lie is left.
    pub(in crate::disk) fn restart(&mut self) {
        self.lies.clear();
    }

    /// Draws the units of a file that a power cut damages, before it has chosen what is durable.
    pub(in crate::disk) fn hit(
        &self,
        file: &FileNode,
        unit_bytes: u64,
        stream: &mut Stream,
    ) -> Option<Hit> {
        let chance = self.plan.unit_damage;
        if chance.is_never() {
            return None;
        }
        let mut units: Vec<u64> = Vec::new();
        for change in &file.log {
            units.extend(units_of(change, unit_bytes));
        }
        units.sort_unstable();
        units.dedup();
        units.retain(|_| stream.happens(chance));
        Some(Hit {
            units,
            unit_bytes,
            before: file.dur.stored().to_vec(),
        })
    }

    /// Damages what is left of these units once it is known: noise, zeros, or noise up to somewhere.
    pub(in crate::disk) fn damage(
        &mut self,
        ino: Ino,
        file: &mut FileNode,
        hit: Hit,
        counts: &mut Counts,
        stream: &mut Stream,
    ) {
        for unit in hit.units {
            let from = unit * hit.unit_bytes;
            let end = file.cur.len().min(from + hit.unit_bytes);
            if from >= end || !counts.fire(Fault::UnitDamage) {
                continue;
            }
            let mut bytes = vec![0; (end - from) as usize];
            file.cur.copy(from, &mut bytes);
            let noisy = match stream.happens(Ratio::new(1, 2)) {
                true => bytes.len(),
                false => stream.within(1, bytes.len() as u64) as usize,
            };
            match stream.happens(Ratio::new(1, 4)) {
                true => bytes[..noisy].fill(0),
                false => stream.fill(&mut bytes[..noisy]),
            }
            file.cur.put(from, &bytes);
            file.dur.put(from, &bytes);
            self.happened(Fault::UnitDamage, ino, (from, end), hit.before.clone());
        }
    }
}
