//! The legacy format, which nothing writes any more: records one behind the other, without a header
//! of the file, without padding between them.
//!
//! It is drawn in the documentation of [`mod@crate::migration`]. Decoding only, and no keys: what is
//! sealed is opened elsewhere, with the nonce and the bound data that this file tells.

use super::{PAYLOAD_BYTES_MAX, array_at, u16_at, u32_at, u64_at};

/// The encoded size of a record's header in bytes; its payload follows.
pub const LEGACY_HEADER_BYTES: usize = 30;

/// What a record begins with.
const MAGIC: u32 = 0x5359_4E57;
/// The newest version of this format; 0 was accepted, too.
const VERSION_MAX: u16 = 1;
/// The bit of the record type that says that the payload is encrypted. No type has it.
const ENCRYPTED: u16 = 0x4000;
const CHECKSUM_AT: usize = 26;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotALegacyRecord {
    /// The file ends within the header.
    ShortHeader,
    /// They don't begin as a record does.
    Magic,
    /// The checksum holds, but this format does not have that version.
    Version(u16),
    /// The length is above the limit of a payload.
    Length,
    /// The file ends within the payload.
    ShortPayload,
    /// The checksum does not hold.
    Checksum,
}

impl NotALegacyRecord {
    /// In words, for an error.
    pub fn why(self) -> &'static str {
        match self {
            NotALegacyRecord::ShortHeader => "the file ends within a record's header",
            NotALegacyRecord::Magic => "no record begins here",
            NotALegacyRecord::Version(_) => "the record has an unknown version",
            NotALegacyRecord::Length => "the record's length is above the limit",
            NotALegacyRecord::ShortPayload => "the file ends within a record's payload",
            NotALegacyRecord::Checksum => "the record's checksum does not hold",
        }
    }
}

/// The header of a record, as its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyHeader {
    raw: [u8; LEGACY_HEADER_BYTES],
}

impl LegacyHeader {
    /// Reads a header; whether its checksum holds shows only with the payload. Bytes behind it are
    /// ignored.
    ///
    /// # Errors
    /// [`NotALegacyRecord::ShortHeader`], [`NotALegacyRecord::Magic`] or [`NotALegacyRecord::Length`].
    pub fn decode(bytes: &[u8]) -> Result<LegacyHeader, NotALegacyRecord> {
        let raw = bytes.first_chunk().ok_or(NotALegacyRecord::ShortHeader)?;
        let header = LegacyHeader { raw: *raw };
        if u32_at(raw, 0) != MAGIC {
            return Err(NotALegacyRecord::Magic);
        }
        match header.payload_bytes() <= PAYLOAD_BYTES_MAX {
            true => Ok(header),
            false => Err(NotALegacyRecord::Length),
        }
    }

