//! A disk that is full for a while, by hand, and the crash that follows.
//!
//! *Verified:* what a write left that failed for want of space never competes with what was
//! written over it later, whatever a power cut keeps of the two; a truncation finds the block that
//! its mark needs although records wait for more; a close that made a segment lists it.
//! *Not verified:* space that runs out at every call: that is what the campaigns are for.

#[path = "crash_support/case.rs"]
mod case;

use case::{ALWAYS, Case, LOG, append, durable};
use seawall::{Error, Lsn, WalConfig, WalManager, WalTuning};
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Knobs, Strategy};

fn config(alignment: usize, segment_target_size: u64) -> WalConfig {
    WalConfig {
        use_direct_io: false,
        segment_target_size,
        tuning: WalTuning {
            write_buffer_size: 512,
            alignment,
        },
    }
}

/// Three frames, none of them synced.
fn append_three_frames(wal: &WalManager) {
    append(wal, b"2").expect("appends");
    append(wal, &[b'.'; 512]).expect("appends");
    append(wal, &[b','; 512]).expect("appends");
}

fn leave(case: &Case, bytes: u64) {
    let used = case.vfs.with_disk(|disk| disk.used());
    case.vfs
        .with_disk(|disk| disk.set_capacity(Some(used + bytes)));
}

/// A hold, set or released, whose frame found space for its first half only.
fn hold_that_found_no_space(is_release: bool) -> Case {
    let case = Case::new();
    let wal = case.try_open_as(LOG, config(8192, 1 << 20)).expect("opens");
    durable(&wal, b"1");
    if is_release {
        wal.set_hold("replica", Lsn::new(1)).expect("sets");
    }
    leave(&case, 4096);
    let refused = match is_release {
        true => wal.release_hold("replica").map(drop),
        false => wal.set_hold("replica", Lsn::new(1)),
    };
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    case.vfs.with_disk(|disk| disk.set_capacity(None));
    append_three_frames(&wal);
    drop(wal);
    case
}

#[test]
fn a_hold_that_found_no_space_does_not_come_back_between_later_frames() {
    for is_release in [false, true] {
        let start = hold_that_found_no_space(is_release);
        for &strategy in Strategy::ALL {
            for number in 0..40 {
                let case = start.fork();
                case.cut_with(strategy, number);
                let opened = case.try_open_as(LOG, config(8192, 1 << 20));
                let wal = opened.unwrap_or_else(|error| panic!("{strategy} {number}: {error}"));
                assert_eq!(wal.holds().len(), usize::from(is_release));
            }
        }
    }
}

#[test]
fn a_mark_that_found_no_space_does_not_come_back_between_later_frames() {
    let mut tried = 0;
    for seed in 0..400 {
        let case = Case::new();
        let wal = case.try_open_as(LOG, config(4096, 1 << 15)).expect("opens");
        for _ in 0..9 {
            durable(&wal, b"1");
        }
        let faults = Choices::new(seed).stream(Purpose::Faults, 0);
        case.vfs.set_faults(faults);
        case.knobs(Knobs {
            write_error: ALWAYS,
            ..Knobs::default()
        });
        let refused = wal.truncate_before(Lsn::new(9));
        case.knobs(Knobs::default());
        if !matches!(refused, Err(Error::Full { .. })) {
            continue;
        }
        append_three_frames(&wal);
        drop(wal);
        for strategy in [Strategy::AllButOne, Strategy::TearOne] {
            for number in 0..20 {
                let fork = case.fork();
                fork.cut_with(strategy, number);
                let opened = fork.try_open_as(LOG, config(4096, 1 << 15));
                assert!(opened.is_ok(), "seed {seed}, {strategy} {number}");
                tried += 1;
            }
        }
    }
    assert!(tried > 4000, "only {tried} cuts");
}

#[test]
fn a_truncation_needs_no_space_for_the_records_that_wait() {
    let case = Case::new();
    let mut config = config(4096, 1 << 16);
    config.tuning.write_buffer_size = 1 << 15;
    let wal = case.try_open_as(LOG, config).expect("opens");
    for _ in 0..4 {
        durable(&wal, &[1; 20_000]);
    }
    leave(&case, 4096);
    append(&wal, &[1; 20_000]).expect("it waits in memory");
    let synced = wal.sync();
    assert!(matches!(synced, Err(Error::Full { .. })), "{synced:?}");
    let truncated = wal.truncate_before(Lsn::new(4)).expect("its mark fits");
    assert_eq!(truncated.segments_deleted, 1);
    wal.sync().expect("there is space again");
    assert_eq!(wal.durable_lsn(), Lsn::new(5));
}

#[test]
fn a_segment_that_a_close_had_to_make_is_listed() {
    let case = Case::new();
    let wal = case.open();
    append(&wal, b"not synced").expect("appends");
    append(&wal, &[1; 600]).expect("appends");
    drop(wal);
    case.vfs.with_disk(|disk| disk.kill());
    leave(&case, 0);
    let wal = case.open();
    let before = wal.list_segments().len();
    case.vfs.with_disk(|disk| disk.set_capacity(None));
    wal.close().expect("closes");
    let listed = wal.list_segments();
    assert_eq!(listed.len(), before + 1);
    assert_eq!(listed.len(), case.segments().len());
}
