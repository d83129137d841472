//! Failed calls by hand: a sync, a full disk, a removal.
//!
//! *Verified:* a failed sync is final, and what the next life shows survives a power cut, although
//! the page cache showed more than the disk had; a full disk loses nothing, and its log opens on
//! it and goes on when there is space; a removal that failed is made good by the next truncation.
//! *Not verified:* errors at every call, and all at once: that is what the campaigns are for.

#[path = "crash_support/case.rs"]
mod case;

use seawall::{Error, Lsn};
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Knobs, Strategy, SyncErrorMode};

use case::{ALWAYS, Case, LOG, append, durable, payloads, segment, written};

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
