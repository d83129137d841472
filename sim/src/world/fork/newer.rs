//! A record of a type that only a later version of the log knows, as that version would write it.

use std::path::PathBuf;

use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::{FRAME_HEADER_BYTES, FrameHeader, Records};
use seawall::format::header::SegmentHeader;
use seawall::{Lsn, TenantId, VShardId};

/// A type that a reader may pass over.
const OPTIONAL: u16 = 0x0FFF;
/// A type that a reader must understand.
const REQUIRED: u16 = 0x8FFF;

/// A frame again, in its place.
pub(super) struct Changed {
    /// Which file it is in.
    pub(super) file: usize,
    /// Where.
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// What was changed, for people.
    pub(super) story: String,
}

/// Gives one record of these files another type; `None` where there is no record.
pub(super) fn change_type(files: &[(PathBuf, Vec<u8>)], number: u64) -> Option<Changed> {
    let frames: Vec<_> = (0..)
        .zip(files)
        .flat_map(|(file, (_, bytes))| frames_of(file, bytes))
        .collect();
    let number = usize::try_from(number).expect("64 bits");
    let which = (number / 2).checked_rem(frames.len())?;
    let (file, segment, offset, frame) = frames[which];
    let (_, bytes) = &files[file];
    let body = &bytes[offset + FRAME_HEADER_BYTES..][..frame.body_bytes as usize];
    let record_type = [OPTIONAL, REQUIRED][number % 2];
    let chosen = frame.first_lsn.as_u64() + (number / 2 % frame.record_count as usize) as u64;
    let mut buffer = FrameBuffer::with_capacity(body.len());
    let mut records = Records::of(&frame);
    while let Some((record, payload)) = records.next(body) {
        let record_type = match record.lsn == chosen {
            true => record_type,
            false => record.record_type,
        };
        let (tenant, vshard) = (
            TenantId::new(record.tenant_id),
            VShardId::new(record.vshard_id),
        );
        buffer.push(Lsn::new(record.lsn), record_type, tenant, vshard, payload);
    }
    let place = Place {
        segment: &segment,
        offset: offset as u64,
        last_lsn: Lsn::new(frame.first_lsn.as_u64() - 1),
        durable_lsn: frame.durable_lsn,
        durable_end: frame.durable_end,
        low_water_lsn: frame.low_water_lsn,
    };
    Some(Changed {
        file,
        offset: offset as u64,
        bytes: buffer.encode(&place, None).to_vec(),
        story: format!("the record with lsn {chosen} has the type {record_type:#06x}"),
    })
}

/// The frames with records of a file, wherever there is one.
fn frames_of(file: usize, bytes: &[u8]) -> Vec<(usize, SegmentHeader, usize, FrameHeader)> {
    let Ok(segment) = SegmentHeader::decode(bytes) else {
        return Vec::new();
    };
    // Nobody but the log itself seals anything.
    if segment.key_id.is_some() {
        return Vec::new();
    }
    let block_bytes = segment.block_bytes as usize;
    let mut frames = Vec::new();
    let mut offset = block_bytes;
    while offset < bytes.len() {
        let frame = whole_frame(&bytes[offset..], &segment, offset as u64);
        // A payload within a frame may hold what looks like another one.
        offset += match frame {
            Some(frame) => frame.file_bytes(&segment) as usize,
            None => block_bytes,
        };
        if let Some(frame) = frame.filter(|frame| frame.record_count > 0) {
            let at = offset - frame.file_bytes(&segment) as usize;
            frames.push((file, segment, at, frame));
        }
    }
    frames
}

fn whole_frame(bytes: &[u8], segment: &SegmentHeader, offset: u64) -> Option<FrameHeader> {
    let frame = FrameHeader::decode(bytes, segment, offset).ok()?;
    // Without all of its padding it is torn, and written anew it would be whole.
    let whole = bytes.get(..frame.file_bytes(segment) as usize)?;
    frame
        .open_body(whole, segment, None, &mut Vec::new())
        .ok()?;
    Some(frame)
}
