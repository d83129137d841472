//! What each byte of a segment file is, and what its headers promise, read from the format's
//! description and not by the log's own code.
// Source: src/format/format.md, "Segment header", "Frame" and "Encryption".

use std::ops::Range;

use super::script::SECTOR;
use crate::ledger::layout::{
    COUNTER_BYTES, FRAME_HEADER_BYTES, HEADER_BYTES, Header, TAG_BYTES, number_at,
};
use crate::named::named_enum;

named_enum! {
    /// What stands at a place of a segment file.
    pub enum Stand {
        /// The header of the segment.
        Header = "segment header",
        /// A frame of records.
        Records = "records frame",
        /// A frame without records, for a new low-water mark.
        Mark = "mark frame",
        /// A frame of holds.
        Holds = "holds frame",
        /// The footer.
        Footer = "footer",
        /// What the next segment's header says is no part of the log.
        Behind = "behind the end",
    }
}

named_enum! {
    /// A part of what stands there.
    #[allow(missing_docs)] // The names are those of the format's description.
    pub enum Part {
        Magic = "magic",
        Version = "version",
        Block = "block",
        LogId = "log id",
        Number = "number",
        FirstLsn = "first lsn",
        DurableLsn = "durable lsn",
        LowWater = "low-water lsn",
        PreviousId = "previous id",
        PreviousEnd = "previous end",
        Salt = "salt",
        KeyId = "key id",
        KeyCheck = "key check",
        PreviousSalt = "previous salt",
        PreviousBits = "previous bits",
        RequiredTypes = "required types",
        DurableEnd = "durable end",
        Original = "original",
        Zeros = "zeros",
        Checksum = "checksum",
        Kind = "kind and flags",
        Place = "offset in file",
        Lengths = "count and length",
        BodyChecksum = "body checksum",
        Counter = "counter",
        Sealed = "ciphertext",
        Tag = "tag",
        Entry = "entry",
        Payload = "payload",
        Names = "names and lsns",
        Padding = "padding",
        Anything = "anything",
        First = "first sector",
        Later = "later sector",
        Whole = "whole write",
    }
}

/// A region of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// What stands there.
    pub stand: Stand,
    /// Which part of it.
    pub part: Part,
}

const HEADER_FIELDS: [(usize, Part); 21] = [
    (0, Part::Magic),
    (8, Part::Version),
    (12, Part::Block),
    (16, Part::LogId),
    (32, Part::Number),
    (40, Part::FirstLsn),
    (48, Part::DurableLsn),
    (56, Part::LowWater),
    (64, Part::PreviousId),
    (72, Part::PreviousEnd),
    (80, Part::Salt),
    (96, Part::KeyId),
    (104, Part::KeyCheck),
    (120, Part::PreviousSalt),
    (136, Part::PreviousBits),
    (138, Part::RequiredTypes),
    (204, Part::DurableEnd),
    (212, Part::Original),
    (236, Part::Zeros),
    (508, Part::Checksum),
    (HEADER_BYTES, Part::Anything),
];
const FRAME_FIELDS: [(usize, Part); 11] = [
    (0, Part::Magic),
    (4, Part::Kind),
    (8, Part::DurableEnd),
    (16, Part::Place),
    (24, Part::FirstLsn),
    (32, Part::Lengths),
    (40, Part::DurableLsn),
    (48, Part::LowWater),
    (56, Part::BodyChecksum),
    (60, Part::Checksum),
    (FRAME_HEADER_BYTES, Part::Anything),
];
const ENTRY_BYTES: usize = 12;
const KIND_RECORDS: u64 = 1;
const KIND_FOOTER: u64 = 2;
const KIND_HOLDS: u64 = 3;

/// What a header of a segment or a frame promises.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    /// Where it stands.
    pub(super) bytes: Range<usize>,
    /// Records up to this LSN were durable.
    pub(super) lsn: u64,
    /// Frames up to this offset were durable.
    pub(super) end: u64,
}

/// A frame of the log.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) stand: Stand,
    /// Where it is, padding included.
    pub(super) bytes: Range<usize>,
    pub(super) first_lsn: u64,
}

/// A segment file taken apart.
pub(super) struct Layout {
    /// What each byte is.
    pub(super) regions: Vec<Region>,
    /// What stands at the beginning of each sector.
    pub(super) sectors: Vec<Region>,
    /// What its headers promise, those behind its end included.
    pub(super) promises: Vec<Promise>,
    /// The frames of the log, the footer included.
    pub(super) frames: Vec<Frame>,
    /// The key that it is under; 0 for none.
    pub(super) key_id: u64,
    /// Whether it is a copy that was encrypted anew.
    pub(super) is_copy: bool,
    /// Where the one before it ends, and whether a footer is there, by its header.
    previous: (u64, bool),
}

