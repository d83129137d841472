//! What the fuzzer found in opening a directory and what is not mended yet: inputs to step over.
//!
//! All of it takes checksums that hold over fields that no writer writes. Each entry goes with
//! its cause; when the last one goes, so does this file. Called by `open_directory` alone.

use seawall::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use seawall::format::header::SegmentHeader;

use super::structured::NamedFile;

/// Whether opening these files, or going on with them, runs into something known.
pub fn is_known(files: &[NamedFile]) -> bool {
    let headers = files
        .iter()
        .filter_map(|(_, bytes)| SegmentHeader::decode(bytes).ok());
    let last = headers.map(|header| header.segment_id).max();
    files.iter().any(|(_, bytes)| {
        SegmentHeader::decode(bytes)
            .is_ok_and(|header| is_known_segment(&header, bytes, Some(header.segment_id) == last))
    })
}

fn is_known_segment(header: &SegmentHeader, bytes: &[u8], is_last: bool) -> bool {
    // The numbers run out: an open overflows at the next segment id, an append at the next LSN.
    if header.segment_id > u64::MAX - 1000 || header.first_lsn.as_u64() > u64::MAX - 1000 {
        return true;
    }
    let block = header.block_bytes as usize;
    let mut promises = vec![header.durable_lsn];
    for offset in (block..bytes.len()).step_by(block) {
        let frame = FrameHeader::decode(&bytes[offset..], header, offset as u64);
        promises.extend(frame.map(|frame| frame.durable_lsn));
    }
    let mut offset = block;
    let mut ends_in_footer = false;
    let mut last_lsn = header.first_lsn.as_u64() - 1;
    while let Some(rest) = bytes.get(offset..)
        && let Ok(frame) = FrameHeader::decode(rest, header, offset as u64)
        && let Some(body) = rest[FRAME_HEADER_BYTES..].get(..frame.body_bytes as usize)
        && frame.check_body(body).is_ok()
        && frame.first_lsn.as_u64() == last_lsn + 1
    {
        // A promise in the middle of a frame is taken at its word: the log is cut there.
        let inside = frame.first_lsn..frame.last_lsn();
        if promises.iter().any(|promise| inside.contains(promise)) {
            return true;
        }
        last_lsn = frame.last_lsn().as_u64();
        offset += frame.file_bytes(header) as usize;
        ends_in_footer = frame.kind == FrameKind::Footer;
        if ends_in_footer {
            break;
        }
    }
    // Behind a footer nobody asks whether all that was promised is there; and a bad block behind
    // a sealed segment's last record is noticed only once there are later records to read.
    match is_last {
        true => ends_in_footer && promises.iter().any(|promise| promise.as_u64() > last_lsn),
        false => offset < bytes.len() && !ends_in_footer,
    }
}
