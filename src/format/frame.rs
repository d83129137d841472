//! Frames: the records of one group commit, written with one write, valid as a whole or not at all.
//!
//! A frame header has a checksum of its own, which covers the body's, so that no length is used
//! before a checksum covers it. The header's checksum starts from the segment's salt and covers
//! segment and offset: a frame's image elsewhere (in a payload, in another segment, at another
//! offset) is no frame.

use super::aligned::{AlignedBytes, MEMORY_ALIGNMENT};
use super::header::SegmentHeader;
use super::{NUMBER_LIMIT, PAYLOAD_BYTES_MAX, u16_at, u32_at, u64_at};
use crate::types::{Lsn, RecordHeader, TenantId, VShardId};

/// The encoded size of a frame header in bytes.
pub const FRAME_HEADER_BYTES: usize = 64;
/// The encoded size in bytes of what precedes each payload in a frame's body.
pub const ENTRY_HEADER_BYTES: usize = 12;
/// The largest body of a frame in bytes: one record at its limit, and room for what sealing it
/// may add.
pub const BODY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 4096;

const MAGIC: [u8; 4] = *b"WALf";
const HEADER_CHECKSUM_AT: usize = FRAME_HEADER_BYTES - 4;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum FrameKind {
    /// Records, or none: then the frame only carries its promise and low-water mark.
    Records = 1,
    /// The end of a sealed segment; no frame follows.
    Footer = 2,
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame is.
    pub kind: FrameKind,
    /// The LSN of the frame's first record; in a frame without records, the next to come.
    pub first_lsn: Lsn,
    /// How many records the frame holds.
    pub record_count: u32,
    /// The length of the body in bytes, padding not included.
    pub body_bytes: u32,
    /// The promise: every record up to this LSN was durable when this frame was written.
    pub durable_lsn: Lsn,
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
}

impl NotAFrame {
    /// In words, for an error.
    pub fn why(self) -> &'static str {
        match self {
            NotAFrame::Short => "the file ends within a frame",
            NotAFrame::Header => "no valid frame header",
            NotAFrame::Body => "the frame's checksum does not hold",
            NotAFrame::Contents => "the frame contradicts itself",
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
            || u64_at(bytes, 8) != segment.segment_id
            || u64_at(bytes, 16) != offset
        {
            return Err(NotAFrame::Header);
        }
        // From here on the header is what a writer wrote: no crash makes the rest of it wrong.
        let kind = match (u16_at(bytes, 4), u16_at(bytes, 6)) {
            (1, 0) => FrameKind::Records,
            (2, 0) => FrameKind::Footer,
            _ => return Err(NotAFrame::Contents),
        };
        let header = FrameHeader {
            kind,
            first_lsn: Lsn::new(u64_at(bytes, 24)),
            record_count: u32_at(bytes, 32),
            body_bytes: u32_at(bytes, 36),
            durable_lsn: Lsn::new(u64_at(bytes, 40)),
            low_water_lsn: Lsn::new(u64_at(bytes, 48)),
            body_checksum: u32_at(bytes, 56),
        };
        match header.is_sound() {
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
            && self.body_bytes as usize <= BODY_BYTES_MAX
            && (self.kind == FrameKind::Records || self.record_count == 0)
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

    /// Checks a body against its header, contents included: afterwards [`Records`] can't fail.
    ///
    /// # Errors
    /// [`NotAFrame::Body`] or [`NotAFrame::Contents`].
    ///
    /// # Panics
    /// When `body` has not the length that the header tells.
    pub fn check_body(&self, body: &[u8]) -> Result<(), NotAFrame> {
        assert_eq!(body.len(), self.body_bytes as usize);
        if crc32c::crc32c(body) != self.body_checksum {
            return Err(NotAFrame::Body);
        }
        let mut at = 0;
        for _ in 0..self.record_count {
            let Some(entry) = body
                .get(at..)
                .filter(|rest| rest.len() >= ENTRY_HEADER_BYTES)
            else {
                return Err(NotAFrame::Contents);
            };
            // At most 2^32 above a position within the body: no overflow in 64 bits.
            at += ENTRY_HEADER_BYTES + u32_at(entry, 8) as usize;
        }
        match at == body.len() {
            true => Ok(()),
            false => Err(NotAFrame::Contents),
        }
    }
}

fn header_checksum(bytes: &[u8], segment: &SegmentHeader) -> u32 {
    let salted = crc32c::crc32c(&segment.salt);
    crc32c::crc32c_append(salted, &bytes[..HEADER_CHECKSUM_AT])
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
    /// When `body` did not pass [`FrameHeader::check_body`].
    pub fn next<'a>(&mut self, body: &'a [u8]) -> Option<(RecordHeader, &'a [u8])> {
        self.left = self.left.checked_sub(1)?;
        let entry = &body[self.at..];
        let header = RecordHeader {
            record_type: u16_at(entry, 0),
            lsn: self.next_lsn.as_u64(),
            tenant_id: u32_at(entry, 4),
            vshard_id: u16_at(entry, 2),
        };
        let payload = &entry[ENTRY_HEADER_BYTES..ENTRY_HEADER_BYTES + u32_at(entry, 8) as usize];
        self.at += ENTRY_HEADER_BYTES + payload.len();
        self.next_lsn = self.next_lsn.next();
        Some((header, payload))
    }
}

/// What a frame says of its place and of the log around it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The segment that the frame is written to.
    pub segment: &'a SegmentHeader,
    /// The offset in bytes at which it is written; a multiple of the segment's block.
    pub offset: u64,
    /// See [`FrameHeader::durable_lsn`].
    pub durable_lsn: Lsn,
    /// See [`FrameHeader::low_water_lsn`].
    pub low_water_lsn: Lsn,
}

