//! The segments that a directory holds, and those of them that make up the log.
//!
//! It only reads: for recovery as well as for whoever looks at a log without writing to it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::catalog::{Entry, LogDir, Name, Segment};
use super::reader::read_header;
use super::transfer::uninterrupted;
use crate::error::{Error, Result};
use crate::format::frame::NotAFrame;
use crate::types::Lsn;

/// The segment files of the directory in the order of their numbers, each with a header that
/// holds, fits its name and belongs to the same log.
pub(crate) fn find_segments(dir: &LogDir) -> Result<Vec<Entry>> {
    let names = uninterrupted(|| dir.env.vfs.read_dir(&dir.path));
    let mut names = names.map_err(Error::io("list", &dir.path))?;
    names.sort();
    let mut found: Vec<Entry> = Vec::new();
    for name in names {
        let path = dir.path.join(&name);
        match Name::of(&name) {
            Name::Segment { id, first_lsn } => found.push(open_segment(dir, &path, id, first_lsn)?),
            Name::LegacySegment => return Err(Error::Legacy { path }),
            Name::Misnamed => {
                return Err(Error::Foreign {
                    path,
                    why: "its name is almost that of a segment",
                });
            }
            Name::Temporary | Name::Other => {}
        }
    }
    found.sort_by_key(|entry| entry.segment.header.segment_id);
    for (one, other) in found.iter().zip(found.iter().skip(1)) {
        if one.segment.header.segment_id == other.segment.header.segment_id {
            return Err(Error::Foreign {
                path: other.segment.path.clone(),
                why: "another segment has the same number",
            });
        }
    }
    if let Some(first) = found.first() {
        let log_id = first.segment.header.log_id;
        let stranger = found
            .iter()
            .find(|entry| entry.segment.header.log_id != log_id);
        if let Some(stranger) = stranger {
            return Err(Error::Foreign {
                path: stranger.segment.path.clone(),
                why: "it belongs to another log",
            });
        }
    }
    Ok(found)
}

pub(crate) fn open_segment(dir: &LogDir, path: &Path, id: u64, first_lsn: Lsn) -> Result<Entry> {
    let file = dir.open_to_read(path)?;
    let header = read_header(&*file, path, first_lsn)?;
    if header.segment_id != id || header.first_lsn != first_lsn {
        return Err(Error::Foreign {
            path: path.to_owned(),
            why: "its header and its name differ",
        });
    }
    let file_bytes = file.len().map_err(Error::io("measure", path))?;
    Ok(Entry {
        segment: Arc::new(Segment {
            header,
            path: path.to_owned(),
        }),
        end: u64::from(header.block_bytes),
        file_bytes,
    })
}

/// The segments before the last one that belong to the log, oldest first.
pub(crate) fn live_chain(found: &[Entry], low_water: Lsn) -> Result<VecDeque<Entry>> {
    let mut live = VecDeque::new();
    let mut current = found.last().expect("there is a last segment");
    while current.segment.header.first_lsn > low_water {
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
        if before_header.first_lsn > header.first_lsn
            || before_header.salt != previous.salt
            || previous.end < u64::from(before_header.block_bytes)
        {
            return Err(corrupt(before, 0, "it does not lead to the next segment"));
        }
        if previous.end > before.file_bytes {
            return Err(corrupt(before, before.file_bytes, NotAFrame::Short.why()));
        }
        live.push_front(Entry {
            end: previous.end,
            ..before.clone()
        });
        current = before;
    }
    Ok(live)
}
