//! Salvaging damaged logs: exactly what can be proven comes out.
//!
//! *Verified:* for each kind of damage the exact set of records; that the copy opens, replays and
//! verifies, keeps types, holds its gaps, and that the damaged files stay as they are; that a copy
//! that was not finished does not open; after random single damage to random logs, that what comes
//! out is a subset of what was written, byte for byte, with every record whose frame was untouched
//! and proven. *Not verified:* several damages at once, but for their not doing harm; crashes of
//! the salvage itself, but for a full disk.

#[path = "../fuzz/src/disk.rs"]
#[allow(dead_code)] // The fuzz targets need more of it.
mod disk;
#[path = "support/logs.rs"]
#[allow(dead_code)] // The tests of verify need more of it.
mod logs;

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use seawall::format::header::SegmentHeader;
use seawall::salvage::Gap;
use seawall::{
    Error, Finding, Lsn, NewRecord, RecordType, TenantId, VShardId, Verdict, WalManager, WalRecord,
};

use logs::{Files, Log, closed, flipped, frames, lsns, nth, retype, salvaged, sealed};

/// Salvages, and checks that what comes out is all but these LSNs.
fn check(files: &Files, written: &[WalRecord], lost: &[u64]) {
    let (salvaged, records) = salvaged(files).expect("something is left");
    let is_left = |record: &&WalRecord| !lost.contains(&record.header.lsn);
    let expect: Vec<WalRecord> = written.iter().filter(is_left).cloned().collect();
    let found: Vec<u64> = records.iter().map(|record| record.header.lsn).collect();
    assert!(records == expect, "{found:?} without {lost:?}");
    assert_eq!(salvaged.records, records.len() as u64);
    assert_eq!(salvaged.last_lsn.map(Lsn::as_u64), found.last().copied());
    let missing = |gap: &Gap| gap.first.as_u64()..=gap.last.as_u64();
    let missing: Vec<u64> = salvaged.gaps.iter().flat_map(missing).collect();
    assert_eq!(missing, lost);
    assert_eq!(
        salvaged.damage.verdict() == Verdict::Intact,
        lost.is_empty()
    );
}

/// The LSNs in a file's frame.
fn lsns_of(files: &Files, file: usize, frame: usize) -> Vec<u64> {
    let name = nth(files, file);
    lsns(&frames(&files[&name])[frame]).collect()
}

/// The LSNs in a file.
fn lsns_in(files: &Files, file: usize) -> Vec<u64> {
    let name = nth(files, file);
    frames(&files[&name]).iter().flat_map(lsns).collect()
}

#[test]
fn an_intact_log_is_copied_whole() {
    let (files, written) = closed(12);
    check(&files, &written, &[]);
}

#[test]
fn a_damaged_frame_costs_its_own_records() {
    let (files, written) = closed(12);
    for file in 0..files.len() {
        let name = nth(&files, file);
        for (index, frame) in frames(&files[&name]).iter().enumerate() {
            if frame.header.record_count == 0 {
                continue;
            }
            for at in [frame.offset + 36, frame.offset + 70] {
                let damaged = flipped(&files, &name, at, 4);
                check(&damaged, &written, &lsns_of(&files, file, index));
            }
        }
    }
}

#[test]
fn a_damaged_header_costs_nothing() {
    let (files, written) = closed(12);
    for file in 0..files.len() {
        let name = nth(&files, file);
        for at in [0, 8, 12, 16, 40, 72, 85, 300, 510] {
            let (_, records) = salvaged(&flipped(&files, &name, at, 1)).expect("all is left");
            assert!(records == written, "{name}, byte {at}");
        }
    }
}

#[test]
fn the_last_segment_without_its_salt_is_lost() {
    let (files, written) = sealed(12);
    let last = files.len() - 1;
    let damaged = flipped(&files, &nth(&files, last), 85, 1);
    let (_, records) = salvaged(&damaged).expect("something is left");
    let left = written.len() - lsns_in(&files, last).len();
    assert!(records == written[..left]);
}

#[test]
fn a_missing_segment_costs_its_own_records() {
    let (files, written) = closed(12);
    for file in 0..files.len() - 1 {
        let mut damaged = files.clone();
        damaged.remove(&nth(&files, file));
        check(&damaged, &written, &lsns_in(&files, file));
    }
}

