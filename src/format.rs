//! The bytes on disk: pure functions from bytes to meaning and back, with no I/O.
//!
//! A segment file is a [`header`] and then [`frame`]s; each is drawn byte by byte below.
#![doc = include_str!("format/format.md")]

pub(crate) mod aligned;
pub mod buffer;
pub mod frame;
pub mod header;
pub mod holds;
pub mod legacy;
pub mod required;

/// The version of the format that this library writes.
pub const VERSION: u32 = 1;

/// The largest payload of one record: 64 MiB, as in the legacy format.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// The largest atomic batch: 64 MiB and 12 bytes, as one record of the largest size takes. Each
/// record of it takes 12 bytes and its payload.
pub const BATCH_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + frame::ENTRY_HEADER_BYTES;

/// The type of a record that no reader shows: it has the last LSN that a migrated log had given out,
/// where no record with it was left. It may be passed over (bit 15 is clear), and no record of the
/// legacy format has it: there bit 14 means something else.
pub const FILLER: u16 = 0x4000;

/// LSNs and segment numbers in files are below this, so that counting on never overflows.
pub(crate) const NUMBER_LIMIT: u64 = 1 << 63;

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("a slice of N bytes is an array of N")
}
