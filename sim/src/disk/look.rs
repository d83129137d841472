//! A look at both sides of the disk: what readers see and what is durable, sector by sector.
//!
//! For those who tell what happened. It tells contents apart by their hash and gives none away, and
//! it changes nothing: neither what is known to be seen nor what is drawn later.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::content::Content;
use super::dir::{Ino, Name};
use super::file::FileNode;
use super::versions::Versions;
use super::{Disk, Inode};

/// The hash of what is in a sector; 0 where it is all zeros, or nothing is there.
pub type Digest = u64;

/// A sector of a file on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectorLook {
    /// What readers see.
    pub cached: Digest,
    /// What is durable whatever happens.
    pub durable: Digest,
    /// Changes of it since the last sync that covered it.
    pub pending: u32,
}

/// A file on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLook {
    /// Its length for readers, in bytes.
    pub cached_len: u64,
    /// Its durable length, in bytes.
    pub durable_len: u64,
    /// Its sectors; all behind them are zeros, or not there.
    pub sectors: Vec<SectorLook>,
}

/// What a name leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameLook {
    /// For readers.
    pub cached: Option<Ino>,
    /// Whatever happens.
    pub durable: Option<Ino>,
}

/// All of a disk on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Every file, those without a name included.
    pub files: BTreeMap<Ino, FileLook>,
    /// Every name, by its directory.
    pub names: BTreeMap<(Ino, Name), NameLook>,
}

impl Disk {
    /// Looks at both sides.
    pub fn look(&self) -> Look {
        let mut look = Look::default();
        for (index, inode) in self.inodes.iter().enumerate() {
            let ino = Ino(index as u32);
            match inode {
                Inode::File(file) => {
                    look.files.insert(ino, file_look(file, self.unit_bytes()));
                }
                Inode::Dir(dir) => {
                    for (name, &to) in &dir.cur {
                        let entry = look.names.entry((ino, name.clone()));
                        entry.or_default().cached = Some(to);
                    }
                    for (name, &to) in &dir.dur {
                        let entry = look.names.entry((ino, name.clone()));
                        entry.or_default().durable = Some(to);
                    }
                }
                Inode::Gone => {}
            }
        }
        look
    }
}

fn file_look(file: &FileNode, unit_bytes: u64) -> FileLook {
    let versions = Versions::of(file, unit_bytes);
    let stored = file.cur.stored().len().max(file.dur.stored().len()) as u64;
    let changed = versions.chains().last().map_or(0, |chain| chain.unit() + 1);
    let count = stored.div_ceil(unit_bytes).max(changed);
    let mut sectors: Vec<SectorLook> = (0..count)
        .map(|unit| SectorLook {
            cached: digest(&file.cur, unit, unit_bytes),
            durable: digest(&file.dur, unit, unit_bytes),
            pending: 0,
        })
        .collect();
    for chain in versions.chains() {
        sectors[chain.unit() as usize].pending = chain.len() as u32;
    }
    while sectors
        .pop_if(|last| *last == SectorLook::default())
        .is_some()
    {}
    FileLook {
        cached_len: file.cur.len(),
        durable_len: file.dur.len(),
        sectors,
    }
}

fn digest(content: &Content, unit: u64, unit_bytes: u64) -> Digest {
    let stored = content.stored();
    let start = (unit * unit_bytes).min(stored.len() as u64) as usize;
    let end = ((unit + 1) * unit_bytes).min(stored.len() as u64) as usize;
    let bytes = &stored[start..end];
    // What is stored of the last sector, and what is not, reads the same.
    let zeros = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    match &bytes[..bytes.len() - zeros] {
        [] => 0,
        bytes => xxh3_64(bytes).max(1),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use seawall::env::vfs::OpenHow;

    use super::*;
    use crate::disk::Knobs;

    #[test]
    fn both_sides_are_told_apart_until_a_sync() {
        let mut disk = Disk::new(Knobs::default());
        let how = OpenHow::CreateNew { direct: false };
        let fd = disk.open(Path::new("/a"), how).expect("it is new");
        disk.write(fd, 0, &[7; 700]).expect("there is room");
        disk.write(fd, 0, &[8; 10]).expect("there is room");
        let (ino, look) = (Ino(1), disk.look());
        let file = &look.files[&ino];
        assert_eq!((file.cached_len, file.durable_len), (700, 0));
        let pending: Vec<u32> = file.sectors.iter().map(|sector| sector.pending).collect();
        assert_eq!(pending, [2, 1]);
        let is_volatile = |sector: &SectorLook| sector.cached != 0 && sector.durable == 0;
        assert!(file.sectors.iter().all(is_volatile));
        let name = look.names.values().next().copied().expect("one name");
        assert_eq!((name.cached, name.durable), (Some(ino), None));

        disk.make_durable_now(crate::disk::Durable::Everything);
        let look = disk.look();
        let file = &look.files[&ino];
        assert_eq!(file.durable_len, 700);
        let is_clean = |sector: &SectorLook| sector.cached == sector.durable && sector.pending == 0;
        assert!(file.sectors.iter().all(is_clean));
        assert_eq!(
            look.names.values().next().and_then(|name| name.durable),
            Some(ino)
        );
    }

    #[test]
    fn zeros_are_as_good_as_nothing() {
        let mut content = Content::default();
        content.put(0, &[0; 600]);
        assert_eq!(digest(&content, 0, 512), 0);
        assert_eq!(digest(&content, 9, 512), 0);
        content.put(3, b"a");
        let mut other = Content::default();
        other.put(3, b"a");
        assert_eq!(digest(&content, 0, 512), digest(&other, 0, 512));
    }
}