/// Records on their way into a frame. The header's room is reserved in front, so that the
/// payloads are copied once and written from where they lie.
pub struct FrameBuffer {
    bytes: AlignedBytes,
    // How many bytes of the frame are filled, its header included.
    len: usize,
    first_lsn: Lsn,
    record_count: u32,
}

impl FrameBuffer {
    /// An empty buffer with room for a frame with `body_bytes` of entries; it grows if need be.
    pub fn with_capacity(body_bytes: usize) -> FrameBuffer {
        FrameBuffer {
            bytes: AlignedBytes::zeroed(FRAME_HEADER_BYTES + body_bytes),
            len: FRAME_HEADER_BYTES,
            first_lsn: Lsn::ZERO,
            record_count: 0,
        }
    }

    /// Whether there is no record in it.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// How many records are in it.
    pub fn record_count(&self) -> u32 {
        self.record_count
    }

    /// The length in bytes of the entries in it.
    pub fn body_bytes(&self) -> usize {
        self.len - FRAME_HEADER_BYTES
    }

    /// The LSN of the last record in it.
    ///
    /// # Panics
    /// When it is empty.
    pub fn last_lsn(&self) -> Lsn {
        assert!(!self.is_empty(), "an empty frame has no last record");
        Lsn::new(self.first_lsn.as_u64() - 1 + u64::from(self.record_count))
    }

    /// Adds a record; its LSN must follow the last one's.
    pub fn push(
        &mut self,
        lsn: Lsn,
        record_type: u16,
        tenant: TenantId,
        vshard: VShardId,
        payload: &[u8],
    ) {
        assert!(payload.len() <= PAYLOAD_BYTES_MAX);
        match self.is_empty() {
            true => self.first_lsn = lsn,
            false => assert_eq!(lsn, self.last_lsn().next()),
        }
        let at = self.len;
        self.len = at + ENTRY_HEADER_BYTES + payload.len();
        self.bytes.grow(self.len, at);
        let entry = &mut self.bytes.first_mut(self.len)[at..];
        entry[0..2].copy_from_slice(&record_type.to_le_bytes());
        entry[2..4].copy_from_slice(&vshard.as_u16().to_le_bytes());
        entry[4..8].copy_from_slice(&tenant.as_u32().to_le_bytes());
        let length = u32::try_from(payload.len()).expect("at most 64 MiB");
        entry[8..12].copy_from_slice(&length.to_le_bytes());
        entry[ENTRY_HEADER_BYTES..].copy_from_slice(payload);
        self.record_count += 1;
    }