#[test]
fn a_torn_tail_is_cut_as_an_open_would() {
    let mut log = Log::new(512);
    for _ in 0..3 {
        log.append(100);
        log.sync();
    }
    let mut files = log.files();
    let bytes = files.values_mut().next().expect("one segment");
    bytes.truncate(bytes.len() - 1);
    check(&files, &log.written[..2], &[]);
}

#[test]
fn behind_damage_in_the_last_segment_only_what_is_promised_is_copied() {
    let mut log = Log::new(512);
    log.config.segment_target_size = 1 << 20;
    log.reopen();
    for _ in 0..5 {
        log.append(100);
        log.sync();
    }
    let files = log.files();
    let name = nth(&files, files.len() - 1);
    let second = frames(&files[&name])[1].offset;
    // The fifth frame promises the fourth; nothing promises the fifth.
    let (salvaged, records) = salvaged(&flipped(&files, &name, second + 70, 1)).expect("copies");
    let found: Vec<u64> = records.iter().map(|record| record.header.lsn).collect();
    assert_eq!(found, [1, 3, 4]);
    let gap = Gap {
        first: Lsn::new(2),
        last: Lsn::new(2),
    };
    assert_eq!(salvaged.gaps, [gap]);
}

#[test]
fn what_was_lost_at_the_end_is_told() {
    for (files, written) in [closed(12), sealed(12)] {
        let name = nth(&files, 3);
        let found = frames(&files[&name]);
        let last = found[found.len() - 2];
        check(
            &flipped(&files, &name, last.offset + 70, 1),
            &written,
            &[12],
        );
    }
}

#[test]
fn unknown_types_and_low_water_mark_are_kept() {
    let (mut files, mut written) = closed(12);
    retype(&mut files, 4, 77);
    retype(&mut files, 9, 0x9000);
    (written[3].header.record_type, written[8].header.record_type) = (77, 0x9000);
    let (_, records) = salvaged(&files).expect("copies");
    assert!(records == written);
    let mut log = Log::new(512);
    for _ in 0..12 {
        log.append(300);
        log.sync();
    }
    log.wal().truncate_before(Lsn::new(6)).expect("truncates");
    log.close();
    let mark = log.wal().low_water_lsn();
    let (salvaged, records) = salvaged(&log.files()).expect("copies");
    assert_eq!(salvaged.low_water_lsn, mark);
    assert!(records == log.written[mark.as_u64() as usize - 1..]);
}

#[test]
fn a_batch_comes_out_whole_or_not_at_all_and_holds_are_kept() {
    let mut log = Log::new(512);
    log.append(10);
    log.wal().set_hold("replica", Lsn::new(1)).expect("holds");
    let record = NewRecord {
        record_type: RecordType::Put,
        tenant: TenantId::new(1),
        vshard: VShardId::new(2),
        payload: &[7; 100],
    };
    for _ in 0..2 {
        log.wal().append_batch(&[record; 5]).expect("appends");
        log.sync();
    }
    log.close();
    let files = log.files();
    let records = logs::dumped(&files, None).expect("dumps");
    let places = files.iter().flat_map(|(name, bytes)| {
        let found = frames(bytes).into_iter();
        found.map(move |frame| (name, frame))
    });
    let is_batch = |(_, frame): &(&String, logs::Frame)| frame.header.record_count == 5;
    for (name, batch) in places.filter(is_batch) {
        let damaged = flipped(&files, name, batch.offset + batch.bytes - 1, 1);
        check(&damaged, &records, &lsns(&batch).collect::<Vec<u64>>());
    }
    let disk = logs::disk_of(&files);
    let (env, new) = (disk.env(), Path::new("/new"));
    let salvaged = seawall::salvage_in(env.clone(), logs::dir(), new, None).expect("copies");
    let wal = WalManager::open_in(env, new, logs::config(512), None).expect("opens");
    assert_eq!(wal.holds(), log.wal().holds());
    assert_eq!(wal.holds(), salvaged.holds);
    assert_eq!(wal.holds().len(), 1);
}

