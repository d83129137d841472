//! Salvaging the holds of damaged logs.
//!
//! *Verified:* that a hold is not brought back by damage to its release, where a later segment tells
//! better, nor lost by damage to one of the frames that have it; that what is told is what the copy
//! has. *Not verified:* a hold whose only frame is damaged, which is lost, and damage to the
//! release of one in the last segment, which brings it back.

#[path = "../fuzz/src/disk.rs"]
#[allow(dead_code)] // The fuzz targets need more of it.
mod disk;
#[path = "support/logs.rs"]
#[allow(dead_code)] // The tests of verify need more of it.
mod logs;

use std::path::Path;

use seawall::format::frame::FrameKind;
use seawall::{Hold, Lsn, WalManager};

use logs::{Files, Log, flipped, frames};

/// A log with a hold in its first segment, which is released in the first segment or never, and a
/// second segment; and the places of the frames of holds in both.
fn held(is_released: bool) -> (Files, Vec<(String, logs::Frame)>) {
    let mut log = Log::new(512);
    log.append(10);
    log.sync();
    log.wal().set_hold("replica", Lsn::new(1)).expect("holds");
    if is_released {
        assert!(log.wal().release_hold("replica").expect("releases"));
    }
    for _ in 0..2 {
        log.append(10);
        log.sync();
    }
    log.close();
    let files = log.files();
    assert!(files.len() >= 2);
    let mut places = Vec::new();
    for (name, bytes) in &files {
        let found = frames(bytes).into_iter();
        let holds = found.filter(|frame| frame.header.kind == FrameKind::Holds);
        places.extend(holds.map(|frame| (name.clone(), frame)));
    }
    (files, places)
}

/// The holds of the copy, which opens with those that are told.
fn copied_holds(files: &Files) -> Vec<Hold> {
    let disk = logs::disk_of(files);
    let (env, new) = (disk.env(), Path::new("/new"));
    let salvaged = seawall::salvage_in(env.clone(), logs::dir(), new, None).expect("copies");
    let wal = WalManager::open_in(env, new, logs::config(512), None).expect("opens");
    assert_eq!(wal.holds(), salvaged.holds);
    salvaged.holds
}

#[test]
fn a_segment_that_begins_without_holds_has_none_of_the_segment_before() {
    let (files, places) = held(true);
    let [_, (name, released)] = &places[..] else {
        panic!("the first segment has two frames of holds, and no other has one");
    };
    assert_eq!(copied_holds(&files), []);
    let damaged = flipped(&files, name, released.offset + released.bytes - 1, 1);
    assert_eq!(copied_holds(&damaged), []);
}

#[test]
fn holds_stay_where_the_beginning_of_a_segment_is_damaged() {
    let (files, places) = held(false);
    let hold = Hold {
        name: "replica".into(),
        lsn: Lsn::new(1),
    };
    assert!(places.len() >= 2);
    for (name, place) in &places {
        let damaged = flipped(&files, name, place.offset + place.bytes - 1, 1);
        assert_eq!(copied_holds(&damaged), std::slice::from_ref(&hold));
    }
}
