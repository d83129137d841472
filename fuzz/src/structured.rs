//! From bytes to a directory of segment files that are mostly right, with some things wrong.
//!
//! Every number of a header is read from the input as a departure from the right one, and the
//! checksums are made over the result: a byte of the input away from a sound log lies a log that
//! contradicts itself. The frames are put together by hand from the format's description, since
//! the library's own encoder refuses to write what is wrong.

use seawall::Lsn;
use seawall::format::frame::FRAME_HEADER_BYTES;
use seawall::format::header::{Previous, SegmentHeader};
use seawall::format::holds::Holds;
use seawall::format::required::RequiredTypes;

use super::decode_frame::seal_frame;

/// So many steps build any state that recovery tells apart, and keep a run short.
const STEPS_MAX: usize = 40;
/// Record types: known, known and optional, unknown and optional, unknown and required.
const TYPES: [u16; 4] = [0x8001, 30, 0x0FFF, 0x8FFF];
const BLOCKS: [u64; 4] = [512, 1024, 4096, 65536];

/// A file of the directory: its name and its content.
pub type NamedFile = (String, Vec<u8>);

/// The name of a segment file.
pub fn segment_name(id: u64, first_lsn: u64) -> String {
    format!("seg-{id:010}-{first_lsn:020}.wal")
}

/// Reads an input from its front; behind its end there are zeros, which mean "right".
pub struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// The whole of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes }
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let byte = self.bytes.split_off_first();
        byte.copied().unwrap_or(0)
    }

    /// At most the next `count` bytes.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let count = count.min(self.bytes.len());
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        taken
    }

    /// A number at some distance from the right one.
    pub fn number(&mut self, right: u64) -> u64 {
        match self.byte() {
            above @ 0..=127 => right.wrapping_add(u64::from(above)),
            below @ 128..=249 => right.wrapping_sub(u64::from(below - 127)),
            250 => 0,
            251 => u64::from(u32::MAX),
            252 => u64::MAX,
            253 => u64::MAX - 1,
            254 => u64::MAX / 2,
            255 => {
                let mut number = [0; 8];
                let given = self.take(8);
                number[..given.len()].copy_from_slice(given);
                u64::from_le_bytes(number)
            }
        }
    }
}

/// Builds the directory that an input describes.
pub fn directory(input: &mut Input<'_>) -> Vec<NamedFile> {
    let mut builder = Builder::default();
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        match input.byte() % 8 {
            0 => builder.segment(input),
            1 | 2 => builder.records(input),
            3 => builder.bare(input),
            4 => builder.garbage(input),
            5 => builder.cut(input),
            6 => builder.stale(input),
            _ => builder.stranger(input),
        }
    }
    builder
        .done
        .extend(builder.current.take().map(|current| current.file));
    builder.done
}

struct Current {
    header: SegmentHeader,
    file: NamedFile,
    last_frame: std::ops::Range<usize>,
}

struct Builder {
    done: Vec<NamedFile>,
    current: Option<Current>,
    next_lsn: u64,
    low_water: u64,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            done: Vec::new(),
            current: None,
            next_lsn: 1,
            low_water: 1,
        }
    }
}

impl Builder {
    fn segment(&mut self, input: &mut Input<'_>) {
        let before = self.current.take();
        let (id, end, salt) = match &before {
            Some(Current { header, file, .. }) => {
                (header.segment_id, file.1.len() as u64, header.salt)
            }
            None => (0, 0, [0; 16]),
        };
        self.done.extend(before.map(|before| before.file));
        let id_now = input.number(id.wrapping_add(1));
        let block = BLOCKS[usize::from(input.byte() % 4)];
        let header = SegmentHeader {
            log_id: [u8::from(input.byte() == 255); 16],
            segment_id: id_now,
            first_lsn: Lsn::new(input.number(self.next_lsn)),
            durable_lsn: Lsn::new(input.number(self.next_lsn.wrapping_sub(1))),
            durable_end: input.number(block),
            low_water_lsn: Lsn::new(input.number(self.low_water)),
            previous: Previous {
                segment_id: input.number(id),
                end: input.number(end),
                salt,
                is_sealed: false,
                is_encrypted: false,
            },
            block_bytes: input.number(block) as u32,
            salt: [id_now as u8 & 0x7f; 16],
            key_id: None,
            key_check: [0; 16],
            original: None,
            required: RequiredTypes::default(),
        };
        self.next_lsn = header.first_lsn.as_u64();
        let mut bytes = header.encode().to_vec();
        bytes.resize(block as usize, 0);
        let name = segment_name(header.segment_id, header.first_lsn.as_u64());
        self.current = Some(Current {
            header,
            file: (name, bytes),
            last_frame: 0..0,
        });
    }

