//! Where things stand in a segment file, and which checksums a forger has to make fit. It needs no
//! key: all of it is there for anybody to see and to compute.
// Source: src/format/format.md, "Segment header" and "Frame".

use std::path::{Path, PathBuf};

use seawall::Lsn;
use seawall::format::frame::{FRAME_HEADER_BYTES, FrameHeader};
use seawall::format::header::{HEADER_BYTES, SegmentHeader};

use crate::disk::{Disk, Entry};
use crate::world::LOG_DIR;

const HEADER_CHECKSUM_AT: usize = HEADER_BYTES - 4;
pub(super) const FLAGS_AT: usize = 6;
const OFFSET_AT: usize = 16;
const BODY_BYTES_AT: usize = 36;
const BODY_CHECKSUM_AT: usize = 56;
const FRAME_CHECKSUM_AT: usize = 60;
/// The bit of a frame's flags that says that it is sealed.
pub(super) const FLAG_SEALED: u8 = 2;

/// A segment file as a forger sees it.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(crate) header: SegmentHeader,
    pub(crate) frames: Vec<Frame>,
}

/// A frame whose checksums hold for its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) offset: usize,
    /// Its length, padding included.
    pub(crate) len: usize,
    pub(crate) header: FrameHeader,
}

/// The segments of a disk, oldest first, but for files that are none.
pub(super) fn segments_of(disk: &Disk) -> Vec<Segment> {
    let files = disk.image().entries.into_iter();
    let files = files.filter_map(|(path, entry)| match entry {
        Entry::File(bytes) => Some((PathBuf::from(path), bytes)),
        Entry::Dir => None,
    });
    let ours = files.filter(|(path, _)| path.starts_with(LOG_DIR));
    ours.filter_map(|(path, bytes)| Segment::of(path, bytes))
        .collect()
}

/// The LSN before this one.
pub(super) fn before(lsn: Lsn) -> Lsn {
    Lsn::new(lsn.as_u64() - 1)
}

/// The path of a segment by its number and first LSN.
pub(super) fn path_of(header: &SegmentHeader) -> PathBuf {
    let (id, first_lsn) = (header.segment_id, header.first_lsn.as_u64());
    Path::new(LOG_DIR).join(format!("seg-{id:010}-{first_lsn:020}.wal"))
}

impl Segment {
    pub(crate) fn of(path: PathBuf, bytes: Vec<u8>) -> Option<Segment> {
        let name = path.file_name()?.to_str()?;
        if !name.starts_with("seg-") {
            return None;
        }
        Segment::parse(path, bytes)
    }

    /// The same of a file whatever its name.
    pub(crate) fn parse(path: PathBuf, bytes: Vec<u8>) -> Option<Segment> {
        let header = SegmentHeader::decode(&bytes).ok()?;
        let mut frames = Vec::new();
        let block = header.block_bytes as usize;
        let mut offset = block;
        while offset < bytes.len() {
            let frame = FrameHeader::decode(&bytes[offset..], &header, offset as u64).ok();
            let frame = frame.map(|frame| (frame.file_bytes(&header) as usize, frame));
            match frame.filter(|(len, _)| offset + len <= bytes.len()) {
                Some((len, header)) => {
                    frames.push(Frame {
                        offset,
                        len,
                        header,
                    });
                    offset += len;
                }
                None => offset += block,
            }
        }
        Some(Segment {
            path,
            bytes,
            header,
            frames,
        })
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.header.key_id.is_some()
    }

    /// Puts another header there, with its checksum.
    pub(super) fn put_header(&mut self, header: &SegmentHeader) {
        self.header = *header;
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    }

    /// Makes the header's checksum fit.
    pub(super) fn mend_header(&mut self) {
        let checksum = crc32c::crc32c(&self.bytes[..HEADER_CHECKSUM_AT]);
        self.bytes[HEADER_CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Makes the checksums of the frame at `offset` fit, as far as the file has all of it.
    pub(super) fn mend_frame(&mut self, offset: usize) {
        let salt = self.header.salt;
        let id = self.header.segment_id.to_le_bytes();
        let frame = &mut self.bytes[offset..];
        let (header, rest) = frame.split_at_mut(FRAME_HEADER_BYTES);
        let length = header[BODY_BYTES_AT..BODY_BYTES_AT + 4].try_into();
        let length = u32::from_le_bytes(length.expect("four bytes"));
        if let Some(body) = rest.get(..length as usize) {
            let checksum = (xxhash_rust::xxh3::xxh3_64(body) as u32).to_le_bytes();
            header[BODY_CHECKSUM_AT..BODY_CHECKSUM_AT + 4].copy_from_slice(&checksum);
        }
        let seed = crc32c::crc32c_append(crc32c::crc32c(&salt), &id);
        let checksum = crc32c::crc32c_append(seed, &header[..FRAME_CHECKSUM_AT]);
        header[FRAME_CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Puts a frame at `offset`, where it says that it is, with checksums that fit.
    pub(super) fn put_frame(&mut self, offset: usize, frame: &[u8]) {
        let len = self.bytes.len().max(offset + frame.len());
        self.bytes.resize(len, 0);
        self.bytes[offset..offset + frame.len()].copy_from_slice(frame);
        let place = (offset as u64).to_le_bytes();
        self.bytes[offset + OFFSET_AT..offset + OFFSET_AT + 8].copy_from_slice(&place);
        self.mend_frame(offset);
    }

    pub(super) fn frame_bytes(&self, frame: &Frame) -> Vec<u8> {
        self.bytes[frame.offset..frame.offset + frame.len].to_vec()
    }

    /// Makes all frames fit a header whose salt or number has changed.
    pub(super) fn mend_frames(&mut self) {
        for frame in self.frames.clone() {
            self.mend_frame(frame.offset);
        }
    }
}
