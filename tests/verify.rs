//! Verifying and dumping a directory, held against what an open and a replay say of it.
//!
//! *Verified:* an intact log is called intact, with its figures; each region of the format, damaged,
//! is found where it is; every single flipped byte of four small closed logs is found, but in a
//! footer that a log ends with, and the two verdicts never contradict each other, nor after random damage to random
//! logs; what a dump shows is what an open shows, and unknown types besides; nothing is written.
//! *Not verified:* power cuts; the simulator does.

#[path = "../fuzz/src/disk.rs"]
#[allow(dead_code)] // The fuzz targets need more of it.
mod disk;
#[path = "support/logs.rs"]
#[allow(dead_code)] // The tests of salvage need more of it.
mod logs;

use proptest::prelude::*;
use proptest::sample::Index;
use seawall::format::frame::FrameKind;
use seawall::format::header::{HEADER_BYTES, SegmentHeader};
use seawall::verify::OtherKind;
use seawall::{Error, Finding, Lsn, RecordType, Verdict, WalRecord};

use logs::{Files, Log, closed, dumped, flipped, frames, nth, replayed, retype, sealed, verified};

#[test]
fn an_intact_log_is_told_as_it_is() {
    let (files, written) = closed(12);
    let report = verified(&files).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Intact);
    assert_eq!(report.segments.len(), files.len());
    assert!(files.len() >= 4);
    assert_eq!(report.records, written.len() as u64);
    assert_eq!(report.first_lsn, Some(Lsn::new(1)));
    assert_eq!(report.last_lsn, Some(Lsn::new(12)));
    assert_eq!(report.proven_lsn, Lsn::new(12));
    assert_eq!((report.unproven_records, report.torn_bytes), (0, 0));
    assert!(report.others.is_empty());
    let mut next = Lsn::new(1);
    for (segment, (name, bytes)) in report.segments.iter().zip(&files) {
        assert!(segment.path.ends_with(name));
        assert_eq!(segment.first_lsn, next);
        assert_eq!(segment.bytes, bytes.len() as u64);
        assert_eq!(segment.records, segment.frames);
        // The last one is empty.
        assert_eq!(segment.is_sealed, segment.records > 0);
        next = Lsn::new(segment.last_lsn.as_u64() + 1);
    }
    assert_eq!(next, Lsn::new(13));
    assert!(dumped(&files, None).expect("dumps") == written);
}

#[test]
fn a_torn_tail_is_ordinary() {
    let mut log = Log::new(512);
    log.append(10);
    log.sync();
    log.append(10);
    log.append(10);
    log.sync();
    let mut files = log.files();
    let whole = verified(&files).expect("verifies");
    // The second frame promises what the first one holds, and so does what is left of it below;
    // nothing promises the second.
    assert_eq!(whole.verdict(), Verdict::Intact);
    assert_eq!((whole.proven_lsn, whole.unproven_records), (Lsn::new(1), 2));
    assert!(dumped(&files, None).expect("dumps") == log.written);
    let bytes = files.values_mut().next().expect("one segment");
    bytes.truncate(bytes.len() - 12);
    let torn = verified(&files).expect("verifies");
    assert_eq!(torn.verdict(), Verdict::Intact);
    // The torn frame's header is whole, and promises what the first one holds.
    assert_eq!(
        (torn.records, torn.unproven_records, torn.torn_bytes),
        (1, 0, 500)
    );
    assert!(dumped(&files, None).expect("dumps") == log.written[..1]);
}

/// Whether an open or a replay would refuse, and the offset that is named.
fn check(files: &Files, at: usize, is_read: bool) {
    let report = verified(files).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Damaged, "{:?}", report.findings);
    let offsets = report.findings.iter().map(|finding| finding.place().1);
    assert!(
        offsets.into_iter().any(|offset| offset == at as u64),
        "{:?}",
        report.findings
    );
    let is_rot = |finding: &Finding| matches!(finding, Finding::Rot { .. });
    assert_eq!(
        report.findings.iter().all(is_rot),
        !is_read,
        "{:?}",
        report.findings
    );
    assert_eq!(replayed(files).is_err(), is_read);
}

