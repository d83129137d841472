//! Group commit: many threads that wait share a sync, and each is told of its own record.
//!
//! *Verified:* of 32 threads each record has an LSN of its own, none is left out, and whoever is told that
//! it is durable finds it so, in the log and after the process is gone; they need fewer syncs than
//! records. *Not verified:* power cuts, and every schedule; the simulator has both.

#![allow(clippy::disallowed_methods)] // Real threads: there is no simulator here.

#[path = "support/log.rs"]
mod support;

use std::thread;

use seawall::{Lsn, WalManager};

use support::{SHARD, TENANT, open_small, scratch};

const THREADS: u64 = 32;
const RECORDS: u64 = 40;

/// Appends and waits, in one of three ways; returns the LSNs.
fn work(wal: &WalManager, thread: u64) -> Vec<u64> {
    let append = |index: u64| {
        let payload = format!("{thread} {index}");
        let appended = wal.append_put(TENANT, SHARD, payload.as_bytes());
        appended.expect("appends")
    };
    let mut given = Vec::new();
    for index in 0..RECORDS {
        let lsn = append(index);
        given.push(lsn.as_u64());
        match thread % 4 {
            // The last of a few stands for all of them.
            0 if index % 4 != 3 => continue,
            1 => wal.sync().expect("syncs"),
            _ => wal.wait_durable(lsn).expect("syncs"),
        }
        assert!(wal.durable_lsn() >= lsn);
    }
    given
}

#[test]
fn each_thread_is_told_of_its_own_records() {
    for is_small in [true, false] {
        let dir = scratch();
        let open = || match is_small {
            true => open_small(dir.path()),
            false => WalManager::open(dir.path(), false).expect("opens"),
        };
        let wal = open();
        let given: Vec<Vec<u64>> = thread::scope(|scope| {
            let spawn = |thread| {
                scope.spawn({
                    let wal = &wal;
                    move || work(wal, thread)
                })
            };
            let threads: Vec<_> = (0..THREADS).map(spawn).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
            threads.into_iter().map(join).collect()
        });
        let total = THREADS * RECORDS;
        assert_eq!(wal.durable_lsn(), Lsn::new(total));
        let stats = wal.stats();
        assert!(
            stats.syncs < total,
            "{} syncs of {total} records",
            stats.syncs
        );
        let mut expected = vec![String::new(); total as usize];
        for (thread, lsns) in given.iter().enumerate() {
            assert!(lsns.is_sorted());
            for (index, lsn) in lsns.iter().enumerate() {
                let place = &mut expected[*lsn as usize - 1];
                assert!(place.is_empty(), "lsn {lsn} was given twice");
                *place = format!("{thread} {index}");
            }
        }
        // Gone without a close.
        drop(wal);
        let records = open().replay().expect("an intact log replays");
        let payloads = records.iter().map(|record| &record.payload[..]);
        assert!(payloads.eq(expected.iter().map(String::as_bytes)));
    }
}
