//! An encrypted log, on a real directory: what its keys open, what becomes of them, and what of it
//! reaches the disk. Crashes are for the simulator.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Real files are what this is about.

#[path = "support/log.rs"]
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use seawall::env::Env;
use seawall::{Error, KeyRing, Lsn, Result, Verdict, WalEncryptionKey, WalManager};
use support::{SHARD, TENANT, fill, lsns, scratch, small};

const CANARY: &[u8] = b"nobody should find this on the disk";

fn key(number: u8) -> WalEncryptionKey {
    WalEncryptionKey::from_bytes(&[number; 32])
}

fn ring(numbers: &[u8]) -> KeyRing {
    let mut keys = numbers.iter().map(|&number| key(number));
    let first = keys.next().expect("a ring has a key");
    keys.fold(KeyRing::new(first), KeyRing::with_previous)
}

fn open(dir: &Path, keys: Option<KeyRing>) -> Result<WalManager> {
    WalManager::open_in(Env::os(), dir, small(), keys)
}

fn key_file(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("is ours");
    path
}

/// All files of the directory, whatever they are.
fn all_bytes(dir: &Path) -> Vec<u8> {
    let files = fs::read_dir(dir).expect("lists");
    let bytes = files.map(|file| fs::read(file.expect("lists").path()).expect("reads"));
    bytes.collect::<Vec<_>>().concat()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn append_canary(wal: &WalManager) -> Lsn {
    let lsn = wal.append_put(TENANT, SHARD, CANARY).expect("appends");
    wal.sync().expect("syncs");
    lsn
}

fn ids(keys: &[u8]) -> Vec<seawall::KeyId> {
    let mut ids: Vec<_> = keys.iter().map(|&number| key(number).id()).collect();
    ids.sort();
    ids
}

#[test]
fn nothing_of_a_record_is_on_the_disk() {
    let dir = scratch();
    let wal = open(dir.path(), Some(ring(&[1]))).expect("opens");
    append_canary(&wal);
    wal.set_hold("a hold with a name", Lsn::new(1))
        .expect("holds");
    wal.close().expect("closes");
    assert!(!contains(&all_bytes(dir.path()), CANARY));
    assert!(!contains(&all_bytes(dir.path()), b"a hold with a name"));
    drop(wal);
    let wal = open(dir.path(), Some(ring(&[1]))).expect("opens");
    let records = wal.replay().expect("replays");
    assert_eq!(records[0].payload, CANARY);
    assert_eq!(wal.holds()[0].name, "a hold with a name");
    // As a control: in a plain log it is there.
    let plain = scratch();
    append_canary(&open(plain.path(), None).expect("opens"));
    assert!(contains(&all_bytes(plain.path()), CANARY));
}

#[test]
fn without_the_right_key_nothing_opens_and_nothing_changes() {
    let dir = scratch();
    let wal = open(dir.path(), Some(ring(&[1]))).expect("opens");
    fill(&wal, 60);
    drop(wal);
    let before = all_bytes(dir.path());
    for keys in [None, Some(ring(&[2])), Some(ring(&[2, 3]))] {
        let refused = open(dir.path(), keys.clone()).map(drop);
        let Err(Error::Encrypted { key_id, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(key_id, key(1).id());
        let report = seawall::verify(dir.path(), keys.clone()).expect("verifies");
        assert_eq!(report.verdict(), Verdict::Foreign);
        let dumped = seawall::dump(dir.path(), None, keys).map(drop);
        assert!(matches!(dumped, Err(Error::Encrypted { .. })));
    }
    assert!(all_bytes(dir.path()) == before);
    let report = seawall::verify(dir.path(), Some(ring(&[2, 1]))).expect("verifies");
    assert_eq!((report.verdict(), report.records), (Verdict::Intact, 60));
    let dumped = seawall::dump(dir.path(), None, Some(ring(&[1]))).expect("dumps");
    assert_eq!(dumped.count(), 60);
    let to = scratch();
    let salvaged = seawall::salvage(dir.path(), to.path(), Some(ring(&[3, 1]))).expect("copies");
    assert_eq!(salvaged.records, 60);
    assert_eq!(
        lsns(&open(to.path(), Some(ring(&[3]))).expect("opens")).len(),
        60
    );
}

#[test]
fn a_rotation_keeps_everything_readable() {
    let dir = scratch();
    let mut wal = open(dir.path(), Some(ring(&[1]))).expect("opens");
    // Twice in a row, on an empty segment, and across rolls.
    wal.rotate_key_to(key(2)).expect("rotates");
    wal.rotate_key_to(key(3)).expect("rotates");
    fill(&wal, 50);
    wal.rotate_key_to(key(4)).expect("rotates");
    fill(&wal, 50);
    assert_eq!(wal.encryption_key().expect("encrypted").id(), key(4).id());
    assert_eq!(wal.encryption_ring().expect("encrypted").keys().count(), 4);
    assert_eq!(wal.needed_keys(), ids(&[1, 3, 4]));
    assert_eq!(lsns(&wal), (1..=100).collect::<Vec<_>>());
    let refused = wal.set_encryption_ring(ring(&[4, 3]));
    assert!(matches!(refused, Err(Error::Encrypted { .. })));
    wal.set_encryption_ring(ring(&[5, 4, 3, 1]))
        .expect("has all");
    fill(&wal, 3);
    drop(wal);
    assert!(matches!(
        open(dir.path(), Some(ring(&[5, 4, 1]))).map(drop),
        Err(Error::Encrypted { key_id, .. }) if key_id == key(3).id()
    ));
    let wal = open(dir.path(), Some(ring(&[5, 4, 3]))).expect("the first segment was empty");
    assert_eq!(lsns(&wal), (1..=103).collect::<Vec<_>>());
}

#[test]
fn a_key_may_go_when_no_segment_needs_it() {
    let dir = scratch();
    let wal = open(dir.path(), Some(ring(&[1]))).expect("opens");
    fill(&wal, 60);
    wal.rotate_key_to(key(2)).expect("rotates");
    fill(&wal, 60);
    let in_use = |id| matches!(wal.retire_key(id), Err(Error::KeyInUse { .. }));
    assert!(in_use(key(1).id()) && in_use(key(2).id()));
    assert!(!wal.retire_key(key(9).id()).expect("is not there"));
    wal.truncate_before(Lsn::new(100)).expect("truncates");
    assert_eq!(wal.needed_keys(), ids(&[2]));
    assert!(wal.retire_key(key(1).id()).expect("is free"));
    assert_eq!(wal.encryption_ring().expect("encrypted").keys().count(), 1);
    drop(wal);
    let wal = open(dir.path(), Some(ring(&[2]))).expect("opens");
    assert_eq!(wal.next_lsn(), Lsn::new(121));
}

#[test]
fn segments_can_be_encrypted_anew() {
    let dir = scratch();
    let wal = open(dir.path(), None).expect("opens");
    append_canary(&wal);
    fill(&wal, 40);
    drop(wal);
    // In plain before, in two keys since.
    let wal = open(dir.path(), Some(ring(&[1]))).expect("a plain log opens with a key");
    fill(&wal, 40);
    wal.rotate_key_to(key(2)).expect("rotates");
    fill(&wal, 40);
    let before = wal.replay().expect("replays");
    let mut begun = wal.reader().expect("reads");
    assert_eq!(
        begun.next().expect("a record").expect("reads").header.lsn,
        1
    );
    let late = wal.reader_from(Lsn::new(2)).expect("reads");
    let done = wal.reencrypt().expect("encrypts anew");
    assert!(done.segments >= 4 && done.bytes > 0);
    assert_eq!(wal.reencrypt().expect("nothing to do").segments, 0);
    assert_eq!(wal.needed_keys(), ids(&[2]));
    assert!(!contains(&all_bytes(dir.path()), CANARY));
    assert_eq!(wal.replay().expect("replays"), before);
    // Readers from before see the same, whichever file they open.
    assert_eq!(begun.map(Result::unwrap).count(), before.len() - 1);
    assert_eq!(late.map(Result::unwrap).count(), before.len() - 1);
    let sizes: u64 = wal.list_segments().iter().map(|meta| meta.file_size).sum();
    assert_eq!(wal.total_size_bytes(), sizes);
    for meta in wal.list_segments() {
        assert_eq!(
            fs::metadata(&meta.path).expect("is there").len(),
            meta.file_size
        );
    }
    assert!(wal.retire_key(key(1).id()).expect("is free"));
    drop(wal);
    let strict = ring(&[2]).only_encrypted();
    let report = seawall::verify(dir.path(), Some(strict.clone())).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Intact, "{:?}", report.findings);
    // Again, from a log that was opened anew: copies of copies.
    let wal = open(dir.path(), Some(strict)).expect("opens");
    assert_eq!(wal.replay().expect("replays"), before);
    wal.rotate_key_to(key(3)).expect("rotates");
    wal.reencrypt().expect("encrypts anew");
    drop(wal);
    let wal = open(dir.path(), Some(ring(&[3]))).expect("opens");
    assert_eq!(wal.replay().expect("replays"), before);
    wal.truncate_before(Lsn::new(60)).expect("truncates");
    assert_eq!(lsns(&wal).last(), Some(&121));
}

#[test]
fn a_plain_log_is_encrypted_from_here_on_unless_the_ring_forbids_it() {
    let dir = scratch();
    fill(&open(dir.path(), None).expect("opens"), 5);
    let strict = ring(&[1]).only_encrypted();
    let refused = open(dir.path(), Some(strict.clone())).map(drop);
    assert!(matches!(refused, Err(Error::Plaintext { .. })));
    let wal = open(dir.path(), None).expect("opens");
    assert!(wal.encryption_key().is_none() && wal.needed_keys().is_empty());
    wal.rotate_key_to(key(1)).expect("encryption begins");
    append_canary(&wal);
    assert!(!contains(&all_bytes(dir.path()), CANARY));
    drop(wal);
    assert!(matches!(
        open(dir.path(), None).map(drop),
        Err(Error::Encrypted { .. })
    ));
    let mut wal = open(dir.path(), Some(ring(&[1]))).expect("opens");
    assert_eq!(lsns(&wal), (1..=6).collect::<Vec<_>>());
    let refused = wal.set_encryption_ring(strict);
    assert!(matches!(refused, Err(Error::Plaintext { .. })));
}

#[test]
fn a_key_file_is_32_bytes_that_nobody_else_may_read() {
    let dir = scratch();
    let refused = |path: &Path| match WalEncryptionKey::from_file(path) {
        Err(Error::KeyFile { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    let good = key_file(dir.path(), "good", &[1; 32], 0o400);
    let read = WalEncryptionKey::from_file(&good).expect("a key");
    assert_eq!(read.id(), key(1).id());
    for mode in [0o640, 0o604, 0o620, 0o601] {
        let open = key_file(dir.path(), "open", &[1; 32], mode);
        assert!(refused(&open).contains("chmod 600"));
        fs::remove_file(open).expect("removes");
    }
    for len in [0, 31, 33, 64] {
        let other = key_file(dir.path(), "other", &vec![1; len], 0o600);
        assert!(refused(&other).contains("32 bytes"));
    }
    let link = dir.path().join("link");
    symlink(&good, &link).expect("links");
    assert!(refused(&link).contains("symbolic link"));
    assert!(refused(dir.path()).contains("regular file"));
    let missing = WalEncryptionKey::from_file(&dir.path().join("missing"));
    assert!(matches!(missing, Err(Error::Io { .. })));
}

#[test]
fn keys_come_from_files() {
    let dir = scratch();
    let keys = scratch();
    let one = key_file(keys.path(), "one", &[1; 32], 0o600);
    let two = key_file(keys.path(), "two", &[2; 32], 0o600);
    let wal = WalManager::open_encrypted(dir.path(), false, &one).expect("opens");
    append_canary(&wal);
    wal.rotate_key(&two).expect("rotates");
    append_canary(&wal);
    assert!(wal.rotate_key(&keys.path().join("three")).is_err());
    assert_eq!(wal.encryption_key().expect("encrypted").id(), key(2).id());
    drop(wal);
    let wal = WalManager::open_encrypted_rotating(dir.path(), false, &two, &one).expect("opens");
    assert_eq!(lsns(&wal), [1, 2]);
}

#[test]
fn a_reader_of_an_active_segment_reads_its_copy() {
    let dir = scratch();
    let config = seawall::WalConfig {
        segment_target_size: 1 << 20,
        ..small()
    };
    let wal = WalManager::open_in(Env::os(), dir.path(), config, None).expect("opens");
    // Sealed, each of these takes one more block.
    let append = || {
        wal.append_put(TENANT, SHARD, &[1; 436]).expect("appends");
        wal.sync().expect("syncs");
    };
    (0..10).for_each(|_| append());
    let reader = wal.reader().expect("reads");
    (0..10).for_each(|_| append());
    wal.rotate_key_to(key(1)).expect("encryption begins");
    assert_eq!(wal.reencrypt().expect("encrypts anew").segments, 1);
    assert_eq!(reader.map(Result::unwrap).count(), 10);
}
