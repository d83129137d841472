//! The segments that a directory holds, and those of them that make up the log.
//!
//! It only reads: for recovery as well as for whoever looks at a log without writing to it. Those
//! who open a log stop at the first thing that is wrong; those who look at it want to know all.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalog::{Entry, LogDir, Name, Segment, UNFINISHED_MIGRATION, UNFINISHED_SALVAGE};
use super::evidence::{Evidence, Found, MIGRATED_FROM};
use super::reader::read_header;
use crate::error::{Error, Result};
use crate::format::frame::NotAFrame;
use crate::types::Lsn;

/// Everything that stands in a log's directory.
pub(crate) struct Survey {
    /// The segments of one log with a header that holds and fits the name, by their numbers.
    pub(crate) sound: Vec<Entry>,
    /// What an open refuses, and why.
    pub(crate) refused: Vec<Refused>,
    /// What an open does not look at.
    pub(crate) others: Vec<(PathBuf, Name)>,
}

/// A file that an open refuses.
pub(crate) struct Refused {
    pub(crate) path: PathBuf,
    pub(crate) name: Name,
    pub(crate) error: Error,
}

/// Looks at every name in the directory, and at the header of every segment.
///
/// # Errors
/// [`Error::Io`] when something can't be read; what is wrong with a file is in the survey.
pub(crate) fn survey(dir: &LogDir) -> Result<Survey> {
    let names = dir.names()?;
    let is_migrated = names.iter().any(|name| name == MIGRATED_FROM);
    let evidence = match is_migrated {
        true => Evidence::find(dir)?,
        false => Found::Nothing,
    };
    let mut survey = Survey {
        sound: Vec::new(),
        refused: Vec::new(),
        others: Vec::new(),
    };
    for file_name in names {
        let path = dir.path.join(&file_name);
        let name = Name::of(&file_name);
        let error = match name {
            Name::Segment { id, first_lsn } => match open_segment(dir, &path, id, first_lsn) {
                Ok(entry) => {
                    survey.sound.push(entry);
                    continue;
                }
                Err(error @ (Error::Io { .. } | Error::Full { .. })) => return Err(error),
                Err(error) => error,
            },
            Name::LegacySegment { .. } => match check_legacy(dir, &path, &evidence) {
                Ok(()) => {
                    survey.others.push((path, name));
                    continue;
                }
                Err(error @ (Error::Io { .. } | Error::Full { .. })) => return Err(error),
                Err(error) => error,
            },
            Name::Misnamed => Error::Foreign {
                path: path.clone(),
                why: match file_name.to_str() {
                    Some(UNFINISHED_SALVAGE) => "a salvage into this directory did not finish",
                    Some(UNFINISHED_MIGRATION) => "a migration into this directory did not finish",
                    _ => "its name is almost that of a segment",
                },
            },
            Name::Temporary | Name::Other => {
                survey.others.push((path, name));
                continue;
            }
        };
        survey.refused.push(Refused { path, name, error });
    }
    let number = |entry: &Entry| entry.segment.header.segment_id;
    survey.sound.sort_by_key(number);
    survey.refuse("another segment has the same number", |one, other| {
        number(one) == number(other)
    });
    if let Some(log_id) = survey.sound.first().map(log_id) {
        survey.refuse("it belongs to another log", |_, other| {
            log_id != self::log_id(other)
        });
    }
    // A log never becomes plain again, and the last segment could say that all before it was truncated:
    // so it is asked before it is believed. One before it may be left over from the time in
    // plain, behind others that were encrypted anew; links tell whether it belongs to the log.
    let is_plain = |entry: &Entry| entry.segment.header.key_id.is_none();
    while survey.sound.last().is_some_and(is_plain) && !survey.sound.iter().all(is_plain) {
        let last = survey.sound.pop().expect("it was just looked at");
        let path = last.segment.path.clone();
        let refused = Refused::new(&last, Error::Plaintext { path });
        survey.refused.push(refused);
    }
    Ok(survey)
}

fn log_id(entry: &Entry) -> [u8; 16] {
    entry.segment.header.log_id
}

impl Refused {
    fn new(entry: &Entry, error: Error) -> Refused {
        let segment = &entry.segment;
        Refused {
            path: segment.path.clone(),
            name: Name::Segment {
                id: segment.header.segment_id,
                first_lsn: segment.header.first_lsn,
            },
            error,
        }
    }
}

