//! Failed calls by hand: a sync, a full disk, a removal.
//!
//! *Verified:* a failed sync is final, and what the next life shows survives a power cut, although
//! the page cache showed more than the disk had; a full disk loses nothing, and its log opens on
//! it and goes on when there is space; a removal that failed is made good by the next truncation;
//! a leader that panics takes the log with it, and leaves nobody waiting. What a full disk refuses
//! is as if it had not been asked for: holds, truncations, closes, and what a tail has read of it.
//! *Not verified:* errors at every call, and all at once: that is what the campaigns are for.

#![allow(clippy::disallowed_methods)] // One case needs a real thread.

#[path = "crash_support/case.rs"]
mod case;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use seawall::{Error, Lsn};
use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::disk::{CallKind, Disk, Knobs, Strategy, SyncErrorMode};

use seawall_sim::sched::Scheduler;
use seawall_sim::sched::outcome::Outcome;
use seawall_sim::sched::plan::Plan;
use seawall_sim::sched::policy::PolicyKind;

use case::{ALWAYS, BLOCK, Case, LOG, append, durable, payloads, segment, written};

#[test]
fn what_was_shown_after_a_failed_sync_survives_the_next_power_cut() {
    let check = |mode: SyncErrorMode, number: u64| {
        let case = Case::new();
        let wal = case.open();
        durable(&wal, b"acked");
        append(&wal, b"doubtful").expect("it is appended");
        let knobs = Knobs {
            sync_error: ALWAYS,
            sync_error_mode: mode,
            ..Knobs::default()
        };
        case.knobs(knobs);
        assert!(matches!(wal.sync(), Err(Error::Poisoned { .. })));
        case.knobs(Knobs::default());
        // The next sync would succeed; the log does not believe it.
        assert!(matches!(wal.sync(), Err(Error::Poisoned { .. })));
        assert!(append(&wal, b"late").is_err());
        drop(wal);
        case.vfs.with_disk(|disk| disk.kill());
        let wal = case.open();
        let shown = payloads(&wal);
        assert_eq!(shown[0], b"acked");
        case.cut(wal, Strategy::LoseAll);
        case.cut_with(Strategy::LoseAll, number);
        assert_eq!(payloads(&case.open()), shown, "{mode}");
        shown.len()
    };
    // The cache still shows what the disk has lost: it is shown, so it must be written again.
    assert_eq!(check(SyncErrorMode::CleanKeepCache, 0), 2);
    assert_eq!(check(SyncErrorMode::KeepDirty, 0), 2);
    check(SyncErrorMode::CleanRevertCache, 0);
}

#[test]
fn a_sync_is_asked_for_once_whatever_it_answers() {
    let mut interrupted = 0;
    for number in 0..40 {
        let case = Case::new();
        case.vfs
            .set_faults(Choices::new(number).stream(Purpose::Faults, 0));
        let wal = case.open();
        append(&wal, b"doubtful").expect("it is appended");
        case.knobs(Knobs {
            eintr: Ratio::new(1, 2),
            ..Knobs::default()
        });
        let syncs = || {
            let calls = |disk: &mut Disk| disk.counts().calls(CallKind::SyncData);
            case.vfs.with_disk(calls)
        };
        let before = syncs();
        let result = wal.sync();
        assert_eq!(syncs() - before, 1, "seed {number}: {result:?}");
        if let Err(error) = result {
            interrupted += 1;
            assert!(matches!(error, Error::Poisoned { .. }), "{error}");
        }
    }
    assert!(interrupted > 5);
}

