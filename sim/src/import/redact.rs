//! The same image with filler in place of what users have written.
//!
//! In frames that are whole, payloads and the names of holds become filler of the same length, and the
//! checksums are made to fit again; what one bit has damaged is damaged by the same bit. All other
//! bytes of a file that are not zero are filler, too, but for headers of frames whose checksum holds:
//! they have nothing in them but numbers. So recovery should say the same of it, and whoever hands it on
//! makes sure that it does.
//!
//! What stays: lengths, LSNs, types, tenants and shards of records, and where zeros begin and end. What
//! is sealed stays as it is: without its key nobody can read it, and no key is ever handed on.

use seawall::format::frame::{ENTRY_HEADER_BYTES, FRAME_HEADER_BYTES, FrameKind};
use seawall::format::header::{HEADER_BYTES, NotAHeader, SegmentHeader};
use seawall::format::holds::Holds;
use seawall::format::legacy::{LEGACY_HEADER_BYTES, LegacyHeader};

use super::image::FieldImage;
use super::scan::{self, SECTOR, Scene, Segment, Whole};

const FILLER: u8 = b'#';
/// No body of entries or of holds begins so.
const CONTRADICTS: u8 = 0xff;
const FRAME_MAGIC: &[u8] = b"WALf";

/// An image in which nothing is left of payloads, or of anything that might be one.
pub(super) fn redact(image: &FieldImage) -> FieldImage {
    let scene = Scene::new(image);
    let files = image.files.iter().map(|(name, bytes)| {
        let redacted = match scene.segment(name) {
            Some(segment) => redact_segment(segment, &scene.segments),
            // Names and lengths of files, and a checksum.
            None if name == "migrated-from" => bytes.clone(),
            None if name.ends_with(".seg") => redact_legacy(bytes),
            None => redact_without_header(name, bytes, &scene.segments),
        };
        (name.clone(), redacted)
    });
    FieldImage {
        files: files.collect(),
        strangers: image.strangers,
    }
}

fn redact_segment(segment: &Segment<'_>, segments: &[Segment<'_>]) -> Vec<u8> {
    let mut bytes = segment.bytes.to_vec();
    let block = segment.block();
    let len = bytes.len();
    fill(&mut bytes[HEADER_BYTES..block.min(len)]);
    let mut at = block;
    while at < len {
        let wrong_bit = match segment.whole_at(at) {
            Some(_) => None,
            None => segment.wrong_bit_at(at),
        };
        flip(&mut bytes, wrong_bit);
        let mended = Segment {
            bytes: &bytes,
            ..*segment
        };
        if let Some(whole) = mended.whole_at(at) {
            redact_frame(&mut bytes[at..at + whole.padded], whole, segment);
            flip(&mut bytes, wrong_bit);
            at += whole.padded;
            continue;
        }
        flip(&mut bytes, wrong_bit);
        // What a frame's header says of later bytes goes no further than this block: in what is torn,
        // others may stand.
        let end = len.min(at + block);
        let kept = match scan::owner(&bytes[at..end], segments) {
            Some(_) => FRAME_HEADER_BYTES,
            None => 0,
        };
        fill(&mut bytes[at + kept..end]);
        at = end;
    }
    bytes
}

/// Redacts a frame that is whole, and gives it checksums that fit.
fn redact_frame(bytes: &mut [u8], whole: Whole, segment: &Segment<'_>) {
    let frame = whole.frame;
    let body_bytes = frame.body_bytes as usize;
    let (body, padding) = bytes[FRAME_HEADER_BYTES..].split_at_mut(body_bytes);
    fill(padding);
    if segment.header.key_id.is_some() {
        return;
    }
    let is_sound = match frame.kind {
        FrameKind::Records => redact_entries(body, frame.record_count),
        FrameKind::Holds => redact_holds(body),
        FrameKind::Footer => body.is_empty(),
    };
    if !is_sound {
        body.fill(CONTRADICTS);
    }
    scan::mend(bytes, body_bytes, segment);
}

