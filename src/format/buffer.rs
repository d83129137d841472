//! Records on their way into a frame, and the frame's bytes.

use super::PAYLOAD_BYTES_MAX;
use super::aligned::{AlignedBytes, MEMORY_ALIGNMENT};
use super::frame::{
    BODY_BYTES_MAX, ENTRY_HEADER_BYTES, FLAG_GAP, FRAME_HEADER_BYTES, FrameHeader, FrameKind,
    HEADER_CHECKSUM_AT, MAGIC, header_checksum,
};
use super::header::SegmentHeader;
use crate::types::{Lsn, RecordType, TenantId, VShardId};

/// What a frame says of its place and of the log around it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The segment that the frame is written to.
    pub segment: &'a SegmentHeader,
    /// The offset in bytes at which it is written; a multiple of the segment's block.
    pub offset: u64,
    /// The record before the frame's first one: where LSNs are missing between the two, the
    /// frame says so. In a frame without records, the last one so far.
    pub last_lsn: Lsn,
    /// See [`FrameHeader::durable_lsn`].
    pub durable_lsn: Lsn,
    /// See [`FrameHeader::durable_end`].
    pub durable_end: u64,
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
    // In rising order.
    required: Vec<u16>,
}

impl FrameBuffer {
    /// An empty buffer with room for a frame with `body_bytes` of entries; it grows if need be.
    pub fn with_capacity(body_bytes: usize) -> FrameBuffer {
        FrameBuffer {
            bytes: AlignedBytes::zeroed(FRAME_HEADER_BYTES + body_bytes),
            len: FRAME_HEADER_BYTES,
            first_lsn: Lsn::ZERO,
            record_count: 0,
            required: Vec::new(),
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

    /// The types of its records that a reader must understand, in rising order.
    pub fn required(&self) -> &[u16] {
        &self.required
    }

    /// The LSN of the first record in it.
    ///
    /// # Panics
    /// When it is empty.
    pub fn first_lsn(&self) -> Lsn {
        assert!(!self.is_empty(), "an empty frame has no first record");
        self.first_lsn
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
        if RecordType::is_required(record_type)
            && let Err(at) = self.required.binary_search(&record_type)
        {
            self.required.insert(at, record_type);
        }
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
        assert!(self.first_lsn > place.last_lsn);
        let flags = match self.first_lsn == place.last_lsn.next() {
            true => 0,
            false => FLAG_GAP,
        };
        self.encode_as(FrameKind::Records, flags, self.first_lsn, place)
    }

    /// Encodes a frame without records: a bare promise, a footer, or the log's holds, which
    /// are then its body.
    pub fn encode_bare(&mut self, kind: FrameKind, body: &[u8], place: &Place<'_>) -> &[u8] {
        assert!(self.is_empty(), "a frame without records has none");
        assert!(body.len() <= BODY_BYTES_MAX);
        self.fill(body);
        self.encode_as(kind, 0, place.last_lsn.next(), place)
    }

    /// Encodes a frame that was read, for this place: its records, or none, stay what they are.
    /// What the buffer held is forgotten.
    pub fn encode_again(&mut self, frame: &FrameHeader, body: &[u8], place: &Place<'_>) -> &[u8] {
        assert_eq!(body.len(), frame.body_bytes as usize);
        self.fill(body);
        self.record_count = frame.record_count;
        let flags = match frame.is_after_gap {
            true => FLAG_GAP,
            false => 0,
        };
        self.encode_as(frame.kind, flags, frame.first_lsn, place)
    }

    fn fill(&mut self, body: &[u8]) {
        self.len = FRAME_HEADER_BYTES + body.len();
        self.bytes.grow(self.len, 0);
        self.bytes.first_mut(self.len)[FRAME_HEADER_BYTES..].copy_from_slice(body);
    }

    fn encode_as(
        &mut self,
        kind: FrameKind,
        flags: u16,
        first_lsn: Lsn,
        place: &Place<'_>,
    ) -> &[u8] {
        let block_bytes = place.segment.block_bytes;
        assert_eq!(place.offset % u64::from(block_bytes), 0);
        assert!(place.durable_end <= place.offset);
        let padded = self.file_bytes(block_bytes) as usize;
        self.bytes.grow(padded, self.len);
        let frame = self.bytes.first_mut(padded);
        frame[self.len..].fill(0);
        let (header, rest) = frame.split_at_mut(FRAME_HEADER_BYTES);
        let body = &rest[..self.len - FRAME_HEADER_BYTES];
        let body_bytes = u32::try_from(body.len()).expect("at most BODY_BYTES_MAX");
        header[0..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&(kind as u16).to_le_bytes());
        header[6..8].copy_from_slice(&flags.to_le_bytes());
        header[8..16].copy_from_slice(&place.durable_end.to_le_bytes());
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
        self.required.clear();
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
    use crate::format::frame::{NotAFrame, Records};
    use crate::format::header::Previous;
    use crate::format::holds::Holds;
    use crate::format::required::RequiredTypes;

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
            durable_end: 512,
            required: RequiredTypes::default(),
        }
    }

    fn place(segment: &SegmentHeader) -> Place<'_> {
        Place {
            segment,
            offset: 1024,
            last_lsn: Lsn::new(9),
            durable_lsn: Lsn::new(9),
            durable_end: 512,
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
    fn a_frame_says_that_lsns_are_missing_before_it() {
        let segment = segment();
        let mut buffer = sample();
        let (whole, _) = read(buffer.encode(&place(&segment)), &segment, 1024).expect("encoded");
        assert!(whole.follows(Lsn::new(9)));
        assert!(!whole.follows(Lsn::new(7)));
        let after_gap = Place {
            last_lsn: Lsn::new(7),
            ..place(&segment)
        };
        let (gap, _) = read(buffer.encode(&after_gap), &segment, 1024).expect("encoded");
        assert!(gap.follows(Lsn::new(7)));
        assert!(!gap.follows(Lsn::new(9)));
    }

    #[test]
    fn a_frame_of_holds_is_one_only_with_holds_in_it() {
        let segment = segment();
        let mut holds = Holds::default();
        holds.set("replica", Lsn::new(4));
        let check = |body: &[u8], expect: Result<(), NotAFrame>| {
            let mut buffer = FrameBuffer::with_capacity(0);
            let bytes = buffer.encode_bare(FrameKind::Holds, body, &place(&segment));
            assert_eq!(read(bytes, &segment, 1024).map(drop), expect);
        };
        check(&holds.encode(), Ok(()));
        check(b"", Err(NotAFrame::Contents));
        check(b"anything else", Err(NotAFrame::Contents));
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
