//! A writer of the legacy format, for tests: records, files, double-write buffers, as the old
//! program left them.

#![allow(dead_code)] // Each test file uses its own part.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use seawall::{RecordHeader, WalRecord};

pub const HEADER_BYTES: usize = 30;
/// The type that no replay shows.
pub const NOOP: u16 = 0;
pub const PUT: u16 = 0x8001;

/// A record with a payload that follows from its LSN and length.
pub fn put(lsn: u64, len: usize) -> WalRecord {
    record(
        lsn,
        PUT,
        (0..len as u64).map(|at| (at * 7 + lsn) as u8).collect(),
    )
}

pub fn record(lsn: u64, record_type: u16, payload: Vec<u8>) -> WalRecord {
    WalRecord {
        header: RecordHeader {
            record_type,
            lsn,
            tenant_id: lsn as u32 * 3,
            vshard_id: lsn as u16 * 5,
        },
        payload,
    }
}

/// The bytes of a record in plain.
pub fn encode(record: &WalRecord) -> Vec<u8> {
    let header = &record.header;
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[0..4].copy_from_slice(&0x5359_4E57u32.to_le_bytes());
    bytes[4..6].copy_from_slice(&1u16.to_le_bytes());
    bytes[6..8].copy_from_slice(&header.record_type.to_le_bytes());
    bytes[8..16].copy_from_slice(&header.lsn.to_le_bytes());
    bytes[16..20].copy_from_slice(&header.tenant_id.to_le_bytes());
    bytes[20..22].copy_from_slice(&header.vshard_id.to_le_bytes());
    bytes.extend_from_slice(&record.payload);
    seal(&mut bytes);
    bytes
}

/// The bytes of an encrypted record of the legacy format.
pub fn encrypted(record: &WalRecord, key: &[u8; 32]) -> Vec<u8> {
    let mut bytes = encode(record);
    let (header, payload) = bytes.split_at_mut(HEADER_BYTES);
    let mut bound = header.to_vec();
    bound[22..].fill(0);
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&record.header.lsn.to_le_bytes());
    let cipher = Aes256Gcm::new_from_slice(key).expect("a key of 32 bytes");
    let tag = cipher.encrypt_inout_detached(&Nonce::from(nonce), &bound, payload.into());
    bytes[7] |= 0x40;
    bytes.extend_from_slice(&tag.expect("it can be sealed"));
    seal(&mut bytes);
    bytes
}

/// Gives a record the length and the checksum that it should have.
pub fn seal(record: &mut [u8]) {
    let (header, payload) = record.split_at_mut(HEADER_BYTES);
    header[22..26].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[..26]), payload);
    header[26..].copy_from_slice(&checksum.to_le_bytes());
}

/// A file of records in plain.
pub fn file(records: &[WalRecord]) -> Vec<u8> {
    records.iter().flat_map(encode).collect()
}

/// A segment's name.
pub fn name(first_lsn: u64) -> String {
    format!("wal-{first_lsn:020}.seg")
}

/// A double-write buffer with these records, from the first slot on.
pub fn copies(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&0x4457_4246u32.to_le_bytes());
    bytes.extend_from_slice(&(records.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&0u32.to_le_bytes());
    for record in records {
        let start = bytes.len();
        bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
        bytes.extend_from_slice(record);
        bytes.resize(start + 4 + HEADER_BYTES + 65536, 0xEE);
    }
    bytes
}
