//! All the damage that one place of a log can take: every bit, every sector, every write.
//!
//! Bytes that come into a place that had the same ones are no damage, and are left out.

use std::collections::BTreeMap;
use std::fmt;

use super::bench::Patch;
use super::layout::{Part, Region};
use super::script::SECTOR;
use super::subject::Subject;
use crate::named::named_enum;

named_enum! {
    /// A kind of damage.
    pub enum Kind {
        /// A bit is flipped.
        Flipped = "flipped",
        /// A sector is zeros.
        Zeroed = "zeroed",
        /// A sector is as it was before the last write to it.
        Lost = "lost",
        /// All sectors of a write are as they were before it.
        LostWrite = "lost-write",
        /// A sector has what another one of its file has.
        Duplicated = "duplicated",
        /// A sector has what one of another file of the log has.
        Misdirected = "misdirected",
        /// A sector has what one of a file had that is gone: a lost write, where the disk had used
        /// the place before.
        Stale = "stale",
    }
}

/// Where the bytes come from that stand where they should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    None,
    Bit(u8),
    /// A sector of the same file.
    Sector(usize),
    /// A file and a sector of it.
    Elsewhere(usize, usize),
}

/// How much of all damage is done. What becomes zeros and what is lost is taken in full.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// One bit in so many is flipped; 1 for all.
    pub bits_step: usize,
    /// One sector in so many of those that come from elsewhere; 1 for all.
    pub copies_step: usize,
}

impl Share {
    /// All of it.
    pub const ALL: Share = Share {
        bits_step: 1,
        copies_step: 1,
    };
}

/// Damage to one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What it is.
    pub kind: Kind,
    file: usize,
    offset: usize,
    detail: Detail,
}

/// All damage that there can be to a log, or this share of it.
pub(super) fn all(subject: &Subject, share: Share) -> Vec<Damage> {
    let mut damages = Vec::new();
    for file in 0..subject.files.len() {
        let mut add = |kind, offset, detail| {
            damages.push(Damage {
                kind,
                file,
                offset,
                detail,
            });
        };
        let (_, bytes) = &subject.files[file];
        for bit in (0..bytes.len() * 8).step_by(share.bits_step) {
            add(Kind::Flipped, bit / 8, Detail::Bit((bit % 8) as u8));
        }
        for offset in (0..bytes.len()).step_by(SECTOR) {
            add(Kind::Zeroed, offset, Detail::None);
            add(Kind::Lost, offset, Detail::None);
            for from in (0..bytes.len()).step_by(SECTOR) {
                add(Kind::Duplicated, offset, Detail::Sector(from));
            }
            let files = subject.files.iter().enumerate();
            for (other, (_, bytes)) in files.filter(|&(other, _)| other != file) {
                for from in (0..bytes.len()).step_by(SECTOR) {
                    add(Kind::Misdirected, offset, Detail::Elsewhere(other, from));
                }
            }
            for (gone, (_, bytes)) in subject.gone.iter().enumerate() {
                for from in (0..bytes.len()).step_by(SECTOR) {
                    add(Kind::Stale, offset, Detail::Elsewhere(gone, from));
                }
            }
        }
        let sectors_of_writes = sectors_of_writes(subject, file);
        for sectors in sectors_of_writes
            .values()
            .filter(|sectors| sectors.len() > 1)
        {
            add(Kind::LostWrite, sectors[0] * SECTOR, Detail::None);
        }
    }
    let mut copies = 0;
    damages.retain(|damage| {
        let is_copy = matches!(damage.detail, Detail::Sector(_) | Detail::Elsewhere(..));
        copies += usize::from(is_copy);
        damage.changes(subject) && (!is_copy || copies % share.copies_step == 0)
    });
    damages
}

/// The sectors of a file that no later write has changed, by write.
fn sectors_of_writes(subject: &Subject, file: usize) -> BTreeMap<u64, Vec<usize>> {
    let mut writes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (&sector, write) in &subject.last_writes[file] {
        writes.entry(write.number).or_default().push(sector);
    }
    writes
}

impl Damage {
    /// The bytes that come to stand where they should not.
    pub(super) fn patches(&self, subject: &Subject) -> Vec<Patch> {
        let (path, bytes) = &subject.files[self.file];
        let put = |offset: usize, bytes: &[u8]| Patch {
            path: path.clone(),
            offset,
            bytes: bytes.to_vec(),
        };
        let sector_of = |bytes: &[u8], from: usize| bytes[from..from + SECTOR].to_vec();
        let last_writes = &subject.last_writes[self.file];
        match (self.kind, self.detail) {
            (_, Detail::Bit(bit)) => vec![put(self.offset, &[bytes[self.offset] ^ 1 << bit])],
            (_, Detail::Sector(from)) => vec![put(self.offset, &sector_of(bytes, from))],
            (Kind::Stale, Detail::Elsewhere(file, from)) => {
                vec![put(self.offset, &sector_of(&subject.gone[file].1, from))]
            }
            (_, Detail::Elsewhere(file, from)) => {
                vec![put(self.offset, &sector_of(&subject.files[file].1, from))]
            }
            (Kind::LostWrite, Detail::None) => {
                let number = last_writes[&(self.offset / SECTOR)].number;
                let of_it = last_writes
                    .iter()
                    .filter(|(_, write)| write.number == number);
                of_it
                    .map(|(sector, write)| put(sector * SECTOR, &write.before))
                    .collect()
            }
            (Kind::Lost, Detail::None) => {
                vec![put(
                    self.offset,
                    &last_writes[&(self.offset / SECTOR)].before,
                )]
            }
            (_, Detail::None) => vec![put(self.offset, &[0; SECTOR])],
        }
    }

    fn changes(&self, subject: &Subject) -> bool {
        let (_, bytes) = &subject.files[self.file];
        let is_there = |patch: &Patch| bytes[patch.offset..].starts_with(&patch.bytes);
        self.kind == Kind::Flipped || !self.patches(subject).iter().all(is_there)
    }

    /// What stands there.
    pub(super) fn region(&self, subject: &Subject) -> Region {
        let layout = &subject.layouts[self.file];
        match self.kind {
            Kind::Flipped => layout.regions[self.offset],
            Kind::LostWrite => Region {
                part: Part::Whole,
                ..layout.sectors[self.offset / SECTOR]
            },
            _ => layout.sectors[self.offset / SECTOR],
        }
    }

    /// Its name, by which it can be done again: log, kind, file, offset, and the bit, or where the
    /// bytes come from.
    pub(super) fn name<'a>(&'a self, subject: &'a Subject) -> impl fmt::Display + 'a {
        let short = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
        let file = short(&subject.files[self.file].0);
        let detail = match (self.kind, self.detail) {
            (_, Detail::None) => String::new(),
            (_, Detail::Bit(bit)) => format!(":{bit}"),
            (_, Detail::Sector(from)) => format!(":{from}"),
            // Two files that are gone may have had the same name, one after the other.
            (Kind::Stale, Detail::Elsewhere(gone, from)) => {
                format!(":{gone}:{}:{from}", short(&subject.gone[gone].0))
            }
            (_, Detail::Elsewhere(other, from)) => {
                format!(":{}:{from}", short(&subject.files[other].0))
            }
        };
        format!(
            "{}:{}:{file}:{}{detail}",
            subject.name, self.kind, self.offset
        )
    }
}
