//! Bugs of the log that its tests found, each by its smallest case.
//!
//! *Verified:* that they do not come back.

// Files are cut from outside, past the log and its door.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../fuzz/src/disk.rs"]
#[allow(dead_code)] // The fuzz targets need more of it.
mod disk;

use std::path::Path;

use seawall::{Lsn, TenantId, VShardId, WalConfig, WalManager, WalTuning};

fn open(path: &Path, alignment: usize) -> seawall::Result<WalManager> {
    let tuning = WalTuning {
        write_buffer_size: 512,
        alignment,
    };
    WalManager::open_with_tuning(path, false, 2048, &tuning)
}

fn append(wal: &WalManager, length: usize) -> Lsn {
    let payload = vec![1; length];
    wal.append_put(TenantId::new(1), VShardId::new(1), &payload)
        .expect("appends")
}

#[test]
fn truncating_again_around_a_segment_without_records_changes_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let wal = open(scratch.path(), 512).expect("opens");
    append(&wal, 10);
    wal.close().expect("closes");
    drop(wal);
    // The active segment is new: it takes the mark, but no record.
    let wal = open(scratch.path(), 512).expect("opens");
    let next = wal.next_lsn();
    wal.truncate_before(next).expect("truncates");
    // This record does not fit beside the mark, so the next segment begins with the same LSN.
    append(&wal, 3000);
    wal.sync().expect("syncs");
    wal.truncate_before(next)
        .expect("nothing is left to truncate");
}

#[test]
fn a_mark_torn_within_its_padding_costs_no_later_record() {
    let scratch = tempfile::tempdir().expect("a directory");
    let wal = open(scratch.path(), 4096).expect("opens");
    append(&wal, 3000);
    append(&wal, 3000);
    wal.sync().expect("syncs");
    let truncated = wal.list_segments().remove(0).path;
    let content = std::fs::read(&truncated).expect("it is there");
    wal.truncate_before(Lsn::new(2)).expect("truncates");
    let last = wal.list_segments().pop().expect("the active one");
    assert!(last.file_size > 4096);
    drop(wal);
    // A crash before the mark was synced: its first sector is there, its padding is not, and
    // nothing was removed yet.
    std::fs::write(truncated, content).expect("writes");
    let file = std::fs::File::options().write(true).open(&last.path);
    let file = file.expect("it is there");
    file.set_len(last.file_size - 4096 + 512).expect("cuts");
    let wal = open(scratch.path(), 4096).expect("a torn tail is cut");
    let lsn = append(&wal, 10);
    wal.wait_durable(lsn).expect("syncs");
    drop(wal);
    let wal = open(scratch.path(), 4096).expect("a log with an acknowledged record opens");
    assert_eq!(wal.durable_lsn(), lsn);
}

#[test]
fn a_damaged_mark_behind_the_last_record_is_judged_the_same_before_and_after_an_append() {
    let scratch = tempfile::tempdir().expect("a directory");
    let wal = open(scratch.path(), 512).expect("opens");
    append(&wal, 3000);
    append(&wal, 10);
    wal.sync().expect("syncs");
    wal.truncate_before(Lsn::new(2)).expect("truncates");
    wal.close().expect("closes");
    // The close has made it a sealed segment in the middle of the log.
    let [sealed, _] = &wal.list_segments()[..] else {
        panic!("one before it was truncated, and one behind it is empty");
    };
    let mut bytes = std::fs::read(&sealed.path).expect("it is there");
    let mark = bytes.len() - 2 * 512;
    bytes[mark + 30] ^= 1;
    std::fs::write(&sealed.path, bytes).expect("writes");
    drop(wal);
    let wal = open(scratch.path(), 512).expect("opens");
    let before = wal.replay().is_ok();
    append(&wal, 10);
    wal.sync().expect("syncs");
    assert_eq!(
        wal.replay().is_ok(),
        before,
        "the same bytes, another verdict"
    );
}

#[test]
fn a_full_disk_opens_a_log_that_was_torn_within_padding() {
    let log = Path::new("/log");
    let config = WalConfig::default();
    let roomy = disk::Disk::with_space(1 << 20);
    let wal = WalManager::open_in(roomy.env(), log, config, None).expect("opens");
    append(&wal, 10);
    wal.sync().expect("syncs");
    drop(wal);
    let full = disk::Disk::with_space(0);
    full.put(&log.join("LOCK"), Vec::new());
    for (path, mut content) in roomy.segments(log) {
        content.truncate(content.len() - 512);
        full.put(&path, content);
    }
    let wal =
        WalManager::open_in(full.env(), log, config, None).expect("a torn tail, or an intact log");
    assert!(wal.durable_lsn() <= Lsn::new(1));
}

#[test]
fn a_record_that_lost_padding_is_judged_the_same_in_every_open() {
    let scratch = tempfile::tempdir().expect("a directory");
    for alignment in [4096, 4096] {
        // The second open writes the record again into a segment whose header vouches for it.
        let wal = open(scratch.path(), alignment).expect("opens");
        if wal.next_lsn() == Lsn::new(1) {
            append(&wal, 10);
            wal.sync().expect("syncs");
        }
    }
    let wal = open(scratch.path(), 4096).expect("opens");
    let vouched = wal.list_segments().remove(0);
    wal.close().expect("closes");
    drop(wal);
    let segments = std::fs::read_dir(scratch.path()).expect("lists");
    for path in segments.map(|entry| entry.expect("a name").path()) {
        if path > vouched.path && path.extension().is_some_and(|suffix| suffix == "wal") {
            std::fs::remove_file(path).expect("removes");
        }
    }
    let file = std::fs::File::options().write(true).open(&vouched.path);
    let file = file.expect("it is there");
    file.set_len(vouched.file_size - 512).expect("cuts");
    let first = open(scratch.path(), 4096).is_ok();
    let second = open(scratch.path(), 4096).is_ok();
    assert_eq!(first, second, "the same bytes, another verdict");
}
