//! Logs as every version of the format has written them, kept for ever: what could be read once can
//! be read by every later version of the library.
//!
//! `golden/vN/CASE/` is a log in version N; `golden/vN/CASE.txt` says what is in it, and which bytes
//! its files have. Nothing there is ever edited. A new version, or a new feature of one, adds
//! directories: `cargo test --test golden -- --ignored` makes those that are missing.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Golden files are real files.

#[path = "support/log.rs"]
mod support;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use seawall::env::Env;
use seawall::{
    KeyRing, Lsn, RecordType, Verdict, WalConfig, WalEncryptionKey, WalManager, WalRecord,
};
use support::{SHARD, TENANT, fill, open_small, put, scratch, small};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("lists");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("lists").path()).collect();
    paths.sort();
    paths
}

fn copy(from: &Path, to: &Path) {
    for path in sorted(from) {
        let name = path.file_name().expect("it was listed");
        std::fs::copy(&path, to.join(name)).expect("copies");
    }
}

fn key(number: u8) -> WalEncryptionKey {
    WalEncryptionKey::from_bytes(&[number; 32])
}

/// The keys of the logs that have any.
fn keys_of(dir: &Path) -> Option<KeyRing> {
    let name = dir.file_name().expect("it was listed").to_string_lossy();
    let ring = || KeyRing::new(key(2)).with_previous(key(1));
    name.starts_with("encrypted").then(ring)
}

/// What a log holds, in words.
fn tell(dir: &Path) -> String {
    let keys = keys_of(dir);
    let mut text = String::new();
    let mut line = |one: String| writeln!(text, "{one}").expect("writing to a string");
    for path in sorted(dir) {
        let bytes = std::fs::read(&path).expect("reads");
        let name = path.file_name().expect("it was listed").to_string_lossy();
        let checksum = crc32c::crc32c(&bytes);
        line(format!("file {name} {} {checksum:08x}", bytes.len()));
    }
    let report = seawall::verify(dir, keys.clone()).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Intact, "{:?}", report.findings);
    line(format!("torn bytes {}", report.torn_bytes));
    let dumped = seawall::dump(dir, None, keys.clone()).expect("dumps");
    let dumped: Vec<WalRecord> = dumped.collect::<Result<_, _>>().expect("dumps");

    // An open writes: so it gets a copy.
    let scratch = scratch();
    copy(dir, scratch.path());
    let config = WalConfig::default();
    let wal = WalManager::open_in(Env::os(), scratch.path(), config, keys).expect("opens");
    assert!(wal.replay().expect("replays") == dumped);
    line(format!("low water {}", wal.low_water_lsn()));
    line(format!("next lsn {}", wal.next_lsn()));
    for hold in wal.holds() {
        line(format!("hold {} {}", hold.lsn, hold.name));
    }
    for record in dumped {
        let header = record.header;
        let payload: String = record.payload.iter().map(|b| format!("{b:02x}")).collect();
        line(format!(
            "record {} type {:#06x} tenant {} vshard {} payload {payload}",
            header.lsn, header.record_type, header.tenant_id, header.vshard_id
        ));
    }
    text
}

#[test]
fn every_log_of_every_version_is_read_as_it_was_written() {
    let mut logs = 0;
    for version in sorted(&golden()) {
        for dir in sorted(&version).into_iter().filter(|path| path.is_dir()) {
            let expected = std::fs::read_to_string(dir.with_extension("txt"));
            let expected = expected.expect("each log has its text");
            assert_eq!(tell(&dir), expected, "{}", dir.display());
            logs += 1;
        }
    }
    assert!(logs >= 7, "only {logs} logs");
}

#[test]
#[ignore = "makes the golden logs that are missing"]
fn make() {
    let version = golden().join(format!("v{}", seawall::format::VERSION));
    type Make = fn(&Path);
    let cases: [(&str, Make); 7] = [
        ("closed", closed),
        ("crashed", crashed),
        ("truncated", truncated),
        ("large-blocks", large_blocks),
        ("salvaged", salvaged),
        ("encrypted", encrypted),
        ("encrypted-anew", encrypted_anew),
    ];
    for (name, make) in cases {
        let dir = version.join(name);
        if dir.exists() {
            continue;
        }
        std::fs::create_dir_all(&dir).expect("creates");
        make(&dir);
        // Git keeps it, and a copy has one or not.
        std::fs::remove_file(dir.join("LOCK")).expect("the log had one");
        std::fs::write(dir.with_extension("txt"), tell(&dir)).expect("writes");
    }
}

