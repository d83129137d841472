//! Crashes between the steps of a roll, a truncation, a close and a recovery.
//!
//! *Verified:* a life that ends at any call of an open, a roll, a truncation or a close leaves a
//! log that opens with all that was acknowledged, and so does a second end in the open after it;
//! a new segment's name may be lost, and removals may reach the disk in any order.
//! *Not verified:* calls that fail: see `crash_errors`. Several clients at once: that is what the
//! campaigns are for.

#[path = "crash_support/case.rs"]
mod case;

use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;

use seawall::{Error, Lsn, WalManager};
use seawall_sim::disk::{CallKind, Fate, Knobs, Strategy};

use case::{ALWAYS, BLOCK, Case, LOG, append, die_everywhere, durable, payloads, segment, written};

/// A log of a life with several segments, a truncation and a torn tail, and what it must show:
/// all of the first, a prefix of both.
fn a_log_with_a_past() -> (Case, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut case = Case::new();
    case.segment_bytes = 4 * BLOCK as u64;
    let wal = case.open();
    for payload in [b"1", b"2", b"3", b"4", b"5", b"6", b"7"] {
        durable(&wal, payload);
    }
    // The removals of a truncation are still pending, and the tail holds more than was synced.
    let knobs = Knobs {
        dirsync_error: ALWAYS,
        ..Knobs::default()
    };
    case.knobs(knobs);
    let truncated = wal.truncate_before(Lsn::new(4));
    assert!(matches!(truncated, Err(Error::Poisoned { .. })));
    case.knobs(Knobs::default());
    drop(wal);
    case.cut_with(Strategy::FileDataOnly, 0);
    let wal = case.open();
    assert_eq!(wal.low_water_lsn(), Lsn::new(4));
    case.cut(wal, Strategy::LoseAll);
    let wal = case.open();
    durable(&wal, b"8");
    written(&wal, &[b"9", b"10"]);
    case.cut(wal, Strategy::KeepAll);
    let to_vecs = |payloads: &[&str]| payloads.iter().map(|one| one.as_bytes().to_vec()).collect();
    (
        case,
        to_vecs(&["4", "5", "6", "7", "8"]),
        to_vecs(&["9", "10"]),
    )
}

#[test]
fn a_crash_at_any_call_of_a_recovery_costs_nothing() {
    let (start, acked, tail) = a_log_with_a_past();
    let open = |case: &Case| drop(case.open());
    die_everywhere(&start, Strategy::ALL, open, |case, what| {
        let wal = case.open();
        let shown = payloads(&wal);
        // The tail had reached the disk before the recovery, so it is there, too.
        assert_eq!(shown, [acked.clone(), tail.clone()].concat(), "{what}");
        case.cut(wal, Strategy::LoseAll);
        assert_eq!(payloads(&case.open()), shown, "{what}, and again");
    });
}

#[test]
fn a_second_crash_at_any_call_of_the_next_recovery_costs_nothing_either() {
    let (start, acked, tail) = a_log_with_a_past();
    // The first recovery dies where its new segment has its name, but not for sure.
    let dead = start.fork();
    let open = |case: &Case| drop(case.open());
    assert!(dead.die_at(Some(CallKind::SyncDir), 1, Fate::CutBefore, || open(&dead)));
    for strategy in [Strategy::LoseAll, Strategy::KeepAll] {
        let start = dead.fork();
        start.cut_with(strategy, 0);
        die_everywhere(&start, Strategy::ALL, open, |case, what| {
            let wal = case.open();
            let expected = [acked.clone(), tail.clone()].concat();
            assert_eq!(payloads(&wal), expected, "{strategy}, {what}");
        });
    }
}

