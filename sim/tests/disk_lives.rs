//! Lives of a process on the disk: kills, dead handles, cuts within a call, and the trace.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seawall::env::vfs::Vfs;
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Call, CallKind, Disk, Fate, Gate, Knobs, SimVfs};
use seawall_sim::trace;

use outcomes::{NEW, WRITE, crash_stream, outcomes, path, vfs};

#[test]
fn a_kill_keeps_what_readers_saw_and_frees_the_lock() {
    let vfs = vfs(Knobs::default());
    let file = vfs.open(path("/a"), NEW).unwrap();
    file.write_at(0, b"unsynced").unwrap();
    file.try_lock().unwrap();
    let other = vfs.open(path("/a"), WRITE).unwrap();
    let refused = other.try_lock().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    let before = vfs.with_disk(|disk| disk.image());
    vfs.with_disk(Disk::kill);
    assert_eq!(vfs.with_disk(|disk| disk.image()), before);
    let again = vfs.open(path("/a"), WRITE).unwrap();
    again.try_lock().unwrap();
    drop(file);
    drop(other);
    let third = vfs.open(path("/a"), WRITE).unwrap();
    assert!(
        third.try_lock().is_err(),
        "dead handles free no lock of the living"
    );
    drop(again);
    third.try_lock().unwrap();
    let lost = |disk: &mut Disk| {
        outcomes(disk)
            .iter()
            .any(|image| image.file("/a").is_none())
    };
    assert!(vfs.with_disk(lost), "a kill makes nothing durable");
}

#[test]
#[should_panic(expected = "a dead task ran")]
fn a_handle_of_a_dead_life_stops_the_simulator() {
    let vfs = vfs(Knobs::default());
    let file = vfs.open(path("/a"), NEW).unwrap();
    vfs.with_disk(|disk| disk.power_cut(&mut crash_stream(1)));
    let _ = file.len();
}

#[test]
fn a_dead_life_that_unwinds_touches_nothing() {
    let vfs = vfs(Knobs::default());
    let file = vfs.open(path("/a"), NEW).unwrap();
    let counts = vfs.with_disk(|disk| disk.counts().clone());
    vfs.set_dead(true);
    assert!(file.write_at(0, b"x").is_err());
    assert!(vfs.remove_file(path("/a")).is_err());
    drop(file);
    vfs.set_dead(false);
    assert_eq!(vfs.with_disk(|disk| disk.counts().clone()), counts);
    assert_eq!(vfs.metadata(path("/a")).unwrap().len, 0);
}

/// Lets every call run but the first of one kind.
struct Trap {
    kind: CallKind,
    fate: Fate,
    calls: AtomicU64,
}

impl Gate for Trap {
    fn arrive(&self, call: Call) -> Fate {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match call.kind == self.kind {
            true => self.fate,
            false => Fate::Run,
        }
    }

    fn cut(&self) -> ! {
        resume_unwind(Box::new("cut"));
    }
}

/// Runs a few calls into a trap; returns the disk after the kill.
fn trapped(kind: CallKind, fate: Fate, seed: u64) -> Disk {
    let calls = AtomicU64::new(0);
    let gate = Arc::new(Trap { kind, fate, calls });
    let faults = Choices::new(seed).stream(Purpose::Faults, 0);
    let vfs = SimVfs::new(Disk::new(Knobs::default()), gate, faults);
    let life = catch_unwind(AssertUnwindSafe(|| {
        let file = vfs.open(path("/a"), NEW).unwrap();
        vfs.sync_dir(path("/")).unwrap();
        file.write_at(100, &[1; 10_000]).unwrap();
        file.sync_all().unwrap();
        vfs.rename(path("/a"), path("/b")).unwrap();
    }));
    assert!(life.is_err(), "the trap was set");
    vfs.with_disk(|disk| {
        disk.kill();
        disk.clone()
    })
}

#[test]
fn a_call_that_is_cut_before_leaves_nothing_and_one_that_is_cut_after_all() {
    let len = |disk: &Disk| disk.image().file("/a").unwrap().len();
    assert_eq!(len(&trapped(CallKind::Write, Fate::CutBefore, 1)), 0);
    assert_eq!(len(&trapped(CallKind::Write, Fate::CutAfter, 1)), 10_100);
    let renamed = |fate| {
        trapped(CallKind::Rename, fate, 1)
            .image()
            .file("/b")
            .is_some()
    };
    assert!(!renamed(Fate::CutBefore));
    assert!(renamed(Fate::CutWithin));
    assert!(renamed(Fate::CutAfter));
}

#[test]
fn a_write_that_is_cut_within_leaves_whole_pages() {
    let mut seen = Vec::new();
    for seed in 0..100 {
        let disk = trapped(CallKind::Write, Fate::CutWithin, seed);
        seen.push(disk.image().file("/a").unwrap().len());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 4096, 8192, 10_100]);
}

#[test]
fn a_sync_that_is_cut_within_leaves_all_pending_and_one_that_is_cut_after_nothing() {
    assert!(trapped(CallKind::SyncAll, Fate::CutWithin, 1).is_pending());
    assert!(!trapped(CallKind::SyncAll, Fate::CutAfter, 1).is_pending());
}

#[test]
fn the_trace_tells_each_call_and_differs_by_bytes() {
    let run = |byte: u8| {
        trace::start(true);
        let vfs = vfs(Knobs::default());
        let file = vfs.open(path("/a"), NEW).unwrap();
        file.write_at(512, &[byte; 100]).unwrap();
        assert!(vfs.remove_file(path("/b")).is_err());
        trace::finish()
    };
    let recorded = run(1);
    assert_eq!(
        recorded.lines,
        [
            "create    /a -> 1",
            "write     a @512 +100 -> 100",
            "unlink    /b -> ENOENT",
        ]
    );
    assert_eq!(run(1), recorded);
    assert_ne!(run(2).hash, recorded.hash);
}