impl Survey {
    /// Refuses those segments that do not get on with the one kept before them.
    fn refuse(&mut self, why: &'static str, clashes: impl Fn(&Entry, &Entry) -> bool) {
        let mut kept: Vec<Entry> = Vec::new();
        for entry in self.sound.drain(..) {
            if kept.last().is_some_and(|last| clashes(last, &entry)) {
                let path = entry.segment.path.clone();
                let refused = Refused::new(&entry, Error::Foreign { path, why });
                self.refused.push(refused);
                continue;
            }
            kept.push(entry);
        }
        self.sound = kept;
    }
}

/// A legacy segment is in nobody's way once the log was migrated from it.
fn check_legacy(dir: &LogDir, path: &Path, evidence: &Found) -> Result<()> {
    match evidence {
        Found::Evidence(evidence) => evidence.check(dir, path),
        Found::Nothing | Found::Damaged => Err(Error::Legacy {
            path: path.to_owned(),
        }),
    }
}

/// The segment files of the directory in the order of their numbers, each with a header that
/// holds, fits its name and belongs to the same log.
///
/// # Errors
/// For the first file that is not as it should be.
pub(crate) fn find_segments(dir: &LogDir) -> Result<Vec<Entry>> {
    find_all(dir).map(|found| found.sound)
}

/// The same, and what else is in the directory.
///
/// # Errors
/// As [`find_segments`].
pub(crate) fn find_all(dir: &LogDir) -> Result<Survey> {
    let mut survey = survey(dir)?;
    match survey.refused.is_empty() {
        true => Ok(survey),
        false => Err(survey.refused.remove(0).error),
    }
}

fn open_segment(dir: &LogDir, path: &Path, id: u64, first_lsn: Lsn) -> Result<Entry> {
    let file = dir.open_to_read(path)?;
    let header = read_header(&*file, path, first_lsn)?;
    if header.segment_id != id || header.first_lsn != first_lsn {
        return Err(Error::Foreign {
            path: path.to_owned(),
            why: "its header and its name differ",
        });
    }
    let access = dir.keys.unlock(&header, path)?;
    let file_bytes = file.len().map_err(Error::io("measure", path))?;
    Ok(Entry {
        segment: Arc::new(Segment {
            header,
            path: path.to_owned(),
            access,
            pin: Arc::default(),
        }),
        end: u64::from(header.block_bytes),
        file_bytes,
    })
}

/// The segment that `current` names as the one before it, with the end that it gives it.
///
/// # Errors
/// [`Error::Corrupt`] when it is missing, shorter than its end, or another one than the one meant;
/// [`Error::Plaintext`] and [`Error::Encrypted`].
pub(crate) fn link(found: &[Entry], current: &Entry) -> Result<Entry> {
    let header = &current.segment.header;
    let corrupt = |entry: &Entry, offset, why| Error::Corrupt {
        segment: entry.segment.path.clone(),
        offset,
        lsn: header.first_lsn.before(),
        why,
    };
    let previous = header.previous;
    let before = found
        .binary_search_by_key(&previous.segment_id, |entry| {
            entry.segment.header.segment_id
        })
        .map_err(|_| corrupt(current, 0, "the segment before this one is missing"))?;
    let before = &found[before];
    let before_header = &before.segment.header;
    let end = before_header.own_end(previous.end);
    if before_header.first_lsn > header.first_lsn
        || before_header.salt_to_others() != previous.salt
        || end < u64::from(before_header.block_bytes)
    {
        return Err(corrupt(before, 0, "it does not lead to the next segment"));
    }
    if end > before.file_bytes {
        return Err(corrupt(before, before.file_bytes, NotAFrame::Short.why()));
    }
    check_encryption(before, current)?;
    Ok(Entry {
        end: previous.end,
        ..before.clone()
    })
}

/// Checks that nothing in plain stands where something encrypted was: a log never becomes plain
/// again, and an encrypted segment's header knows what comes before it.
fn check_encryption(before: &Entry, current: &Entry) -> Result<()> {
    let is_sealed = before.segment.key()?.is_some();
    let header = &current.segment.header;
    let plain = match (is_sealed, header.key_id) {
        (false, Some(_)) if header.previous.is_encrypted => before,
        (true, None) => current,
        _ => return Ok(()),
    };
    Err(Error::Plaintext {
        path: plain.segment.path.clone(),
    })
}

/// The segments before the last one that belong to the log, oldest first.
///
/// # Errors
/// As [`link`], for the first link that does not hold.
pub(crate) fn live_chain(found: &[Entry], low_water: Lsn) -> Result<VecDeque<Entry>> {
    let mut live: VecDeque<Entry> = VecDeque::new();
    let last = found.last().expect("there is a last segment");
    loop {
        let current = live.front().unwrap_or(last);
        if current.segment.header.first_lsn <= low_water {
            return Ok(live);
        }
        let before = link(found, current)?;
        live.push_front(before);
    }
}
