//! Checking a log's directory without opening it: every file, frame and link, to the last.
//!
//! Nothing is created or changed. The rules are those of an open and of a replay, and so is the
//! code: what either would refuse is a finding here, with the error that they would return. Beyond
//! that, rot is found that no reader stumbles over.
//!
//! Two kinds of damage can't be told from something harmless. The footer of the last segment has
//! nothing behind it that vouches for it: without it the log looks as if it had crashed instead of
//! being closed, and the footer like a torn tail. And records of the very last sync, in a log that
//! was not closed, have no later evidence either.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::crypto::KeyRing;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::manager::look_into;
use crate::segment::catalog::{LOCK, LogDir, Name};
use crate::segment::chain::survey;
use crate::segment::evidence::MIGRATED_FROM;
use crate::types::Lsn;
pub use crate::types::Progress;

mod inspect;

use inspect::Inspection;

/// What a directory holds, and in which state.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The segments that make up the log, oldest first.
    pub segments: Vec<SegmentReport>,
    /// The first record that an open would show, if there is any.
    pub first_lsn: Option<Lsn>,
    /// The last record that an open would show; in a damaged log, the last one found.
    pub last_lsn: Option<Lsn>,
    /// Records below it were truncated.
    pub low_water_lsn: Lsn,
    /// The last LSN that something says was durable.
    pub proven_lsn: Lsn,
    /// How many records there are from the low-water mark on.
    pub records: u64,
    /// How many of them are valid, but nothing proves that they were durable: those of the last
    /// sync, of a log that was not closed. The next open makes them durable.
    pub unproven_records: u64,
    /// The bytes behind the end of the log that the next open will cut off. Ordinary after a crash.
    pub torn_bytes: u64,
    /// Records of a type that this version does not know and may pass over.
    pub unknown_optional_records: u64,
    /// Records of a type that this version does not know and must understand.
    pub unknown_required_records: u64,
    /// Files in the directory that are no part of the log.
    pub others: Vec<OtherFile>,
    /// All that is wrong.
    pub findings: Vec<Finding>,
}

/// A segment of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its file.
    pub path: PathBuf,
    /// Its number.
    pub segment_id: u64,
    /// The LSN of its first record, written or to come.
    pub first_lsn: Lsn,
    /// The LSN of its last record; the one before the first where there is none.
    pub last_lsn: Lsn,
    /// Whole frames in it, those without records included and the footer not.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// The file's length in bytes.
    pub bytes: u64,
    /// Whether a footer stands at its end.
    pub is_sealed: bool,
}

/// A file in the directory that is no part of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherFile {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub kind: OtherKind,
}

/// What a file is that is no part of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherKind {
    /// A segment that was truncated or superseded: the next open removes it.
    Superseded,
    /// A segment in the making: the next open removes it, or writes over it.
    Temporary,
    /// A legacy file that the log was migrated from, or the list of them. The log needs the list as
    /// long as any of the files is there, and the files no more.
    Migrated,
    /// Nothing that the log knows; it does not care.
    Stranger,
}

/// Something that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// An open refuses this directory, or a replay ends here, with this error.
    #[error(transparent)]
    Refused(Error),
    /// Bytes are not what was written, though no reader needs them: no record is lost.
    #[error("{} has rot at offset {offset}, at lsn {lsn}: {why}; no record is lost", path.display())]
    Rot {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// The last record before it.
        lsn: Lsn,
        /// What is wrong there.
        why: &'static str,
    },
}

/// The outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An open succeeds, and a replay shows every record.
    Intact,
    /// Bytes that were durable are not what they were.
    Damaged,
    /// An open refuses the directory for another reason: something in it is of another log, of
    /// another format or version, encrypted, or has records that this version must not pass over.
    Foreign,
}

impl Report {
    /// What the findings come to. With something foreign in the directory it is foreign, whatever
    /// else is found: then the judgement may be about the wrong files.
    pub fn verdict(&self) -> Verdict {
        if self.findings.iter().any(Finding::is_foreign) {
            return Verdict::Foreign;
        }
        match self.findings.is_empty() {
            true => Verdict::Intact,
            false => Verdict::Damaged,
        }
    }
}