#[test]
fn each_region_of_the_format_is_looked_at() {
    let (files, _) = closed(12);
    let middle = nth(&files, 1);
    let found = frames(&files[&middle]);
    let (frame, footer) = (found[1], found[found.len() - 1]);
    assert_eq!(footer.header.kind, FrameKind::Footer);
    let header = flipped(&files, &middle, 300, 1);
    check(&header, 0, true);
    let findings = verified(&header).expect("verifies").findings;
    assert_eq!(findings.len(), 1, "one damage is told once: {findings:?}");
    check(
        &flipped(&files, &middle, frame.offset + 36, 1),
        frame.offset,
        true,
    );
    check(
        &flipped(&files, &middle, frame.offset + 40, 1),
        frame.offset,
        true,
    );
    let payload = frame.offset + frame.bytes - 1;
    check(&flipped(&files, &middle, payload, 1), frame.offset, true);
    let padding = frame.offset + frame.bytes;
    check(&flipped(&files, &middle, padding, 1), padding, false);
    check(
        &flipped(&files, &middle, footer.offset + 20, 1),
        footer.offset,
        false,
    );
    let padding = footer.offset + footer.bytes;
    check(&flipped(&files, &middle, padding, 1), padding, false);
    let mut cut = files.clone();
    cut.get_mut(&middle)
        .expect("it is there")
        .truncate(footer.offset);
    check(&cut, footer.offset, false);
    let mut missing = files.clone();
    missing.remove(&middle);
    check(&missing, 0, true);
}

#[test]
fn bytes_behind_a_header_are_looked_at() {
    let mut log = Log::new(4096);
    log.append(10);
    log.close();
    let name = nth(&log.files(), 0);
    check(&flipped(&log.files(), &name, 4095, 1), 4095, false);
}

#[test]
fn all_damage_is_told_not_only_the_first() {
    let (files, _) = sealed(12);
    let mut damaged = files.clone();
    for (index, name) in files.keys().enumerate() {
        let frame = frames(&files[name])[index % 2];
        damaged = flipped(&damaged, name, frame.offset + 70, 1);
    }
    let report = verified(&damaged).expect("verifies");
    assert_eq!(report.findings.len(), files.len());
    assert_eq!(report.records, 12 - files.len() as u64);
}

#[test]
fn the_last_footer_is_all_that_nothing_vouches_for() {
    for (files, written) in [sealed(12), idle()] {
        let last = nth(&files, files.len() - 1);
        let footer = *frames(&files[&last]).last().expect("a footer");
        let without = flipped(&files, &last, footer.offset + 20, 1);
        let report = verified(&without).expect("verifies");
        assert_eq!(report.verdict(), Verdict::Intact);
        assert_eq!(report.torn_bytes, 512);
        assert!(replayed(&without).expect("replays") == written);
    }
}

#[test]
fn a_close_lets_the_next_header_vouch_for_the_footer() {
    let (files, _) = closed(12);
    let sealed = nth(&files, files.len() - 2);
    let footer = *frames(&files[&sealed]).last().expect("a footer");
    check(
        &flipped(&files, &sealed, footer.offset + 20, 1),
        footer.offset,
        false,
    );
}

/// A log whose last life wrote no record, and was closed: its last segment is nothing but a footer.
fn idle() -> (Files, Vec<WalRecord>) {
    let mut log = Log::new(512);
    log.append(20);
    log.close();
    log.reopen();
    log.close();
    (log.files(), log.written)
}

#[test]
fn what_is_not_the_logs_is_told_from_damage() {
    let check = |files: &Files, expect: fn(&Error) -> bool| {
        let report = verified(files).expect("verifies");
        assert_eq!(report.verdict(), Verdict::Foreign);
        let is_expected = |finding: &Finding| match finding {
            Finding::Refused(error) => expect(error),
            _ => false,
        };
        assert!(
            report.findings.iter().any(is_expected),
            "{:?}",
            report.findings
        );
        assert!(replayed(files).is_err());
    };
    let (files, _) = closed(5);
    let mut other = files.clone();
    other.insert("seg-copy.wal".into(), vec![1; 10]);
    check(&other, |error| matches!(error, Error::Foreign { .. }));
    let mut other = files.clone();
    let (name, bytes) = other.pop_last().expect("a segment");
    other.insert(name.replace("-0", "-9"), bytes);
    check(&other, |error| matches!(error, Error::Foreign { .. }));
    let mut other = files.clone();
    other.insert("wal-00000000000000000001.seg".into(), Vec::new());
    check(&other, |error| matches!(error, Error::Legacy { .. }));
    let mut other = files.clone();
    let bytes = other.values_mut().next().expect("a segment");
    bytes[8] = 2;
    let checksum = crc(&bytes[..508]);
    bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    check(&other, |error| {
        matches!(error, Error::Version { version: 2, .. })
    });
    let mut other = files.clone();
    retype(&mut other, 5, 0x9000);
    check(&other, |error| {
        matches!(
            error,
            Error::UnknownType {
                record_type: 0x9000,
                ..
            }
        )
    });
}

