//! The log's directory and the set of segments that make up the log.
//!
//! [`LogDir`] knows the names; [`Catalog`] knows which segments are live, in order, and where
//! each ends. The catalog never touches a file: it is changed by recovery, the writer's turns
//! and truncation, and read by readers, all under one lock that they bring along.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::gate::SyncGate;
use super::keys::{Access, Keys};
use super::transfer::uninterrupted;
use crate::crypto::{KeyRing, SegmentKey};
use crate::env::Env;
use crate::env::vfs::{File, OpenHow};
use crate::error::{Error, Result};
use crate::format::header::SegmentHeader;
use crate::types::{Lsn, SegmentMeta, TruncateResult};

/// The name under which a segment is made.
pub(crate) const TEMPORARY: &str = "next.wal.tmp";
/// The name under which a segment is encrypted anew.
pub(crate) const TEMPORARY_COPY: &str = "copy.wal.tmp";
/// The name of the file that holds the writer's lock.
pub(crate) const LOCK: &str = "LOCK";
/// The name of the file that stands in a directory while a salvage fills it. It looks almost like
/// a segment's, so that every version of the log refuses to open what is only half there.
pub(crate) const UNFINISHED_SALVAGE: &str = "unfinished-salvage.wal";
/// The same, of a migration.
pub(crate) const UNFINISHED_MIGRATION: &str = "unfinished-migration.wal";

/// The log's directory, locked, and the world that it is in. The log and its readers share it:
/// as long as one of them lives, nobody else opens the log.
pub(crate) struct LogDir {
    pub(crate) env: Env,
    pub(crate) path: PathBuf,
    pub(crate) keys: Keys,
    pub(crate) gate: SyncGate,
    // Held, never used: it keeps the lock. `None` where there is no lock file and none is made.
    _lock: Option<Arc<dyn File>>,
}

impl LogDir {
    /// The directory at `path`, with its lock, if it has one.
    pub(crate) fn new(
        env: Env,
        path: &Path,
        keys: Option<KeyRing>,
        lock: Option<Arc<dyn File>>,
    ) -> LogDir {
        LogDir {
            env,
            path: path.to_owned(),
            keys: Keys::new(keys),
            gate: SyncGate::default(),
            _lock: lock,
        }
    }

    /// The directory for somebody who only reads: nothing is created, not even the lock file, so
    /// that a copy on a read-only file system will do. Where there is a lock file, its lock is
    /// held as long as the directory is in use.
    ///
    /// # Errors
    /// [`Error::Locked`] when a writer, or another reader of this kind, has it; [`Error::Legacy`]
    /// when the path is a file; [`Error::Io`].
    pub(crate) fn to_read(env: Env, path: &Path, keys: Option<KeyRing>) -> Result<LogDir> {
        let metadata = uninterrupted(|| env.vfs.metadata(path));
        if !metadata.map_err(Error::io("look at", path))?.is_dir {
            return Err(Error::Legacy {
                path: path.to_owned(),
            });
        }
        let lock_path = path.join(LOCK);
        let lock = match uninterrupted(|| env.vfs.open(&lock_path, OpenHow::Read)) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            opened => {
                let file = opened.map_err(Error::io("open", &lock_path))?;
                lock(&*file, &lock_path)?;
                Some(file)
            }
        };
        Ok(LogDir::new(env, path, keys, lock))
    }

    pub(crate) fn segment_path(&self, id: u64, first_lsn: Lsn) -> PathBuf {
        self.path.join(format!("seg-{id:010}-{first_lsn:020}.wal"))
    }

    /// All names in the directory, in order.
    pub(crate) fn names(&self) -> Result<Vec<OsString>> {
        let names = uninterrupted(|| self.env.vfs.read_dir(&self.path));
        let mut names = names.map_err(Error::io("list", &self.path))?;
        names.sort();
        Ok(names)
    }

    /// Makes the directory's entries durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let sync = || self.env.vfs.sync_dir(&self.path);
        self.gate.pass_directory(&self.path, sync)
    }

    pub(crate) fn open_to_read(&self, path: &Path) -> Result<Arc<dyn File>> {
        uninterrupted(|| self.env.vfs.open(path, OpenHow::Read)).map_err(Error::io("open", path))
    }

    /// Removes the files of segments that are no longer part of the log and have a number below
    /// `before`, oldest first, up to the first that can't be removed. The removals are durable
    /// after [`LogDir::sync`].
    pub(crate) fn remove_below(
        &self,
        before: u64,
        doomed: &mut VecDeque<Entry>,
        result: &mut TruncateResult,
    ) -> Result<()> {
        while let Some(entry) = doomed.front() {
            if entry.segment.header.segment_id >= before {
                break;
            }
            match self.remove(&entry.segment.path) {
                // An earlier removal that failed may have been done all the same.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
            result.segments_deleted += 1;
            result.bytes_reclaimed += entry.file_bytes;
            doomed.pop_front();
        }
        Ok(())
    }

    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        let removed = uninterrupted(|| self.env.vfs.remove_file(path));
        removed.map_err(Error::final_io("remove", path))
    }
}