    /// How many bytes of a segment with this block size the frame will take.
    pub fn file_bytes(&self, block_bytes: u32) -> u64 {
        (self.len as u64).next_multiple_of(u64::from(block_bytes))
    }

    /// Writes header and padding around the records and returns the frame's bytes, aligned in
    /// memory for direct I/O. The records stay until [`FrameBuffer::clear`], so that a frame
    /// that could not be written can be encoded again for another place.
    pub fn encode(&mut self, place: &Place<'_>) -> &[u8] {
        assert!(!self.is_empty(), "a frame with records has records");
        self.encode_as(FrameKind::Records, self.first_lsn, place)
    }

    /// Encodes a frame without records: a bare promise, or a footer. `next_lsn` is the LSN of
    /// the record that will come next.
    pub fn encode_bare(&mut self, kind: FrameKind, next_lsn: Lsn, place: &Place<'_>) -> &[u8] {
        assert!(self.is_empty(), "a frame without records has none");
        self.encode_as(kind, next_lsn, place)
    }

    /// Encodes a frame that was read, for this place: its records, or none, stay what they are.
    /// What the buffer held is forgotten.
    pub fn encode_again(&mut self, frame: &FrameHeader, body: &[u8], place: &Place<'_>) -> &[u8] {
        assert_eq!(body.len(), frame.body_bytes as usize);
        self.len = FRAME_HEADER_BYTES + body.len();
        self.bytes.grow(self.len, 0);
        self.bytes.first_mut(self.len)[FRAME_HEADER_BYTES..].copy_from_slice(body);
        self.record_count = frame.record_count;
        self.encode_as(frame.kind, frame.first_lsn, place)
    }

