//! What an open reads: little of a log that was closed, and of any other its last segment.
//!
//! *Verified:* by the bytes that the seam hands over, for a log with one large segment that was closed
//! and one that was not. *Not verified:* how long it takes.

#[path = "support/hooked.rs"]
mod hooked;
#[path = "support/log.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use seawall::{WalConfig, WalManager};

use hooked::Event;
use support::{SHARD, TENANT, scratch};

const RECORD_BYTES: usize = 4000;
const RECORDS: usize = 2000;
/// A few headers with what is read ahead of them.
const LITTLE: usize = 64 << 10;

fn write(path: &Path) -> WalManager {
    let wal = WalManager::open(path, false).expect("opens");
    for _ in 0..RECORDS {
        wal.append_put(TENANT, SHARD, &[5; RECORD_BYTES])
            .expect("appends");
    }
    wal.sync().expect("syncs");
    wal
}

/// How many bytes an open reads, which has to find all records.
fn read_by_open(path: &Path) -> usize {
    let read = Arc::new(AtomicUsize::new(0));
    let env = hooked::env({
        let read = Arc::clone(&read);
        move |event, _| {
            if let Event::Read(bytes) = event {
                read.fetch_add(bytes, Ordering::Relaxed);
            }
            Ok(())
        }
    });
    let wal = WalManager::open_in(env, path, WalConfig::default(), None).expect("opens");
    assert_eq!(wal.durable_lsn().as_u64(), RECORDS as u64);
    read.load(Ordering::Relaxed)
}

#[test]
fn an_open_reads_little_of_a_log_that_was_closed() {
    let dir = scratch();
    write(dir.path()).close().expect("closes");
    let read = read_by_open(dir.path());
    assert!(read <= LITTLE, "{read} bytes");
    // The open has not used it, nor closed it.
    let read = read_by_open(dir.path());
    assert!(read <= LITTLE, "{read} bytes");
}

#[test]
fn an_open_reads_the_last_segment_of_a_log_that_was_not_closed() {
    let dir = scratch();
    drop(write(dir.path()));
    let read = read_by_open(dir.path());
    assert!(read >= RECORDS * RECORD_BYTES, "{read} bytes");
}
