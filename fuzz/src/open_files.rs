//! Files of every name that the log knows, opened as a log: those beside its segments, too.
//!
//! *Verified:* a list of migrated files, marks of what is unfinished, files in the making, the lock
//! and segments of both formats, whole or not, give a log or a typed error, never a panic, and no read
//! beyond what is there; looking changes no segment; what was refused is refused again; what was
//! shown is shown again; a key file is a key or an error.
//! *Not verified:* that a refusal was right, crashes and faults (the simulator).

use std::path::Path;

use seawall::{Error, KeyRing, Result, WalEncryptionKey, WalRecord, dump_in, verify_in};

use super::decode_frame::mend_header;
use super::disk::Disk;
use super::migrate_legacy::mend;
use super::structured::{Input, NamedFile, segment_name};

const DIR: &str = "/log";
const FILES_MAX: usize = 8;

/// Each name that a byte of the input can stand for.
const NAMES: [&str; 9] = [
    "migrated-from",
    "unfinished-migration.wal",
    "unfinished-salvage.wal",
    "next.wal.tmp",
    "copy.wal.tmp",
    "LOCK",
    "master.key",
    "wal-00000000000000000001.seg",
    "wal-00000000000000000001.dwb",
];

/// The first byte: with its lowest bit there is a key. Then files: a name, or from 9 on a segment
/// with the two numbers that follow; whether its checksum is made right (0 or 1); its length in two
/// bytes; its bytes.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let ring = KeyRing::new(WalEncryptionKey::from_bytes(&[7; 32]));
    let keys = (input.byte() & 1 == 1).then_some(ring);
    let disk = Disk::with_space(1 << 30);
    let mut lengths_of_key = Vec::new();
    while !input.is_empty() && disk.count() < FILES_MAX {
        let (name, content) = file(&mut input);
        if name == NAMES[6] {
            lengths_of_key.push(content.len());
        }
        disk.put(&Path::new(DIR).join(name), content);
    }
    let key = WalEncryptionKey::from_file_in(&disk.env(), &Path::new(DIR).join(NAMES[6]));
    assert_eq!(key.is_ok(), lengths_of_key.last() == Some(&32));
    let open = || disk.open_log(Path::new(DIR), keys.clone());
    let before = disk.segments(Path::new(DIR));
    let told = verify_in(disk.env(), Path::new(DIR), keys.clone()).map(drop);
    let dumped: Result<Vec<WalRecord>> =
        dump_in(disk.env(), Path::new(DIR), None, keys.clone()).and_then(Iterator::collect);
    for error in told.err().into_iter().chain(dumped.err()) {
        assert!(!error.to_string().is_empty());
    }
    assert!(
        before == disk.segments(Path::new(DIR)),
        "a look has changed something"
    );
    let wal = match open() {
        Ok(wal) => wal,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let again = open().err();
            return assert!(again.is_some(), "refused, then not: {error}");
        }
    };
    let shown = wal.replay();
    drop(wal);
    let again = open().expect("what was opened once opens again").replay();
    match (shown, again) {
        (Ok(one), Ok(other)) => assert!(one == other),
        (Err(one), Err(other)) => assert_eq!(kind(&one), kind(&other)),
        (one, other) => panic!("{:?}, then {:?}", one.err(), other.err()),
    }
}

fn kind(error: &Error) -> std::mem::Discriminant<Error> {
    std::mem::discriminant(error)
}

fn file(input: &mut Input<'_>) -> NamedFile {
    let name = usize::from(input.byte()) % (NAMES.len() + 1);
    let name = match NAMES.get(name) {
        Some(name) => (*name).to_owned(),
        None => segment_name(input.number(0), input.number(0)),
    };
    let is_right = input.byte() & 1 == 1;
    let length = usize::from(input.byte()) | usize::from(input.byte()) << 8;
    let mut content = input.take(length).to_vec();
    if is_right {
        match name.as_str() {
            "migrated-from" => mend_list(&mut content),
            _ if name.starts_with("wal-") => drop(mend(&mut content)),
            _ => mend_header(&mut content),
        }
    }
    (name, content)
}

/// Makes the checksum of a list of migrated files right.
// Source: src/format/format.md: a CRC-32C of what follows, and a map.
fn mend_list(content: &mut [u8]) {
    if let Some((checksum, map)) = content.split_first_chunk_mut::<4>() {
        *checksum = crc32c::crc32c(map).to_le_bytes();
    }
}