/// Dies at every call of an open and of `step`, which notes what was acknowledged to it; then
/// that must be there, in a log that goes on.
fn nothing_acknowledged_is_lost(segment_bytes: u64, step: impl Fn(&WalManager, &Cell<Lsn>)) {
    let mut start = Case::new();
    start.segment_bytes = segment_bytes;
    let wal = start.open();
    durable(&wal, b"one");
    durable(&wal, b"two");
    start.cut(wal, Strategy::LoseAll);
    let acked = Cell::new(Lsn::ZERO);
    let life = |case: &Case| {
        acked.set(Lsn::new(2));
        let opened = OnceCell::new();
        step(opened.get_or_init(|| case.open()), &acked);
    };
    die_everywhere(&start, Strategy::ALL, life, |case, what| {
        let wal = case.open();
        let shown = payloads(&wal);
        let low_water = wal.low_water_lsn().as_u64();
        let last = low_water - 1 + shown.len() as u64;
        assert!(last >= acked.get().as_u64(), "{what}: {shown:?}");
        let all = [b"one", b"two", b"six", b"ten"].map(|payload| payload.to_vec());
        assert_eq!(shown, all[low_water as usize - 1..last as usize], "{what}");
        durable(&wal, b"more");
        case.cut(wal, Strategy::LoseAll);
        let wal = case.open();
        assert_eq!(payloads(&wal).pop(), Some(b"more".to_vec()), "{what}");
        assert_eq!(wal.next_lsn().as_u64(), last + 2, "{what}");
    });
}

#[test]
fn a_crash_at_any_call_of_a_roll_costs_nothing() {
    nothing_acknowledged_is_lost(1, |wal, acked| {
        acked.set(durable(wal, b"six"));
        acked.set(durable(wal, b"ten"));
    });
}

#[test]
fn a_crash_at_any_call_of_a_truncation_costs_only_what_was_truncated() {
    nothing_acknowledged_is_lost(1, |wal, acked| {
        acked.set(durable(wal, b"six"));
        wal.truncate_before(Lsn::new(3)).expect("nothing fails");
    });
}

#[test]
fn a_crash_at_any_call_of_a_close_costs_nothing() {
    nothing_acknowledged_is_lost(1 << 20, |wal, acked| {
        let lsn = append(wal, b"six").expect("it is appended");
        wal.close().expect("nothing fails");
        acked.set(lsn);
    });
}

#[test]
fn a_new_segment_whose_name_was_lost_is_made_again() {
    let mut case = Case::new();
    case.segment_bytes = 1;
    let wal = case.open();
    durable(&wal, b"one");
    // The roll dies between the rename and the sync of the directory.
    let roll = || {
        durable(&wal, b"two");
    };
    assert!(case.die_at(Some(CallKind::SyncDir), 1, Fate::CutBefore, roll));
    let check = |strategy, segments: &[String]| {
        let case = case.fork();
        case.cut_with(strategy, 0);
        assert_eq!(case.segments().len(), segments.len(), "{strategy}");
        let wal = case.open();
        assert_eq!(payloads(&wal), [b"one"]);
        assert_eq!(durable(&wal, b"two"), Lsn::new(2));
        case.cut(wal, Strategy::LoseAll);
        assert_eq!(payloads(&case.open()), [b"one", b"two"]);
    };
    check(Strategy::LoseAll, &[segment(1, 1)]);
    check(Strategy::KeepAll, &[segment(1, 1), segment(2, 2)]);
}

#[test]
fn what_was_left_under_the_temporary_name_is_of_no_meaning() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"one");
    case.cut(wal, Strategy::LoseAll);
    let temporary = format!("{LOG}/next.wal.tmp");
    let whole_segment = case.bytes_of(&segment(1, 1));
    for leftover in [&b""[..], b"torn", &whole_segment] {
        case.overwrite(&temporary, 0, leftover);
        let wal = case.open();
        assert_eq!(payloads(&wal), [b"one"]);
        assert_eq!(case.image().file(&temporary), None);
        case.cut(wal, Strategy::LoseAll);
    }
}

#[test]
fn removals_that_reach_the_disk_in_any_order_leave_a_log_that_opens() {
    let mut start = Case::new();
    start.segment_bytes = 1;
    let wal = start.open();
    for payload in [b"one", b"two", b"six", b"ten"] {
        durable(&wal, payload);
    }
    let truncate = || drop(wal.truncate_before(Lsn::new(4)));
    // Dead when three removals are pending.
    assert!(start.die_at(Some(CallKind::SyncDir), 1, Fate::CutBefore, truncate));
    let mut left_of_them = BTreeSet::new();
    for number in 0..40 {
        for &strategy in Strategy::ALL {
            let case = start.fork();
            case.cut_with(strategy, number);
            left_of_them.insert(case.segments());
            let wal = case.open();
            assert_eq!(wal.low_water_lsn(), Lsn::new(4));
            assert_eq!(payloads(&wal), [b"ten"]);
        }
    }
    assert_eq!(left_of_them.len(), 8, "any subset of three removals");
}
