//! An encrypted log that somebody has changed, checksums included, opened with its key.
//!
//! *Verified:* whatever is done to its files, an open with the key gives a beginning of its records,
//! or a typed error, never a panic and never a record that was not appended; an open without the key,
//! or with another one, shows no record. *Not verified:* that a beginning is long enough (the
//! simulator's evidence).

use std::path::{Path, PathBuf};

use seawall::format::header::SegmentHeader;
use seawall::{KeyRing, TenantId, VShardId, WalEncryptionKey, WalRecord, verify_in};

use super::decode_frame::{mend_header, seal_frame};
use super::disk::Disk;
use super::structured::Input;

const DIR: &str = "/log";
const RECORDS_MAX: u8 = 12;
const CHANGES_MAX: usize = 12;
const BLOCK: usize = 512;

/// The first byte is how many records there are, with its highest bit the log is closed; then a byte
/// for the length of each, in eights. The rest are changes; see [`change`].
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let disk = Disk::with_space(1 << 30);
    let records = write(&disk, &mut input);
    let mut files = disk.segments(Path::new(DIR));
    for _ in 0..CHANGES_MAX {
        if input.is_empty() {
            break;
        }
        change(&mut files, &mut input);
    }
    let with = |key: Option<u8>| {
        let changed = Disk::with_space(1 << 30);
        for (path, content) in &files {
            changed.put(path, content.clone());
        }
        let keys = key.map(ring);
        drop(verify_in(changed.env(), Path::new(DIR), keys.clone()));
        let opened = changed.open_log(Path::new(DIR), keys);
        opened.and_then(|wal| wal.replay())
    };
    match with(Some(7)) {
        Ok(shown) => assert!(
            records.starts_with(&shown),
            "{} records of {}",
            shown.len(),
            records.len()
        ),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    for key in [None, Some(8)] {
        let shown = with(key).unwrap_or_default();
        assert!(shown.is_empty(), "{} records without the key", shown.len());
    }
}

fn ring(key: u8) -> KeyRing {
    KeyRing::new(WalEncryptionKey::from_bytes(&[key; 32]))
}

fn write(disk: &Disk, input: &mut Input<'_>) -> Vec<WalRecord> {
    let mode = input.byte();
    let wal = disk.open_log(Path::new(DIR), Some(ring(7)));
    let wal = wal.expect("a disk without faults");
    for number in 0..mode % (RECORDS_MAX + 1) {
        let payload = vec![number; usize::from(input.byte()) * 8];
        let (tenant, vshard) = (TenantId::new(1), VShardId::new(2));
        let appended = wal.append_put(tenant, vshard, &payload);
        appended.expect("a log that is open");
        wal.sync().expect("a disk without faults");
    }
    let records = wal.replay().expect("it was just written");
    if mode & 128 != 0 {
        wal.close().expect("a disk without faults");
    }
    records
}

/// | byte | what follows it | the change |
/// | --- | --- | --- |
/// | 0 | file, place in two bytes, mask | a byte is another |
/// | 1 | file, block | the file ends there |
/// | 2 | file, block, file, block | a block is another one |
/// | 3 | file, file | two files have each other's content |
/// | 4 | file | checksums of the header and of the frames at blocks are made right |
fn change(files: &mut [(PathBuf, Vec<u8>)], input: &mut Input<'_>) {
    let kind = input.byte() % 5;
    let count = files.len();
    let one = usize::from(input.byte()) % count;
    match kind {
        0 => {
            let at = usize::from(input.byte()) | usize::from(input.byte()) << 8;
            let content = &mut files[one].1;
            let at = at % content.len().max(1);
            let mask = input.byte();
            content
                .get_mut(at)
                .into_iter()
                .for_each(|byte| *byte ^= mask);
        }
        1 => files[one].1.truncate(usize::from(input.byte()) * BLOCK),
        2 => {
            let to = usize::from(input.byte()) * BLOCK;
            let other = usize::from(input.byte()) % count;
            let from = usize::from(input.byte()) * BLOCK;
            let block = files[other].1.get(from..from + BLOCK).map(<[u8]>::to_vec);
            let place = files[one].1.get_mut(to..to + BLOCK);
            if let (Some(block), Some(place)) = (block, place) {
                place.copy_from_slice(&block);
            }
        }
        3 => {
            let other = usize::from(input.byte()) % count;
            let content = std::mem::take(&mut files[one].1);
            let content = std::mem::replace(&mut files[other].1, content);
            files[one].1 = content;
        }
        _ => forge(&mut files[one].1),
    }
}

/// What somebody without the key can make right.
fn forge(content: &mut [u8]) {
    mend_header(content);
    let Ok(header) = SegmentHeader::decode(content) else {
        return;
    };
    for block in content.chunks_mut(BLOCK).skip(1) {
        if block.starts_with(b"WALf") && block.len() == BLOCK {
            seal_frame(block, &header);
        }
    }
}
