//! Direct I/O on real file systems: one that refuses it, and the one that the tests run on.
//!
//! *Verified:* ramfs refuses it at open, with the typed error, and a log that was there is as it
//! was; where there is direct I/O, a log of the smallest blocks works, whatever the device needs.
//! *Not verified:* that the page cache is bypassed.

#[path = "namespace/mounted.rs"]
mod namespace;

use std::path::Path;

use seawall::{Error, TenantId, VShardId, WalManager, WalTuning};

/// Opens a log with the smallest blocks, which are too small for many a device.
fn open(path: &Path, direct: bool) -> seawall::Result<WalManager> {
    let tuning = WalTuning {
        alignment: 512,
        ..WalTuning::default()
    };
    WalManager::open_with_tuning(path, direct, 64 << 10, &tuning)
}

fn append_many(wal: &WalManager) {
    for _ in 0..100 {
        let lsn = wal.append_put(TenantId::new(1), VShardId::new(1), &[b'x'; 3000]);
        wal.wait_durable(lsn.expect("appends")).expect("syncs");
    }
}

/// The names in a directory with the lengths of the files.
#[allow(clippy::disallowed_methods)] // Looked at past the log.
fn listing(directory: &Path) -> Vec<(std::ffi::OsString, u64)> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("a name"))
        .map(|entry| {
            (
                entry.file_name(),
                entry.metadata().expect("it is there").len(),
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
#[ignore = "the other test of this file starts it as a process of its own"]
fn child() {
    let directory = namespace::directory();
    let mounted = namespace::mount("ramfs", "mode=0700", &directory).status();
    if !mounted.expect("mount starts").success() {
        println!("skipped: no ramfs here");
        return;
    }
    let log = directory.join("log");
    append_many(&open(&log, false).expect("opens buffered"));
    let before = listing(&log);
    let error = open(&log, true).err().expect("ramfs has no direct I/O");
    println!("{error}");
    assert!(matches!(error, Error::DirectIoRefused { .. }), "{error:?}");
    assert_eq!(listing(&log), before);
    let wal = open(&log, false).expect("opens buffered again");
    assert_eq!(wal.replay().expect("reads").len(), 100);
    drop(wal);
    namespace::unmount(&directory);
}

#[test]
fn a_file_system_that_refuses_direct_io_is_told_at_open() {
    namespace::run("child");
}

#[test]
fn blocks_too_small_for_the_device_grow() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let log = scratch.path().join("log");
    let wal = match open(&log, true) {
        Ok(wal) => wal,
        Err(error) => {
            assert!(matches!(error, Error::DirectIoRefused { .. }), "{error}");
            println!("skipped: {error}");
            return;
        }
    };
    append_many(&wal);
    wal.close().expect("closes");
    drop(wal);
    let wal = open(&log, true).expect("opens again");
    assert_eq!(wal.replay().expect("reads").len(), 100);
}
