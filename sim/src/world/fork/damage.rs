//! Damage to one place of a disk, past the log. All of it is done to segment files, which are
//! known by their names; only a newer version needs to know where a header has its version and
//! its checksum, which are at the same place in every version.
// Source: src/format/format.md, "Directory" and "Segment header".

use std::path::{Path, PathBuf};

use seawall::env::vfs::OpenHow;

use super::newer::change_type;
use crate::choice::Stream;
use crate::disk::Disk;
use crate::scenario::{Damage, Probe};
use crate::world::LOG_DIR;

/// What a disk writes whole. Damage to more than one of them is damage to more than one place.
const SECTOR: u64 = 512;
const VERSION_AT: usize = 8;
const CHECKSUM_AT: usize = 508;
/// The most bytes of garbage in a place, and in a foreign file.
const GARBAGE_MAX: u64 = 64;
const FOREIGN_MAX: u64 = 2048;

/// What was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// The file that it was done to.
    pub path: PathBuf,
    /// What exactly, for people.
    pub story: String,
    /// Whether it took the last frame of the file along with others before it: then what vouched for those is
    /// gone with them, as after a cut.
    pub covers_the_end: bool,
}

/// Does what `probe` says; `None` where there is no place for it.
pub fn inflict(probe: Probe, disk: &mut Disk, stream: &mut Stream) -> Option<Done> {
    let paths = segments(disk);
    if paths.is_empty() {
        return None;
    }
    let number = u64::from(probe.number);
    let pick = |paths: &[PathBuf]| paths[(number % paths.len() as u64) as usize].clone();
    match probe.damage {
        Damage::Flip => {
            let (path, offset) = place_of_byte(disk, &paths, number);
            let mut bytes = read(disk, &path);
            let bit = stream.below(8);
            bytes[offset as usize] ^= 1 << bit;
            overwrite(disk, &path, offset, &bytes[offset as usize..][..1]);
            done(path, format!("bit {bit} of byte {offset} is flipped"))
        }
        Damage::ZeroSector => {
            let (path, offset, len) = place(disk, &paths, number, SECTOR);
            overwrite(disk, &path, offset, &vec![0; len as usize]);
            done(path, format!("{len} bytes from {offset} are zeros"))
        }
        Damage::Garbage => {
            let (path, offset, _) = place(disk, &paths, number, 1);
            let left = SECTOR - offset % SECTOR;
            let len = stream
                .within(1, GARBAGE_MAX)
                .min(left)
                .min(len_of(disk, &path) - offset);
            let mut garbage = vec![0; len as usize];
            stream.fill(&mut garbage);
            overwrite(disk, &path, offset, &garbage);
            done(path, format!("{len} bytes from {offset} are random"))
        }
        Damage::Cut => {
            let path = pick(&paths);
            let len = stream.below(len_of(disk, &path).max(1));
            let fd = open(disk, &path);
            disk.set_len(fd, len).expect("there are no faults");
            disk.close(fd);
            done(path, format!("cut to {len} bytes"))
        }
        Damage::Remove => {
            let inner = paths
                .get(1..paths.len() - 1)
                .filter(|inner| !inner.is_empty())?;
            let path = pick(inner);
            disk.remove_file(&path).expect("it was listed");
            done(path, "removed".into())
        }
        Damage::Foreign => {
            let (path, bytes) = stranger(disk, &paths, number, stream);
            let len = bytes.len();
            overwrite(disk, &path, 0, &bytes);
            done(path, format!("a foreign file of {len} bytes"))
        }
        Damage::NewerVersion => {
            let path = pick(&paths);
            let mut header = read(disk, &path);
            header.truncate(SECTOR as usize);
            header.get(CHECKSUM_AT..CHECKSUM_AT + 4)?;
            header[VERSION_AT] += 1;
            let checksum = crc32c::crc32c(&header[..CHECKSUM_AT]);
            header[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
            overwrite(disk, &path, 0, &header);
            done(path, "of a newer version".into())
        }
        Damage::NewerType => {
            let with_bytes = |path: &PathBuf| (path.clone(), read(disk, path));
            let files: Vec<_> = paths.iter().map(with_bytes).collect();
            let changed = change_type(&files, number)?;
            let path = paths[changed.file].clone();
            overwrite(disk, &path, changed.offset, &changed.bytes);
            done(path, changed.story)
        }
        of_keys => unreachable!("{of_keys} is no damage by a disk"),
    }
}

fn done(path: PathBuf, story: String) -> Option<Done> {
    Some(Done {
        path,
        story,
        covers_the_end: false,
    })
}

/// The segment files, by name, but for empty ones, which have no place for damage.
fn segments(disk: &Disk) -> Vec<PathBuf> {
    let dir = Path::new(LOG_DIR);
    let mut names = disk.read_dir(dir).unwrap_or_default();
    names.retain(|name| name.starts_with("seg-"));
    names.sort();
    let paths = names.iter().map(|name| dir.join(name));
    paths.filter(|path| len_of(disk, path) > 0).collect()
}

/// Place number `number`, modulo all the places of `unit` bytes in all files: file, offset, length.
fn place(disk: &Disk, paths: &[PathBuf], number: u64, unit: u64) -> (PathBuf, u64, u64) {
    let places = |path: &PathBuf| len_of(disk, path).div_ceil(unit);
    let mut left = number % paths.iter().map(places).sum::<u64>();
    for path in paths {
        match left.checked_sub(places(path)) {
            Some(rest) => left = rest,
            None => {
                let offset = left * unit;
                return (path.clone(), offset, unit.min(len_of(disk, path) - offset));
            }
        }
    }
    unreachable!("the number is below the sum of the places")
}

/// A byte: any for odd numbers; for even ones one that is not zero, since most of a small log is
/// padding.
fn place_of_byte(disk: &mut Disk, paths: &[PathBuf], number: u64) -> (PathBuf, u64) {
    if number % 2 == 1 {
        let (path, offset, _) = place(disk, paths, number / 2, 1);
        return (path, offset);
    }
    let mut used = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        let bytes = read(disk, path);
        let offsets = (0u64..).zip(bytes).filter(|(_, byte)| *byte != 0);
        used.extend(offsets.map(|(offset, _)| (index, offset)));
    }
    if used.is_empty() {
        return (paths[0].clone(), 0);
    }
    let (index, offset) = used[(number / 2 % used.len() as u64) as usize];
    (paths[index].clone(), offset)
}