/// Every verb, a batch, several segments, and a footer at the end.
fn closed(dir: &Path) {
    let wal = open_small(dir);
    let verbs = [
        WalManager::append_put,
        WalManager::append_delete,
        WalManager::append_vector_put,
        WalManager::append_vector_delete,
        WalManager::append_vector_params,
        WalManager::append_transaction,
        WalManager::append_crdt_delta,
        WalManager::append_timeseries_batch,
        WalManager::append_log_batch,
    ];
    for (verb, byte) in verbs.iter().zip(0..) {
        verb(&wal, TENANT, SHARD, &[byte; 20]).expect("appends");
    }
    wal.append_checkpoint(TENANT, SHARD, 7).expect("appends");
    wal.append(RecordType::Noop, TENANT, SHARD, b"")
        .expect("appends");
    wal.append_batch(&[put(b"one"), put(&[7; 900]), put(b"three")])
        .expect("appends");
    fill(&wal, 12);
    wal.close().expect("closes");
}

/// Several lives without a close; the last write is torn.
fn crashed(dir: &Path) {
    for _ in 0..3 {
        fill(&open_small(dir), 5);
    }
    let wal = open_small(dir);
    fill(&wal, 2);
    let active = wal
        .list_segments()
        .last()
        .expect("one is active")
        .path
        .clone();
    wal.append_put(TENANT, SHARD, &[9; 1500]).expect("appends");
    wal.sync().expect("syncs");
    drop(wal);
    let file = std::fs::OpenOptions::new().write(true).open(&active);
    let file = file.expect("opens");
    let bytes = file.metadata().expect("is there").len();
    file.set_len(bytes - 700).expect("cuts");
}

/// A low-water mark in a frame of its own, and holds.
fn truncated(dir: &Path) {
    let wal = open_small(dir);
    fill(&wal, 20);
    wal.set_hold("replica 1", Lsn::new(18)).expect("sets");
    wal.set_hold("backup", Lsn::new(21)).expect("sets");
    wal.truncate_before(Lsn::new(21)).expect("truncates");
    wal.append_put(TENANT, SHARD, b"after").expect("appends");
    wal.sync().expect("syncs");
}

/// The default sizes.
fn large_blocks(dir: &Path) {
    let wal = WalManager::open(dir, false).expect("opens");
    fill(&wal, 3);
}

/// LSNs are missing in the middle.
fn salvaged(dir: &Path) {
    let scratch = scratch();
    let wal = open_small(scratch.path());
    fill(&wal, 20);
    wal.close().expect("closes");
    let segments = wal.list_segments();
    drop(wal);
    std::fs::remove_file(&segments[1].path).expect("removes");
    seawall::salvage(scratch.path(), dir, None).expect("salvages");
}

fn open_with(dir: &Path, keys: KeyRing) -> WalManager {
    WalManager::open_in(Env::os(), dir, small(), Some(keys)).expect("opens")
}

/// Two keys, holds, a closed log.
fn encrypted(dir: &Path) {
    let wal = open_with(dir, KeyRing::new(key(1)));
    fill(&wal, 30);
    wal.set_hold("replica 1", Lsn::new(3)).expect("sets");
    wal.rotate_key_to(key(2)).expect("rotates");
    wal.append_batch(&[put(b"one"), put(&[7; 900]), put(b"three")])
        .expect("appends");
    wal.close().expect("closes");
}

/// In plain first, then under one key, then all of it encrypted anew under another; not closed.
fn encrypted_anew(dir: &Path) {
    fill(&open_small(dir), 30);
    let wal = open_with(dir, KeyRing::new(key(1)));
    fill(&wal, 30);
    wal.rotate_key_to(key(2)).expect("rotates");
    wal.reencrypt().expect("encrypts anew");
    fill(&wal, 3);
}
