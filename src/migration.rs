//! From the legacy format to this one: an old log becomes a new one with the same records.
//!
//! The old files are only read, and stay where they are: whoever needs the space removes them when
//! the new log has proven itself. The new log is written beside them, read back, and held against
//! them record by record, before anything relies on it.
//!
//! An open migrates by itself, under the log's lock. A crash at any call leaves one of these, and
//! the next open goes on from there:
//!
//! | in the directory | what it means |
//! | --- | --- |
//! | legacy files | not begun |
//! | and `unfinished-migration.wal` | begun: what was made is removed, and all begins again |
//! | and `migrated-from`, whole | done; the mark, if it is still there, is taken away |
//!
//! The mark is durable before the first segment has its name, and `migrated-from` is written when
//! the last one is durable. Legacy files and segments with neither are nobody's doing, and
//! refused: [`Error::Legacy`].
//!
//! A log that is a single file goes into a directory of its own, `path.with_extension("d")`; the
//! same path leads there ever after, whether the file is still there or not.
//!
//! # The legacy format
//!
//! Numbers are little-endian. A log is either one file, or segments `wal-{first_lsn:020}.seg` in a
//! directory. A file has records one behind the other, and no header. With direct I/O its end is
//! padded with zeros.
//!
//! | offset | size | field | notes |
//! | --- | --- | --- | --- |
//! | 0 | 4 | magic | `0x53594E57` |
//! | 4 | 2 | version | 0 or 1 |
//! | 6 | 2 | record type | bit 15: required; bit 14: the payload is encrypted |
//! | 8 | 8 | LSN | rising, with gaps |
//! | 16 | 4 | tenant | |
//! | 20 | 2 | vshard | |
//! | 22 | 4 | length of the payload as stored | at most 64 MiB |
//! | 26 | 4 | CRC-32C | of bytes 0 to 25, then the payload as stored |
//! | 30 | n | payload | sealed with AES-256-GCM: nonce is the LSN and four zeros; bound to this header without bit 14, its length and CRC zero |
//!
//! A file may have a double-write buffer, with the extension `dwb`: 12 bytes, then up to 64 slots
//! of 65570 bytes, each a record's length, header and payload.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::WalConfig;
use crate::crypto::KeyRing;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::segment::catalog::{LOCK, LogDir, Name, UNFINISHED_MIGRATION};
use crate::segment::evidence::{Evidence, Found, MIGRATED_FROM};
use crate::segment::place::{new_directory, resolved, set_mark, take_mark};
use crate::segment::transfer::uninterrupted;
use crate::types::{Lsn, Progress};

mod build;
mod copies;
mod source;

use build::{Legacy, Passes};
use source::{Source, Tally};

/// What is wrong with a list of the old files that can't be read.
const DAMAGED: &str = "nothing tells what this log was migrated from";

/// What a migration found in the old log, and put into the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// How many records the new log has.
    pub records: u64,
    /// The first of them.
    pub first_lsn: Option<Lsn>,
    /// The last of them.
    pub last_lsn: Option<Lsn>,
    /// The LSN that the next append will get: none is given that the old log had given.
    pub next_lsn: Lsn,
    /// What is below was truncated from the old log.
    pub low_water_lsn: Lsn,
    /// Records that no replay has ever shown (type `Noop`), and that were left behind.
    pub noops: u64,
    /// Damaged records that were whole in the double-write buffer.
    pub repaired: u64,
    /// The length of the torn tail in bytes: what no reader of the old log would have read.
    pub cut_bytes: u64,
}

impl Migrated {
    fn of(source: &Source, tally: &Tally) -> Migrated {
        Migrated {
            records: tally.records,
            first_lsn: tally.first_lsn,
            last_lsn: tally.last_lsn,
            next_lsn: Lsn::new(tally.given + 1),
            low_water_lsn: source.first_lsn(),
            noops: tally.noops,
            repaired: tally.repaired,
            cut_bytes: tally.cut_bytes,
        }
    }
}

