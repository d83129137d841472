//! Frames: the records of one group commit, written with one write, valid as a whole or not at all.
//!
//! A frame header has a checksum of its own, which covers the body's, so that no length is used
//! before a checksum covers it. The header's checksum starts from the segment's salt and number and
//! covers the offset: a frame's image elsewhere (in a payload, in another segment, at another
//! offset) is no frame.

use std::ops::Range;

use super::header::SegmentHeader;
use super::holds::Holds;
use super::{NUMBER_LIMIT, PAYLOAD_BYTES_MAX, u16_at, u32_at, u64_at};
use crate::crypto::SegmentKey;
use crate::crypto::segment::SEAL_BYTES;
use crate::types::{Lsn, RecordHeader};

/// The encoded size of a frame header in bytes.
pub const FRAME_HEADER_BYTES: usize = 64;
/// The encoded size in bytes of what precedes each payload in a frame's body.
pub const ENTRY_HEADER_BYTES: usize = 12;
/// The largest body of a frame in bytes, before it is sealed: one record at its limit, and some
/// room. It also limits an atomic batch, which is one frame.
pub const BODY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 4096;

pub(super) const MAGIC: [u8; 4] = *b"WALf";
pub(super) const HEADER_CHECKSUM_AT: usize = FRAME_HEADER_BYTES - 4;
/// The flag of a frame whose first LSN is not the one that would come next.
pub(super) const FLAG_GAP: u16 = 1;
/// The flag of a frame whose body is sealed: all of an encrypted segment, none of a plain one.
pub(super) const FLAG_SEALED: u16 = 2;
/// The part of a frame header that is bound to a sealed body: all but the two checksums.
const BOUND_BYTES: usize = 56;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum FrameKind {
    /// Records, or none: then the frame only carries its promise and low-water mark.
    Records = 1,
    /// The end of a sealed segment; no frame follows.
    Footer = 2,
    /// The log's [`Holds`] from here on, all of them.
    Holds = 3,
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame is.
    pub kind: FrameKind,
    /// Whether LSNs are missing before the first one: a statement, not damage. A log that was
    /// salvaged has such gaps; one that was only ever appended to has none.
    pub is_after_gap: bool,
    /// The LSN of the frame's first record; in a frame without records, the next to come.
    pub first_lsn: Lsn,
    /// How many records the frame holds.
    pub record_count: u32,
    /// The length of the body in bytes, padding not included.
    pub body_bytes: u32,
    /// The promise: every record up to this LSN was durable when this frame was written.
    pub durable_lsn: Lsn,
    /// The promise in bytes: so was every frame of this segment that ends at or before this
    /// offset, those without records included.
    pub durable_end: u64,
    /// Records below this LSN were truncated.
    pub low_water_lsn: Lsn,
    body_checksum: u32,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAFrame {
    /// The file ends within the frame.
    Short,
    /// The header's magic or checksum does not hold, or it is not from this place.
    Header,
    /// The header holds, but the body's checksum does not.
    Body,
    /// The checksums hold, but the contents contradict each other, or are of a kind that this
    /// version does not know. No crash leaves such a frame.
    Contents,
    /// The checksums hold, but the body was not sealed with the segment's key for this place, or
    /// has a seal where it should have none, or none. No crash leaves such a frame, either.
    Forged,
}

impl NotAFrame {
    /// In words, for an error.
    pub fn why(self) -> &'static str {
        match self {
            NotAFrame::Short => "the file ends within a frame",
            NotAFrame::Header => "no valid frame header",
            NotAFrame::Body => "the frame's checksum does not hold",
            NotAFrame::Contents => "the frame contradicts itself",
            NotAFrame::Forged => "the frame is not authentic",
        }
    }

    /// Whether a crash can have left it.
    pub fn can_be_torn(self) -> bool {
        match self {
            NotAFrame::Short | NotAFrame::Header | NotAFrame::Body => true,
            NotAFrame::Contents | NotAFrame::Forged => false,
        }
    }
}

