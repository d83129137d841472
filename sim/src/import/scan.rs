//! The bytes of a segment file, told apart without its log: which frame stands where, whose it is,
//! and whether one bit would make it whole again.
//!
//! It needs no key: checksums are there for anybody to compute.
// Source: src/format/format.md, "Segment header" and "Frame".

use seawall::format::frame::{FRAME_HEADER_BYTES, FrameHeader, NotAFrame};
use seawall::format::header::{HEADER_BYTES, NotAHeader, SegmentHeader};

use super::image::FieldImage;

/// A disk writes no less than this at once.
pub(super) const SECTOR: usize = 512;
const FRAME_MAGIC: &[u8] = b"WALf";
const OFFSET_AT: usize = 16;
const BODY_CHECKSUM_AT: usize = 56;
const FRAME_CHECKSUM_AT: usize = 60;
/// So many bytes are hashed at most to find the one bit that is wrong in a body.
const HASHED_MAX: usize = 1 << 31;

/// A segment file.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) header: SegmentHeader,
}

/// An image, and those of its files that have a segment's header which holds, by name.
pub(super) struct Scene<'a> {
    pub(super) image: &'a FieldImage,
    pub(super) segments: Vec<Segment<'a>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(image: &'a FieldImage) -> Scene<'a> {
        let found = image.files.iter().filter_map(|(name, bytes)| {
            let header = SegmentHeader::decode(bytes).ok()?;
            Some(Segment {
                name,
                bytes,
                header,
            })
        });
        Scene {
            image,
            segments: found.collect(),
        }
    }

    pub(super) fn segment(&self, name: &str) -> Option<&Segment<'a>> {
        self.segments.iter().find(|segment| segment.name == name)
    }

    /// What is in a file; nothing where there is none.
    pub(super) fn bytes_of(&self, name: &str) -> &'a [u8] {
        self.image.files.get(name).map_or(&[], Vec::as_slice)
    }
}

/// A frame with a header that holds for its place and a body that fits its checksum.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) frame: FrameHeader,
    /// Its bytes in the file, padding included.
    pub(super) padded: usize,
}

impl Segment<'_> {
    pub(super) fn block(&self) -> usize {
        self.header.block_bytes as usize
    }

    /// The header of a frame at this offset.
    pub(super) fn header_at(&self, offset: usize) -> Result<FrameHeader, NotAFrame> {
        let bytes = self.bytes.get(offset..).unwrap_or_default();
        FrameHeader::decode(bytes, &self.header, offset as u64)
    }

    /// The frame at this offset, if it is whole.
    pub(super) fn whole_at(&self, offset: usize) -> Option<Whole> {
        whole(self.bytes.get(offset..)?, &self.header, offset)
    }

    /// Every place where a frame may begin.
    pub(super) fn boundaries(&self) -> impl Iterator<Item = usize> {
        (self.block()..self.bytes.len()).step_by(self.block())
    }

    /// The offset behind the last frame of those that stand one behind the other from the beginning,
    /// and whether the last one is a footer's.
    pub(super) fn end_of_frames(&self) -> usize {
        let mut offset = self.block();
        while let Some(whole) = self.whole_at(offset) {
            offset += whole.padded;
        }
        offset
    }

    /// The bit that would make a frame at this offset whole, by its number in the file.
    pub(super) fn wrong_bit_at(&self, offset: usize) -> Option<usize> {
        let bytes = self.bytes.get(offset..)?;
        let header = bytes.get(..FRAME_HEADER_BYTES)?;
        let is_whole = |bytes: &[u8]| whole(bytes, &self.header, offset).is_some();
        let bit = match self.header_at(offset) {
            Err(NotAFrame::Header) => {
                let holds = |header: &[u8]| {
                    FrameHeader::decode(header, &self.header, offset as u64)
                        != Err(NotAFrame::Header)
                };
                let bit = single_bit(header, holds)?;
                let mut mended = bytes.to_vec();
                mended[bit / 8] ^= 1 << (bit % 8);
                is_whole(&mended).then_some(bit)?
            }
            Ok(frame) => {
                let len = frame.body_bytes as usize;
                let body = bytes.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + len)?;
                if len.saturating_mul(len).saturating_mul(8) > HASHED_MAX {
                    return None;
                }
                let checksum = &bytes[BODY_CHECKSUM_AT..BODY_CHECKSUM_AT + 4];
                let bit = single_bit(body, |body| body_checksum(body) == checksum)?;
                bit + FRAME_HEADER_BYTES * 8
            }
            Err(_) => return None,
        };
        Some(bit + offset * 8)
    }
}

