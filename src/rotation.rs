//! Encrypting segments anew, so that their old key can go, or that nothing is in plain any more.
//!
//! A segment is copied, frame by frame, into a file under a temporary name, with a salt of its own
//! and sealed with the current key; once that is durable it is renamed over the old one. A crash
//! leaves the one or the other: both hold the same records, and the headers of other segments know
//! both by the same name ([`Original`]).

use std::sync::Arc;

use crate::commit::Committer;
use crate::config::{WalConfig, WalTuning};
use crate::error::{Error, Result};
use crate::format::buffer::{FrameBuffer, Place};
use crate::format::frame::{FrameKind, NotAFrame};
use crate::format::header::{Original, SegmentHeader};
use crate::segment::active::{Draft, full_if_for_space};
use crate::segment::catalog::{Entry, LogDir, Segment, TEMPORARY_COPY};
use crate::segment::keys::Access;
use crate::segment::reader::{ENDS_EARLY, FrameReader};
use crate::types::Lsn;

/// What was encrypted anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reencrypted {
    /// How many segments.
    pub segments: u64,
    /// Their size in bytes, as they are now.
    pub bytes: u64,
}

/// Encrypts all segments anew that are not under the current key.
pub(crate) fn reencrypt(dir: &Arc<LogDir>, committer: &Committer) -> Result<Reencrypted> {
    let mut done = Reencrypted::default();
    committer.replace_segments(dir, |entry, next| {
        let copied = copy(dir, entry, next).map_err(|error| match is_final(dir, &error) {
            true => committer.poison(error),
            // Nothing was lost, and nothing relies on the copy.
            false => give_up(dir, error),
        })?;
        done.segments += 1;
        done.bytes += copied.1;
        tracing::info!(
            segment = entry.segment.header.segment_id,
            "encrypted a segment anew"
        );
        Ok(copied)
    })?;
    Ok(done)
}

/// Whether an error is one of a change of names, or comes with a sync that failed for all.
fn is_final(dir: &LogDir, error: &Error) -> bool {
    let is_of_names = matches!(
        error,
        Error::Io {
            operation: "rename" | "remove",
            ..
        }
    );
    is_of_names || dir.gate.has_failed()
}

/// Removes what there is of a copy. If it stays, the next copy or open does it.
fn give_up(dir: &LogDir, error: Error) -> Error {
    drop(dir.remove(&dir.path.join(TEMPORARY_COPY)));
    full_if_for_space(error)
}

/// Copies a segment under the current key. `next` is the header behind it.
fn copy(dir: &LogDir, entry: &Entry, next: &SegmentHeader) -> Result<(Segment, u64)> {
    let old = &entry.segment.header;
    let mut salt = [0; 16];
    let filled = dir.env.entropy.fill(&mut salt);
    filled.map_err(Error::io("get randomness for", &dir.path))?;
    let header = SegmentHeader {
        salt,
        key_id: dir.keys.current(),
        original: Some(Original {
            salt: old.salt_to_others(),
            end: entry.end,
        }),
        durable_lsn: old.first_lsn.before(),
        ..*old
    };
    let config = WalConfig {
        tuning: WalTuning {
            alignment: old.block_bytes as usize,
            ..WalTuning::default()
        },
        ..WalConfig::default()
    };
    let mut draft = Draft::begin(dir, &config, TEMPORARY_COPY, header)?;
    let mut reader = FrameReader::open(dir, &entry.segment)?;
    let end = reader.header().own_end(entry.end);
    let mut buffer = FrameBuffer::with_capacity(0);
    let mut last = old.first_lsn.before();
    let corrupt = |offset, last: Lsn, why| Error::Corrupt {
        segment: entry.segment.path.clone(),
        offset,
        lsn: last.next(),
        why,
    };
    while reader.offset() < end {
        let offset = reader.offset();
        let frame = match reader.next()? {
            Ok(frame) if frame.follows(last) => frame,
            Ok(_) => return Err(corrupt(offset, last, NotAFrame::Contents.why())),
            Err(stop) => return Err(corrupt(offset, last, stop.why.why())),
        };
        let seal = draft.next_seal()?;
        let place = Place {
            segment: draft.header(),
            offset: draft.end(),
            last_lsn: last,
            durable_lsn: frame.durable_lsn,
            // The header vouches for all of it.
            durable_end: 0,
            low_water_lsn: frame.low_water_lsn,
        };
        draft.append(buffer.encode_again(&frame, reader.body(&frame), &place, seal))?;
        draft.sync_so_far()?;
        last = frame.last_lsn();
    }
    // As a replay sees it: a copy must not hide what is wrong with the original.
    if reader.offset() != end || last.next() != next.first_lsn {
        return Err(corrupt(reader.offset(), last, ENDS_EARLY));
    }
    if next.previous.is_sealed {
        let seal = draft.next_seal()?;
        let place = Place {
            segment: draft.header(),
            offset: draft.end(),
            last_lsn: last,
            durable_lsn: last,
            durable_end: draft.end(),
            low_water_lsn: old.low_water_lsn,
        };
        let mut buffer = FrameBuffer::with_capacity(0);
        draft.append_footer(buffer.encode_bare(FrameKind::Footer, &[], &place, seal))?;
    }
    let copied = draft.publish(last)?;
    let segment = Segment {
        header: *copied.header(),
        path: copied.path().clone(),
        access: Access::of_new(copied.key()),
        pin: Arc::clone(&entry.segment.pin),
    };
    Ok((segment, copied.file_bytes()))
}