impl FrameHeader {
    /// Reads the header of the frame at `offset` of `segment`. Bytes behind it are ignored.
    ///
    /// # Errors
    /// [`NotAFrame::Short`], [`NotAFrame::Header`] or [`NotAFrame::Contents`].
    pub fn decode(
        bytes: &[u8],
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<FrameHeader, NotAFrame> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES).ok_or(NotAFrame::Short)?;
        if bytes[0..4] != MAGIC
            || u32_at(bytes, HEADER_CHECKSUM_AT) != header_checksum(bytes, segment)
            || u64_at(bytes, 16) != offset
        {
            return Err(NotAFrame::Header);
        }
        // From here on the header is what a writer wrote: no crash makes the rest of it wrong.
        let flags = u16_at(bytes, 6);
        let (kind, is_after_gap) = match (u16_at(bytes, 4), flags & !FLAG_SEALED) {
            (1, 0) => (FrameKind::Records, false),
            (1, FLAG_GAP) => (FrameKind::Records, true),
            (2, 0) => (FrameKind::Footer, false),
            (3, 0) => (FrameKind::Holds, false),
            _ => return Err(NotAFrame::Contents),
        };
        if (flags & FLAG_SEALED != 0) != segment.key_id.is_some() {
            return Err(NotAFrame::Forged);
        }
        let header = FrameHeader {
            kind,
            is_after_gap,
            first_lsn: Lsn::new(u64_at(bytes, 24)),
            record_count: u32_at(bytes, 32),
            body_bytes: u32_at(bytes, 36),
            durable_lsn: Lsn::new(u64_at(bytes, 40)),
            durable_end: u64_at(bytes, 8),
            low_water_lsn: Lsn::new(u64_at(bytes, 48)),
            body_checksum: u32_at(bytes, 56),
        };
        let seal_bytes = segment.key_id.map_or(0, |_| SEAL_BYTES);
        let body_bytes = (header.body_bytes as usize).checked_sub(seal_bytes);
        let is_sound = header.is_sound() && body_bytes.is_some_and(|bytes| bytes <= BODY_BYTES_MAX);
        match is_sound && header.durable_end <= offset {
            true => Ok(header),
            false => Err(NotAFrame::Contents),
        }
    }

    fn is_sound(&self) -> bool {
        let end = self
            .first_lsn
            .as_u64()
            .checked_add(u64::from(self.record_count));
        self.first_lsn > Lsn::ZERO
            && end.is_some_and(|end| end < NUMBER_LIMIT && self.durable_lsn.as_u64() < end)
            && self.low_water_lsn > Lsn::ZERO
            && self.low_water_lsn <= self.durable_lsn.next()
            && (self.kind == FrameKind::Records || self.record_count == 0)
            && (!self.is_after_gap || self.record_count > 0 && self.first_lsn > Lsn::ZERO.next())
    }

    /// Whether the frame continues a log whose last record is `last`.
    pub fn follows(&self, last: Lsn) -> bool {
        match self.is_after_gap {
            true => self.first_lsn > last.next(),
            false => self.first_lsn == last.next(),
        }
    }

    /// The LSN of the frame's last record; in a frame without records, the one before it.
    pub fn last_lsn(&self) -> Lsn {
        Lsn::new(self.first_lsn.as_u64() - 1 + u64::from(self.record_count))
    }

    /// How many bytes of the file the frame takes, padding included.
    pub fn file_bytes(&self, segment: &SegmentHeader) -> u64 {
        (FRAME_HEADER_BYTES as u64 + u64::from(self.body_bytes))
            .next_multiple_of(u64::from(segment.block_bytes))
    }

    /// Checks the frame whose bytes begin `frame` and returns its body, opened into `opened` where
    /// it is sealed: afterwards [`Records`] can't fail on it, nor [`Holds::decode`] for a frame of
    /// holds.
    ///
    /// # Errors
    /// [`NotAFrame::Body`], [`NotAFrame::Forged`] or [`NotAFrame::Contents`].
    ///
    /// # Panics
    /// When `frame` is shorter than the header tells.
    pub fn open_body<'a>(
        &self,
        frame: &'a [u8],
        segment: &SegmentHeader,
        key: Option<&SegmentKey>,
        opened: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], NotAFrame> {
        let (header, stored) = frame.split_at(FRAME_HEADER_BYTES);
        let stored = &stored[..self.body_bytes as usize];
        if body_checksum(stored) != self.body_checksum {
            return Err(NotAFrame::Body);
        }
        let body = match key {
            None => stored,
            Some(key) => match key.open(&bound(header, segment), stored, opened) {
                true => opened,
                false => return Err(NotAFrame::Forged),
            },
        };
        self.check_contents(body)?;
        Ok(body)
    }

    fn check_contents(&self, body: &[u8]) -> Result<(), NotAFrame> {
        if self.kind == FrameKind::Holds {
            return Holds::decode(body).map(drop).ok_or(NotAFrame::Contents);
        }
        let mut at = 0;
        for _ in 0..self.record_count {
            let Some(entry) = body
                .get(at..)
                .filter(|rest| rest.len() >= ENTRY_HEADER_BYTES)
            else {
                return Err(NotAFrame::Contents);
            };
            // No writer makes a larger one, and no reader has to cope with it.
            let len = u32_at(entry, 8) as usize;
            if len > PAYLOAD_BYTES_MAX {
                return Err(NotAFrame::Contents);
            }
            at += ENTRY_HEADER_BYTES + len;
        }
        match at == body.len() {
            true => Ok(()),
            false => Err(NotAFrame::Contents),
        }
    }
}

