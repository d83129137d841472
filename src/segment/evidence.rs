//! What a log was migrated from: a small file beside its segments, by which every later open knows
//! that the legacy files are a thing of the past.
//!
//! It is made when the new log is durable and was read back, never before; so where it is whole, the
//! migration is done, whatever else a crash has left. It lists the legacy files with their lengths:
//! one that has another length was written to since, by a program that did not know better.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::catalog::{LogDir, Name};
use super::transfer::{read_full, uninterrupted, write_all};
use crate::env::vfs::{File, OpenHow};
use crate::error::{Error, Result};

/// The file's name.
pub(crate) const MIGRATED_FROM: &str = "migrated-from";

/// More than the names of any log's files take.
const BYTES_MAX: u64 = 64 << 20;
const CHECKSUM_BYTES: usize = 4;

/// The legacy files that a log was migrated from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    // Lengths in bytes by file name.
    lengths: BTreeMap<String, u64>,
}

/// What is found in a directory.
pub(crate) enum Found {
    /// No such file.
    Nothing,
    /// One that says nothing: it was never finished, or is damaged.
    Damaged,
    Evidence(Evidence),
}

impl Evidence {
    /// Looks for it in a log's directory.
    pub(crate) fn find(dir: &LogDir) -> Result<Found> {
        let path = dir.path.join(MIGRATED_FROM);
        let file = match uninterrupted(|| dir.env.vfs.open(&path, OpenHow::Read)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            opened => opened.map_err(Error::io("open", &path))?,
        };
        let len = file.len().map_err(Error::io("measure", &path))?;
        if len > BYTES_MAX {
            return Ok(Found::Damaged);
        }
        let mut bytes = vec![0; len as usize];
        let count = read_full(&*file, 0, &mut bytes).map_err(Error::io("read", &path))?;
        Ok(match Evidence::decode(&bytes[..count]) {
            Some(evidence) => Found::Evidence(evidence),
            None => Found::Damaged,
        })
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, path: &Path, len: u64) {
        self.lengths.insert(name_of(path), len);
    }

    /// Whether the file at `path` is one of those, by its name.
    pub(crate) fn names(&self, path: &Path) -> bool {
        self.lengths.contains_key(&name_of(path))
    }

    /// Whether they are segments.
    pub(crate) fn names_segments(&self) -> bool {
        let is_segment =
            |name: &String| matches!(Name::of(name.as_ref()), Name::LegacySegment { .. });
        self.lengths.keys().any(is_segment)
    }

    /// Checks that a legacy file is what it was.
    ///
    /// # Errors
    /// [`Error::LegacyChanged`] when it was not there then, or had another length; [`Error::Io`].
    pub(crate) fn check(&self, dir: &LogDir, path: &Path) -> Result<()> {
        let metadata = uninterrupted(|| dir.env.vfs.metadata(path));
        let len = metadata.map_err(Error::io("look at", path))?.len;
        match self.lengths.get(&name_of(path)) == Some(&len) {
            true => Ok(()),
            false => Err(Error::LegacyChanged {
                path: path.to_owned(),
            }),
        }
    }

    /// Writes it where there is none, durably.
    pub(crate) fn create(&self, dir: &LogDir) -> Result<()> {
        self.write(dir, OpenHow::CreateNew { direct: false })
    }

    /// Writes it again, in its place, as it is: what was read may be in the page cache only.
    pub(crate) fn write_again(&self, dir: &LogDir) -> Result<()> {
        self.write(dir, OpenHow::Write { direct: false })
    }

    fn write(&self, dir: &LogDir, how: OpenHow) -> Result<()> {
        let path = dir.path.join(MIGRATED_FROM);
        let opened = uninterrupted(|| dir.env.vfs.open(&path, how));
        let file: Arc<dyn File> = opened.map_err(Error::io("create", &path))?;
        write_all(&*file, 0, &self.encode()).map_err(Error::io("write", &path))?;
        file.sync_all().map_err(Error::final_io("sync", &path))?;
        dir.sync()
    }

    /// A checksum, and a map in MessagePack.
    fn encode(&self) -> Vec<u8> {
        let map = rmp_serde::to_vec(&self.lengths).expect("a map of numbers can be encoded");
        let mut bytes = crc32c::crc32c(&map).to_le_bytes().to_vec();
        bytes.extend_from_slice(&map);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Evidence> {
        let (checksum, map) = bytes.split_first_chunk::<CHECKSUM_BYTES>()?;
        if crc32c::crc32c(map) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let lengths = rmp_serde::from_slice(map).ok()?;
        Some(Evidence { lengths })
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_that_is_not_whole_is_none() {
        let mut evidence = Evidence::default();
        evidence.add(Path::new("/a/log.wal"), 77);
        evidence.add(Path::new("/a/other.wal"), 0);
        let bytes = evidence.encode();
        assert_eq!(Evidence::decode(&bytes).as_ref(), Some(&evidence));
        assert!(evidence.names(Path::new("elsewhere/log.wal")));
        assert!(!evidence.names(Path::new("/a/log")));
        for len in 0..bytes.len() {
            assert_eq!(Evidence::decode(&bytes[..len]), None);
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Evidence::decode(&damaged), None, "byte {at}");
        }
    }
}