    fn records(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let count = choice % 4;
        let record_type = TYPES[usize::from(choice >> 2) % TYPES.len()];
        let mut body = Vec::new();
        for _ in 0..count {
            let length = usize::from(input.byte()) * 5;
            body.extend(record_type.to_le_bytes());
            body.extend([3, 0, 7, 0, 0, 0]);
            body.extend((input.number(length as u64) as u32).to_le_bytes());
            body.resize(body.len() + length, count);
        }
        self.frame(input, 1, u64::from(count), &body);
    }

    /// A frame without records: a mark, a footer, or holds.
    fn bare(&mut self, input: &mut Input<'_>) {
        let kind = 1 + u64::from(input.byte() % 3);
        self.low_water = input.number(self.low_water);
        let mut holds = Holds::default();
        holds.set("replica", Lsn::new(self.low_water));
        match kind {
            3 => self.frame(input, kind, 0, &holds.encode()),
            _ => self.frame(input, kind, 0, &[]),
        }
    }

    fn frame(&mut self, input: &mut Input<'_>, kind: u64, count: u64, body: &[u8]) {
        let Some(current) = &mut self.current else {
            return;
        };
        let file = &mut current.file.1;
        let first = input.number(self.next_lsn);
        let count = input.number(count) as u32;
        let mut frame = b"WALf".to_vec();
        frame.extend((input.number(kind) as u32).to_le_bytes());
        frame.extend(input.number(file.len() as u64).to_le_bytes());
        frame.extend((file.len() as u64).to_le_bytes());
        frame.extend(first.to_le_bytes());
        frame.extend(count.to_le_bytes());
        frame.extend((input.number(body.len() as u64) as u32).to_le_bytes());
        frame.extend(input.number(self.next_lsn.wrapping_sub(1)).to_le_bytes());
        frame.extend(input.number(self.low_water).to_le_bytes());
        frame.resize(FRAME_HEADER_BYTES, 0);
        frame.extend(body);
        seal_frame(&mut frame, &current.header);
        let block = (current.header.block_bytes as usize).clamp(512, 65536);
        frame.resize(frame.len().next_multiple_of(block), 0);
        current.last_frame = file.len()..file.len() + frame.len();
        file.extend(frame);
        self.next_lsn = first.wrapping_add(u64::from(count));
    }

    fn garbage(&mut self, input: &mut Input<'_>) {
        let length = usize::from(input.byte());
        let garbage = input.take(length);
        if let Some(current) = &mut self.current {
            current.file.1.extend(garbage);
        }
    }

    /// Cuts the file, or flips a byte near its end.
    fn cut(&mut self, input: &mut Input<'_>) {
        let is_flip = input.byte() % 2 == 1;
        let back = usize::from(input.byte()) * 16 + usize::from(input.byte() % 16);
        if let Some(current) = &mut self.current {
            let file = &mut current.file.1;
            let at = file.len().saturating_sub(back);
            match is_flip {
                false => file.truncate(at),
                true => file.get_mut(at).into_iter().for_each(|byte| *byte ^= 0x10),
            }
        }
    }

    /// The last frame's image once more, where it does not belong.
    fn stale(&mut self, _: &mut Input<'_>) {
        if let Some(current) = &mut self.current {
            let range = current.last_frame.clone();
            let image = current.file.1.get(range).unwrap_or(&[]).to_vec();
            current.file.1.extend(image);
        }
    }

    /// A file of another kind, or a second file for a segment.
    fn stranger(&mut self, input: &mut Input<'_>) {
        let name = match input.byte() % 5 {
            0 => "next.wal.tmp".to_owned(),
            1 => "wal-00000000000000000001.seg".to_owned(),
            2 => "seg-1-1.wal".to_owned(),
            3 => "LOCK".to_owned(),
            _ => segment_name(input.number(1), input.number(1)),
        };
        let copy = self.current.as_ref().map(|current| current.file.1.clone());
        self.done.push((name, copy.unwrap_or_default()));
    }
}
