//! The bytes of headers and frames.
//!
//! *Verified:* whatever is encoded decodes to the same; one damaged byte anywhere under a checksum
//! is refused; arbitrary bytes never panic. *Not verified:* frames in a file, which is `damage`.

use proptest::prelude::*;
use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, NotAFrame, Records};
use seawall::format::header::{HEADER_BYTES, Original, Previous, SegmentHeader};
use seawall::{Lsn, TenantId, VShardId, WalEncryptionKey};

type Content = (u16, u32, u16, Vec<u8>);

/// Numbers in files are below this: see the format's description.
const LIMIT: u64 = 1 << 63;

prop_compose! {
    fn header()(
        (segment_id, before) in (1..LIMIT).prop_flat_map(|id| (Just(id), 0..id)),
        (durable, first, low_water) in (1..LIMIT)
            .prop_flat_map(|durable| (Just(durable), 1..=durable + 1, 1..=durable + 1)),
        (log_id, salt, key_check) in any::<([u8; 16], [u8; 16], [u8; 16])>(),
        previous_salt in any::<[u8; 16]>(),
        end: u64,
        block in 9..=16u32,
        (is_sealed, is_encrypted) in any::<(bool, bool)>(),
        (master, original) in any::<(Option<[u8; 32]>, Option<([u8; 16], u64)>)>(),
        required in prop::collection::vec(0x8000..=u16::MAX, 0..=32),
    ) -> SegmentHeader {
        let is_after_encrypted = is_encrypted && before > 0 && master.is_some();
        let key_id = master.map(|bytes| WalEncryptionKey::from_bytes(&bytes).id());
        SegmentHeader {
            log_id,
            segment_id,
            first_lsn: Lsn::new(first),
            durable_lsn: Lsn::new(durable),
            durable_end: end,
            low_water_lsn: Lsn::new(low_water),
            previous: Previous {
                segment_id: before,
                end,
                salt: previous_salt,
                is_sealed: is_sealed && before > 0,
                is_encrypted: is_after_encrypted,
            },
            block_bytes: 1 << block,
            salt,
            key_id,
            key_check: key_id.map_or([0; 16], |_| key_check),
            original: original
                .filter(|(salt, end)| key_id.is_some() && (*salt, *end) != ([0; 16], 0))
                .map(|(salt, end)| Original { salt, end }),
            required: required.into_iter().collect(),
        }
    }
}

/// The same segment, not encrypted.
fn plain(segment: SegmentHeader) -> SegmentHeader {
    SegmentHeader {
        key_id: None,
        key_check: [0; 16],
        original: None,
        previous: Previous {
            is_encrypted: false,
            ..segment.previous
        },
        ..segment
    }
}

fn contents() -> impl Strategy<Value = Vec<Content>> {
    let payload = prop::collection::vec(any::<u8>(), 0..600);
    prop::collection::vec((any::<u16>(), any::<u32>(), any::<u16>(), payload), 1..12)
}

/// A segment, a frame's place in it and its records: `(segment, block, first, durable, low water)`.
fn frame() -> impl Strategy<Value = (SegmentHeader, u64, u64, u64, u64, Vec<Content>)> {
    let numbers = (1..1u64 << 60)
        .prop_flat_map(|first| (Just(first), 0..first))
        .prop_flat_map(|(first, durable)| (Just(first), Just(durable), 1..=durable + 1));
    (header(), 1..1000u64, numbers, contents()).prop_map(
        |(segment, block, (first, durable, low_water), contents)| {
            let segment = plain(segment);
            (segment, block, first, durable, low_water, contents)
        },
    )
}

fn decode(bytes: &[u8], segment: &SegmentHeader, offset: u64) -> Result<FrameHeader, NotAFrame> {
    let header = FrameHeader::decode(bytes, segment, offset)?;
    let whole = bytes.get(..FRAME_HEADER_BYTES + header.body_bytes as usize);
    let whole = whole.ok_or(NotAFrame::Short)?;
    header.open_body(whole, segment, None, &mut Vec::new())?;
    Ok(header)
}