#[test]
fn a_full_disk_loses_nothing_and_its_log_opens_on_it() {
    let case = Case::new();
    let wal = case.open();
    let mut acked = vec![durable(&wal, b"0")];
    let used = case.vfs.with_disk(|disk| disk.used());
    case.vfs
        .with_disk(|disk| disk.set_capacity(Some(used + 8192)));
    let error = loop {
        let lsn = append(&wal, &[b'x'; 100]).expect("one record fits the buffer");
        match wal.sync() {
            Ok(()) => acked.push(lsn),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(acked.len() > 10);
    assert_eq!(payloads(&wal).len(), acked.len());
    // The record that found no space waits in memory; more of them find no room there.
    let refused = (0..10).find_map(|_| append(&wal, &[b'y'; 400]).err());
    assert!(matches!(refused, Some(Error::Full { .. })), "{refused:?}");
    let on_the_same_disk = case.fork();
    on_the_same_disk.cut_with(Strategy::KeepAll, 0);
    let reopened = on_the_same_disk.open();
    assert_eq!(reopened.stats().segments_created, 0, "there is no space");
    assert_eq!(payloads(&reopened).len(), acked.len());
    // With space again the log goes on, and nothing that got an LSN is missing.
    case.vfs.with_disk(|disk| disk.set_capacity(None));
    let last = append(&wal, b"last").expect("there is room");
    wal.sync().expect("there is space");
    case.cut(wal, Strategy::LoseAll);
    let wal = case.open();
    assert_eq!(payloads(&wal).len() as u64, last.as_u64());
}

#[test]
fn an_unsynced_tail_on_a_full_disk_is_made_durable_where_it_is() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"acked");
    written(&wal, &[b"tail"]);
    drop(wal);
    // The process is killed: the page cache has the tail, the disk may not.
    case.vfs.with_disk(|disk| {
        disk.kill();
        disk.set_capacity(Some(disk.used()));
    });
    let wal = case.open();
    assert_eq!(wal.stats().segments_created, 0, "there is no space");
    assert_eq!(payloads(&wal), [&b"acked"[..], b"tail"]);
    append(&wal, b"late").expect("it waits in memory");
    assert!(matches!(wal.sync(), Err(Error::Full { .. })));
    case.cut(wal, Strategy::LoseAll);
    let wal = case.open();
    assert_eq!(payloads(&wal), [&b"acked"[..], b"tail"]);
    case.vfs.with_disk(|disk| disk.set_capacity(None));
    assert_eq!(durable(&wal, b"more"), Lsn::new(3));
    case.cut(wal, Strategy::LoseAll);
    assert_eq!(payloads(&case.open()).len(), 3);
}

#[test]
fn a_tail_whose_sync_failed_is_written_again_on_a_full_disk() {
    // Which pages the failed sync loses is chance.
    for number in 0..20 {
        let case = Case::new();
        let faults = Choices::new(number).stream(Purpose::Faults, 0);
        case.vfs.set_faults(faults);
        let wal = case.open();
        durable(&wal, b"acked");
        append(&wal, b"doubtful").expect("it is appended");
        case.knobs(Knobs {
            sync_error: ALWAYS,
            sync_error_mode: SyncErrorMode::CleanKeepCache,
            ..Knobs::default()
        });
        assert!(matches!(wal.sync(), Err(Error::Poisoned { .. })));
        case.knobs(Knobs::default());
        drop(wal);
        case.vfs.with_disk(|disk| {
            disk.kill();
            disk.set_capacity(Some(disk.used()));
        });
        let wal = case.open();
        assert_eq!(wal.stats().segments_created, 0, "there is no space");
        let shown = payloads(&wal);
        assert_eq!(shown, [&b"acked"[..], b"doubtful"]);
        case.cut(wal, Strategy::LoseAll);
        assert_eq!(payloads(&case.open()), shown, "choices {number}");
    }
}

#[test]
fn a_second_truncation_removes_what_the_first_one_could_not() {
    let mut case = Case::new();
    case.segment_bytes = 1;
    let wal = case.open();
    for payload in [b"one", b"two", b"six", b"ten"] {
        durable(&wal, payload);
    }
    let knobs = Knobs {
        metadata_error: ALWAYS,
        ..Knobs::default()
    };
    case.knobs(knobs);
    let truncated = wal.truncate_before(Lsn::new(3));
    assert!(matches!(
        truncated,
        Err(Error::Io { .. } | Error::Full { .. })
    ));
    case.knobs(Knobs::default());
    assert_eq!(wal.low_water_lsn(), Lsn::new(3), "the mark is durable");
    let truncated = wal.truncate_before(Lsn::new(4)).expect("nothing fails");
    assert!(truncated.segments_deleted >= 2);
    assert_eq!(case.segments(), [segment(4, 4).split_off(LOG.len() + 1)]);
    assert_eq!(payloads(&wal), [b"ten"]);
    case.cut(wal, Strategy::LoseAll);
    assert_eq!(payloads(&case.open()), [b"ten"]);
}

#[test]
#[allow(clippy::disallowed_methods)] // A thread, since what is tested might wait for ever.
fn a_leader_that_panics_fails_the_log_and_leaves_nobody_waiting() {
    let case = Case::new();
    let wal = Arc::new(case.open());
    append(&wal, b"doubtful").expect("it is appended");
    case.panic_at(CallKind::SyncData);
    let led = catch_unwind(AssertUnwindSafe(|| wal.sync()));
    assert!(led.is_err(), "the panic is its caller's, too");
    let (send, receive) = mpsc::channel();
    let waiting = Arc::clone(&wal);
    // A thread of its own, and nobody joins it: it may sleep for ever.
    std::thread::spawn(move || {
        let calls = [
            waiting.sync(),
            waiting.close(),
            waiting.set_hold("a", Lsn::new(1)),
        ];
        send.send(calls).expect("the test waits");
    });
    let calls = receive.recv_timeout(Duration::from_secs(20));
    for result in calls.expect("no call waits for a leader that is gone") {
        assert!(matches!(result, Err(Error::Poisoned { .. })), "{result:?}");
    }
}

