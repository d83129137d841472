//! A log's directory as it was found: names and bytes, and nothing else of where it comes from.
//!
//! It is read, never written, and never locked: so the log must not be in use meanwhile. What has
//! no name of a log's file stays where it is; nobody who opens a log looks at it.

use std::collections::BTreeMap;
use std::path::Path;

use seawall::env::os::OsVfs;
use seawall::env::vfs::{OpenHow, Vfs};

use crate::disk::{Disk, Knobs};
use crate::world::LOG_DIR;

/// More than this is not taken into memory, several times over.
const BYTES_MAX: u64 = 2 << 30;

// Source: inode(7): the type of a file.
const TYPE_BITS: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// The files of a log's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldImage {
    /// By their names: what is in them.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How many things were left where they are, as they have no name of a log's file.
    pub strangers: usize,
}

impl FieldImage {
    /// Reads a directory.
    ///
    /// # Errors
    /// What can't be read, in one line.
    pub fn read(dir: &Path) -> Result<FieldImage, String> {
        let vfs = OsVfs;
        let told = |error: std::io::Error| format!("cannot read {}: {error}", dir.display());
        if !vfs.metadata(dir).map_err(told)?.is_dir {
            return Err(format!(
                "{} is a file, neither a log's directory nor a capsule; `cargo wal migrate` looks at a legacy log that is one file",
                dir.display()
            ));
        }
        let mut image = FieldImage::default();
        let mut left = BYTES_MAX;
        let mut names = vfs.read_dir(dir).map_err(told)?;
        names.sort();
        for name in names {
            let path = dir.join(&name);
            let is_dir = vfs.metadata(&path).is_ok_and(|found| found.is_dir);
            match name.to_str() {
                Some(name) if is_of_a_log(name) && !is_dir => {
                    let bytes = read_file(&path, &mut left);
                    let bytes = bytes
                        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                    image.files.insert(name.to_owned(), bytes);
                }
                _ => image.strangers += 1,
            }
        }
        Ok(image)
    }

    /// A disk with these files in the log's directory, all of them durable.
    pub(super) fn disk(&self) -> Disk {
        let mut disk = Disk::new(Knobs::default());
        let dir = Path::new(LOG_DIR);
        for ancestor in [dir.parent().expect("it is not the root"), dir] {
            disk.create_dir(ancestor).expect("the disk is empty");
            let above = ancestor.parent().expect("it is not the root");
            disk.sync_dir(above).expect("nothing fails");
        }
        for (name, bytes) in &self.files {
            let created = disk.open(&dir.join(name), OpenHow::CreateNew { direct: false });
            let fd = created.expect("nothing fails");
            assert_eq!(disk.write(fd, 0, bytes), Ok(bytes.len()));
            disk.sync(fd, true).expect("nothing fails");
            disk.close(fd);
        }
        disk.sync_dir(dir).expect("nothing fails");
        disk.trust();
        disk
    }
}

/// Whether a log may have a file of this name, or take it for one of its own.
// Source: src/format/format.md, "Directory", and src/migration.rs for the double-write buffer.
fn is_of_a_log(name: &str) -> bool {
    let is_segment = name.starts_with("seg-") || name.ends_with(".wal");
    let is_legacy = name.starts_with("wal-") && name.ends_with(".seg") || name.ends_with(".dwb");
    let others = ["LOCK", "migrated-from", "next.wal.tmp", "copy.wal.tmp"];
    is_segment || is_legacy || others.contains(&name)
}

fn read_file(path: &Path, left: &mut u64) -> std::io::Result<Vec<u8>> {
    let file = OsVfs.open(path, OpenHow::ReadNoFollow)?;
    if file.mode()? & TYPE_BITS != REGULAR {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let len = file.len()?;
    *left = left.checked_sub(len).ok_or_else(|| {
        std::io::Error::other("with it the directory has more than 2 GiB of a log's files")
    })?;
    let mut bytes = vec![0; len as usize];
    let mut at = 0;
    while at < bytes.len() {
        match file.read_at(at as u64, &mut bytes[at..]) {
            Ok(0) => bytes.truncate(at),
            Ok(count) => at += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}
