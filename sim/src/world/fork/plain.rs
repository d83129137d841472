//! Well-formed plain segments with records that nobody has appended, in the place of encrypted ones.

use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::{ENTRY_HEADER_BYTES, FrameKind};
use seawall::format::header::{HEADER_BYTES, Previous, SegmentHeader};
use seawall::format::holds::Holds;
use seawall::{Lsn, TenantId, VShardId};

use super::layout::{Frame, Segment, before, path_of};

/// What sealing has added to a body.
const SEAL_BYTES: usize = 24;

/// The same segment in plain: same number, LSNs, salt and, as far as that can be, ends of frames.
pub(super) fn in_plain(segment: &Segment) -> Segment {
    let header = SegmentHeader {
        salt: segment.header.salt_to_others(),
        previous: Previous {
            is_encrypted: false,
            ..segment.header.previous
        },
        ..bare(&segment.header)
    };
    let mut plain = begin(&header);
    let mut last = before(header.first_lsn);
    for frame in &segment.frames {
        let place = Place {
            segment: &header,
            offset: plain.bytes.len() as u64,
            last_lsn: last,
            durable_lsn: frame.header.durable_lsn,
            durable_end: frame.header.durable_end.min(plain.bytes.len() as u64),
            low_water_lsn: frame.header.low_water_lsn,
        };
        let mut buffer = FrameBuffer::with_capacity(0);
        let bytes = match frame.header.record_count {
            0 => {
                let body = match frame.header.kind {
                    FrameKind::Holds => Holds::default().encode(),
                    _ => Vec::new(),
                };
                buffer.encode_bare(frame.header.kind, &body, &place, None)
            }
            count => {
                let room = (frame.header.body_bytes as usize).saturating_sub(SEAL_BYTES);
                let entries = count as usize * ENTRY_HEADER_BYTES;
                push(
                    &mut buffer,
                    frame.header.first_lsn,
                    count,
                    room.saturating_sub(entries),
                );
                last = buffer.last_lsn();
                buffer.encode(&place, None)
            }
        };
        plain.bytes.extend_from_slice(bytes);
    }
    plain
}

/// A plain frame with as many records, of its own, in the place of a sealed one; with the checksums
/// of its segment.
pub(super) fn frame_in(segment: &Segment, frame: &Frame) -> Vec<u8> {
    let header = SegmentHeader {
        previous: Previous {
            is_encrypted: false,
            ..segment.header.previous
        },
        ..bare(&segment.header)
    };
    let place = Place {
        segment: &header,
        offset: frame.offset as u64,
        last_lsn: before(frame.header.first_lsn),
        durable_lsn: frame.header.durable_lsn,
        durable_end: frame.header.durable_end,
        low_water_lsn: frame.header.low_water_lsn,
    };
    let mut buffer = FrameBuffer::with_capacity(0);
    let count = frame.header.record_count;
    push(&mut buffer, frame.header.first_lsn, count, SEAL_BYTES);
    buffer.encode(&place, None).to_vec()
}

/// A plain segment behind the last one, with a record of its own; it says that all before it was
/// truncated, or that it follows.
pub(super) fn behind(last: &Segment, is_alone: bool) -> Segment {
    let end = last.frames.iter().map(|frame| frame.offset + frame.len);
    let next_lsn = last
        .frames
        .iter()
        .map(|frame| frame.header.last_lsn().as_u64() + 1);
    let first_lsn = next_lsn.max().map_or(last.header.first_lsn, Lsn::new);
    let header = SegmentHeader {
        segment_id: last.header.segment_id + 1,
        first_lsn,
        durable_lsn: before(first_lsn),
        durable_end: 0,
        low_water_lsn: match is_alone {
            true => first_lsn,
            false => last.header.low_water_lsn,
        },
        previous: match is_alone {
            true => Previous::default(),
            false => Previous {
                segment_id: last.header.segment_id,
                end: last.header.told_end(end.max().unwrap_or(0) as u64),
                salt: last.header.salt_to_others(),
                is_sealed: false,
                is_encrypted: false,
            },
        },
        salt: [0x77; 16],
        ..bare(&last.header)
    };
    let mut plain = begin(&header);
    let place = Place {
        segment: &header,
        offset: plain.bytes.len() as u64,
        last_lsn: before(first_lsn),
        durable_lsn: before(first_lsn),
        durable_end: 0,
        low_water_lsn: header.low_water_lsn,
    };
    let mut buffer = FrameBuffer::with_capacity(0);
    push(&mut buffer, first_lsn, 1, 20);
    plain.bytes.extend_from_slice(buffer.encode(&place, None));
    plain
}

/// Says nothing of keys.
fn bare(header: &SegmentHeader) -> SegmentHeader {
    SegmentHeader {
        key_id: None,
        key_check: [0; 16],
        original: None,
        ..*header
    }
}

fn begin(header: &SegmentHeader) -> Segment {
    let mut bytes = vec![0; header.block_bytes as usize];
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    Segment {
        path: path_of(header),
        bytes,
        header: *header,
        frames: Vec::new(),
    }
}

/// So many records with so many bytes of payload together.
fn push(buffer: &mut FrameBuffer, first: Lsn, count: u32, bytes: usize) {
    let forged = vec![b'!'; bytes];
    for index in 0..count {
        let payload: &[u8] = if index == 0 { &forged } else { &[] };
        let lsn = Lsn::new(first.as_u64() + u64::from(index));
        buffer.push(
            lsn,
            1,
            TenantId::new(u32::MAX),
            VShardId::new(u16::MAX),
            payload,
        );
    }
}