    /// Checks the payload, as it is stored, and the version: that is believed only once the checksum
    /// holds.
    ///
    /// # Errors
    /// [`NotALegacyRecord::ShortPayload`], [`NotALegacyRecord::Checksum`] or
    /// [`NotALegacyRecord::Version`].
    pub fn check(&self, payload: &[u8]) -> Result<(), NotALegacyRecord> {
        if payload.len() != self.payload_bytes() {
            return Err(NotALegacyRecord::ShortPayload);
        }
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&self.raw[..CHECKSUM_AT]), payload);
        match (checksum == u32_at(&self.raw, CHECKSUM_AT), self.version()) {
            (false, _) => Err(NotALegacyRecord::Checksum),
            (true, 0..=VERSION_MAX) => Ok(()),
            (true, version) => Err(NotALegacyRecord::Version(version)),
        }
    }

    /// Whether these bytes, fewer than a header, may be the beginning of one.
    pub fn is_begun_by(bytes: &[u8]) -> bool {
        let magic = MAGIC.to_le_bytes();
        let len = bytes.len().min(magic.len());
        bytes[..len] == magic[..len]
    }

    /// The version that the record says it has.
    pub fn version(&self) -> u16 {
        u16_at(&self.raw, 4)
    }

    /// Whether this format has that version.
    pub fn is_of_this_format(&self) -> bool {
        self.version() <= VERSION_MAX
    }

    /// The record's type, without the bit that says whether it is encrypted.
    pub fn record_type(&self) -> u16 {
        u16_at(&self.raw, 6) & !ENCRYPTED
    }

    /// Whether the payload is encrypted.
    pub fn is_encrypted(&self) -> bool {
        u16_at(&self.raw, 6) & ENCRYPTED != 0
    }

    /// The record's LSN.
    pub fn lsn(&self) -> u64 {
        u64_at(&self.raw, 8)
    }

    /// The record's tenant.
    pub fn tenant_id(&self) -> u32 {
        u32_at(&self.raw, 16)
    }

    /// The record's virtual shard.
    pub fn vshard_id(&self) -> u16 {
        u16_at(&self.raw, 20)
    }

    /// The length of the payload as it is stored, in bytes.
    pub fn payload_bytes(&self) -> usize {
        u32_at(&self.raw, 22) as usize
    }

    /// The length of the whole record in bytes.
    pub fn record_bytes(&self) -> u64 {
        (LEGACY_HEADER_BYTES + self.payload_bytes()) as u64
    }

    /// The nonce that an encrypted payload was sealed with.
    pub fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.raw[8..16]);
        nonce
    }

    /// What an encrypted payload is bound to: the header as it was before the payload was sealed.
    pub fn bound(&self) -> [u8; LEGACY_HEADER_BYTES] {
        let mut bound = self.raw;
        bound[6..8].copy_from_slice(&(u16_at(&self.raw, 6) & !ENCRYPTED).to_le_bytes());
        bound[22..].fill(0);
        bound
    }

    /// The bytes.
    pub fn raw(&self) -> &[u8; LEGACY_HEADER_BYTES] {
        &self.raw
    }

    /// Whether damaged bytes, as far as they are there, were this record, with this payload. They
    /// were if they still have its checksum, which no other record has; if they end in zeros from
    /// some place behind its LSN on; or if they differ in at most one field, of which the payload
    /// is one.
    pub fn was(
        &self,
        header: &[u8; LEGACY_HEADER_BYTES],
        payload: &[u8],
        damaged_payload: &[u8],
    ) -> bool {
        if header[26..] == self.raw[26..] {
            return true;
        }
        let same = header
            .iter()
            .zip(self.raw)
            .take_while(|&(&one, other)| one == other);
        let same = same.count();
        let is_zero = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
        if same >= 16 && is_zero(&header[same..]) && is_zero(damaged_payload) {
            return true;
        }

        // Magic and version together, type, LSN, tenant, shard, length, checksum.
        const FIELDS: [(usize, usize); 7] = [
            (0, 6),
            (6, 8),
            (8, 16),
            (16, 20),
            (20, 22),
            (22, 26),
            (26, 30),
        ];
        let differs = |&&(from, to): &&(usize, usize)| header[from..to] != self.raw[from..to];
        FIELDS.iter().filter(differs).count() + usize::from(payload != damaged_payload) <= 1
    }
}

/// Where the slots of a double-write buffer begin, in bytes. What stands before them tells how they
/// are used, which is of no matter: a slot speaks for itself.
pub const SLOTS_AT: u64 = 12;
/// The size of a slot in bytes.
pub const SLOT_BYTES: u64 = (SLOT_HEADER_BYTES + SLOT_PAYLOAD_BYTES_MAX) as u64;
/// How many slots there are at most.
pub const SLOTS_MAX: u64 = 64;
/// What stands before the payload in a slot, in bytes: a length, and a record's header.
pub const SLOT_HEADER_BYTES: usize = 4 + LEGACY_HEADER_BYTES;
/// The longest payload that a slot has room for, in bytes.
const SLOT_PAYLOAD_BYTES_MAX: usize = 65536;