#[test]
fn a_salvaged_log_goes_on_and_can_be_salvaged_again() {
    let (files, _) = closed(12);
    let middle = nth(&files, 1);
    let frame = frames(&files[&middle])[1];
    let damaged = flipped(&files, &middle, frame.offset + 70, 1);
    let disk = logs::disk_of(&damaged);
    let env = disk.env();
    let (first, second) = (Path::new("/first"), Path::new("/second"));
    seawall::salvage_in(env.clone(), logs::dir(), first, None).expect("copies");
    let wal = WalManager::open_in(env.clone(), first, logs::config(512), None).expect("opens");
    assert_eq!(wal.next_lsn(), Lsn::new(13));
    let (tenant, vshard) = (seawall::TenantId::new(1), seawall::VShardId::new(1));
    wal.append_put(tenant, vshard, b"new").expect("appends");
    wal.close().expect("closes");
    let records = wal.replay_from(Lsn::new(1)).err();
    assert!(matches!(records, Some(Error::Closed)));
    drop(wal);
    let again = seawall::salvage_in(env.clone(), first, second, None).expect("copies");
    assert_eq!(again.damage.verdict(), Verdict::Intact);
    assert_eq!((again.records, again.gaps.len()), (12, 1));
}

#[test]
fn a_directory_that_cannot_be_used_is_refused() {
    let (files, _) = closed(3);
    let disk = logs::disk_of(&files);
    for inside in ["/log/new", "/log", "/other/../log/new", "/./log/a/.."] {
        let inside = seawall::salvage_in(disk.env(), logs::dir(), Path::new(inside), None);
        assert!(matches!(inside, Err(Error::Config { .. })));
    }
    disk.put(Path::new("/taken/file"), Vec::new());
    let taken = seawall::salvage_in(disk.env(), logs::dir(), Path::new("/taken"), None);
    assert!(matches!(taken, Err(Error::Occupied { .. })));
    let nothing = seawall::salvage_in(disk.env(), Path::new("/nothing"), Path::new("/new"), None);
    assert!(matches!(nothing, Err(Error::NoLog { .. })));
}

#[test]
fn what_is_foreign_is_not_mixed_in() {
    let (mut files, _) = closed(5);
    let mut stranger = Log::new(512);
    stranger.append(10);
    stranger.sync();
    let (_, mut bytes) = stranger.files().pop_first().expect("a segment");
    let mut header = SegmentHeader::decode(&bytes).expect("a header");
    (header.segment_id, header.log_id) = (99, [9; 16]);
    bytes[..512].copy_from_slice(&header.encode());
    let name = "seg-0000000099-00000000000000000001.wal";
    files.insert(name.into(), bytes);
    assert!(matches!(salvaged(&files), Err(Error::Foreign { .. })));
}

#[test]
fn a_salvage_that_did_not_finish_does_not_open() {
    let (files, _) = closed(12);
    let mut refused = 0;
    for space in (0..20_000).step_by(300) {
        let disk = disk::Disk::with_space(space);
        for (name, bytes) in &files {
            disk.put(&logs::dir().join(name), bytes.clone());
        }
        let new = Path::new("/new");
        let env = disk.env();
        if seawall::salvage_in(env.clone(), logs::dir(), new, None).is_ok() {
            seawall::dump_in(env, new, None, None).expect("it is whole");
            continue;
        }
        refused += 1;
        disk.add_space(1 << 20);
        let opened = WalManager::open_in(env.clone(), new, logs::config(512), None).map(drop);
        assert!(matches!(opened, Err(Error::Foreign { .. })), "{opened:?}");
        let report = seawall::verify_in(env, new, None).expect("verifies");
        assert_eq!(report.verdict(), Verdict::Foreign);
        assert!(report.findings.iter().any(Finding::is_foreign));
    }
    assert!((3..60).contains(&refused));
}

#[derive(Clone, Debug)]
enum Damage {
    Flip { at: Index, by: u8 },
    Cut { at: Index },
    Remove,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        6 => (any::<Index>(), 1..=u8::MAX).prop_map(|(at, by)| Damage::Flip { at, by }),
        3 => any::<Index>().prop_map(|at| Damage::Cut { at }),
        1 => Just(Damage::Remove),
    ]
}