/// What a sealed body is bound to: log and segment, and all that its frame's header says, its place
/// and the LSNs of its records among it.
pub(super) fn bound(header: &[u8], segment: &SegmentHeader) -> [u8; 24 + BOUND_BYTES] {
    let mut bound = [0; 24 + BOUND_BYTES];
    bound[..16].copy_from_slice(&segment.log_id);
    bound[16..24].copy_from_slice(&segment.segment_id.to_le_bytes());
    bound[24..].copy_from_slice(&header[..BOUND_BYTES]);
    bound
}

/// The checksum of a body, as it is stored.
///
/// A CRC can't do this: one block that ends in its own CRC, put in the place of another such block,
/// changes no CRC around it, and payloads are full of such blocks: pages, images of logs. The simulator
/// found a misdirected write that nobody noticed.
pub(crate) fn body_checksum(stored: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(stored) as u32
}

pub(super) fn header_checksum(bytes: &[u8], segment: &SegmentHeader) -> u32 {
    let salted = crc32c::crc32c(&segment.salt);
    let placed = crc32c::crc32c_append(salted, &segment.segment_id.to_le_bytes());
    crc32c::crc32c_append(placed, &bytes[..HEADER_CHECKSUM_AT])
}

/// A place among the records of a frame's body.
#[derive(Clone, Copy, Debug)]
pub struct Records {
    at: usize,
    next_lsn: Lsn,
    left: u32,
}

impl Records {
    /// Before the first record of a frame.
    pub fn of(header: &FrameHeader) -> Records {
        Records {
            at: 0,
            next_lsn: header.first_lsn,
            left: header.record_count,
        }
    }

    /// The next record and its payload, or `None` after the last.
    ///
    /// # Panics
    /// When `body` is not from [`FrameHeader::open_body`].
    pub fn next<'a>(&mut self, body: &'a [u8]) -> Option<(RecordHeader, &'a [u8])> {
        let (header, place) = self.next_place(body)?;
        Some((header, &body[place]))
    }

    /// The same, with the place of the payload in the body.
    ///
    /// # Panics
    /// As [`Records::next`].
    pub fn next_place(&mut self, body: &[u8]) -> Option<(RecordHeader, Range<usize>)> {
        self.left = self.left.checked_sub(1)?;
        let entry = &body[self.at..];
        let header = RecordHeader {
            record_type: u16_at(entry, 0),
            lsn: self.next_lsn.as_u64(),
            tenant_id: u32_at(entry, 4),
            vshard_id: u16_at(entry, 2),
        };
        let start = self.at + ENTRY_HEADER_BYTES;
        self.at = start + u32_at(entry, 8) as usize;
        self.next_lsn = self.next_lsn.next();
        Some((header, start..self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_above_the_limit_of_a_record_is_none() {
        let check = |payload_bytes: usize, expect: Result<(), NotAFrame>| {
            let mut body = vec![0; ENTRY_HEADER_BYTES + payload_bytes];
            body[8..12].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
            let header = FrameHeader {
                kind: FrameKind::Records,
                is_after_gap: false,
                first_lsn: Lsn::new(1),
                record_count: 1,
                body_bytes: body.len() as u32,
                durable_lsn: Lsn::ZERO,
                durable_end: 0,
                low_water_lsn: Lsn::new(1),
                body_checksum: body_checksum(&body),
            };
            assert_eq!(header.check_contents(&body), expect);
        };
        check(PAYLOAD_BYTES_MAX, Ok(()));
        check(PAYLOAD_BYTES_MAX + 1, Err(NotAFrame::Contents));
    }
}
