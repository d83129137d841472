//! The files that an open meets, as features: which there are, and for each segment what a reader
//! could see of it without a key.

use std::path::{Path, PathBuf};

use super::{Aspect, are_wanted, few, hash, note};
use crate::disk::Disk;
use crate::world::LOG_DIR;
use crate::world::fork::layout::Segment;

/// More of a segment is not looked at: most are far shorter.
const BYTES_MAX: usize = 64 << 10;

/// What kind of file has this name.
pub(super) fn class_of(name: &str) -> u64 {
    let name = name.rsplit('/').next().unwrap_or(name);
    match name {
        "next.wal.tmp" => 1,
        "copy.wal.tmp" => 2,
        "LOCK" => 3,
        "migrated-from" => 4,
        "unfinished-migration.wal" => 5,
        _ if name.starts_with("seg-") => 6,
        _ if name.starts_with("wal-") => 7,
        _ => 8,
    }
}

/// Notes what an open is about to find.
pub(crate) fn note_image(disk: &Disk, phase: u64) {
    if !are_wanted() {
        return;
    }
    let mut kinds = 0;
    let mut shapes = Vec::new();
    for (name, ino) in disk.entries(Path::new(LOG_DIR)) {
        let class = class_of(name);
        kinds |= 1 << class;
        if class == 6 {
            shapes.push(shape_of(name, disk.beginning(ino, BYTES_MAX)));
        }
    }
    let count = shapes.len();
    let last = shapes.last().copied().unwrap_or(0);
    let before = shapes.iter().rev().nth(1).copied().unwrap_or(0);
    note(Aspect::Image, &[phase, kinds, few(count), last]);
    note(Aspect::Image, &[before, last]);
    for (index, &shape) in shapes.iter().enumerate() {
        let place =
            [0, 1, 2][usize::from(index > 0) + usize::from(index + 1 == count && index > 0)];
        note(Aspect::Segment, &[place, shape]);
    }
}

/// What there is of a segment: its header, its frames, and what is behind them.
fn shape_of(name: &str, bytes: &[u8]) -> u64 {
    let segment = Segment::parse(PathBuf::from(name), bytes.to_vec());
    let Some(segment) = segment else {
        let is_blank = bytes.iter().all(|&byte| byte == 0);
        return hash(&[1, u64::from(bytes.is_empty()), u64::from(is_blank)]);
    };
    let header = &segment.header;
    let mut end = header.block_bytes as usize;
    let mut kinds = 0;
    let mut holes = 0;
    for frame in &segment.frames {
        holes += usize::from(frame.offset > end);
        end = frame.offset + frame.len;
        kinds |= 1 << (frame.header.kind as u64 * 2 + u64::from(frame.header.record_count > 0));
    }
    let last = segment.frames.last();
    let last = last.map_or(0, |frame| 1 + frame.header.kind as u64);
    let rest = bytes.get(end..).unwrap_or(&[]);
    let behind = match rest {
        [] => 0,
        _ if rest.iter().all(|&byte| byte == 0) => 1,
        _ if rest.starts_with(b"WALf") => 2,
        _ => 3,
    };
    let is_sealed = u64::from(header.key_id.is_some());
    let is_copy = u64::from(header.original.is_some());
    let frames = few(segment.frames.len()) | few(holes) << 8 | last << 16;
    hash(&[2, is_sealed | is_copy << 1, frames, kinds, behind])
}
