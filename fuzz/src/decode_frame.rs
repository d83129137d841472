//! Bytes read as a segment header and as a frame.
//!
//! *Verified:* nothing panics; what decodes is encoded again to the same bytes, so no two images
//! mean one thing and nothing of an image is ignored; records fill a body exactly. *Not verified:* frames against their neighbours, which
//! is `open_directory`.

use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::{
    ENTRY_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, Records,
};
use seawall::format::header::{HEADER_BYTES, Previous, SegmentHeader};
use seawall::format::holds::Holds;
use seawall::format::required::RequiredTypes;
use seawall::{Lsn, TenantId, VShardId};

/// Where the frame is said to be.
pub const OFFSET: u64 = 1024;

/// The segment that the frame is said to be in.
pub fn segment() -> SegmentHeader {
    SegmentHeader {
        log_id: [1; 16],
        segment_id: 3,
        first_lsn: Lsn::new(10),
        durable_lsn: Lsn::new(9),
        durable_end: 512,
        low_water_lsn: Lsn::new(1),
        previous: Previous::default(),
        block_bytes: 512,
        salt: [7; 16],
        key_id: None,
        key_check: [0; 16],
        original: None,
        required: RequiredTypes::default(),
    }
}

/// The first byte says what is made right before decoding: with its lowest bit the checksums
/// (and magic and place), otherwise nothing. The rest is the image.
pub fn check(bytes: &[u8]) {
    let Some((mode, image)) = bytes.split_first() else {
        return;
    };
    let mut image = image.to_vec();
    if mode & 1 == 1 {
        mend_header(&mut image);
    }
    check_header(&image);
    if mode & 1 == 1 {
        fix_frame(&mut image);
    }
    check_frame(&image);
}

fn check_header(image: &[u8]) {
    if let Ok(header) = SegmentHeader::decode(image) {
        let again = header.encode();
        assert_eq!(SegmentHeader::decode(&again), Ok(header));
        assert_eq!(again[..], image[..HEADER_BYTES]);
    }
}

fn check_frame(image: &[u8]) {
    let segment = segment();
    let Ok(header) = FrameHeader::decode(image, &segment, OFFSET) else {
        return;
    };
    let covered = FRAME_HEADER_BYTES + header.body_bytes as usize;
    assert!(header.file_bytes(&segment) >= covered as u64);
    let Some(frame) = image.get(..covered) else {
        return;
    };
    let mut opened = Vec::new();
    let Ok(body) = header.open_body(frame, &segment, None, &mut opened) else {
        return;
    };
    if header.kind == FrameKind::Holds
        && let Some(holds) = Holds::decode(body)
    {
        assert_eq!(holds.encode()[..], body[..]);
    }
    let mut records = Records::of(&header);
    let mut lsn = header.first_lsn.as_u64();
    let mut bytes = 0;
    let mut buffer = FrameBuffer::with_capacity(0);
    while let Some((record, payload)) = records.next(body) {
        assert_eq!(record.lsn, lsn);
        let (tenant, vshard) = (
            TenantId::new(record.tenant_id),
            VShardId::new(record.vshard_id),
        );
        buffer.push(Lsn::new(lsn), record.record_type, tenant, vshard, payload);
        lsn += 1;
        bytes += ENTRY_HEADER_BYTES + payload.len();
    }
    // What a frame of holds has in it are no records.
    if header.kind != FrameKind::Holds {
        assert_eq!(bytes, body.len());
    }
    assert_eq!(lsn, header.last_lsn().as_u64() + 1);
    let last = header.first_lsn.as_u64() - 1;
    let place = Place {
        segment: &segment,
        offset: OFFSET,
        last_lsn: Lsn::new(last - u64::from(header.is_after_gap)),
        durable_lsn: header.durable_lsn,
        durable_end: header.durable_end,
        low_water_lsn: header.low_water_lsn,
    };
    let again = match buffer.is_empty() {
        true => buffer.encode_bare(header.kind, body, &place, None),
        false => buffer.encode(&place, None),
    };
    assert_eq!(again[..covered], image[..covered]);
}

/// Makes a header's magic, version and checksum right.
pub fn mend_header(image: &mut [u8]) {
    if let Some(header) = image.get_mut(..HEADER_BYTES) {
        header[0..8].copy_from_slice(b"SEAWALL\0");
        header[8..12].copy_from_slice(&seawall::format::VERSION.to_le_bytes());
        let checksum = crc32c::crc32c(&header[..HEADER_BYTES - 4]);
        header[HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
    }
}

fn fix_frame(image: &mut [u8]) {
    if image.len() < FRAME_HEADER_BYTES {
        return;
    }
    let segment = segment();
    image[0..4].copy_from_slice(b"WALf");
    image[16..24].copy_from_slice(&OFFSET.to_le_bytes());
    seal_frame(image, &segment);
}

/// Makes both checksums of a frame's image right, as far as its body is there.
pub fn seal_frame(image: &mut [u8], segment: &SegmentHeader) {
    let (header, rest) = image.split_at_mut(FRAME_HEADER_BYTES);
    let length = u32::from_le_bytes(header[36..40].try_into().expect("four bytes"));
    if let Some(body) = rest.get(..length as usize) {
        header[56..60].copy_from_slice(&(xxhash_rust::xxh3::xxh3_64(body) as u32).to_le_bytes());
    }
    let salted = crc32c::crc32c(&segment.salt);
    let placed = crc32c::crc32c_append(salted, &segment.segment_id.to_le_bytes());
    let checksum = crc32c::crc32c_append(placed, &header[..FRAME_HEADER_BYTES - 4]);
    header[FRAME_HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
}