    fn encode_as(&mut self, kind: FrameKind, first_lsn: Lsn, place: &Place<'_>) -> &[u8] {
        let block_bytes = place.segment.block_bytes;
        assert_eq!(place.offset % u64::from(block_bytes), 0);
        let padded = self.file_bytes(block_bytes) as usize;
        self.bytes.grow(padded, self.len);
        let frame = self.bytes.first_mut(padded);
        frame[self.len..].fill(0);
        let (header, rest) = frame.split_at_mut(FRAME_HEADER_BYTES);
        let body = &rest[..self.len - FRAME_HEADER_BYTES];
        let body_bytes = u32::try_from(body.len()).expect("at most BODY_BYTES_MAX");
        header[0..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&(kind as u16).to_le_bytes());
        header[6..8].fill(0);
        header[8..16].copy_from_slice(&place.segment.segment_id.to_le_bytes());
        header[16..24].copy_from_slice(&place.offset.to_le_bytes());
        header[24..32].copy_from_slice(&first_lsn.as_u64().to_le_bytes());
        header[32..36].copy_from_slice(&self.record_count.to_le_bytes());
        header[36..40].copy_from_slice(&body_bytes.to_le_bytes());
        header[40..48].copy_from_slice(&place.durable_lsn.as_u64().to_le_bytes());
        header[48..56].copy_from_slice(&place.low_water_lsn.as_u64().to_le_bytes());
        header[56..60].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        let checksum = header_checksum(header, place.segment);
        header[HEADER_CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        frame
    }

    /// Forgets the records.
    pub fn clear(&mut self) {
        self.len = FRAME_HEADER_BYTES;
        self.record_count = 0;
    }

    /// Gives memory above a frame of `body_bytes` back, so that one huge record does not hold it.
    pub fn shrink(&mut self, body_bytes: usize) {
        assert!(self.is_empty());
        // A factor of four keeps ordinary growth from being thrown away again and again.
        if self.bytes.len() > 4 * (body_bytes + 2 * MEMORY_ALIGNMENT) {
            *self = FrameBuffer::with_capacity(body_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::header::Previous;

    fn segment() -> SegmentHeader {
        SegmentHeader {
            log_id: [1; 16],
            segment_id: 3,
            first_lsn: Lsn::new(10),
            durable_lsn: Lsn::new(9),
            low_water_lsn: Lsn::new(1),
            previous: Previous::default(),
            block_bytes: 512,
            salt: [7; 16],
            key_id: 0,
            key_check: [0; 16],
        }
    }

    fn place(segment: &SegmentHeader) -> Place<'_> {
        Place {
            segment,
            offset: 1024,
            durable_lsn: Lsn::new(9),
            low_water_lsn: Lsn::new(2),
        }
    }

    fn sample() -> FrameBuffer {
        let mut buffer = FrameBuffer::with_capacity(16);
        let (tenant, vshard) = (TenantId::new(5), VShardId::new(6));
        buffer.push(Lsn::new(10), 0x8001, tenant, vshard, b"first");
        buffer.push(Lsn::new(11), 30, tenant, vshard, &[8; 700]);
        buffer
    }

    fn read<'a>(
        bytes: &'a [u8],
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<(FrameHeader, &'a [u8]), NotAFrame> {
        let header = FrameHeader::decode(bytes, segment, offset)?;
        let body = &bytes[FRAME_HEADER_BYTES..][..header.body_bytes as usize];
        header.check_body(body)?;
        Ok((header, body))
    }

    #[test]
    fn a_frame_survives_encode_and_decode() {
        let segment = segment();
        let mut buffer = sample();
        let bytes = buffer.encode(&place(&segment));
        assert_eq!(bytes.len(), 1024);
        assert_eq!(bytes.as_ptr().align_offset(MEMORY_ALIGNMENT), 0);
        let (header, body) = read(bytes, &segment, 1024).expect("it was just encoded");
        assert_eq!(header.first_lsn, Lsn::new(10));
        assert_eq!(header.last_lsn(), Lsn::new(11));
        assert_eq!(header.file_bytes(&segment), 1024);
        let mut records = Records::of(&header);
        let (first, payload) = records.next(body).expect("two records");
        assert_eq!((first.lsn, first.tenant_id, first.vshard_id), (10, 5, 6));
        assert_eq!(payload, b"first");
        assert_eq!(records.next(body).expect("two records").1.len(), 700);
        assert!(records.next(body).is_none());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let segment = segment();
        let mut buffer = sample();
        let bytes = buffer.encode(&place(&segment)).to_vec();
        let covered = FRAME_HEADER_BYTES + buffer.body_bytes();
        for bit in 0..covered * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&damaged, &segment, 1024).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_is_valid_only_in_its_place() {
        let segment = segment();
        let mut buffer = sample();
        let bytes = buffer.encode(&place(&segment));
        assert_eq!(read(bytes, &segment, 512), Err(NotAFrame::Header));
        let mut other = segment;
        other.segment_id = 4;
        assert_eq!(read(bytes, &other, 1024), Err(NotAFrame::Header));
        let mut other = segment;
        other.salt = [8; 16];
        assert_eq!(read(bytes, &other, 1024), Err(NotAFrame::Header));
    }

    #[test]
    fn a_frame_can_be_encoded_again_for_another_place() {
        let segment = segment();
        let mut buffer = sample();
        buffer.encode(&place(&segment));
        let elsewhere = Place {
            offset: 4096,
            ..place(&segment)
        };
        let bytes = buffer.encode(&elsewhere);
        assert!(read(bytes, &segment, 4096).is_ok());
    }

    #[test]
    fn a_huge_record_does_not_hold_its_memory() {
        let mut buffer = FrameBuffer::with_capacity(1024);
        let (tenant, vshard) = (TenantId::new(5), VShardId::new(6));
        buffer.push(Lsn::new(1), 1, tenant, vshard, &vec![1; 1 << 20]);
        buffer.clear();
        buffer.shrink(1024);
        assert!(buffer.bytes.len() < 1 << 16);
    }
}