/// `false` where they are not what a frame says that they are.
fn redact_entries(body: &mut [u8], count: u32) -> bool {
    let mut rest = body;
    for _ in 0..count {
        let Some((entry, behind)) = rest.split_at_mut_checked(ENTRY_HEADER_BYTES) else {
            return false;
        };
        let len = entry[8..12].try_into().expect("four bytes");
        let len = u32::from_le_bytes(len) as usize;
        let Some((payload, behind)) = behind.split_at_mut_checked(len) else {
            return false;
        };
        payload.fill(FILLER);
        rest = behind;
    }
    rest.is_empty()
}

/// Gives each hold another name of the same length.
fn redact_holds(body: &mut [u8]) -> bool {
    let Some(holds) = Holds::decode(body) else {
        return false;
    };
    let mut renamed = Holds::default();
    for (number, (name, lsn)) in holds.iter().enumerate() {
        let number = number.to_string();
        let digits = number.len().min(name.len());
        let digits = &number[number.len() - digits..];
        renamed.set(&format!("{digits:#>width$}", width = name.len()), lsn);
    }
    let encoded = renamed.encode();
    let fits = encoded.len() == body.len();
    if fits {
        body.copy_from_slice(&encoded);
    }
    fits
}

/// A file whose header does not hold, or that has none.
fn redact_without_header(name: &str, bytes: &[u8], segments: &[Segment<'_>]) -> Vec<u8> {
    let wrong_bit = scan::wrong_bit_of_header(bytes);
    let mut mended = bytes.to_vec();
    flip(&mut mended, wrong_bit);
    if let Ok(header) = SegmentHeader::decode(&mended) {
        let segment = Segment {
            name,
            bytes: &mended,
            header,
        };
        let mut redacted = redact_segment(&segment, segments);
        flip(&mut redacted, wrong_bit);
        return redacted;
    }
    let kept = match SegmentHeader::decode(bytes) {
        Err(NotAHeader::Version(_)) => HEADER_BYTES,
        // The magic alone.
        Err(NotAHeader::Damaged(_)) => 8.min(bytes.len()),
        _ => 0,
    };
    let mut redacted = bytes.to_vec();
    fill(&mut redacted[kept..]);
    // That there were frames says what the file was.
    for (sector, original) in redacted.chunks_mut(SECTOR).zip(bytes.chunks(SECTOR)) {
        if original.starts_with(FRAME_MAGIC) {
            sector[..FRAME_MAGIC.len()].copy_from_slice(FRAME_MAGIC);
        }
    }
    redacted
}

/// A file of the legacy format: what is sealed there stays, as well.
fn redact_legacy(bytes: &[u8]) -> Vec<u8> {
    let mut redacted = bytes.to_vec();
    let (mut at, mut gap) = (0, 0);
    while at < bytes.len() {
        let header = LegacyHeader::decode(&bytes[at..]);
        let Ok(header) = header else {
            at += 1;
            continue;
        };
        let begin = at + LEGACY_HEADER_BYTES;
        let payload = bytes[begin..].get(..header.payload_bytes());
        if payload.is_none_or(|payload| header.check(payload).is_err()) {
            fill(&mut redacted[gap..at]);
            (gap, at) = (begin, begin);
            continue;
        }
        fill(&mut redacted[gap..at]);
        let end = begin + header.payload_bytes();
        if !header.is_encrypted() {
            redacted[begin..end].fill(FILLER);
            let checked = crc32c::crc32c(&redacted[at..begin - 4]);
            let checksum = crc32c::crc32c_append(checked, &redacted[begin..end]);
            redacted[begin - 4..begin].copy_from_slice(&checksum.to_le_bytes());
        }
        (gap, at) = (end, end);
    }
    fill(&mut redacted[gap.min(bytes.len())..]);
    redacted
}

fn flip(bytes: &mut [u8], bit: Option<usize>) {
    if let Some(bit) = bit {
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Puts filler in place of all that is not zero; sector by sector, zeros at both ends stay.
fn fill(bytes: &mut [u8]) {
    for sector in bytes.chunks_mut(SECTOR) {
        let is_set = |byte: &u8| *byte != 0;
        let first = sector.iter().position(is_set);
        let last = sector.iter().rposition(is_set);
        if let (Some(first), Some(last)) = (first, last) {
            sector[first..=last].fill(FILLER);
        }
    }
}