/// CRC-32C, bit by bit.
// Source: RFC 3720, 12.1 and B.4.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[test]
fn other_files_are_told_and_left_alone() {
    let (files, _) = closed(3);
    let disk = logs::disk_of(&files);
    disk.put(&logs::dir().join("next.wal.tmp"), vec![1; 100]);
    disk.put(&logs::dir().join("notes.txt"), vec![1; 100]);
    let report = seawall::verify_in(disk.env(), logs::dir(), None).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Intact);
    let kinds: Vec<OtherKind> = report.others.iter().map(|other| other.kind).collect();
    assert_eq!(kinds, [OtherKind::Temporary, OtherKind::Stranger]);
}

#[test]
fn a_directory_without_a_log_is_an_error() {
    let none = verified(&Files::new());
    assert!(matches!(none, Err(Error::NoLog { .. })));
    assert!(matches!(
        dumped(&Files::new(), None),
        Err(Error::NoLog { .. })
    ));
}

#[test]
fn a_log_in_use_is_refused_and_one_without_a_lock_file_is_not() {
    let scratch = tempfile::tempdir().expect("a directory");
    let wal = seawall::WalManager::open_for_testing(scratch.path()).expect("opens");
    assert!(matches!(
        seawall::verify(scratch.path(), None),
        Err(Error::Locked { .. })
    ));
    assert!(matches!(
        seawall::dump(scratch.path(), None, None),
        Err(Error::Locked { .. })
    ));
    wal.close().expect("closes");
    drop(wal);
    #[allow(clippy::disallowed_methods)] // From outside, past the log and its door.
    std::fs::remove_file(scratch.path().join("LOCK")).expect("removes");
    let report = seawall::verify(scratch.path(), None).expect("verifies");
    assert_eq!(report.verdict(), Verdict::Intact);
    assert!(!scratch.path().join("LOCK").exists());
}

#[test]
fn a_dump_begins_where_it_is_told_and_shows_unknown_types() {
    let (mut files, mut written) = closed(12);
    retype(&mut files, 4, 77);
    retype(&mut files, 9, 0x9000);
    (written[3].header.record_type, written[8].header.record_type) = (77, 0x9000);
    assert!(dumped(&files, None).expect("dumps") == written);
    assert!(dumped(&files, Some(Lsn::new(8))).expect("dumps") == written[7..]);
    assert!(
        dumped(&files, Some(Lsn::new(100)))
            .expect("dumps")
            .is_empty()
    );
    let report = verified(&files).expect("verifies");
    assert_eq!(
        (
            report.unknown_optional_records,
            report.unknown_required_records
        ),
        (1, 1)
    );
}

#[test]
fn a_dump_below_the_low_water_mark_is_an_error() {
    let mut log = Log::new(512);
    for _ in 0..12 {
        log.append(300);
        log.sync();
    }
    log.wal().truncate_before(Lsn::new(6)).expect("truncates");
    let mark = log.wal().low_water_lsn();
    assert!(mark > Lsn::new(1));
    let files = log.files();
    let below = dumped(&files, Some(Lsn::new(1)));
    assert!(matches!(below, Err(Error::BelowLowWater { low_water, .. }) if low_water == mark));
    let report = verified(&files).expect("verifies");
    assert_eq!(
        (report.verdict(), report.low_water_lsn),
        (Verdict::Intact, mark)
    );
    assert_eq!(report.first_lsn, Some(mark));
}

#[test]
fn a_header_whose_two_promises_differ_is_refused_by_all() {
    let mut log = Log::new(512);
    for _ in 0..3 {
        log.append(10);
    }
    log.sync();
    let mut files = log.files();
    assert_eq!(compare(&files), Verdict::Intact);
    let bytes = files.values_mut().next().expect("one segment");
    // Forged: two of the three records of a frame, but not the frame.
    let mut header = SegmentHeader::decode(bytes).expect("an intact header");
    header.durable_lsn = Lsn::new(2);
    bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    assert_eq!(compare(&files), Verdict::Damaged);
    let opened = replayed(&files);
    assert!(matches!(opened, Err(Error::Corrupt { offset: 512, .. })));
    assert!(dumped(&files, None).is_err());
}