/// Takes the lock of an open lock file; it lives as long as the handle.
///
/// # Errors
/// [`Error::Locked`] when another handle has it, [`Error::Io`].
pub(crate) fn lock(file: &dyn File, path: &Path) -> Result<()> {
    match uninterrupted(|| file.try_lock()) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Error::Locked {
            path: path.to_owned(),
        }),
        locked => locked.map_err(Error::io("lock", path)),
    }
}

/// What a name in the log's directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Segment {
        id: u64,
        first_lsn: Lsn,
    },
    /// A segment of the legacy format.
    LegacySegment {
        first_lsn: Lsn,
    },
    Temporary,
    /// It looks like a segment's, but is none.
    Misnamed,
    Other,
}

impl Name {
    pub(crate) fn of(name: &OsStr) -> Name {
        let Some(name) = name.to_str() else {
            return Name::Other;
        };
        if name == TEMPORARY || name == TEMPORARY_COPY {
            return Name::Temporary;
        }
        if let Some((id, first_lsn)) = segment_numbers(name) {
            return Name::Segment { id, first_lsn };
        }
        let digits = name
            .strip_prefix("wal-")
            .and_then(|rest| rest.strip_suffix(".seg"));
        if let Some(first_lsn) = digits.and_then(|digits| number(digits, 20)) {
            let first_lsn = Lsn::new(first_lsn);
            return Name::LegacySegment { first_lsn };
        }
        match name.starts_with("seg-") || name.ends_with(".wal") || digits.is_some() {
            true => Name::Misnamed,
            false => Name::Other,
        }
    }
}

fn segment_numbers(name: &str) -> Option<(u64, Lsn)> {
    let numbers = name.strip_prefix("seg-")?.strip_suffix(".wal")?;
    let (id, first_lsn) = numbers.split_once('-')?;
    Some((number(id, 10)?, Lsn::new(number(first_lsn, 20)?)))
}

/// A number written with exactly `digits` digits, or more where it needs them: one text a number.
fn number(text: &str, digits: usize) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text.len() == digits || (text.len() > digits && !text.starts_with('0'));
    (is_digits && is_short).then(|| text.parse().ok())?
}

/// A live segment. Whoever holds an `Arc` of it pins it: its file is not removed.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    /// Shared with the segments that this one is a copy of, encrypted anew: who has pinned them
    /// pins this one's file.
    pub(crate) pin: Arc<()>,
}

impl Segment {
    /// The key to read it with, if it is sealed.
    ///
    /// # Errors
    /// As [`Access::key`].
    pub(crate) fn key(&self) -> Result<Option<&Arc<SegmentKey>>> {
        self.access.key(&self.path)
    }
}

/// A segment's place in the catalog.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) segment: Arc<Segment>,
    /// Where its frames of the log end, in bytes, as the next segment's header tells it: see
    /// [`SegmentHeader::own_end`].
    pub(crate) end: u64,
    /// The file's size in bytes.
    pub(crate) file_bytes: u64,
}

/// The live segments, oldest first. Each one's records end where the next one's begin.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    entries: VecDeque<Entry>,
}

impl Catalog {
    /// A catalog of segments that recovery found to follow one another, oldest first.
    pub(crate) fn new(entries: VecDeque<Entry>) -> Catalog {
        for (entry, next) in entries.iter().zip(entries.iter().skip(1)) {
            assert!(entry.segment.header.segment_id < next.segment.header.segment_id);
            assert!(entry.segment.header.first_lsn <= next.segment.header.first_lsn);
        }
        Catalog { entries }
    }

