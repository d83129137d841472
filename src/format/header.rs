//! The segment header: who a segment is, what came before it, what it may be trusted with.
//!
//! It fills one 512-byte sector, the unit that a disk writes whole, and is written and synced
//! under a temporary name before the segment gets its own. So a segment under its own name
//! with a damaged header is corrupt, never merely young.

use super::required::{REQUIRED_BYTES, RequiredTypes};
use super::{NUMBER_LIMIT, VERSION, array_at, u16_at, u32_at, u64_at};
use crate::crypto::segment::SegmentIdentity;
use crate::crypto::{KeyId, SegmentKey};
use crate::types::Lsn;

/// The encoded size in bytes: one sector.
pub const HEADER_BYTES: usize = 512;

const MAGIC: [u8; 8] = *b"SEAWALL\0";
const REQUIRED_AT: usize = 138;
const DURABLE_END_AT: usize = REQUIRED_AT + REQUIRED_BYTES;
const ORIGINAL_AT: usize = DURABLE_END_AT + 8;
const ZEROS_AT: usize = ORIGINAL_AT + 24;
const KEY_CHECK_AT: usize = 104;
const CHECKSUM_AT: usize = HEADER_BYTES - 4;

// The bits that tell of the segment before.
const PREVIOUS_IS_SEALED: u16 = 1;
const PREVIOUS_IS_ENCRYPTED: u16 = 2;

/// Which log a segment belongs to: random, made when the log is created.
pub type LogId = [u8; 16];

/// A segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The log that the segment belongs to.
    pub log_id: LogId,
    /// The segment's number: 1 for the log's first, rising, never used twice.
    pub segment_id: u64,
    /// The LSN of the first record, written or still to come.
    pub first_lsn: Lsn,
    /// All records up to this LSN were durable when the segment got its name.
    pub durable_lsn: Lsn,
    /// So were the frames up to this offset in bytes.
    pub durable_end: u64,
    /// Records below this LSN were truncated and may be missing.
    pub low_water_lsn: Lsn,
    /// Where the records before `first_lsn` end.
    pub previous: Previous,
    /// Frames start at multiples of this many bytes; a power of two from 512 to 65536.
    pub block_bytes: u32,
    /// Random; every checksum of the segment starts from it, so that bytes of another segment
    /// can't be taken for this one's, and keys are derived from it in an encrypted log.
    pub salt: [u8; 16],
    /// Which master key the frames are sealed with; `None` in a plain segment.
    pub key_id: Option<KeyId>,
    /// Binds all of the header to the segment's key: with a wrong key, or in a header that was
    /// changed, it does not hold. Zeros in a plain segment.
    pub key_check: [u8; 16],
    /// For a segment that was encrypted anew: what later headers call it by.
    pub original: Option<Original>,
    /// The types that a reader must understand and that records before this segment may have.
    pub required: RequiredTypes,
}

/// The end of the segment before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Previous {
    /// Its number; 0 when there is none.
    pub segment_id: u64,
    /// The offset in bytes where its last frame ends. What lies behind is not part of the log.
    pub end: u64,
    /// Its salt: another file with the same number is not it.
    pub salt: [u8; 16],
    /// Whether a footer stands at its end: one that is not there, or not whole, is damaged.
    pub is_sealed: bool,
    /// Whether it is encrypted: then a plain one is not it.
    pub is_encrypted: bool,
}

/// The segment that a copy, encrypted anew, stands for: as the next segment's header knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its salt.
    pub salt: [u8; 16],
    /// Its end, as [`Previous::end`]. The copy's own is its durable end.
    pub end: u64,
}

/// Why bytes are not the header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAHeader {
    /// Not a file of this format.
    Magic,
    /// A file of this format, in a version that this library does not know.
    Version(u32),
    /// Damaged.
    Damaged(&'static str),
}