fn whole(bytes: &[u8], header: &SegmentHeader, offset: usize) -> Option<Whole> {
    let frame = FrameHeader::decode(bytes, header, offset as u64).ok()?;
    let padded = usize::try_from(frame.file_bytes(header)).ok()?;
    let body = bytes.get(..padded)?;
    let body = &body[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + frame.body_bytes as usize];
    let checksum = &bytes[BODY_CHECKSUM_AT..BODY_CHECKSUM_AT + 4];
    (body_checksum(body) == checksum).then_some(Whole { frame, padded })
}

/// The bit that would make a segment's header hold.
pub(super) fn wrong_bit_of_header(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER_BYTES)?;
    let holds = |header: &[u8]| {
        matches!(
            SegmentHeader::decode(header),
            Ok(_) | Err(NotAHeader::Version(_))
        )
    };
    single_bit(header, holds)
}

/// The one bit without which `holds` does not hold, if there is one.
fn single_bit(bytes: &[u8], holds: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let mut tried = bytes.to_vec();
    (0..tried.len() * 8).find(|bit| {
        let (at, mask) = (bit / 8, 1 << (bit % 8));
        tried[at] ^= mask;
        let is_it = holds(&tried);
        tried[at] ^= mask;
        is_it
    })
}

/// Whether bytes begin with a frame's header that holds for one of these segments, and if so for
/// which of them and for which offset there.
pub(super) fn owner<'a, 'b>(
    bytes: &[u8],
    among: &'b [Segment<'a>],
) -> Option<(&'b Segment<'a>, u64)> {
    let header = bytes.get(..FRAME_HEADER_BYTES)?;
    if !header.starts_with(FRAME_MAGIC) {
        return None;
    }
    let offset = header[OFFSET_AT..OFFSET_AT + 8].try_into();
    let offset = u64::from_le_bytes(offset.expect("eight bytes"));
    let is_its = |segment: &&Segment| header[FRAME_CHECKSUM_AT..] == checksum_of(header, segment);
    among.iter().find(is_its).map(|segment| (segment, offset))
}

fn checksum_of(header: &[u8], segment: &Segment<'_>) -> [u8; 4] {
    let salted = crc32c::crc32c(&segment.header.salt);
    let placed = crc32c::crc32c_append(salted, &segment.header.segment_id.to_le_bytes());
    crc32c::crc32c_append(placed, &header[..FRAME_CHECKSUM_AT]).to_le_bytes()
}

fn body_checksum(body: &[u8]) -> [u8; 4] {
    (xxhash_rust::xxh3::xxh3_64(body) as u32).to_le_bytes()
}

/// Gives a frame the checksums that its body and its header should have.
pub(super) fn mend(frame: &mut [u8], body_bytes: usize, segment: &Segment<'_>) {
    let body = body_checksum(&frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + body_bytes]);
    frame[BODY_CHECKSUM_AT..BODY_CHECKSUM_AT + 4].copy_from_slice(&body);
    let checksum = checksum_of(&frame[..FRAME_HEADER_BYTES], segment);
    frame[FRAME_CHECKSUM_AT..FRAME_HEADER_BYTES].copy_from_slice(&checksum);
}

/// Whether all bytes are zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