/// Migrates the legacy log in `source`, a file or a directory, into a new log in `target`, which
/// must be missing or empty. An open does the same without being asked, beside the old files; this
/// is for whoever wants the new log elsewhere, or the old one on a disk that can't be written.
///
/// When it returns, the new log is durable and was read back. It has the records of the old one,
/// with the LSNs, types, tenants, shards and payloads that they had; with `keys` they are encrypted.
/// `source` is only read. After an error or a crash the file `unfinished-migration.wal` may be left
/// in `target`, which keeps what is half there from being opened: remove the directory and begin
/// again.
///
/// # Errors
/// [`Error::NoLog`] where there is no legacy log; [`Error::Corrupt`] with file, offset and LSN where
/// it is damaged; [`Error::NoKeyOpens`] when it is encrypted, and none of the keys is the right one; [`Error::Foreign`] and [`Error::Version`] for a file of another
/// format; [`Error::UnknownType`] for records that this version must not pass over;
/// [`Error::Locked`], [`Error::Occupied`] and [`Error::Config`] when one of the two can't be used.
/// In all these cases nothing was written. [`Error::Io`], [`Error::Full`].
pub fn migrate(source: &Path, target: &Path, keys: Option<KeyRing>) -> Result<Migrated> {
    migrate_in(Env::os(), source, target, keys)
}

/// As [`migrate`], in any world: the simulator's as well as the real one.
///
/// # Errors
/// As [`migrate`].
pub fn migrate_in(
    env: Env,
    source: &Path,
    target: &Path,
    keys: Option<KeyRing>,
) -> Result<Migrated> {
    migrate_watched(env, source, target, keys, &mut |_| {})
}