fn is_full<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Full { .. }))
}

/// A world whose disk has so many free bytes from now on; all that it has for `None`.
fn leave_free(case: &Case, bytes: Option<u64>) {
    case.vfs
        .with_disk(|disk| disk.set_capacity(bytes.map(|bytes| disk.used() + bytes)));
}

#[test]
fn a_hold_that_a_full_disk_refused_is_not_set_later() {
    let mut case = Case::new();
    case.segment_bytes = 8192;
    let wal = case.open();
    durable(&wal, b"one");
    wal.set_hold("a", Lsn::new(1)).expect("there is space");
    leave_free(&case, Some(0));
    let refused = (2..100).find_map(|number| {
        append(&wal, &[b'x'; 300]).expect("it waits in memory");
        let lsn = Lsn::new(number);
        let is_full = is_full(&wal.set_hold("a", lsn));
        assert_eq!(wal.holds()[0].lsn < lsn, is_full);
        is_full.then(|| wal.holds()[0].lsn)
    });
    let before = refused.expect("the disk is full at some time");
    leave_free(&case, None);
    for _ in 0..40 {
        append(&wal, &[b'x'; 300]).expect("there is space");
        wal.sync().expect("there is space");
    }
    assert!(wal.list_segments().len() > 1);
    assert_eq!(wal.holds()[0].lsn, before);
    case.cut(wal, Strategy::LoseAll);
    assert_eq!(case.open().holds()[0].lsn, before);
}

#[test]
fn a_truncation_that_a_full_disk_refused_hides_nothing() {
    let mut case = Case::new();
    case.segment_bytes = 1;
    let wal = case.open();
    for payload in [b"one", b"two", b"six"] {
        durable(&wal, payload);
    }
    // The active segment takes what fits its last page; the mark must find no space.
    leave_free(&case, Some(0));
    case.segment_bytes = 1 << 20;
    drop(wal);
    let wal = case.open();
    let shown = payloads(&wal);
    let refused = wal.truncate_before(Lsn::new(3));
    assert!(is_full(&refused), "{refused:?}");
    assert_eq!(payloads(&wal), shown);
    assert!(wal.replay_from(Lsn::new(1)).is_ok());
    leave_free(&case, None);
    wal.truncate_before(Lsn::new(3)).expect("there is space");
    assert!(wal.replay_from(Lsn::new(1)).is_err());
}

#[test]
fn a_tail_reads_anew_what_a_full_disk_has_cut_off() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"one");
    // All holds are in one frame: with these it is longer than a page.
    for number in 0..20 {
        let name = format!("{number:0255}");
        wal.set_hold(&name, Lsn::new(1)).expect("there is space");
    }
    let mut tail = wal.tail(Lsn::new(1)).expect("it starts");
    leave_free(&case, Some(4096));
    let refused =
        (0..20).find(|number| is_full(&wal.set_hold(&format!("late {number}"), Lsn::new(1))));
    assert!(refused.is_some(), "the disk is full at some time");
    // It reads the file to its end, with the part of a frame that is there now.
    let mut next = || tail.next().expect("it is there").expect("it is intact");
    assert_eq!(next().payload, b"one");
    leave_free(&case, None);
    durable(&wal, b"two");
    assert_eq!(next().payload, b"two");
}

#[test]
fn a_close_that_a_full_disk_refuses_leaves_the_log_to_one_leader() {
    let mut failed_closes = 0;
    for number in 0..1000 {
        let case = Case::new();
        let wal = case.open();
        durable(&wal, b"one");
        leave_free(&case, Some(0));
        append(&wal, &[b'x'; 8 * BLOCK]).expect("it waits in memory");
        let stream = Choices::new(number).stream(Purpose::Schedule, 0);
        let plan = Plan::new(PolicyKind::Random, stream);
        let refused = std::cell::Cell::new(0);
        let outcome = Scheduler::of_this_thread().run(5, plan, &|task| match task {
            0 => refused.set(u64::from(is_full(&wal.close()))),
            1 | 2 => drop(wal.set_hold("a", Lsn::new(1))),
            _ => (0..3).for_each(|_| drop(wal.sync())),
        });
        assert_eq!(outcome, Outcome::Finished, "{number}");
        failed_closes += refused.get();
    }
    assert!(failed_closes > 100);
}
