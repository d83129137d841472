//! Tails: readers that wait for what becomes durable.

#[path = "support/log.rs"]
mod support;

use std::sync::mpsc;
use std::time::Duration;

use seawall::{Error, Lsn, WalManager};
use support::{SHARD, TENANT, fill, open_small, scratch};

#[test]
fn a_tail_returns_what_is_there_and_then_what_comes() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 50);
    let tail = wal.tail(Lsn::new(20)).expect("starts");
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for record in tail {
                send.send(record.expect("an intact log").header.lsn)
                    .expect("somebody listens");
            }
        });
        let expect_up_to = |from: u64, to: u64| {
            for lsn in from..=to {
                assert_eq!(receive.recv(), Ok(lsn));
            }
        };
        expect_up_to(20, 50);
        // Over several rolls, in small steps.
        for round in 0..40 {
            fill(&wal, 3);
            expect_up_to(51 + 3 * round, 53 + 3 * round);
        }
        wal.append_put(TENANT, SHARD, b"not durable")
            .expect("appends");
        let nothing = receive.recv_timeout(Duration::from_millis(20));
        assert_eq!(nothing, Err(mpsc::RecvTimeoutError::Timeout));
        wal.close().expect("closes");
        assert_eq!(receive.recv(), Ok(171));
        assert!(receive.recv().is_err(), "the tail ends with the log");
    });
}

#[test]
fn a_tail_ends_when_it_is_stopped_or_its_log_is_dropped() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 2);
    let stopped = wal.tail(Lsn::new(1)).expect("starts");
    let orphaned = wal.tail(Lsn::new(3)).expect("starts");
    let stopper = stopped.stopper();
    std::thread::scope(|scope| {
        let stopped = scope.spawn(move || stopped.count());
        let orphaned = scope.spawn(move || orphaned.count());
        stopper.stop();
        assert_eq!(stopped.join().expect("no panic"), 2);
        drop(wal);
        assert_eq!(orphaned.join().expect("no panic"), 0);
    });
}

#[test]
fn a_tail_begins_within_the_log_or_at_its_end() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 100);
    wal.truncate_before(Lsn::new(90)).expect("truncates");
    let low_water = wal.low_water_lsn();
    assert!(low_water > Lsn::new(1));
    assert!(matches!(
        wal.tail(Lsn::new(1)),
        Err(Error::BelowLowWater { .. })
    ));
    assert!(wal.tail(low_water).is_ok());
    assert!(wal.tail(Lsn::new(101)).is_ok());
    assert!(matches!(
        wal.tail(Lsn::new(102)),
        Err(Error::NotAppended { .. })
    ));
}

#[test]
fn what_a_tail_has_still_to_return_is_not_truncated() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 100);
    let mut tail = wal.tail(Lsn::new(1)).expect("starts");
    assert_eq!(
        tail.next().expect("a record").expect("intact").header.lsn,
        1
    );
    let kept = wal.truncate_before(Lsn::new(101)).expect("truncates");
    assert_eq!(kept.segments_deleted, 0);
    for lsn in 2..=100 {
        assert_eq!(
            tail.next().expect("a record").expect("intact").header.lsn,
            lsn
        );
    }
    let gone = wal.truncate_before(Lsn::new(101)).expect("truncates");
    assert!(gone.segments_deleted > 5);
    fill(&wal, 1);
    assert_eq!(
        tail.next().expect("a record").expect("intact").header.lsn,
        101
    );
}

#[test]
fn a_stopped_tail_ends_behind_what_was_durable_then() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 3);
    let mut early = wal.tail(Lsn::new(1)).expect("starts");
    let mut late = wal.tail(Lsn::new(2)).expect("starts");
    fill(&wal, 20);
    early.stopper().stop();
    let mut returned = 0;
    for record in early.by_ref() {
        returned += 1;
        assert_eq!(record.expect("an intact log").header.lsn, returned);
        assert!(returned <= 23, "it goes on with what came behind the stop");
        fill(&wal, 1);
        if returned >= 6 {
            // The first stop decides.
            late.stopper().stop();
        }
    }
    assert_eq!(returned, 23);
    let last = late.by_ref().last().expect("records");
    assert_eq!(last.expect("an intact log").header.lsn, 29);
}

#[test]
fn a_tail_keeps_the_log_locked_and_its_stopper_does_not() {
    let dir = scratch();
    let wal = open_small(dir.path());
    let tail = wal.tail(Lsn::new(1)).expect("starts");
    let stopper = tail.stopper();
    wal.close().expect("closes");
    drop(wal);
    let locked = WalManager::open_for_testing(dir.path()).map(drop);
    assert!(matches!(locked, Err(Error::Locked { .. })), "{locked:?}");
    drop(tail);
    open_small(dir.path());
    stopper.stop();
}

#[test]
fn a_tail_is_woken_by_whatever_makes_records_durable() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 20);
    let mut tail = wal.tail(Lsn::new(21)).expect("starts");
    // Written, since the next one finds no room beside it, but not synced.
    wal.append_put(TENANT, SHARD, &[1; 400]).expect("appends");
    wal.append_put(TENANT, SHARD, &[2; 400]).expect("appends");
    let (send, receive) = mpsc::channel();
    let stopper = tail.stopper();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let next = tail.next().map(|record| record.expect("intact").header.lsn);
            send.send(next).expect("the test waits");
        });
        let waiting = receive.recv_timeout(Duration::from_millis(20));
        assert_eq!(waiting, Err(mpsc::RecvTimeoutError::Timeout));
        // The mark's sync covers what was written before it.
        wal.truncate_before(Lsn::new(10)).expect("truncates");
        assert_eq!(wal.durable_lsn(), Lsn::new(21));
        let next = receive.recv_timeout(Duration::from_secs(20));
        stopper.stop();
        assert_eq!(next, Ok(Some(21)));
    });
}
