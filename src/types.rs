//! The words of the log's interface: numbers with a meaning, record types, records.

use std::fmt;

/// A log sequence number: the position of a record in the log. The first record has LSN 1;
/// each next one has the next number; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// Before the first record.
    pub const ZERO: Lsn = Lsn(0);

    /// The LSN with this number.
    pub const fn new(number: u64) -> Lsn {
        Lsn(number)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The LSN after this one.
    pub(crate) const fn next(self) -> Lsn {
        Lsn(self.0 + 1)
    }

    /// The LSN before this one.
    ///
    /// # Panics
    /// For [`Lsn::ZERO`], which has none.
    pub(crate) const fn before(self) -> Lsn {
        Lsn(self.0 - 1)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The tenant that a record belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(u32);

impl TenantId {
    /// The tenant with this number.
    pub const fn new(number: u32) -> TenantId {
        TenantId(number)
    }

    /// The number.
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// The virtual shard that a record belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VShardId(u16);

impl VShardId {
    /// The shard with this number.
    pub const fn new(number: u16) -> VShardId {
        VShardId(number)
    }

    /// The number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

/// What a record means to the database. The values are those of the legacy format, so an old
/// log keeps its meaning. Bit 15 marks a type that a reader must understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[allow(missing_docs)] // The names say it, and the database gives them their meaning.
pub enum RecordType {
    Noop = 0,
    TimeseriesBatch = 30,
    LogBatch = 31,
    Put = 0x8001,
    Delete = 0x8002,
    VectorPut = 0x800A,
    VectorDelete = 0x800B,
    VectorParams = 0x800C,
    CrdtDelta = 0x8014,
    Transaction = 0x8032,
    Checkpoint = 0x8064,
}

impl RecordType {
    /// The type with this number, if this version knows it.
    pub fn from_number(number: u16) -> Option<RecordType> {
        Some(match number {
            0 => RecordType::Noop,
            30 => RecordType::TimeseriesBatch,
            31 => RecordType::LogBatch,
            0x8001 => RecordType::Put,
            0x8002 => RecordType::Delete,
            0x800A => RecordType::VectorPut,
            0x800B => RecordType::VectorDelete,
            0x800C => RecordType::VectorParams,
            0x8014 => RecordType::CrdtDelta,
            0x8032 => RecordType::Transaction,
            0x8064 => RecordType::Checkpoint,
            _ => return None,
        })
    }

    /// Whether a type with this number, known or not, must be understood by a reader: bit 15.
    pub fn is_required(number: u16) -> bool {
        number & 0x8000 != 0
    }
}

/// What the log knows of a record beside its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// A [`RecordType`] as its number; numbers that this version does not know are kept.
    pub record_type: u16,
    /// The record's LSN.
    pub lsn: u64,
    /// The record's tenant.
    pub tenant_id: u32,
    /// The record's virtual shard.
    pub vshard_id: u16,
}

/// A record to be appended.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// Its type.
    pub record_type: RecordType,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its virtual shard.
    pub vshard: VShardId,
    /// Its payload: at most 64 MiB.
    pub payload: &'a [u8],
}

/// A record as replay returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalRecord {
    /// Type, LSN, tenant and shard.
    pub header: RecordHeader,
    /// The bytes that were appended.
    pub payload: Vec<u8>,
}

/// A record whose payload is still where it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BorrowedRecord<'a> {
    /// Type, LSN, tenant and shard.
    pub header: RecordHeader,
    /// The bytes that were appended.
    pub payload: &'a [u8],
}

impl BorrowedRecord<'_> {
    /// The same with bytes of its own.
    pub fn to_record(self) -> WalRecord {
        WalRecord {
            header: self.header,
            payload: self.payload.to_vec(),
        }
    }
}

/// A segment file, for monitoring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMeta {
    /// Where the file is.
    pub path: std::path::PathBuf,
    /// The LSN of the segment's first record, written or still to come.
    pub first_lsn: u64,
    /// The file's size in bytes, padding included.
    pub file_size: u64,
}

/// What a truncation removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TruncateResult {
    /// How many segment files were deleted.
    pub segments_deleted: u64,
    /// How many bytes these files had.
    pub bytes_reclaimed: u64,
}

/// A hold: truncation keeps all records from its LSN on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who needs the records.
    pub name: String,
    /// From where on.
    pub lsn: Lsn,
}

/// How far a verification, a salvage or a migration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of files that were gone through.
    pub done_bytes: u64,
    /// Bytes of files there are.
    pub total_bytes: u64,
}