/// A file with a name that no segment has, but one could have: random bytes, or a copy.
fn stranger(
    disk: &mut Disk,
    paths: &[PathBuf],
    number: u64,
    stream: &mut Stream,
) -> (PathBuf, Vec<u8>) {
    let copied = &paths[(number / 2 % paths.len() as u64) as usize];
    let bytes = match number % 2 {
        0 => {
            let mut garbage = vec![0; stream.below(FOREIGN_MAX) as usize];
            stream.fill(&mut garbage);
            garbage
        }
        _ => read(disk, copied),
    };
    // Its name has the copied one's first LSN, and a number that is taken only in other names.
    let name = copied.file_name().expect("a segment has a name");
    let name = name.to_str().expect("a segment's name is plain");
    let (_, first_lsn) = name.split_at("seg-0000000001".len());
    let known = paths.len() as u64;
    let free = (1..=known + 1).map(|step| {
        let id = (number / 2 + step) % (known + 2);
        Path::new(LOG_DIR).join(format!("seg-{id:010}{first_lsn}"))
    });
    let mut free = free.filter(|path| disk.resolve(path).is_err());
    let path = free.next().expect("more names than files");
    (path, bytes)
}

fn len_of(disk: &Disk, path: &Path) -> u64 {
    disk.metadata(path).map_or(0, |found| found.len)
}

fn read(disk: &mut Disk, path: &Path) -> Vec<u8> {
    let mut bytes = vec![0; len_of(disk, path) as usize];
    let fd = disk.open(path, OpenHow::Read).expect("it was listed");
    let count = disk.read(fd, 0, &mut bytes);
    assert_eq!(count, Ok(bytes.len()));
    disk.close(fd);
    bytes
}

fn open(disk: &mut Disk, path: &Path) -> crate::disk::FdId {
    let how = match disk.resolve(path) {
        Ok(_) => OpenHow::Write { direct: false },
        Err(_) => OpenHow::CreateNew { direct: false },
    };
    disk.open(path, how).expect("it can be opened")
}

fn overwrite(disk: &mut Disk, path: &Path, offset: u64, bytes: &[u8]) {
    let fd = open(disk, path);
    let count = disk.write(fd, offset, bytes);
    assert_eq!(count, Ok(bytes.len()));
    disk.close(fd);
}