/// Takes all files of a log apart, which are given in their order.
pub(super) fn layouts(files: &[(String, Vec<u8>)]) -> Vec<Layout> {
    let mut layouts: Vec<Layout> = Vec::new();
    for (_, bytes) in files.iter().rev() {
        let next = layouts.last().map(|next| next.previous);
        layouts.push(take_apart(bytes, next));
    }
    layouts.reverse();
    layouts
}

/// # Panics
/// When the file is not whole: this is about logs that nobody has damaged.
fn take_apart(bytes: &[u8], next: Option<(u64, bool)>) -> Layout {
    let header = Header::parse(bytes).expect("an intact segment has a header");
    assert_eq!(header.block, SECTOR);
    let is_copy = number_at::<8>(bytes, 228) != 0;
    let durable_end = number_at::<8>(bytes, 204);
    let mut layout = Layout {
        regions: Vec::new(),
        sectors: Vec::new(),
        promises: vec![Promise {
            bytes: 0..HEADER_BYTES,
            lsn: number_at::<8>(bytes, 48),
            end: durable_end,
        }],
        frames: Vec::new(),
        key_id: header.identity.key_id,
        is_copy,
        previous: (
            number_at::<8>(bytes, 72),
            number_at::<2>(bytes, 136) & 1 != 0,
        ),
    };
    layout.add_fields(Stand::Header, &HEADER_FIELDS);
    // A copy says itself where it ends; the next header knows the original's end.
    let end = next.map(|(end, has_footer)| (if is_copy { durable_end } else { end }, has_footer));
    while layout.regions.len() < bytes.len() {
        layout.add_frame(bytes, &header, end);
    }
    assert_eq!(layout.regions.len(), bytes.len());
    layout
}

impl Layout {
    fn add(&mut self, stand: Stand, part: Part, count: usize) {
        let len = self.regions.len() + count;
        self.regions.resize(len, Region { stand, part });
    }

    fn add_fields(&mut self, stand: Stand, fields: &[(usize, Part)]) {
        for pair in fields.windows(2) {
            self.add(stand, pair[0].1, pair[1].0 - pair[0].0);
        }
        if stand == Stand::Header {
            self.sectors.push(Region {
                stand,
                part: Part::First,
            });
        }
    }

    fn add_frame(&mut self, bytes: &[u8], header: &Header, end: Option<(u64, bool)>) {
        let at = self.regions.len();
        let frame = &bytes[at..];
        assert!(frame.starts_with(b"WALf"), "an intact log has frames only");
        assert_eq!(number_at::<8>(frame, 16), at as u64);
        let kind = number_at::<2>(frame, 4);
        let count = number_at::<4>(frame, 32);
        let body = number_at::<4>(frame, 36) as usize;
        let padded = (FRAME_HEADER_BYTES + body).next_multiple_of(header.block);
        let is_live = end.is_none_or(|(end, has_footer)| {
            (at as u64) < end || at as u64 == end && has_footer && kind == KIND_FOOTER
        });
        let stand = match (kind, count) {
            _ if !is_live => Stand::Behind,
            (KIND_RECORDS, 0) => Stand::Mark,
            (KIND_RECORDS, _) => Stand::Records,
            (KIND_FOOTER, _) => Stand::Footer,
            (KIND_HOLDS, _) => Stand::Holds,
            other => panic!("a frame of another kind: {other:?}"),
        };
        self.promises.push(Promise {
            bytes: at..at + FRAME_HEADER_BYTES,
            lsn: number_at::<8>(frame, 40),
            end: number_at::<8>(frame, 8),
        });
        for sector in 0..padded / SECTOR {
            let part = if sector == 0 {
                Part::First
            } else {
                Part::Later
            };
            self.sectors.push(Region { stand, part });
        }
        if !is_live {
            self.add(stand, Part::Anything, padded);
            return;
        }
        self.frames.push(Frame {
            stand,
            bytes: at..at + padded,
            first_lsn: number_at::<8>(frame, 24),
        });
        self.add_fields(stand, &FRAME_FIELDS);
        self.add_body(
            stand,
            &frame[FRAME_HEADER_BYTES..][..body],
            header.is_sealed(),
        );
        self.add(stand, Part::Padding, padded - FRAME_HEADER_BYTES - body);
    }

    fn add_body(&mut self, stand: Stand, body: &[u8], is_sealed: bool) {
        if is_sealed {
            self.add(stand, Part::Counter, COUNTER_BYTES);
            self.add(stand, Part::Sealed, body.len() - COUNTER_BYTES - TAG_BYTES);
            self.add(stand, Part::Tag, TAG_BYTES);
            return;
        }
        if stand != Stand::Records {
            self.add(stand, Part::Names, body.len());
            return;
        }
        let mut at = 0;
        while at < body.len() {
            let payload = number_at::<4>(body, at + 8) as usize;
            self.add(stand, Part::Entry, ENTRY_BYTES);
            self.add(stand, Part::Payload, payload);
            at += ENTRY_BYTES + payload;
        }
    }
}