/// The header of the record in a slot, if the slot's length agrees with it. Its checksum is still to
/// be checked.
pub fn slot_header(bytes: &[u8; SLOT_HEADER_BYTES]) -> Option<LegacyHeader> {
    let header = LegacyHeader::decode(&array_at::<LEGACY_HEADER_BYTES>(bytes, 4)).ok()?;
    let is_whole = u64::from(u32_at(bytes, 0)) == header.record_bytes()
        && header.payload_bytes() <= SLOT_PAYLOAD_BYTES_MAX;
    is_whole.then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first record of the fixture `legacy-plain.wal`: a put by tenant 1, shard 0.
    const PLAIN: &[u8] = include_bytes!("../../tests/legacy/legacy-plain.wal");
    const SEALED: &[u8] = include_bytes!("../../tests/legacy/legacy-encrypted.wal");

    fn first(bytes: &[u8]) -> (LegacyHeader, &[u8]) {
        let header = LegacyHeader::decode(bytes).expect("a record");
        let end = header.record_bytes() as usize;
        (header, &bytes[LEGACY_HEADER_BYTES..end])
    }

    #[test]
    fn a_record_is_read() {
        let (header, payload) = first(PLAIN);
        assert_eq!(header.check(payload), Ok(()));
        assert_eq!(payload, b"key1=value1");
        assert_eq!((header.record_type(), header.lsn()), (0x8001, 1));
        assert_eq!((header.tenant_id(), header.vshard_id()), (1, 0));
        assert!(!header.is_encrypted());
        let short = Err(NotALegacyRecord::ShortPayload);
        assert_eq!(header.check(&payload[1..]), short);
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        let (header, payload) = first(PLAIN);
        for bit in 0..8 * LEGACY_HEADER_BYTES {
            let mut raw = *header.raw();
            raw[bit / 8] ^= 1 << (bit % 8);
            let checked = LegacyHeader::decode(&raw).and_then(|header| header.check(payload));
            assert!(checked.is_err(), "bit {bit}");
        }
        for bit in 0..8 * payload.len() {
            let mut changed = payload.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(header.check(&changed), Err(NotALegacyRecord::Checksum));
        }
    }

    #[test]
    fn a_header_says_why_it_is_none() {
        let check = |at: usize, value: u8, expect: NotALegacyRecord| {
            let mut raw = *first(PLAIN).0.raw();
            raw[at] = value;
            assert_eq!(LegacyHeader::decode(&raw), Err(expect));
        };
        check(0, 0, NotALegacyRecord::Magic);
        check(25, 5, NotALegacyRecord::Length);
        let short = LegacyHeader::decode(&PLAIN[..29]);
        assert_eq!(short, Err(NotALegacyRecord::ShortHeader));
    }

    #[test]
    fn versions_up_to_1_are_read() {
        let (header, payload) = first(PLAIN);
        let check = |version: u8, expect: Result<(), NotALegacyRecord>| {
            let mut raw = *header.raw();
            raw[4] = version;
            let checksum = crc32c::crc32c_append(crc32c::crc32c(&raw[..CHECKSUM_AT]), payload);
            raw[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
            let header = LegacyHeader::decode(&raw).expect("a header");
            assert_eq!(header.check(payload), expect);
            assert_eq!(header.is_of_this_format(), expect.is_ok());
        };
        check(0, Ok(()));
        check(1, Ok(()));
        check(2, Err(NotALegacyRecord::Version(2)));
    }

    #[test]
    fn an_encrypted_record_opens_with_its_key_and_no_other() {
        let (header, payload) = first(SEALED);
        assert_eq!(header.check(payload), Ok(()));
        assert!(header.is_encrypted());
        assert_eq!(header.record_type(), 0x8001);
        let key = |bytes| crate::WalEncryptionKey::from_bytes(bytes);
        let right = key(include_bytes!("../../tests/legacy/key-1.bin"));
        let wrong = key(include_bytes!("../../tests/legacy/key-2.bin"));
        let mut body = payload.to_vec();
        let open = crate::crypto::legacy::open_legacy;
        assert!(!open(&wrong, &header.nonce(), &header.bound(), &mut body));
        assert_eq!(body, payload);
        assert!(open(&right, &header.nonce(), &header.bound(), &mut body));
        assert_eq!(body, b"key1=value1");
    }

    #[test]
    fn a_slot_is_one_only_with_the_right_length() {
        let (header, _) = first(PLAIN);
        let mut slot = [0; SLOT_HEADER_BYTES];
        slot[4..].copy_from_slice(header.raw());
        assert_eq!(slot_header(&slot), None);
        slot[..4].copy_from_slice(&41u32.to_le_bytes());
        assert_eq!(slot_header(&slot), Some(header));
    }

    #[test]
    fn what_is_left_of_a_record_is_known_again() {
        let (header, payload) = first(PLAIN);
        let whole = *header.raw();
        let zeros = vec![0; payload.len()];
        let changed = |from: usize, to: usize| {
            let mut bytes = whole;
            bytes[from..to].fill(0x99);
            bytes
        };
        // All of its payload, or one field.
        assert!(header.was(&whole, payload, &zeros));
        assert!(header.was(&changed(8, 16), payload, payload));
        assert!(header.was(&changed(26, 30), payload, payload));
        // More than that, while the checksum is its own.
        assert!(header.was(&changed(8, 26), payload, &zeros));
        // Without it, another record may have been there.
        assert!(!header.was(&changed(26, 30), payload, &zeros));
        // Torn behind its LSN, by zeros.
        let mut torn = whole;
        torn[18..].fill(0);
        assert!(header.was(&torn, payload, &zeros));
        assert!(!header.was(&torn, payload, &payload[..1].repeat(payload.len())));
        torn[10..].fill(0);
        torn[9] ^= 1;
        assert!(!header.was(&torn, payload, &zeros));
    }
}