impl SegmentHeader {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.block_bytes.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.log_id);
        bytes[32..40].copy_from_slice(&self.segment_id.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_lsn.as_u64().to_le_bytes());
        bytes[48..56].copy_from_slice(&self.durable_lsn.as_u64().to_le_bytes());
        bytes[56..64].copy_from_slice(&self.low_water_lsn.as_u64().to_le_bytes());
        bytes[64..72].copy_from_slice(&self.previous.segment_id.to_le_bytes());
        bytes[72..80].copy_from_slice(&self.previous.end.to_le_bytes());
        bytes[80..96].copy_from_slice(&self.salt);
        let key_id = self.key_id.map_or(0, KeyId::as_u64);
        bytes[96..104].copy_from_slice(&key_id.to_le_bytes());
        bytes[KEY_CHECK_AT..120].copy_from_slice(&self.key_check);
        bytes[120..136].copy_from_slice(&self.previous.salt);
        let mut bits = 0;
        if self.previous.is_sealed {
            bits |= PREVIOUS_IS_SEALED;
        }
        if self.previous.is_encrypted {
            bits |= PREVIOUS_IS_ENCRYPTED;
        }
        bytes[136..138].copy_from_slice(&bits.to_le_bytes());
        bytes[REQUIRED_AT..DURABLE_END_AT].copy_from_slice(&self.required.encode());
        bytes[DURABLE_END_AT..ORIGINAL_AT].copy_from_slice(&self.durable_end.to_le_bytes());
        if let Some(original) = &self.original {
            bytes[ORIGINAL_AT..ORIGINAL_AT + 16].copy_from_slice(&original.salt);
            bytes[ORIGINAL_AT + 16..ZEROS_AT].copy_from_slice(&original.end.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header back. Bytes behind the header are ignored.
    ///
    /// # Errors
    /// Says whether the bytes are of another format, of another version, or damaged. Magic,
    /// version and checksum keep their places in every version, so that a version is believed
    /// only once its checksum holds.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, NotAHeader> {
        let Some(bytes) = bytes.get(..HEADER_BYTES) else {
            let begin = bytes.len().min(MAGIC.len());
            return match bytes[..begin] == MAGIC[..begin] {
                true => Err(NotAHeader::Damaged("the file is shorter than a header")),
                false => Err(NotAHeader::Magic),
            };
        };
        let magic_is_right = bytes[0..8] == MAGIC;
        // Taken as if it was right: a header with nothing but a damaged magic is no stranger's file.
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&MAGIC), &bytes[8..CHECKSUM_AT]);
        let checksum_is_right = u32_at(bytes, CHECKSUM_AT) == checksum;
        match (magic_is_right, checksum_is_right) {
            (true, true) => {}
            (true, false) => {
                return Err(NotAHeader::Damaged("the header's checksum does not hold"));
            }
            (false, true) => return Err(NotAHeader::Damaged("the header's magic is damaged")),
            (false, false) => return Err(NotAHeader::Magic),
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(NotAHeader::Version(version));
        }
        let contradicts = NotAHeader::Damaged("the header contradicts itself");
        let required = RequiredTypes::decode(&array_at(bytes, REQUIRED_AT));
        let (Some(required), previous_bits @ 0..=3) = (required, u16_at(bytes, 136)) else {
            return Err(contradicts);
        };
        let original = Original {
            salt: array_at(bytes, ORIGINAL_AT),
            end: u64_at(bytes, ORIGINAL_AT + 16),
        };
        let is_copy = bytes[ORIGINAL_AT..ZEROS_AT] != [0; ZEROS_AT - ORIGINAL_AT];
        let header = SegmentHeader {
            block_bytes: u32_at(bytes, 12),
            log_id: array_at(bytes, 16),
            segment_id: u64_at(bytes, 32),
            first_lsn: Lsn::new(u64_at(bytes, 40)),
            durable_lsn: Lsn::new(u64_at(bytes, 48)),
            durable_end: u64_at(bytes, DURABLE_END_AT),
            low_water_lsn: Lsn::new(u64_at(bytes, 56)),
            previous: Previous {
                segment_id: u64_at(bytes, 64),
                end: u64_at(bytes, 72),
                salt: array_at(bytes, 120),
                is_sealed: previous_bits & PREVIOUS_IS_SEALED != 0,
                is_encrypted: previous_bits & PREVIOUS_IS_ENCRYPTED != 0,
            },
            salt: array_at(bytes, 80),
            key_id: KeyId::from_number(u64_at(bytes, 96)),
            key_check: array_at(bytes, KEY_CHECK_AT),
            original: is_copy.then_some(original),
            required,
        };
        match header.is_sound() && bytes[ZEROS_AT..CHECKSUM_AT] == [0; CHECKSUM_AT - ZEROS_AT] {
            true => Ok(header),
            false => Err(contradicts),
        }
    }

    /// The relations between the fields that the rest of the code relies on.
    fn is_sound(&self) -> bool {
        self.block_bytes.is_power_of_two()
            && (512..=65536).contains(&self.block_bytes)
            && self.segment_id > 0
            && self.segment_id < NUMBER_LIMIT
            && self.previous.segment_id < self.segment_id
            && (self.previous.segment_id > 0
                || !self.previous.is_sealed && !self.previous.is_encrypted)
            && self.first_lsn > Lsn::ZERO
            && self.durable_lsn.as_u64() < NUMBER_LIMIT
            && self.first_lsn <= self.durable_lsn.next()
            && self.low_water_lsn > Lsn::ZERO
            && self.low_water_lsn <= self.durable_lsn.next()
            && (self.key_id.is_some()
                || self.key_check == [0; 16]
                    && self.original.is_none()
                    && !self.previous.is_encrypted)
    }

    /// What the segment's keys are derived from, beside a master key.
    pub fn identity(&self) -> SegmentIdentity {
        SegmentIdentity {
            log_id: self.log_id,
            segment_id: self.segment_id,
            salt: self.salt,
        }
    }

    /// The same header with its check value.
    pub fn with_check(mut self, key: &SegmentKey) -> SegmentHeader {
        self.key_check = key.check(&self.bytes_to_check());
        self
    }

    /// Whether the check value holds.
    pub fn is_checked_by(&self, key: &SegmentKey) -> bool {
        key.is_check(&self.bytes_to_check(), &self.key_check)
    }

    /// All of the header but for the check value and the checksum.
    fn bytes_to_check(&self) -> [u8; CHECKSUM_AT] {
        let bare = SegmentHeader {
            key_check: [0; 16],
            ..*self
        };
        array_at(&bare.encode(), 0)
    }

    /// Whether this is the header of `other` encrypted anew, once or more often.
    pub fn is_copy_of(&self, other: &SegmentHeader) -> bool {
        self.original.is_some()
            && (self.log_id, self.segment_id, self.first_lsn)
                == (other.log_id, other.segment_id, other.first_lsn)
            && self.salt_to_others() == other.salt_to_others()
    }

    /// The salt that the next segment's header knows this one by.
    pub fn salt_to_others(&self) -> [u8; 16] {
        self.original.map_or(self.salt, |original| original.salt)
    }

    /// Where this file's frames end, if the next segment's header says that they do at `told`.
    pub fn own_end(&self, told: u64) -> u64 {
        match self.original {
            Some(original) if original.end == told => self.durable_end,
            _ => told,
        }
    }

    /// What the next segment's header says, if this file's frames end at `own`.
    pub fn told_end(&self, own: u64) -> u64 {
        match self.original {
            Some(original) if own == self.durable_end => original.end,
            _ => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> SegmentHeader {
        SegmentHeader {
            log_id: [1; 16],
            segment_id: 7,
            first_lsn: Lsn::new(100),
            durable_lsn: Lsn::new(104),
            durable_end: 12288,
            low_water_lsn: Lsn::new(50),
            previous: Previous {
                segment_id: 6,
                end: 8192,
                salt: [3; 16],
                is_sealed: true,
                is_encrypted: false,
            },
            block_bytes: 4096,
            salt: [9; 16],
            key_id: None,
            key_check: [0; 16],
            original: None,
            required: [0x8001, 0x8064].into_iter().collect(),
        }
    }

    #[test]
    fn a_header_survives_encode_and_decode() {
        assert_eq!(SegmentHeader::decode(&sample().encode()), Ok(sample()));
    }

    fn encrypted() -> (SegmentHeader, SegmentKey) {
        let master = crate::WalEncryptionKey::from_bytes(&[4; 32]);
        let mut header = sample();
        header.key_id = Some(master.id());
        header.previous.is_encrypted = true;
        header.original = Some(Original {
            salt: [8; 16],
            end: 4096,
        });
        let key = SegmentKey::derive(&master, &header.identity());
        (header.with_check(&key), key)
    }

    #[test]
    fn the_check_value_holds_for_the_whole_header() {
        let (header, key) = encrypted();
        assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
        assert!(header.is_checked_by(&key));
        let check = |change: fn(&mut SegmentHeader)| {
            let mut forged = header;
            change(&mut forged);
            assert!(SegmentHeader::decode(&forged.encode()).is_ok());
            assert!(!forged.is_checked_by(&key));
        };
        check(|header| header.low_water_lsn = Lsn::new(60));
        check(|header| header.previous.end = 4096);
        check(|header| header.previous.is_encrypted = false);
        check(|header| header.original = None);
        check(|header| header.durable_end = 4096);
        check(|header| header.key_check[0] ^= 1);
    }

    #[test]
    fn a_copy_answers_to_the_names_of_its_original() {
        let (copy, _) = encrypted();
        let original = SegmentHeader {
            salt: [8; 16],
            ..sample()
        };
        assert!(copy.is_copy_of(&original) && !original.is_copy_of(&copy));
        assert!(!copy.is_copy_of(&sample()));
        assert_eq!((copy.own_end(4096), copy.own_end(8192)), (12288, 8192));
        assert_eq!((copy.told_end(12288), copy.told_end(8192)), (4096, 8192));
        assert_eq!(original.own_end(4096), 4096);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = sample().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_damaged_magic_is_told_from_another_format() {
        let mut bytes = sample().encode();
        bytes[3] ^= 0x20;
        let damaged = SegmentHeader::decode(&bytes);
        assert!(matches!(damaged, Err(NotAHeader::Damaged(_))));
        bytes[100] ^= 1;
        assert_eq!(SegmentHeader::decode(&bytes), Err(NotAHeader::Magic));
        assert_eq!(SegmentHeader::decode(b"foo"), Err(NotAHeader::Magic));
        let short = SegmentHeader::decode(&sample().encode()[..100]);
        assert!(matches!(short, Err(NotAHeader::Damaged(_))));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = sample().encode();
        bytes[8] = 2;
        assert!(matches!(
            SegmentHeader::decode(&bytes),
            Err(NotAHeader::Damaged(_))
        ));
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(NotAHeader::Version(2)));
        assert_eq!(SegmentHeader::decode(&[0; 512]), Err(NotAHeader::Magic));
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused() {
        let check = |change: fn(&mut SegmentHeader)| {
            let mut header = sample();
            change(&mut header);
            assert!(SegmentHeader::decode(&header.encode()).is_err());
        };
        check(|header| header.segment_id = 0);
        check(|header| header.previous.segment_id = 7);
        check(|header| header.block_bytes = 1000);
        check(|header| header.first_lsn = Lsn::new(106));
        check(|header| header.first_lsn = Lsn::ZERO);
        check(|header| header.low_water_lsn = Lsn::new(106));
        check(|header| header.durable_lsn = Lsn::new(u64::MAX));
        check(|header| header.segment_id = u64::MAX);
        check(|header| header.key_check[0] = 1);
        check(|header| header.previous.is_encrypted = true);
    }
}
