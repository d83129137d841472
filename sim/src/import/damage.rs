//! One thing that is wrong with an image: where, what it looks like, and what says that it was
//! otherwise once.
//!
//! The log says *that* it refuses; this says why no crash can have done it: which later header or
//! frame was written only after a sync had covered the place.

use std::path::Path;

use seawall::format::frame::NotAFrame;
use seawall::format::header::SegmentHeader;
use seawall::{Error, Finding};

use super::scan::{self, SECTOR, Scene, Segment, is_zero};
use super::tell;
use crate::named::named_enum;

named_enum! {
    /// What kind of thing is wrong.
    pub enum Kind {
        /// Bytes are not what they were.
        Changed = "changed",
        /// A file is gone.
        Missing = "missing",
        /// A file or a frame that is whole stands where it does not belong.
        Misplaced = "misplaced",
        /// A file of another log, of another format, or of a later version.
        Foreign = "foreign",
        /// A key is missing, or another one was given.
        Key = "key",
        /// A file in the legacy format that is in the way.
        Legacy = "legacy",
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What kind of thing.
    pub kind: Kind,
    /// In which file; empty where it is in none.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The first LSN that it concerns; the last one before it where no record is lost.
    pub lsn: Option<u64>,
    /// What the log says.
    pub what: String,
    /// What the bytes look like.
    pub looks: Option<String>,
    /// What says that it was otherwise.
    pub evidence: String,
    /// Whether no record is lost by it.
    pub is_harmless: bool,
}

const NEVER_WRITTEN: &str = "no crash leaves this: a log never writes it";

impl Damage {
    /// What a verification found.
    pub(super) fn of_finding(finding: &Finding, scene: &Scene<'_>) -> Damage {
        match finding {
            Finding::Rot {
                path,
                offset,
                lsn,
                why,
            } => Damage {
                kind: Kind::Changed,
                file: name_of(path),
                offset: *offset,
                lsn: Some(lsn.as_u64()),
                what: (*why).to_owned(),
                looks: None,
                evidence:
                    "what stands around it was durable, and it was written together with that"
                        .into(),
                is_harmless: true,
            },
            Finding::Refused(error) => Damage::of_error(error, scene),
            other => Damage::plain(Kind::Changed, Path::new(""), other.to_string()),
        }
    }

    /// What an error says of an image.
    pub(super) fn of_error(error: &Error, scene: &Scene<'_>) -> Damage {
        let what = tell(error);
        match error {
            Error::Corrupt {
                segment,
                offset,
                lsn,
                why,
            } => Damage {
                offset: *offset,
                lsn: Some(lsn.as_u64()),
                ..Damage::corrupt(&name_of(segment), (*offset, lsn.as_u64()), why, scene)
            },
            Error::Encrypted { path, .. } => Damage {
                evidence: "its header names a key that is not among those given".into(),
                ..Damage::plain(Kind::Key, path, what)
            },
            Error::NoKeyOpens { path, .. } => Damage {
                evidence: "the record is whole, and none of the keys given opens it".into(),
                ..Damage::plain(Kind::Key, path, what)
            },
            Error::Plaintext { path } => Damage {
                evidence: "a log that is encrypted never becomes plain again".into(),
                ..Damage::plain(Kind::Misplaced, path, what)
            },
            Error::Foreign { path, why } => Damage::foreign(path, why, what, scene),
            Error::Version { path, .. } | Error::UnknownType { segment: path, .. } => Damage {
                evidence: "its checksums hold: a later version has written it".into(),
                ..Damage::plain(Kind::Foreign, path, what)
            },
            Error::Legacy { path } => Damage {
                evidence: "nothing tells that the segments beside it came from it".into(),
                ..Damage::plain(Kind::Legacy, path, what)
            },
            Error::LegacyChanged { path } => Damage {
                evidence: "it is not as long as it was when the log was migrated".into(),
                ..Damage::plain(Kind::Legacy, path, what)
            },
            _ => Damage::plain(Kind::Changed, Path::new(""), what),
        }
    }

    fn plain(kind: Kind, path: &Path, what: String) -> Damage {
        Damage {
            kind,
            file: name_of(path),
            offset: 0,
            lsn: None,
            what,
            looks: None,
            evidence: NEVER_WRITTEN.into(),
            is_harmless: false,
        }
    }

    fn foreign(path: &Path, why: &str, what: String, scene: &Scene<'_>) -> Damage {
        let mut damage = Damage::plain(Kind::Foreign, path, what);
        let bytes = scene.bytes_of(&damage.file);
        let its = scene.segment(&damage.file);
        let others = scene.segments.iter();
        let others = others.filter(|other| other.name != damage.file);
        let is_of_this_log = its.is_some_and(|its| {
            others
                .clone()
                .any(|other| other.header.log_id == its.header.log_id)
        });
        let frames = bytes
            .chunks(SECTOR)
            .filter(|sector| sector.starts_with(b"WALf"));
        if is_of_this_log {
            damage.kind = Kind::Misplaced;
            damage.evidence =
                "its header is whole and of this log, so the file was copied or renamed".into();
        } else if its.is_some() && why == "it belongs to another log" {
            damage.evidence = "its header is whole, with another log's id".into();
        } else if its.is_none() && frames.count() > 0 {
            damage.kind = Kind::Changed;
            damage.looks = Some(match is_zero(&bytes[..SECTOR.min(bytes.len())]) {
                true => "the header reads as zeros, and there are frames behind it".into(),
                false => "other bytes stand in the header's place, and frames behind it".into(),
            });
            damage.evidence = HEADER_SYNCED.into();
        } else if its.is_none() && !bytes.is_empty() && is_zero(bytes) {
            damage.kind = Kind::Changed;
            damage.looks = Some("all of it reads as zeros".into());
            damage.evidence = HEADER_SYNCED.into();
        } else if why.contains("did not finish") {
            damage.evidence = "it stays until all is copied; begin again with the source".into();
        } else {
            damage.evidence = "nothing in it is a segment's".into();
        }
        damage
    }

    fn corrupt(file: &str, (offset, lsn): (u64, u64), why: &str, scene: &Scene<'_>) -> Damage {
        let mut damage = Damage::plain(Kind::Changed, Path::new(file), why.to_owned());
        let its = scene.segment(file);
        if why == "the segment before this one is missing" {
            let previous = its.map(|its| its.header.previous);
            let told = previous.map(|previous| {
                format!(
                    "the header of {file} says that segment {} comes before it and ends at offset {}; truncation removes the oldest first, and never one that is still needed",
                    previous.segment_id, previous.end
                )
            });
            damage.kind = Kind::Missing;
            damage.evidence = told.unwrap_or_default();
            return damage;
        }
        if why == "it does not lead to the next segment" {
            damage.kind = Kind::Misplaced;
            damage.evidence =
                "the next segment's header names another file of that number: an older copy, or one from a snapshot".into();
            return damage;
        }
        let Some(its) = its else {
            if file.ends_with(".seg") {
                damage.evidence = LEGACY_APPENDS.into();
                return damage;
            }
            damage.looks = look_of_header(scene.bytes_of(file));
            damage.evidence = HEADER_SYNCED.into();
            return damage;
        };
        if offset == 0 {
            damage.evidence = HEADER_SYNCED.into();
            return damage;
        }
        let (kind, looks) = look_at(its, offset as usize, &scene.segments);
        damage.kind = kind;
        damage.looks = looks;
        let is_written = [NotAFrame::Contents.why(), NotAFrame::Forged.why()].contains(&why);
        damage.evidence = match promise_over(its, offset, lsn, &scene.segments) {
            Some(promise) => promise,
            None if is_written => "its checksums hold, so it was written as it is".into(),
            None => NEVER_WRITTEN.into(),
        };
        damage
    }
}

const LEGACY_APPENDS: &str =
    "whole records follow it, and that format appends only: a crash tears nothing but the end";
const HEADER_SYNCED: &str = "a segment gets its name only after its header was synced, so no crash leaves a name without one";

/// What stands at an offset where a frame should.
fn look_at(its: &Segment<'_>, offset: usize, segments: &[Segment<'_>]) -> (Kind, Option<String>) {
    let rest = its.bytes.get(offset..).unwrap_or_default();
    let block = &rest[..rest.len().min(its.block())];
    if block.is_empty() {
        let told = format!("the file ends there, after {} bytes", its.bytes.len());
        return (Kind::Changed, Some(told));
    }
    if let Some(bit) = its.wrong_bit_at(offset) {
        return (Kind::Changed, Some(bit_in_words(bit)));
    }
    if let Ok(frame) = its.header_at(offset) {
        let padded = frame.file_bytes(&its.header) as usize;
        let Some(stored) = rest.get(..padded) else {
            let told = format!("the file ends within it, after {} bytes", its.bytes.len());
            return (Kind::Changed, Some(told));
        };
        let numbered = (offset..).step_by(SECTOR).zip(stored.chunks(SECTOR));
        let zero = numbered.filter(|(_, sector)| is_zero(sector));
        let zero: Vec<String> = zero.map(|(at, _)| at.to_string()).collect();
        return match zero.is_empty() {
            true => (Kind::Changed, None),
            false => {
                let told = format!("sectors of it read as zeros: {}", zero.join(", "));
                (Kind::Changed, Some(told))
            }
        };
    }
    if let Some((owner, at)) = scan::owner(rest, segments)
        && (owner.name, at) != (its.name, offset as u64)
    {
        let told = format!("the frame of offset {at} of {} stands there", owner.name);
        return (Kind::Misplaced, Some(told));
    }
    let looks = is_zero(block).then(|| "the block reads as zeros".to_owned());
    (Kind::Changed, looks)
}