impl Finding {
    /// Whether it is no damage, but something that is not the log's, or not for this version.
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            Finding::Refused(
                Error::Foreign { .. }
                    | Error::Version { .. }
                    | Error::Encrypted { .. }
                    | Error::Plaintext { .. }
                    | Error::Legacy { .. }
                    | Error::LegacyChanged { .. }
                    | Error::UnknownType { .. }
            )
        )
    }

    /// Where it is: file and offset in bytes, 0 where it is about the whole file.
    pub fn place(&self) -> (&Path, u64) {
        match self {
            Finding::Rot { path, offset, .. } => (path, *offset),
            Finding::Refused(error) => match error {
                Error::Corrupt {
                    segment, offset, ..
                } => (segment, *offset),
                Error::UnknownType { segment, .. } => (segment, 0),
                Error::Foreign { path, .. }
                | Error::Version { path, .. }
                | Error::Encrypted { path, .. }
                | Error::Plaintext { path }
                | Error::Legacy { path }
                | Error::LegacyChanged { path } => (path, 0),
                _ => (Path::new(""), 0),
            },
        }
    }
}

/// Checks the log in the directory `path`. It reads all of it, with one frame in memory. An
/// encrypted log needs its keys, as for an open: nothing else tells what was written from what was
/// forged.
///
/// The log's lock is held meanwhile, so a writer that comes is refused; where there is no lock
/// file, none is made.
///
/// # Errors
/// [`Error::Locked`] when a writer has the log open; [`Error::NoLog`] where there is none, or
/// no directory, and an open would create one; [`Error::Io`] when something can't be read. What is wrong with the log
/// itself is in the report.
pub fn verify(path: &Path, keys: Option<KeyRing>) -> Result<Report> {
    verify_in(Env::os(), path, keys)
}

/// As [`verify`], in any world: the simulator's as well as the real one.
///
/// # Errors
/// As [`verify`].
pub fn verify_in(env: Env, path: &Path, keys: Option<KeyRing>) -> Result<Report> {
    verify_watched(env, path, keys, &mut |_| {})
}

/// As [`verify_in`], and tells `watch` after each segment, or a part of one, how far it is.
///
/// # Errors
/// As [`verify`].
pub fn verify_watched(
    env: Env,
    path: &Path,
    keys: Option<KeyRing>,
    watch: &mut dyn FnMut(Progress),
) -> Result<Report> {
    match look_into(env, path, keys) {
        Ok(dir) => inspect(&dir, watch),
        Err(error @ Error::Legacy { .. }) => {
            let mut report = Report::empty();
            report.findings.push(Finding::Refused(error));
            Ok(report)
        }
        Err(error) => Err(error),
    }
}

/// Checks the log in a directory that is locked already, if it can be.
pub(crate) fn inspect(dir: &LogDir, watch: &mut dyn FnMut(Progress)) -> Result<Report> {
    let survey = survey(dir)?;
    if survey.sound.is_empty() && survey.refused.is_empty() {
        return Err(Error::NoLog {
            path: dir.path.clone(),
        });
    }
    let mut report = Report::empty();
    let mut refused_ids = BTreeSet::new();
    for refused in survey.refused {
        if let Name::Segment { id, .. } = refused.name {
            refused_ids.insert(id);
        }
        report.findings.push(Finding::Refused(refused.error));
    }
    for (path, name) in survey.others {
        if path.file_name().is_some_and(|name| name == LOCK) {
            continue;
        }
        let kind = match name {
            Name::Temporary => OtherKind::Temporary,
            Name::LegacySegment { .. } => OtherKind::Migrated,
            _ if path.file_name().is_some_and(|name| name == MIGRATED_FROM) => OtherKind::Migrated,
            _ => OtherKind::Stranger,
        };
        report.others.push(OtherFile { path, kind });
    }
    let mut inspection = Inspection::new(dir, &survey.sound, refused_ids, report, watch);
    inspection.run()?;
    Ok(inspection.into_report())
}

impl Report {
    fn empty() -> Report {
        Report {
            segments: Vec::new(),
            first_lsn: None,
            last_lsn: None,
            low_water_lsn: Lsn::ZERO.next(),
            proven_lsn: Lsn::ZERO,
            records: 0,
            unproven_records: 0,
            torn_bytes: 0,
            unknown_optional_records: 0,
            unknown_required_records: 0,
            others: Vec::new(),
            findings: Vec::new(),
        }
    }
}