    /// Adds the segment that the writer just started, and fixes the end of the one before.
    pub(crate) fn push(&mut self, entry: Entry) {
        let header = &entry.segment.header;
        if let Some(last) = self.entries.back_mut() {
            assert_eq!(last.segment.header.segment_id, header.previous.segment_id);
            last.end = header.previous.end;
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut Entry> {
        self.entries.back_mut()
    }

    /// Puts a copy in the place of the segment that it stands for.
    pub(crate) fn replace(&mut self, segment: Arc<Segment>, file_bytes: u64) {
        let mut entries = self.entries.iter_mut();
        let is_original = |entry: &&mut Entry| segment.header.is_copy_of(&entry.segment.header);
        let entry = entries.find(is_original);
        let entry = entry.expect("nothing is dropped while it is copied");
        entry.segment = segment;
        entry.file_bytes = file_bytes;
    }

    /// The entry behind the segment with this number.
    pub(crate) fn next_of(&self, segment_id: u64) -> Option<&Entry> {
        let id_of = |entry: &Entry| entry.segment.header.segment_id;
        let behind = self
            .entries
            .partition_point(|entry| id_of(entry) <= segment_id);
        self.entries.get(behind)
    }

    /// The entries, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn segment_ids(&self) -> Vec<u64> {
        let ids = self
            .entries
            .iter()
            .map(|entry| entry.segment.header.segment_id);
        ids.collect()
    }

    /// The number of the oldest segment.
    pub(crate) fn oldest_id(&self) -> u64 {
        let oldest = self.entries.front().expect("a log has a segment");
        oldest.segment.header.segment_id
    }

    /// The entries from the one that holds `lsn` on.
    pub(crate) fn entries_from(&self, lsn: Lsn) -> impl Iterator<Item = &Entry> {
        let later = self
            .entries
            .partition_point(|entry| entry.segment.header.first_lsn <= lsn);
        self.entries.iter().skip(later.saturating_sub(1))
    }

    /// The first LSN that is kept when everything that may go below `lsn` goes: sealed segments
    /// wholly below it, from the oldest up to the first that a reader has pinned.
    pub(crate) fn low_water_below(&self, lsn: Lsn) -> Option<Lsn> {
        let nexts = self.entries.iter().skip(1);
        self.entries
            .iter()
            .zip(nexts)
            .take_while(|(entry, next)| {
                let segment = &entry.segment;
                let is_pinned =
                    Arc::strong_count(segment) > 1 || Arc::strong_count(&segment.pin) > 1;
                next.segment.header.first_lsn <= lsn && !is_pinned
            })
            .map(|(_, next)| next.segment.header.first_lsn)
            .last()
    }

    /// Takes out the segments wholly below `low_water`.
    pub(crate) fn take_below(&mut self, low_water: Lsn) -> Vec<Entry> {
        let mut taken = Vec::new();
        while let Some(next) = self.entries.get(1) {
            if next.segment.header.first_lsn > low_water {
                break;
            }
            taken.extend(self.entries.pop_front());
        }
        taken
    }

    pub(crate) fn metas(&self) -> Vec<SegmentMeta> {
        self.entries
            .iter()
            .map(|entry| SegmentMeta {
                path: entry.segment.path.clone(),
                first_lsn: entry.segment.header.first_lsn.as_u64(),
                file_size: entry.file_bytes,
            })
            .collect()
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.file_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let check = |name: &str, expect: Name| assert_eq!(Name::of(OsStr::new(name)), expect);
        check(
            "seg-0000000007-00000000000000000123.wal",
            Name::Segment {
                id: 7,
                first_lsn: Lsn::new(123),
            },
        );
        check(
            "wal-00000000000000000021.seg",
            Name::LegacySegment {
                first_lsn: Lsn::new(21),
            },
        );
        check("next.wal.tmp", Name::Temporary);
        check("LOCK", Name::Other);
        check("wal-18446744073709551616.seg", Name::Misnamed);
        check("seg-7-123.wal", Name::Misnamed);
        check("seg-000000000+-00000000000000000123.wal", Name::Misnamed);
        check("seg-0000000007-99999999999999999999.wal", Name::Misnamed);
        check("seg-00000000007-00000000000000000123.wal", Name::Misnamed);
        check(
            "seg-10000000007-00000000000000000123.wal",
            Name::Segment {
                id: 10_000_000_007,
                first_lsn: Lsn::new(123),
            },
        );
    }
}
