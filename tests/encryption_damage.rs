//! An encrypted log that somebody has damaged, or forged a part of: what an open, a verification, a
//! salvage and an encryption anew make of it. Forgeries of all kinds are tried by the simulator.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Real files are what this is about.

#[path = "support/log.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use seawall::env::Env;
use seawall::format::header::{Previous, SegmentHeader};
use seawall::{Error, KeyRing, Lsn, Result, Verdict, WalEncryptionKey, WalManager};
use support::{SHARD, TENANT, fill, lsns, scratch, small};

fn key(number: u8) -> WalEncryptionKey {
    WalEncryptionKey::from_bytes(&[number; 32])
}

fn ring(number: u8) -> KeyRing {
    KeyRing::new(key(number))
}

fn open(dir: &Path, keys: Option<KeyRing>) -> Result<WalManager> {
    WalManager::open_in(Env::os(), dir, small(), keys)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).expect("lists");
    let paths = files.map(|file| file.expect("lists").path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "wal");
    let mut paths: Vec<_> = paths.filter(is_segment).collect();
    paths.sort();
    paths
}

fn header_of(path: &Path) -> SegmentHeader {
    SegmentHeader::decode(&fs::read(path).expect("reads")).expect("a header")
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("reads");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("writes");
}

/// A log that was in plain, of a few segments, and has a few records under key 1 behind them.
fn half_encrypted(dir: &Path) -> WalManager {
    fill(&open(dir, None).expect("opens"), 40);
    let wal = open(dir, Some(ring(1))).expect("opens");
    fill(&wal, 3);
    wal
}

#[test]
fn a_forged_plain_segment_does_not_end_the_chain() {
    let dir = scratch();
    let wal = open(dir.path(), Some(ring(1))).expect("opens");
    fill(&wal, 60);
    wal.close().expect("closes");
    drop(wal);
    let before = segments(dir.path());
    // It says that all before it was truncated.
    let forged = SegmentHeader {
        segment_id: 99,
        first_lsn: Lsn::new(61),
        durable_lsn: Lsn::new(60),
        durable_end: 512,
        low_water_lsn: Lsn::new(61),
        previous: Previous::default(),
        key_id: None,
        key_check: [0; 16],
        original: None,
        ..header_of(&before[0])
    };
    let path = dir.path().join("seg-0000000099-00000000000000000061.wal");
    fs::write(&path, forged.encode()).expect("writes");
    let refused = open(dir.path(), Some(ring(1))).map(drop);
    assert!(matches!(refused, Err(Error::Plaintext { path: of }) if of == path));
    let report = seawall::verify(dir.path(), Some(ring(1))).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Foreign);
    fs::remove_file(path).expect("removes");
    assert_eq!(segments(dir.path()), before);
    assert_eq!(
        lsns(&open(dir.path(), Some(ring(1))).expect("opens")).len(),
        60
    );
}

#[test]
fn what_is_in_plain_stays_in_front_while_it_is_encrypted_anew() {
    let dir = scratch();
    let wal = half_encrypted(dir.path());
    let files = segments(dir.path());
    assert!(files.len() >= 4);
    let plain: Vec<_> = files
        .iter()
        .map(|path| fs::read(path).expect("reads"))
        .collect();
    wal.reencrypt().expect("encrypts anew");
    drop(wal);
    // As a crash leaves it after any number of copies. The last segment was never in plain.
    for count in 0..files.len() {
        for (path, bytes) in files.iter().zip(&plain).take(count) {
            fs::write(path, bytes).expect("writes");
        }
        let copy = scratch();
        for path in &files {
            fs::copy(path, copy.path().join(path.file_name().expect("listed"))).expect("copies");
        }
        let wal = open(copy.path(), Some(ring(1))).expect("opens");
        assert_eq!(lsns(&wal), (1..=43).collect::<Vec<_>>());
        wal.reencrypt().expect("goes on");
        drop(wal);
        let strict = ring(1).only_encrypted();
        assert!(open(copy.path(), Some(strict)).is_ok());
    }
}