/// The LSNs whose frames are untouched and proven in spite of the damage.
fn provable(files: &Files, name: &str, damage: &Damage) -> BTreeSet<u64> {
    let mut provable = BTreeSet::new();
    let last = files.last_key_value().expect("a segment").0;
    for (other, bytes) in files {
        let found = frames(bytes);
        // What is damaged, as a range of bytes.
        let damaged = match damage {
            _ if other != name => 0..0,
            Damage::Remove => 0..bytes.len(),
            Damage::Cut { at } => at.index(bytes.len())..bytes.len(),
            Damage::Flip { at, .. } => at.index(bytes.len())..at.index(bytes.len()) + 1,
        };
        // The salt of the last segment stands nowhere else.
        let is_unknown = other == last && damaged.start < 96 && damaged.end > 80;
        if is_unknown || !damaged.is_empty() && damaged.start < 512 && damaged.end > 513 {
            continue;
        }
        let is_whole = |frame: &logs::Frame| {
            damaged.is_empty()
                || frame.offset + frame.bytes <= damaged.start
                || frame.offset >= damaged.end
        };
        let is_cut_short = |frame: &logs::Frame| {
            frame.offset + frame.padded > bytes.len()
                || matches!(damage, Damage::Cut { .. })
                    && other == name
                    && frame.offset + frame.padded > damaged.start
        };
        let header_holds = |frame: &logs::Frame| {
            frame.offset + 64 <= damaged.start || frame.offset >= damaged.end || damaged.is_empty()
        };
        let promises = found.iter().filter(|frame| header_holds(frame));
        let promise = promises
            .map(|frame| frame.header.durable_lsn.as_u64())
            .max();
        // What lies behind the end that the next segment gives this one is not part of the log.
        let later = files.range::<String, _>((Bound::Excluded(other), Bound::Unbounded));
        let below = later.map(|(_, bytes)| SegmentHeader::decode(bytes).expect("a header"));
        let below = below.map(|header| header.first_lsn.as_u64()).min();
        let mut is_behind = false;
        for frame in &found {
            if !is_whole(frame) || is_cut_short(frame) {
                is_behind = true;
                continue;
            }
            let is_promised = promise >= Some(frame.header.last_lsn().as_u64());
            let is_below = below.is_none_or(|below| frame.header.last_lsn().as_u64() < below);
            if is_below && (other != last || !is_behind || is_promised) {
                provable.extend(lsns(frame));
            }
        }
    }
    provable
}

fn inflict(files: &mut Files, name: &str, damage: &Damage) {
    let bytes = files.get_mut(name).expect("it is there");
    match damage {
        Damage::Flip { at, by } => {
            let at = at.index(bytes.len());
            bytes[at] ^= by;
        }
        Damage::Cut { at } => bytes.truncate(at.index(bytes.len())),
        Damage::Remove => {
            files.remove(name);
        }
    }
}

proptest! {
    #![proptest_config(logs::cases(300))]

    #[test]
    fn what_is_untouched_and_proven_comes_out(
        alignment in prop::sample::select(vec![512, 1024, 4096]),
        lengths in prop::collection::vec((0..1200usize, any::<bool>(), 0..8u8), 1..30),
        ends_closed: bool,
        truncates: bool,
        which: Index,
        damage in damage(),
    ) {
        let mut log = Log::new(alignment);
        for (length, syncs, reopens) in lengths {
            log.append(length);
            if syncs {
                log.sync();
            }
            if reopens == 0 {
                log.sync();
                log.reopen();
            }
        }
        log.sync();
        if truncates {
            let half = Lsn::new(1 + log.written.len() as u64 / 2);
            log.wal().truncate_before(half).expect("truncates");
        }
        if ends_closed {
            log.close();
        }
        let files = log.files();
        let name = nth(&files, which.index(files.len()));
        let low_water = log.wal().low_water_lsn().as_u64();
        let provable = provable(&files, &name, &damage);
        let provable = provable.range(low_water..).copied();
        let mut damaged = files.clone();
        inflict(&mut damaged, &name, &damage);
        let found = match salvaged(&damaged) {
            Ok((_, records)) => records,
            Err(Error::NoLog { .. }) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        let mut shown = BTreeSet::new();
        for record in &found {
            prop_assert!(*record == log.written[record.header.lsn as usize - 1], "a wrong record");
            prop_assert!(shown.insert(record.header.lsn), "twice");
        }
        for lsn in provable {
            prop_assert!(shown.contains(&lsn), "lsn {} is lost: {:?}", lsn, shown);
        }
    }
}
