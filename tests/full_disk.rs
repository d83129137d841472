//! A disk that is really full: a small tmpfs, in a mount namespace of its own.
//!
//! *Verified:* the error is typed and poisons nothing; what was acknowledged is there, for readers
//! of the log that met it, for an open on the same full disk, and for one after there was space;
//! the log goes on with the next LSN. The disk fills at every place of a segment: in its frames,
//! its footer, and the making of the next. Buffered, and with direct I/O where tmpfs takes it.
//! *Not verified:* file systems that need space to overwrite, and power cuts: the simulator has
//! the latter.
//!
//! Where the machine allows no namespace, the test says so and is skipped.

// A real file system is filled past the log.
#![allow(clippy::disallowed_methods)]

#[path = "namespace/mounted.rs"]
mod namespace;

use std::path::Path;

use seawall::{Error, Lsn, TenantId, VShardId, WalManager, WalRecord, WalTuning};

const BLOCK: usize = 4096;
const DISK_BYTES: usize = 256 << 10;
/// So many blocks make a segment: a header, frames, a footer.
const SEGMENT_BLOCKS: usize = 8;

fn open(path: &Path, direct: bool) -> seawall::Result<WalManager> {
    let tuning = WalTuning {
        write_buffer_size: BLOCK,
        alignment: BLOCK,
    };
    let segment_bytes = (SEGMENT_BLOCKS * BLOCK) as u64;
    WalManager::open_with_tuning(path, direct, segment_bytes, &tuning)
}

fn payload(number: usize) -> Vec<u8> {
    format!("record {number} ").into_bytes().repeat(80)
}

fn append(wal: &WalManager, number: usize) -> seawall::Result<Lsn> {
    let lsn = wal.append_put(TenantId::new(1), VShardId::new(1), &payload(number))?;
    assert_eq!(lsn.as_u64(), number as u64, "no LSN is left out");
    Ok(lsn)
}

/// Checks that a log shows the records 1 to at least `acked`, in order; returns how many it shows.
fn check(wal: &WalManager, acked: usize) -> usize {
    let shown: Vec<WalRecord> = wal.replay().expect("it can be read");
    assert!(shown.len() >= acked, "{} of {acked}", shown.len());
    for (number, record) in (1..).zip(&shown) {
        assert_eq!(record.header.lsn, number as u64);
        assert_eq!(record.payload, payload(number));
    }
    shown.len()
}

fn assert_full(error: &Error) {
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(error.to_string().starts_with("no space to"), "{error}");
}

/// Fills the disk, of which all but `ballast_blocks` are the log's, and makes room again.
fn fill_and_free(disk: &Path, direct: bool, ballast_blocks: usize) {
    let log = disk.join("log");
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![b'b'; ballast_blocks * BLOCK]).expect("there is space");
    let wal = open(&log, direct).expect("opens");
    let mut acked = 0;
    let error = loop {
        match append(&wal, acked + 1).and_then(|_| wal.sync()) {
            Ok(()) => acked += 1,
            Err(error) => break error,
        }
    };
    assert_full(&error);
    assert!(acked > SEGMENT_BLOCKS, "only {acked} records fit");
    assert_full(&wal.sync().expect_err("the disk is still full"));
    check(&wal, acked);
    match wal.close() {
        Ok(()) => {}
        Err(error) => assert_full(&error),
    }
    drop(wal);

    // The same full disk, twice: what was shown is shown again.
    let shown = check(&open(&log, direct).expect("opens on a full disk"), acked);
    let wal = open(&log, direct).expect("opens again");
    let mut last = check(&wal, shown);
    append(&wal, last + 1).expect("it waits in memory");
    match wal.sync() {
        Ok(()) => {}
        Err(error) => assert_full(&error),
    }
    last += 1;

    std::fs::remove_file(&ballast).expect("it is there");
    wal.sync().expect("there is space");
    for _ in 0..3 {
        last += 1;
        append(&wal, last).expect("it is appended");
        wal.sync().expect("there is space");
    }
    assert_eq!(check(&wal, last), last);
    wal.close().expect("closes");
    drop(wal);
    let wal = open(&log, direct).expect("opens");
    assert_eq!(check(&wal, last), last);
    assert_eq!(
        append(&wal, last + 1).expect("goes on").as_u64() as usize,
        last + 1
    );
}

/// The child: one more block of ballast each time, so that the disk is full at another place.
#[test]
#[ignore = "the other test of this file starts it as a process of its own"]
fn child() {
    let directory = namespace::directory();
    let options = format!("size={DISK_BYTES}");
    for direct in [false, true] {
        for ballast_blocks in 16..=16 + SEGMENT_BLOCKS {
            let mounted = namespace::mount("tmpfs", &options, &directory).status();
            assert!(mounted.expect("mount starts").success());
            if let Err(error) = open(&directory.join("probe"), direct) {
                assert!(matches!(error, Error::DirectIoRefused { .. }), "{error}");
                println!("skipped: tmpfs has no direct I/O here ({error})");
                return;
            }
            std::fs::remove_dir_all(directory.join("probe")).expect("it is there");
            fill_and_free(&directory, direct, ballast_blocks);
            namespace::unmount(&directory);
        }
    }
}

#[test]
fn a_log_on_a_full_disk_keeps_what_it_acknowledged_and_goes_on() {
    namespace::run("child");
}