#[test]
fn a_verification_without_all_keys_is_a_report() {
    let dir = scratch();
    let wal = open(dir.path(), Some(ring(1))).expect("opens");
    fill(&wal, 30);
    wal.rotate_key_to(key(2)).expect("rotates");
    fill(&wal, 60);
    drop(wal);
    let mut files = segments(dir.path());
    files.retain(|path| header_of(path).key_id == Some(key(2).id()));
    fs::remove_file(&files[0]).expect("removes");
    let report = seawall::verify(dir.path(), Some(ring(2))).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Foreign);
}

#[test]
fn salvage_does_without_headers() {
    let dir = scratch();
    fill(&open(dir.path(), Some(ring(1))).expect("opens"), 5);
    flip(&segments(dir.path())[0], 300);
    let to = scratch();
    let salvaged = seawall::salvage(dir.path(), to.path(), Some(ring(1))).expect("salvages");
    assert_eq!(salvaged.records, 5);
    let wrong = seawall::salvage(dir.path(), &to.path().join("other"), Some(ring(2)));
    assert!(matches!(wrong.map(drop), Err(Error::Corrupt { .. })));
    // A copy that is longer than its original.
    let dir = scratch();
    let wal = open(dir.path(), None).expect("opens");
    for _ in 0..20 {
        wal.append_put(TENANT, SHARD, &[1; 436]).expect("appends");
        wal.sync().expect("syncs");
    }
    drop(wal);
    let wal = open(dir.path(), Some(ring(1))).expect("opens");
    fill(&wal, 3);
    wal.reencrypt().expect("encrypts anew");
    drop(wal);
    flip(&segments(dir.path())[0], 300);
    let to = scratch();
    let salvaged = seawall::salvage(dir.path(), to.path(), Some(ring(1))).expect("salvages");
    assert_eq!(salvaged.records, 23);
}

#[test]
fn a_dead_segment_in_plain_is_removed_unread() {
    let dir = scratch();
    let mut wal = half_encrypted(dir.path());
    let path = segments(dir.path())[0].clone();
    let bytes = fs::read(&path).expect("reads");
    fill(&wal, 60);
    wal.truncate_before(Lsn::new(60)).expect("truncates");
    let strict = ring(1).only_encrypted();
    wal.set_encryption_ring(strict.clone())
        .expect("nothing plain is left");
    drop(wal);
    // A crash brings it back.
    fs::write(&path, bytes).expect("writes");
    let wal = open(dir.path(), Some(strict)).expect("opens");
    assert!(!path.exists());
    assert_eq!(wal.next_lsn(), Lsn::new(104));
}

#[test]
fn nothing_is_copied_that_can_not_be_read() {
    let dir = scratch();
    let wal = open(dir.path(), Some(ring(1))).expect("opens");
    fill(&wal, 40);
    let damaged = wal.list_segments()[1].path.clone();
    flip(&damaged, 2048 + 100);
    wal.rotate_key_to(key(2)).expect("rotates");
    assert!(matches!(wal.reencrypt(), Err(Error::Corrupt { segment, .. }) if segment == damaged));
    assert!(!dir.path().join("copy.wal.tmp").exists());
    assert_eq!(header_of(&damaged).key_id, Some(key(1).id()));
    fill(&wal, 3);
}

#[test]
fn a_copy_does_not_hide_that_a_segment_ends_early() {
    let dir = scratch();
    fill(&open(dir.path(), None).expect("opens"), 40);
    let files = segments(dir.path());
    let mut bytes = fs::read(&files[1]).expect("reads");
    let mut header = header_of(&files[1]);
    header.previous.end -= 512;
    bytes[..512].copy_from_slice(&header.encode());
    fs::write(&files[1], bytes).expect("writes");
    let wal = open(dir.path(), Some(ring(1))).expect("opens");
    assert!(matches!(wal.replay(), Err(Error::Corrupt { .. })));
    assert!(matches!(wal.reencrypt(), Err(Error::Corrupt { .. })));
    assert_eq!(header_of(&files[0]).key_id, None);
}
