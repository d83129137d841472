//! Any bytes as files of a legacy log: an open migrates it, or refuses it, and the next one agrees.
//!
//! *Verified:* no panic, no greed; what was refused is refused again, and nothing is left of the
//! attempt; what was migrated is intact, has rising LSNs, and opens again with the same records,
//! also after an append; a dry run tells the same; the old files stay as they are. *Not verified:*
//! that the records are the right ones: for that there are the property tests.

use std::path::{Path, PathBuf};

use seawall::format::legacy::{LEGACY_HEADER_BYTES, LegacyHeader, SLOT_BYTES, SLOTS_AT};
use seawall::migration::migrate_dry_run_watched;
use seawall::{
    Error, KeyRing, Result, TenantId, VShardId, Verdict, WalEncryptionKey, WalRecord, verify_in,
};

use super::disk::Disk;
use super::structured::Input;

const DIR: &str = "/log";
const FILE: &str = "/old.wal";
const FILE_HOME: &str = "/old.d";

/// The first byte says how the rest is meant.
///
/// | bit | meaning |
/// | --- | --- |
/// | 0 | a single file; otherwise a directory of one file, or of two |
/// | 1 | checksums are made right, up to a record that a byte tells |
/// | 2 | there is a key |
/// | 3 | there is a double-write buffer for the first file |
/// | 4 | the disk has little space; a byte says how little |
/// | 5 | a directory has two files |
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let is_file = mode & 1 != 0;
    let disk = Disk::with_space(match mode & 16 {
        0 => 1 << 30,
        _ => u64::from(input.byte()) * 256,
    });
    let files = files(&mut input, mode);
    for (path, content) in &files {
        disk.put(path, content.clone());
    }
    let (path, home) = match is_file {
        true => (Path::new(FILE), Path::new(FILE_HOME)),
        false => (Path::new(DIR), Path::new(DIR)),
    };
    let keys = (mode & 4 != 0).then(|| KeyRing::new(WalEncryptionKey::from_bytes(&[7; 32])));
    let open = || disk.open_log(path, keys.clone());
    let found = migrate_dry_run_watched(disk.env(), path, keys.clone(), &mut |_| {});
    let mut opened = open();
    if let Err(Error::Full { .. }) = &opened {
        // What is left of the new log is in nobody's way.
        disk.add_space(1 << 30);
        opened = open();
    }
    let wal = match opened {
        Ok(wal) => wal,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(found.is_err(), "the dry run saw nothing: {error}");
            assert!(disk.segments(home).is_empty(), "{error}");
            assert!(open().is_err(), "refused, then not: {error}");
            return unchanged(&disk, &files);
        }
    };
    let records = wal.replay().expect("it was made a moment ago");
    assert!(records.is_sorted_by(|one, next| one.header.lsn < next.header.lsn));
    let next = wal.next_lsn();
    // Records of unknown types are migrated, and not shown.
    let found = found.expect("what was migrated can be");
    assert_eq!(found.next_lsn, next);
    assert!(records.len() as u64 <= found.records);
    drop(wal);
    let again = open().expect("what was migrated opens again");
    assert!(again.replay().expect("and is read again") == records);
    assert_eq!(again.next_lsn(), next);
    let appended = again.append_put(TenantId::new(1), VShardId::new(2), &[3; 100]);
    assert_eq!(appended.expect("the buffer is empty"), next);
    let acked = match again.sync() {
        Ok(()) => true,
        Err(Error::Full { .. }) => false,
        Err(error) => panic!("a disk without faults: {error}"),
    };
    drop(again);
    disk.add_space(1 << 30);
    let report = verify_in(disk.env(), home, keys.clone()).expect("it can be read");
    assert_eq!(report.verdict(), Verdict::Intact, "{report:#?}");
    let last: Result<Vec<WalRecord>> = open().and_then(|wal| wal.replay());
    let last = last.expect("and once more");
    assert!(last[..records.len()] == records[..]);
    assert!(last.len() >= records.len() + usize::from(acked));
    unchanged(&disk, &files);
}

fn unchanged(disk: &Disk, files: &[(PathBuf, Vec<u8>)]) {
    for (path, content) in files {
        assert!(
            disk.content(path).as_ref() == Some(content),
            "{}",
            path.display()
        );
    }
}

fn files(input: &mut Input<'_>, mode: u8) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let in_directory = |first_lsn: u64| Path::new(DIR).join(format!("wal-{first_lsn:020}.seg"));
    let first = match mode & 1 {
        0 => in_directory(1 + u64::from(input.byte())),
        _ => PathBuf::from(FILE),
    };
    if mode & 8 != 0 {
        files.push((first.with_extension("dwb"), slots(input)));
    }
    let two = mode & 33 == 32;
    if two {
        let second = in_directory(1 + u64::from(input.byte()));
        // One name, one file.
        if second != first {
            files.push((second, records(input, mode)));
        }
    }
    files.push((first, records(input, mode)));
    files
}

/// The content of a file: bytes as they are, with checksums as they should be.
fn records(input: &mut Input<'_>, mode: u8) -> Vec<u8> {
    let right = match mode & 2 {
        0 => 0,
        _ => usize::from(input.byte()),
    };
    let length = usize::from(input.byte()) | usize::from(input.byte()) << 8;
    let mut bytes = input.take(length).to_vec();
    let mut at = 0;
    for _ in 0..right {
        let Some(length) = mend(&mut bytes[at..]) else {
            break;
        };
        at += length;
    }
    bytes
}

/// Makes the checksum of a whole record right; the record's length, if there is one.
pub fn mend(bytes: &mut [u8]) -> Option<usize> {
    let header = LegacyHeader::decode(bytes).ok()?;
    let length = header.record_bytes() as usize;
    let record = bytes.get_mut(..length)?;
    let (header, payload) = record.split_at_mut(LEGACY_HEADER_BYTES);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[..26]), payload);
    header[26..].copy_from_slice(&checksum.to_le_bytes());
    Some(length)
}

/// Slots with what the input has for them; their lengths and checksums are right.
fn slots(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = vec![0; SLOTS_AT as usize];
    for slot in 0..usize::from(input.byte() % 5) {
        let at = SLOTS_AT as usize + slot * SLOT_BYTES as usize;
        let count = usize::from(input.byte());
        let content = input.take(count);
        bytes.resize(at + SLOT_BYTES as usize, 0);
        bytes[at + 4..at + 4 + content.len()].copy_from_slice(content);
        if let Some(length) = mend(&mut bytes[at + 4..]) {
            bytes[at..at + 4].copy_from_slice(&(length as u32).to_le_bytes());
        }
    }
    bytes
}