fn look_of_header(bytes: &[u8]) -> Option<String> {
    if bytes.len() < SECTOR {
        return Some(format!("the file ends after {} bytes", bytes.len()));
    }
    scan::wrong_bit_of_header(bytes).map(bit_in_words)
}

pub(super) fn bit_in_words(bit: usize) -> String {
    format!("one bit is wrong: bit {} of byte {}", bit % 8, bit / 8)
}

/// What was written only after a sync had covered this place.
pub(super) fn promise_over(
    its: &Segment<'_>,
    offset: u64,
    lsn: u64,
    segments: &[Segment<'_>],
) -> Option<String> {
    let comes_next = |header: &SegmentHeader| {
        let previous = &header.previous;
        header.log_id == its.header.log_id
            && previous.segment_id == its.header.segment_id
            && previous.salt == its.header.salt_to_others()
            && its.header.own_end(previous.end) > offset
    };
    if let Some(next) = segments.iter().find(|other| comes_next(&other.header)) {
        let end = its.header.own_end(next.header.previous.end);
        return Some(format!(
            "the header of {} says that this segment ends at offset {end}, and was written after a sync had covered all up to there",
            next.name
        ));
    }
    if its.header.durable_end > offset || its.header.durable_lsn.as_u64() >= lsn {
        return Some("its own header promises it, and the name came only after the sync".into());
    }
    let promises = |at: &usize| {
        its.header_at(*at).is_ok_and(|frame| {
            frame.durable_end > offset || lsn > 0 && frame.durable_lsn.as_u64() >= lsn
        })
    };
    let at = its.boundaries().find(promises)?;
    Some(format!(
        "the frame at offset {at} promises it, and was written after a sync had covered it"
    ))
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
