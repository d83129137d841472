//! Space that is prepared ahead of the log's end: zeros that commits go into, until a seal cuts off the rest.
//!
//! *Verified:* the file grows by zeros and no further while commits fill them; sizes that are told are
//! those of the files; a log that ends within prepared space, copied as a crash leaves it, shows what was
//! committed and goes on behind it, encrypted or not; a seal gives back what was not used. *Not
//! verified:* power cuts; the simulator does.

#![allow(clippy::disallowed_methods)] // Tests look at the real directory with std.

#[path = "support/log.rs"]
mod support;

use std::path::Path;

use seawall::env::Env;
use seawall::{KeyRing, Lsn, WalConfig, WalEncryptionKey, WalManager, WalRecord};

use support::{SHARD, TENANT, fill, lsns, scratch};

const BLOCK: u64 = 4096;
const AHEAD: u64 = 600 << 10;
/// So small that nothing is prepared without being asked for, and that no record is the last one.
const SEGMENT: u64 = 1 << 20;

fn config() -> WalConfig {
    WalConfig {
        segment_target_size: SEGMENT,
        ..WalConfig::default()
    }
}

fn ring() -> KeyRing {
    KeyRing::new(WalEncryptionKey::from_bytes(&[7; 32]))
}

fn open(path: &Path, keys: Option<KeyRing>) -> WalManager {
    WalManager::open_in(Env::os(), path, config(), keys).expect("an intact log opens")
}

/// The size of the last segment's file, when all sizes that the log tells are those of its files.
fn last_bytes(wal: &WalManager) -> u64 {
    let segments = wal.list_segments();
    let mut sum = 0;
    for segment in &segments {
        let on_disk = segment.path.metadata().expect("it is there").len();
        assert_eq!(on_disk, segment.file_size, "{}", segment.path.display());
        sum += on_disk;
    }
    assert_eq!(wal.total_size_bytes(), sum);
    segments.last().expect("a segment").file_size
}

/// The directory as a crash of the process leaves it.
fn copy(from: &Path) -> tempfile::TempDir {
    let scratch = scratch();
    for entry in std::fs::read_dir(from).expect("lists") {
        let entry = entry.expect("a name");
        std::fs::copy(entry.path(), scratch.path().join(entry.file_name())).expect("copies");
    }
    scratch
}

fn records(wal: &WalManager) -> Vec<WalRecord> {
    wal.replay().expect("an intact log replays")
}

#[test]
fn commits_go_into_what_was_prepared_and_a_seal_gives_the_rest_back() {
    let dir = scratch();
    let wal = open(dir.path(), None);
    fill(&wal, 1);
    let end = last_bytes(&wal);
    wal.prepare(AHEAD).expect("there is space");
    let prepared = last_bytes(&wal);
    assert!(
        (end + AHEAD..=end + AHEAD + BLOCK).contains(&prepared),
        "{end} {prepared}"
    );
    let path = wal.list_segments().pop().expect("a segment").path;
    let zeros = std::fs::read(&path)
        .expect("it is there")
        .split_off(end as usize);
    assert!(zeros.iter().all(|&byte| byte == 0));
    let syncs = wal.stats().syncs;
    fill(&wal, 50);
    assert_eq!(last_bytes(&wal), prepared, "they went into what was there");
    assert_eq!(wal.stats().syncs, syncs + 50);
    assert_eq!(lsns(&wal), (1..=51).collect::<Vec<u64>>());
    wal.close().expect("closes");
    let sealed = path.metadata().expect("it is there").len();
    // The frames, and a footer behind them.
    assert_eq!(sealed, end + 51 * BLOCK);
    last_bytes(&wal);
    drop(wal);
    assert_eq!(
        lsns(&open(dir.path(), None)),
        (1..=51).collect::<Vec<u64>>()
    );
}

#[test]
fn a_log_that_ends_within_prepared_space_is_read_as_it_was() {
    for keys in [None, Some(ring())] {
        let dir = scratch();
        let wal = open(dir.path(), keys.clone());
        wal.prepare(AHEAD).expect("there is space");
        for committed in [0, 1, 20] {
            fill(&wal, committed);
            let written = records(&wal);
            let crashed = copy(dir.path());
            let report = seawall::verify(crashed.path(), keys.clone()).expect("verifies");
            assert_eq!(report.verdict(), seawall::Verdict::Intact);
            assert_eq!(report.records, written.len() as u64);
            let again = open(crashed.path(), keys.clone());
            assert!(records(&again) == written);
            last_bytes(&again);
            let next = again
                .append_put(TENANT, SHARD, b"behind it")
                .expect("appends");
            assert_eq!(next.as_u64(), written.len() as u64 + 1);
            again.sync().expect("syncs");
            drop(again);
            let again = open(crashed.path(), keys.clone());
            assert_eq!(again.durable_lsn(), next);
            assert!(records(&again)[..written.len()] == written);
        }
    }
}

#[test]
fn no_more_is_prepared_than_a_segment_may_have() {
    let dir = scratch();
    let wal = open(dir.path(), None);
    wal.prepare(u64::from(u32::MAX)).expect("there is space");
    assert_eq!(last_bytes(&wal), SEGMENT);
    wal.prepare(u64::from(u32::MAX)).expect("all is there");
    // Over the end of it, into the next segment.
    let blocks = SEGMENT / BLOCK;
    assert_eq!(fill(&wal, blocks + 10), Lsn::new(blocks + 10));
    assert_eq!(wal.list_segments().len(), 2);
    last_bytes(&wal);
    assert_eq!(lsns(&wal).len() as u64, blocks + 10);
}

#[test]
fn small_commits_have_space_prepared_for_those_to_come() {
    let dir = scratch();
    let wal = WalManager::open(dir.path(), false).expect("opens");
    fill(&wal, 2);
    let prepared = last_bytes(&wal);
    assert!(prepared > 64 * BLOCK, "{prepared}");
    fill(&wal, 20);
    assert_eq!(last_bytes(&wal), prepared);
    let crashed = copy(dir.path());
    let again = WalManager::open(crashed.path(), false).expect("opens");
    assert!(records(&again) == records(&wal));
}