proptest! {
    #![proptest_config(crate::world::cases(128))]

    #[test]
    fn any_header_survives_encode_and_decode(header in header()) {
        prop_assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn a_damaged_byte_in_a_header_is_noticed(
        header in header(), at in 0..HEADER_BYTES, by in 1..=u8::MAX,
    ) {
        let mut bytes = header.encode();
        bytes[at] ^= by;
        prop_assert!(SegmentHeader::decode(&bytes).is_err());
    }

    #[test]
    fn any_frame_survives_encode_and_decode(
        (segment, block, first, durable, low_water, contents) in frame(),
        capacity in 0..4000usize,
    ) {
        let mut buffer = FrameBuffer::with_capacity(capacity);
        for ((record_type, tenant, vshard, payload), lsn) in contents.iter().zip(first..) {
            let (tenant, vshard) = (TenantId::new(*tenant), VShardId::new(*vshard));
            buffer.push(Lsn::new(lsn), *record_type, tenant, vshard, payload);
        }
        let offset = block * u64::from(segment.block_bytes);
        let place = Place {
            segment: &segment,
            offset,
            last_lsn: Lsn::new(first - 1),
            durable_lsn: Lsn::new(durable),
            durable_end: offset / 2,
            low_water_lsn: Lsn::new(low_water),
        };
        let bytes = buffer.encode(&place, None);
        let header = decode(bytes, &segment, offset).expect("it was just encoded");
        prop_assert_eq!(header.file_bytes(&segment), bytes.len() as u64);
        prop_assert_eq!((header.kind, header.durable_lsn), (FrameKind::Records, place.durable_lsn));
        prop_assert_eq!(header.durable_end, place.durable_end);
        prop_assert_eq!((header.first_lsn, header.low_water_lsn), (Lsn::new(first), place.low_water_lsn));
        let body = &bytes[FRAME_HEADER_BYTES..][..header.body_bytes as usize];
        let mut records = Records::of(&header);
        for (content, lsn) in contents.iter().zip(first..) {
            let (record, payload) = records.next(body).expect("as many as were pushed");
            prop_assert_eq!(record.lsn, lsn);
            let found = (record.record_type, record.tenant_id, record.vshard_id, payload.to_vec());
            prop_assert_eq!(&found, content);
        }
        prop_assert!(records.next(body).is_none());
    }

    #[test]
    fn a_damaged_byte_in_a_frame_is_noticed(
        (segment, block, first, durable, low_water, contents) in frame(),
        at in any::<prop::sample::Index>(), by in 1..=u8::MAX,
    ) {
        let mut buffer = FrameBuffer::with_capacity(0);
        for ((record_type, tenant, vshard, payload), lsn) in contents.iter().zip(first..) {
            let (tenant, vshard) = (TenantId::new(*tenant), VShardId::new(*vshard));
            buffer.push(Lsn::new(lsn), *record_type, tenant, vshard, payload);
        }
        let offset = block * u64::from(segment.block_bytes);
        let place = Place {
            segment: &segment,
            offset,
            last_lsn: Lsn::new(first - 1),
            durable_lsn: Lsn::new(durable),
            durable_end: offset / 2,
            low_water_lsn: Lsn::new(low_water),
        };
        let mut bytes = buffer.encode(&place, None).to_vec();
        bytes[at.index(FRAME_HEADER_BYTES + buffer.body_bytes())] ^= by;
        prop_assert!(decode(&bytes, &segment, offset).is_err());
        prop_assert!(decode(&bytes[..at.index(bytes.len())], &segment, offset).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..2000), segment in header(), offset: u64,
    ) {
        prop_assert!(SegmentHeader::decode(&bytes).is_err());
        prop_assert!(decode(&bytes, &segment, offset).is_err());
    }
}
