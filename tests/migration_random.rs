//! Random logs of the legacy format: what is migrated is what the old replay would have shown.
//!
//! *Verified:* LSNs that are skipped, records that no replay shows, padding with zeros, a truncated
//! prefix, an empty last file, keys that change, a torn end, and one damaged record with or without
//! its copy. *Not verified:* files that no writer left, for which there is the fuzz target
//! `migrate_legacy`.

// Directories are laid out, and looked at, from outside.
#![allow(clippy::disallowed_methods)]

#[path = "support/legacy.rs"]
mod legacy;
#[path = "support/old_logs.rs"]
mod old_logs;

use proptest::prelude::*;
use proptest::sample::Index;
use seawall::{Error, KeyRing, WalEncryptionKey, WalRecord};

use legacy::{NOOP, copies, encode, encrypted, name, put, record};
use old_logs::Old;

const KEYS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

/// A record to come, and what comes before it.
#[derive(Clone, Debug)]
struct Step {
    skipped: u64,
    is_noop: bool,
    len: usize,
    key: Option<usize>,
    rolls: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let skipped = prop_oneof![6 => Just(0), 1 => 1u64..5];
    let key = prop_oneof![Just(None), Just(Some(0)), Just(Some(1))];
    let len = prop_oneof![0usize..60, 4000usize..5000];
    (
        skipped,
        prop::bool::weighted(0.15),
        len,
        key,
        prop::bool::weighted(0.2),
    )
        .prop_map(|(skipped, is_noop, len, key, rolls)| Step {
            skipped,
            is_noop,
            len,
            key,
            rolls,
        })
}

/// A file of a log: its first LSN, and its records as they are stored.
struct Segment {
    first_lsn: u64,
    records: Vec<Vec<u8>>,
}

/// What the old writer would have left.
struct Written {
    segments: Vec<Segment>,
    shown: Vec<WalRecord>,
    next_lsn: u64,
}

fn write(first_lsn: u64, steps: &[Step]) -> Written {
    let empty = |first_lsn| Segment {
        first_lsn,
        records: Vec::new(),
    };
    let mut written = Written {
        segments: vec![empty(first_lsn)],
        shown: Vec::new(),
        next_lsn: first_lsn,
    };
    for step in steps {
        if step.rolls && written.next_lsn > written.segments[written.segments.len() - 1].first_lsn {
            written.segments.push(empty(written.next_lsn));
        }
        let lsn = written.next_lsn + step.skipped;
        let new = match step.is_noop {
            true => record(lsn, NOOP, vec![7; step.len]),
            false => put(lsn, step.len),
        };
        let stored = match step.key {
            None => encode(&new),
            Some(key) => encrypted(&new, &KEYS[key]),
        };
        let segment = written.segments.last_mut().expect("there is one");
        segment.records.push(stored);
        written.next_lsn = lsn + 1;
        if !step.is_noop {
            written.shown.push(new);
        }
    }
    written
}

fn open(files: &[(String, Vec<u8>)]) -> Old {
    let key = |bytes| WalEncryptionKey::from_bytes(bytes);
    let ring = KeyRing::new(key(&KEYS[1])).with_previous(key(&KEYS[0]));
    Old::of_files(files).with_keys(ring)
}

fn files(written: &Written, is_padded: bool) -> Vec<(String, Vec<u8>)> {
    let file = |segment: &Segment| {
        let mut bytes = segment.records.concat();
        if is_padded {
            bytes.resize(bytes.len().next_multiple_of(4096), 0);
        }
        (name(segment.first_lsn), bytes)
    };
    written.segments.iter().map(file).collect()
}

fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config.failure_persistence = None;
    config
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_whole_log_is_migrated_whole(
        first_lsn in prop_oneof![Just(1u64), 2u64..90],
        steps in prop::collection::vec(step(), 0..20),
        is_padded: bool,
        ends_empty: bool,
    ) {
        let written = write(first_lsn, &steps);
        let mut files = files(&written, is_padded);
        let last = written.segments.last().expect("there is one");
        if ends_empty && written.next_lsn > last.first_lsn {
            files.push((name(written.next_lsn), Vec::new()));
        }
        let wal = open(&files).check(&written.shown, written.next_lsn);
        prop_assert_eq!(wal.low_water_lsn().as_u64(), first_lsn);
    }

    #[test]
    fn a_torn_end_costs_the_record_that_was_torn(
        steps in prop::collection::vec(step(), 1..12),
        cut: Index,
    ) {
        let mut written = write(1, &steps);
        let last = written.segments.last_mut().expect("there is one");
        let torn = last.records.pop().expect("each has one");
        let mut files = files(&written, false);
        let part = &torn[..cut.index(torn.len())];
        files.last_mut().expect("there is one").1.extend_from_slice(part);
        let step = steps.last().expect("there is one");
        if !step.is_noop {
            written.shown.pop();
        }
        // What it skipped before it, nothing tells any more.
        let next_lsn = written.next_lsn - 1 - step.skipped;
        open(&files).check(&written.shown, next_lsn);
    }

    #[test]
    fn damage_is_repaired_from_its_copy_or_told(
        steps in prop::collection::vec(step(), 2..12),
        segment: Index,
        record: Index,
        byte: Index,
        has_copy: bool,
    ) {
        let mut written = write(1, &steps);
        let count = written.segments.len();
        let at = segment.index(count);
        let segment = &mut written.segments[at];
        let at_record = record.index(segment.records.len());
        let intact = segment.records.clone();
        let damaged = &mut segment.records[at_record];
        let byte = byte.index(damaged.len());
        damaged[byte] ^= 0x20;
        let first_lsn = segment.first_lsn;
        let mut files = files(&written, false);
        let dwb = name(first_lsn).replace(".seg", ".dwb");
        let is_held = has_copy && intact[at_record].len() <= 65_566;
        if is_held {
            files.push((dwb, copies(&intact)));
        }
        let old = open(&files);
        let is_last = at + 1 == count;
        if is_held {
            old.check(&written.shown, written.next_lsn);
        } else if !is_last {
            old.check_refused(|error| {
                matches!(error, Error::Corrupt { .. } | Error::Version { .. })
            });
        }
    }
}