/// As [`migrate_in`], and tells `watch` how far it is. All bytes count three times: they are checked
/// before anything is written, copied, and compared.
///
/// # Errors
/// As [`migrate`].
pub fn migrate_watched(
    env: Env,
    source: &Path,
    target: &Path,
    keys: Option<KeyRing>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Migrated> {
    let (from, files) = look_at(env.clone(), source)?;
    let is_within = resolved(&env, target)?.starts_with(resolved(&env, source)?);
    if is_within {
        return Err(Error::Config {
            why: "the new directory lies within the old log",
        });
    }
    if resolved(&env, &source.with_extension("d"))? == resolved(&env, target)? {
        return Err(Error::Config {
            why: "an open of the old log migrates it to there by itself: open it",
        });
    }
    let legacy = Legacy {
        dir: &from,
        source: &files,
        keys: keys.as_ref(),
    };
    let mut passes = Passes::new(&legacy, 3, watch)?;
    legacy.check(&mut passes)?;
    let dir = new_directory(env, target, keys.clone(), UNFINISHED_MIGRATION)?;
    let config = WalConfig::default().checked()?;
    let copied = legacy.copy_to(&dir, &config, &mut passes);
    let proven = copied.and_then(|()| legacy.prove(&dir, &mut passes));
    let proven = cleared_if_full(&dir, proven)?;
    take_mark(&dir, UNFINISHED_MIGRATION)?;
    Ok(Migrated::of(&files, &proven.tally))
}

/// What [`migrate`] would find in `source`. Nothing is written.
///
/// # Errors
/// As [`migrate`], for all that is about the source.
pub fn migrate_dry_run(source: &Path, keys: Option<KeyRing>) -> Result<Migrated> {
    migrate_dry_run_watched(Env::os(), source, keys, &mut |_| {})
}

/// As [`migrate_dry_run`], in any world, and tells `watch` how far it is.
///
/// # Errors
/// As [`migrate_dry_run`].
pub fn migrate_dry_run_watched(
    env: Env,
    source: &Path,
    keys: Option<KeyRing>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Migrated> {
    let (from, files) = look_at(env, source)?;
    let legacy = Legacy {
        dir: &from,
        source: &files,
        keys: keys.as_ref(),
    };
    let tally = legacy.check(&mut Passes::new(&legacy, 1, watch)?)?;
    Ok(Migrated::of(&files, &tally))
}

/// The legacy log at a path, for somebody who only reads.
fn look_at(env: Env, path: &Path) -> Result<(LogDir, Source)> {
    let no_log = || Error::NoLog {
        path: path.to_owned(),
    };
    match uninterrupted(|| env.vfs.metadata(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(no_log()),
        Err(error) => Err(Error::io("look at", path)(error)),
        Ok(found) if found.is_dir => {
            let dir = LogDir::to_read(env, path, None)?;
            let names = dir.names()?;
            let source = Source::of_directory(&dir, &names).ok_or_else(no_log)?;
            let is_newer = |name: &OsString| name == MIGRATED_FROM || is_taken_for_a_segment(name);
            if names.iter().any(is_newer) {
                return Err(Error::Foreign {
                    path: path.to_owned(),
                    why: "there is a log of the present format in it: open it",
                });
            }
            Ok((dir, source))
        }
        Ok(_) => {
            let dir = LogDir::new(env, path.parent().unwrap_or(path), None, None);
            Ok((dir, Source::of_file(path)))
        }
    }
}

/// Where the log of a path is.
pub(crate) struct Home {
    /// Its directory, which may be missing.
    pub(crate) dir: PathBuf,
    /// The legacy file that is to be migrated, or was.
    pub(crate) file: Option<PathBuf>,
}

/// Finds the directory of the log that is opened by this path: the path itself, or, when a single
/// file is there, or was there and was migrated, the directory beside it.
///
/// # Errors
/// [`Error::Config`] when there can be no such directory; [`Error::Foreign`] and [`Error::Corrupt`]
/// when nothing is at the path, and beside it a migration that did not finish, or that nobody can
/// tell from another one: a new log would hide the old one for ever. What stands in the way of a
/// migration of the file, as [`migrate`]. [`Error::Io`].
pub(crate) fn find_home(env: &Env, path: &Path, keys: Option<&KeyRing>) -> Result<Home> {
    let metadata = |path: &Path| match uninterrupted(|| env.vfs.metadata(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some).map_err(Error::io("look at", path)),
    };
    let at_path = || Home {
        dir: path.to_owned(),
        file: None,
    };
    let beside = path.with_extension("d");
    match metadata(path)? {
        Some(found) if found.is_dir => {
            // A directory that somebody made at the path of a file that is gone.
            let is_empty = || {
                let listed = uninterrupted(|| env.vfs.read_dir(path));
                let names = listed.map_err(Error::io("list", path))?;
                Ok::<_, Error>(names.iter().all(|name| name == LOCK))
            };
            if beside == path || metadata(&beside)?.is_none() || !is_empty()? {
                return Ok(at_path());
            }
        }
        Some(_) if beside == path => {
            return Err(Error::Config {
                why: "a log file whose name ends in .d has no directory beside it to be migrated to: rename it",
            });
        }
        Some(_) => {
            // A file that can't be migrated gets no directory.
            if metadata(&beside)?.is_none() {
                let (from, files) = look_at(env.clone(), path)?;
                let legacy = Legacy {
                    dir: &from,
                    source: &files,
                    keys,
                };
                legacy.check(&mut Passes::new(&legacy, 1, &mut |_| {})?)?;
            }
            return Ok(Home {
                dir: beside,
                file: Some(path.to_owned()),
            });
        }
        None => {}
    }
    if beside == path || !metadata(&beside)?.is_some_and(|found| found.is_dir) {
        return Ok(at_path());
    }
    let dir = LogDir::new(env.clone(), &beside, None, None);
    let mark = dir.path.join(UNFINISHED_MIGRATION);
    let is_migrated = match Evidence::find(&dir)? {
        // Of segments, where the program of the old format had put the file there itself.
        Found::Evidence(evidence) => evidence.names(path) || evidence.names_segments(),
        _ if metadata(&mark)?.is_some() => {
            return Err(Error::Foreign {
                path: mark,
                why: "a migration into this directory did not finish, and the old file is gone",
            });
        }
        Found::Damaged => return Err(no_evidence(&dir, DAMAGED)),
        Found::Nothing => {
            let is_legacy = |name: &OsString| matches!(Name::of(name), Name::LegacySegment { .. });
            dir.names()?.iter().any(is_legacy)
        }
    };
    Ok(match is_migrated {
        true => Home {
            dir: dir.path,
            file: None,
        },
        false => at_path(),
    })
}

/// Migrates what is to be migrated in a locked directory: `file` into it, or the legacy segments in
/// it. Where that is done already, or there is nothing to do, it changes nothing.
///
/// # Errors
/// As [`migrate`]; [`Error::LegacyChanged`]; [`Error::Occupied`] and [`Error::Foreign`] when the
/// directory beside a file is not this file's. In all these cases nothing was changed.
/// After [`Error::Full`] what was written is gone again.
pub(crate) fn settle(dir: &Arc<LogDir>, config: &WalConfig, file: Option<&Path>) -> Result<()> {
    let names = dir.names()?;
    let is_marked = names.iter().any(|name| name == UNFINISHED_MIGRATION);
    let source = match file {
        Some(path) => Some(Source::of_file(path)),
        None => Source::of_directory(dir, &names),
    };
    let found = match names.iter().any(|name| name == MIGRATED_FROM) {
        true => Evidence::find(dir)?,
        false => Found::Nothing,
    };
    if let Found::Evidence(evidence) = found {
        let is_segment = |name: &OsString| matches!(Name::of(name), Name::Segment { .. });
        // A migration leaves at least one. A new log in its place would begin with LSN 1 again.
        if !names.iter().any(is_segment) {
            let why = "the log that was migrated is not there any more";
            return Err(no_evidence(dir, why));
        }
        return take_over(dir, &evidence, source.as_ref(), is_marked);
    }
    let Some(source) = source else {
        // A mark that is left is refused by whoever looks for segments.
        return Ok(());
    };
    if is_marked {
        clear(dir)?;
    } else if matches!(found, Found::Damaged) {
        return Err(no_evidence(dir, DAMAGED));
    } else if file.is_some() && names.iter().any(|name| name != LOCK) {
        return Err(Error::Occupied {
            path: dir.path.clone(),
        });
    } else if names.iter().any(|name| is_taken_for_a_segment(name)) {
        // Refused, too, by whoever looks for segments: nobody knows which of the two is the log.
        return Ok(());
    }
    let keys = dir.keys.ring();
    let legacy = Legacy {
        dir,
        source: &source,
        keys: keys.as_ref(),
    };
    let watch = &mut |_| {};
    let mut passes = Passes::new(&legacy, 3, watch)?;
    let files = source.files.len();
    tracing::info!(dir = %dir.path.display(), files, "migrating a log of the legacy format");
    legacy.check(&mut passes)?;
    let migrated = set_mark(dir, UNFINISHED_MIGRATION).and_then(|()| {
        legacy.copy_to(dir, config, &mut passes)?;
        let proven = legacy.prove(dir, &mut passes)?;
        legacy.evidence(&proven)?.create(dir)?;
        Ok(Migrated::of(&source, &proven.tally))
    });
    let migrated = cleared_if_full(dir, migrated)?;
    take_mark(dir, UNFINISHED_MIGRATION)?;
    tracing::info!(
        dir = %dir.path.display(),
        records = migrated.records,
        next_lsn = migrated.next_lsn.as_u64(),
        noops = migrated.noops,
        repaired = migrated.repaired,
        cut_bytes = migrated.cut_bytes,
        "migrated the log; the legacy files are no longer needed, and may be removed"
    );
    Ok(())
}

/// Takes over a log that was migrated, once the files that it came from are what they were.
fn take_over(
    dir: &LogDir,
    evidence: &Evidence,
    source: Option<&Source>,
    is_marked: bool,
) -> Result<()> {
    for file in source.iter().flat_map(|source| &source.files) {
        // Another file would have had the same directory.
        if file.first_lsn.is_none() && !evidence.names(&file.path) {
            return Err(Error::Foreign {
                path: dir.path.join(MIGRATED_FROM),
                why: "another file was migrated into this directory",
            });
        }
        evidence.check(dir, &file.path)?;
    }
    if is_marked {
        // Never begun again: the mark may be one that was taken away, and come back in a crash
        // after records were appended.
        evidence.write_again(dir)?;
        take_mark(dir, UNFINISHED_MIGRATION)?;
    }
    Ok(())
}

/// Removes what a migration that did not finish has made, its mark last.
fn clear(dir: &LogDir) -> Result<()> {
    let mut is_marked = false;
    for name in dir.names()? {
        is_marked |= name == UNFINISHED_MIGRATION;
        let is_made = matches!(Name::of(&name), Name::Segment { .. } | Name::Temporary);
        if is_made || name == MIGRATED_FROM {
            dir.remove(&dir.path.join(name))?;
        }
    }
    // Segments without a mark would be in the way for ever.
    dir.sync()?;
    match is_marked {
        true => take_mark(dir, UNFINISHED_MIGRATION),
        false => Ok(()),
    }
}

/// Makes room on a full disk, so that it is no fuller than before.
fn cleared_if_full<T>(dir: &LogDir, result: Result<T>) -> Result<T> {
    if matches!(&result, Err(Error::Full { .. })) {
        clear(dir)?;
    }
    result
}

fn is_taken_for_a_segment(name: &OsStr) -> bool {
    matches!(Name::of(name), Name::Segment { .. } | Name::Misnamed)
}

/// The list of the old files is damaged, or a list of nothing.
fn no_evidence(dir: &LogDir, why: &'static str) -> Error {
    Error::Corrupt {
        segment: dir.path.join(MIGRATED_FROM),
        offset: 0,
        lsn: Lsn::ZERO,
        why,
    }
}
