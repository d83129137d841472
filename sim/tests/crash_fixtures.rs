//! Crashes at every call of the migration of each log that the program of the legacy format wrote.
//!
//! *Verified:* whatever call of the open that migrates it a power cut comes at, the next open has
//! exactly the records of the fixture's list, and so have the second and the third; the old files stay
//! as they are. A damaged one gives the same error after any cut, and nothing is written. *Not
//! verified:* every way to choose what was durable, and cuts within and after calls; the small logs of
//! `crash_migration` are cut in all of them.

#![allow(clippy::disallowed_methods)] // Fixtures are real files.

#[path = "crash_support/case.rs"]
mod case;
#[path = "../../tests/support/fixtures.rs"]
mod fixtures;

use std::path::Path;

use seawall::{Error, WalRecord};
use seawall_sim::disk::{Fate, Strategy};

use case::{BLOCK, Case, LOG};

const FILE: &str = "/data/old.wal";

/// A world with a fixture in it, and the path that is opened.
fn world_of(name: &str, keys: &[u8]) -> (Case, &'static str, Vec<(String, Vec<u8>)>) {
    let mut case = Case::new();
    // More than one segment comes of it.
    case.segment_bytes = 8 * BLOCK as u64;
    if !keys.is_empty() {
        case.keys = Some(fixtures::key_ring(keys));
    }
    let (path, dir, files) = match name.strip_suffix(".wal") {
        Some(_) => {
            let path = fixtures::fixtures().join(name);
            let bytes = std::fs::read(path).expect("it is there");
            (FILE, "/data", vec![(FILE.to_owned(), bytes)])
        }
        None => {
            let files = fixtures::files_of(name).into_iter();
            let placed = files.map(|(name, bytes)| (format!("{LOG}/{name}"), bytes));
            (LOG, LOG, placed.collect())
        }
    };
    case.vfs.with_disk(|disk| {
        disk.create_dir(Path::new(dir))
            .expect("there are no faults");
        disk.sync_dir(Path::new("/")).expect("there are no faults");
    });
    for (path, bytes) in &files {
        case.overwrite(path, 0, bytes);
    }
    (case, path, files)
}

fn read(case: &Case, path: &str) -> Result<Vec<WalRecord>, Error> {
    case.try_open_at(path)?.replay()
}

/// Cuts the power before each call of the open, and judges what the next opens have.
fn cut_everywhere(name: &str, keys: &[u8], judge: impl Fn(&Case, &str, &str)) {
    let (whole, path, files) = world_of(name, keys);
    let mut calls = 0;
    for number in 1.. {
        let dead = whole.fork();
        if !dead.die_at(None, number, Fate::CutBefore, || {
            drop(dead.try_open_at(path))
        }) {
            break;
        }
        calls = number;
        for strategy in [Strategy::LoseAll, Strategy::KeepAll, Strategy::Independent] {
            let case = dead.fork();
            case.cut_with(strategy, number);
            let what = format!("{name}, {strategy} before call {number}");
            judge(&case, path, &what);
            for (path, bytes) in &files {
                assert!(case.bytes_of(path) == *bytes, "{what}: {path} was changed");
            }
        }
    }
    assert!(calls > 5, "{name}: only {calls} calls");
}

#[test]
fn each_fixture_is_whole_after_a_cut_at_any_call() {
    let all: [(&str, &[u8]); 8] = [
        ("legacy-plain.wal", &[]),
        ("legacy-torn.wal", &[]),
        ("segmented-plain", &[]),
        ("segmented-torn-tail", &[]),
        ("segmented-empty-active", &[]),
        ("legacy-encrypted.wal", &[1]),
        ("legacy-encrypted.wal", &[2, 1]),
        ("segmented-encrypted", &[2, 1]),
    ];
    for (name, keys) in all {
        let expect = fixtures::fixture(name).records;
        cut_everywhere(name, keys, |case, path, what| {
            for open in 1..=3 {
                let found = read(case, path).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(found == expect, "{what}, open {open}");
                case.cut_with(Strategy::LoseAll, open);
            }
        });
    }
}

#[test]
fn the_damaged_fixture_is_refused_after_a_cut_at_any_call() {
    cut_everywhere("segmented-mid-corruption", &[], |case, path, what| {
        for _ in 1..=3 {
            let refused = read(case, path).map(drop);
            let is_right = matches!(
                &refused,
                Err(Error::Corrupt { segment, lsn, .. })
                    if segment.ends_with("wal-00000000000000000001.seg") && lsn.as_u64() == 3
            );
            assert!(is_right, "{what}: {refused:?}");
            assert!(case.segments().is_empty(), "{what}");
        }
    });
}