/// Holds the verdict of verify against those of an open, a replay and a dump.
fn compare(files: &Files) -> Verdict {
    let verdict = match verified(files) {
        Ok(report) => report.verdict(),
        Err(Error::NoLog { .. }) => return Verdict::Intact,
        Err(error) => panic!("{error}"),
    };
    match (verdict, replayed(files)) {
        (Verdict::Intact, Ok(records)) => {
            assert!(dumped(files, None).expect("dumps") == records, "two truths");
        }
        (Verdict::Intact, Err(error)) => panic!("called intact: {error}"),
        (Verdict::Damaged | Verdict::Foreign, _) => {}
    }
    verdict
}

#[test]
fn every_flipped_byte_is_found() {
    let mut reopened = Log::new(512);
    for index in 0..4 {
        reopened.append(150 * index);
        reopened.close();
        reopened.reopen();
    }
    reopened.append(10);
    reopened.close();
    let reopened = (reopened.files(), reopened.written.clone());
    for (files, written) in [closed(12), reopened, sealed(12), idle()] {
        assert_eq!(compare(&files), Verdict::Intact);
        // Only where the log ends with a footer, nothing vouches for that.
        let last = nth(&files, files.len() - 1);
        let footer = frames(&files[&last])
            .last()
            .map_or(usize::MAX, |footer| footer.offset);
        for (name, bytes) in &files {
            for at in 0..bytes.len() {
                let damaged = flipped(&files, name, at, 0xff >> (at % 8));
                let verdict = compare(&damaged);
                let is_last_footer = *name == last && at >= footer;
                match is_last_footer {
                    false => assert_eq!(verdict, Verdict::Damaged, "{name}, byte {at}"),
                    true => {
                        assert_eq!(verdict, Verdict::Intact);
                        assert!(replayed(&damaged).expect("replays") == written);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Sync,
    Truncate,
    Reopen { close: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..1500usize).prop_map(Step::Append),
        4 => Just(Step::Sync),
        1 => Just(Step::Truncate),
        2 => any::<bool>().prop_map(|close| Step::Reopen { close }),
    ]
}

proptest! {
    #![proptest_config(logs::cases(200))]

    #[test]
    fn verify_and_open_agree_on_any_log_damaged_or_not(
        alignment in prop::sample::select(vec![512, 1024, 4096]),
        steps in prop::collection::vec(step(), 1..30),
        damages in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 0..3),
        cut in prop::option::of((any::<Index>(), any::<Index>())),
        removed in prop::option::weighted(0.1, any::<Index>()),
    ) {
        let mut log = Log::new(alignment);
        for step in &steps {
            match step {
                Step::Append(length) => log.append(*length),
                Step::Sync => log.sync(),
                Step::Truncate => {
                    log.sync();
                    let half = Lsn::new(1 + log.written.len() as u64 / 2);
                    log.wal().truncate_before(half).expect("truncates");
                }
                Step::Reopen { close } => {
                    if *close {
                        log.close();
                    }
                    log.reopen();
                    let kept = log.wal().durable_lsn().as_u64() as usize;
                    log.written.truncate(kept);
                }
            }
        }
        let mut files = log.files();
        prop_assert_eq!(compare(&files), Verdict::Intact);
        for (file, at, by) in damages {
            let name = nth(&files, file.index(files.len()));
            if !files[&name].is_empty() {
                files = flipped(&files, &name, at.index(files[&name].len()), by);
            }
        }
        if let Some((file, at)) = cut {
            let name = nth(&files, file.index(files.len()));
            let bytes = files.get_mut(&name).expect("it is there");
            bytes.truncate(at.index(bytes.len()));
        }
        if let Some(file) = removed {
            let name = nth(&files, file.index(files.len()));
            files.remove(&name);
        }
        compare(&files);
        // It must come to an end, whatever it finds.
        drop(logs::salvaged(&files));
    }
}

#[test]
fn the_types_of_the_tests_are_known() {
    assert_eq!(RecordType::from_number(77), None);
    assert_eq!(RecordType::from_number(0x9000), None);
}
