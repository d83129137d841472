//! Records on their way into a frame, and the frame's bytes.

use super::PAYLOAD_BYTES_MAX;
use super::aligned::{AlignedBytes, MEMORY_ALIGNMENT};
use super::frame::{
    BODY_BYTES_MAX, ENTRY_HEADER_BYTES, FLAG_GAP, FLAG_SEALED, FRAME_HEADER_BYTES, FrameHeader,
    FrameKind, HEADER_CHECKSUM_AT, MAGIC, body_checksum, bound, header_checksum,
};
use super::header::SegmentHeader;
use crate::crypto::Seal;
use crate::crypto::segment::SEAL_BYTES;
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
    // The frame as it is written, where it is sealed: `bytes` stay as they are, so that what could
    // not be written can be sealed anew.
    sealed: AlignedBytes,
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
            ..FrameBuffer::without_memory()
        }
    }

    /// An empty buffer that takes memory when something comes into it.
    pub(crate) fn without_memory() -> FrameBuffer {
        FrameBuffer {
            bytes: AlignedBytes::empty(),
            sealed: AlignedBytes::empty(),
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

    /// How many bytes of this segment the frame will take.
    pub fn file_bytes(&self, segment: &SegmentHeader) -> u64 {
        let seal_bytes = segment.key_id.map_or(0, |_| SEAL_BYTES);
        ((self.len + seal_bytes) as u64).next_multiple_of(u64::from(segment.block_bytes))
    }

    /// Writes header and padding around the records and returns the frame's bytes, aligned in
    /// memory for direct I/O. The records stay until [`FrameBuffer::clear`], so that a frame
    /// that could not be written can be encoded again for another place.
    ///
    /// # Panics
    /// Unless there is a seal where the segment is encrypted, and none where it is plain.
    pub fn encode(&mut self, place: &Place<'_>, seal: Option<Seal>) -> &[u8] {
        assert!(!self.is_empty(), "a frame with records has records");
        assert!(self.first_lsn > place.last_lsn);
        let flags = match self.first_lsn == place.last_lsn.next() {
            true => 0,
            false => FLAG_GAP,
        };
        self.encode_as(FrameKind::Records, flags, self.first_lsn, place, seal)
    }

    /// Encodes a frame without records: a bare promise, a footer, or the log's holds, which
    /// are then its body.
    pub fn encode_bare(
        &mut self,
        kind: FrameKind,
        body: &[u8],
        place: &Place<'_>,
        seal: Option<Seal>,
    ) -> &[u8] {
        assert!(self.is_empty(), "a frame without records has none");
        assert!(body.len() <= BODY_BYTES_MAX);
        self.fill(body);
        self.encode_as(kind, 0, place.last_lsn.next(), place, seal)
    }

    /// Encodes a frame that was read, for this place: its records, or none, stay what they are.
    /// What the buffer held is forgotten.
    pub fn encode_again(
        &mut self,
        frame: &FrameHeader,
        body: &[u8],
        place: &Place<'_>,
        seal: Option<Seal>,
    ) -> &[u8] {
        self.fill(body);
        self.record_count = frame.record_count;
        let flags = match frame.is_after_gap {
            true => FLAG_GAP,
            false => 0,
        };
        self.encode_as(frame.kind, flags, frame.first_lsn, place, seal)
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
        seal: Option<Seal>,
    ) -> &[u8] {
        let segment = place.segment;
        assert_eq!(place.offset % u64::from(segment.block_bytes), 0);
        assert!(place.durable_end <= place.offset);
        assert_eq!(seal.is_some(), segment.key_id.is_some());
        let padded = self.file_bytes(segment) as usize;
        let (flags, stored_bytes) = match &seal {
            None => (flags, self.body_bytes()),
            Some(_) => (flags | FLAG_SEALED, self.body_bytes() + SEAL_BYTES),
        };
        let stored_len = u32::try_from(stored_bytes).expect("at most BODY_BYTES_MAX");
        let mut header = [0; FRAME_HEADER_BYTES];
        header[0..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&(kind as u16).to_le_bytes());
        header[6..8].copy_from_slice(&flags.to_le_bytes());
        header[8..16].copy_from_slice(&place.durable_end.to_le_bytes());
        header[16..24].copy_from_slice(&place.offset.to_le_bytes());
        header[24..32].copy_from_slice(&first_lsn.as_u64().to_le_bytes());
        header[32..36].copy_from_slice(&self.record_count.to_le_bytes());
        header[36..40].copy_from_slice(&stored_len.to_le_bytes());
        header[40..48].copy_from_slice(&place.durable_lsn.as_u64().to_le_bytes());
        header[48..56].copy_from_slice(&place.low_water_lsn.as_u64().to_le_bytes());
        let frame = match seal {
            None => {
                self.bytes.grow(padded, self.len);
                self.bytes.first_mut(padded)
            }
            Some(seal) => {
                self.sealed.grow(padded, 0);
                let frame = self.sealed.first_mut(padded);
                let body = &self.bytes.first(self.len)[FRAME_HEADER_BYTES..];
                let stored = &mut frame[FRAME_HEADER_BYTES..][..stored_bytes];
                seal.seal(&bound(&header, segment), body, stored);
                frame
            }
        };
        let end = FRAME_HEADER_BYTES + stored_bytes;
        frame[end..].fill(0);
        let of_body = body_checksum(&frame[FRAME_HEADER_BYTES..end]);
        header[56..60].copy_from_slice(&of_body.to_le_bytes());
        let checksum = header_checksum(&header, segment);
        header[HEADER_CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        frame[..FRAME_HEADER_BYTES].copy_from_slice(&header);
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
        let held = self.bytes.len().max(self.sealed.len());
        if held > 4 * (body_bytes + 2 * MEMORY_ALIGNMENT) {
            *self = FrameBuffer::with_capacity(body_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::SegmentKey;
    use crate::crypto::segment::Sealer;
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
            key_id: None,
            key_check: [0; 16],
            original: None,
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
        header.open_body(bytes, segment, None, &mut Vec::new())?;
        let body = &bytes[FRAME_HEADER_BYTES..][..header.body_bytes as usize];
        Ok((header, body))
    }

    #[test]
    fn a_frame_survives_encode_and_decode() {
        let segment = segment();
        let mut buffer = sample();
        let bytes = buffer.encode(&place(&segment), None);
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
        let bytes = buffer.encode(&place(&segment), None).to_vec();
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
        let bytes = buffer.encode(&place(&segment), None);
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
        buffer.encode(&place(&segment), None);
        let elsewhere = Place {
            offset: 4096,
            ..place(&segment)
        };
        let bytes = buffer.encode(&elsewhere, None);
        assert!(read(bytes, &segment, 4096).is_ok());
    }

    #[test]
    fn a_frame_says_that_lsns_are_missing_before_it() {
        let segment = segment();
        let mut buffer = sample();
        let (whole, _) =
            read(buffer.encode(&place(&segment), None), &segment, 1024).expect("encoded");
        assert!(whole.follows(Lsn::new(9)));
        assert!(!whole.follows(Lsn::new(7)));
        let after_gap = Place {
            last_lsn: Lsn::new(7),
            ..place(&segment)
        };
        let (gap, _) = read(buffer.encode(&after_gap, None), &segment, 1024).expect("encoded");
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
            let bytes = buffer.encode_bare(FrameKind::Holds, body, &place(&segment), None);
            assert_eq!(read(bytes, &segment, 1024).map(drop), expect);
        };
        check(&holds.encode(), Ok(()));
        check(b"", Err(NotAFrame::Contents));
        check(b"anything else", Err(NotAFrame::Contents));
    }

    #[test]
    fn a_sealed_frame_opens_in_its_place_only() {
        let master = crate::WalEncryptionKey::from_bytes(&[4; 32]);
        let segment = SegmentHeader {
            key_id: Some(master.id()),
            ..segment()
        };
        let key = Arc::new(SegmentKey::derive(&master, &segment.identity()));
        let mut sealer = Sealer::new(Arc::clone(&key));
        let mut buffer = sample();
        let plain = buffer.bytes.first(buffer.len)[FRAME_HEADER_BYTES..].to_vec();
        let frame = buffer.encode(&place(&segment), Some(sealer.next()));
        assert!(!frame.windows(5).any(|bytes| bytes == b"first"));
        let header = FrameHeader::decode(frame, &segment, 1024).expect("encoded");
        let mut opened = Vec::new();
        let body = header.open_body(frame, &segment, Some(&key), &mut opened);
        assert_eq!(body, Ok(&plain[..]));
        // Its header with another number, and checksums that hold.
        for at in [5, 8, 24, 32, 40, 48] {
            let mut forged = frame.to_vec();
            forged[at] ^= 1;
            let checksum = header_checksum(&forged, &segment);
            forged[HEADER_CHECKSUM_AT..FRAME_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
            if let Ok(header) = FrameHeader::decode(&forged, &segment, 1024) {
                let opened = header.open_body(&forged, &segment, Some(&key), &mut opened);
                assert_eq!(opened, Err(NotAFrame::Forged), "byte {at}");
            }
        }
        // Not in a segment that says that it is plain, and the other way round.
        let stripped = SegmentHeader {
            key_id: None,
            ..segment
        };
        let refused = FrameHeader::decode(frame, &stripped, 1024);
        assert_eq!(refused, Err(NotAFrame::Forged));
        let bytes = buffer.encode(&place(&stripped), None);
        let refused = FrameHeader::decode(bytes, &segment, 1024);
        assert_eq!(refused, Err(NotAFrame::Forged));
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
