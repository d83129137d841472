//! Damage to what was durable: it is told, with file, offset and LSN, and never cut silently.
//!
//! *Verified:* a damaged record below the durable promise is corrupt, at open in the last segment,
//! for a reader in an earlier one; a footer vouches for the last record of a closed log; a flip of
//! any byte of a log shows as an error or not at all, and costs without an error at most the last
//! batch of a log that was not closed; missing segments, other versions, foreign files and logs
//! are refused, and the directory stays as it is.
//! *Not verified:* what no log can know: that the newest segment, or the very last batch, is gone.

#[path = "crash_support/case.rs"]
mod case;

use seawall::format::header::SegmentHeader;
use seawall::{Error, Lsn, RecordType, TenantId, VShardId, WalManager};
use seawall_sim::disk::Strategy;

use case::{BLOCK, Case, LOG, assert_corrupt, durable, payloads, segment};

/// Where the checksum of a segment header is, and what it covers.
const HEADER_CHECKSUM_AT: usize = BLOCK - 4;

/// A log with three records in its first segment and two in its second, one frame each.
fn two_segments(case: &mut Case) -> WalManager {
    case.segment_bytes = 4 * BLOCK as u64;
    let wal = case.open();
    for payload in ["one", "two", "three", "four", "five"] {
        durable(&wal, payload.as_bytes());
    }
    assert_eq!(case.segments().len(), 2);
    wal
}

#[test]
fn a_damaged_record_below_the_promise_is_corrupt() {
    for offset in [BLOCK, BLOCK + 40, BLOCK + 64, BLOCK + 76] {
        let case = Case::new();
        let wal = case.open();
        durable(&wal, b"one");
        durable(&wal, b"two");
        case.cut(wal, Strategy::LoseAll);
        case.damage(&segment(1, 1), offset);
        let before = case.image();
        // The second frame promises the first record.
        assert_corrupt(case.try_open(), &segment(1, 1), BLOCK as u64, 1);
        assert_eq!(case.image(), before, "evidence is kept");
    }
}

#[test]
fn a_damaged_record_of_an_earlier_segment_is_corrupt_for_readers() {
    let mut case = Case::new();
    let wal = two_segments(&mut case);
    // A reader of a log that is open.
    case.damage(&segment(1, 1), 2 * BLOCK + 64);
    assert_corrupt(wal.replay(), &segment(1, 1), 2 * BLOCK as u64, 2);
    let from_four = wal.replay_from(seawall::Lsn::new(4));
    assert_eq!(from_four.expect("they are intact").len(), 2);
    // And of the next life, which can still write.
    case.cut(wal, Strategy::LoseAll);
    let wal = case.open();
    assert_corrupt(wal.replay(), &segment(1, 1), 2 * BLOCK as u64, 2);
    durable(&wal, b"six");
}

#[test]
fn a_reader_gives_what_precedes_the_damage_and_nothing_behind_it() {
    let mut case = Case::new();
    let wal = two_segments(&mut case);
    case.damage(&segment(1, 1), 3 * BLOCK + 64);
    let mut reader = wal.reader().expect("the log is open");
    for payload in [b"one", b"two"] {
        let record = reader.next().expect("it is there").expect("it is intact");
        assert_eq!(record.payload, payload);
    }
    let damaged = reader.next().expect("it does not end quietly");
    assert_corrupt(damaged, &segment(1, 1), 3 * BLOCK as u64, 3);
    assert!(reader.next().is_none());
}

#[test]
fn a_frame_in_the_place_of_another_one_is_corrupt() {
    let case = Case::new();
    let wal = case.open();
    // Two frames of the same segment and LSN, one behind the other.
    for name in ["one", "two"] {
        wal.set_hold(name, Lsn::new(1)).expect("it is set");
    }
    for payload in [b"one", b"two"] {
        durable(&wal, payload);
    }
    case.cut(wal, Strategy::LoseAll);
    let file = segment(1, 1);
    let first = case.bytes_of(&file)[BLOCK..2 * BLOCK].to_vec();
    case.overwrite(&file, 2 * BLOCK, &first);
    assert_corrupt(case.try_open(), &file, 2 * BLOCK as u64, 1);
}

#[test]
fn a_footer_vouches_for_the_last_record_of_a_closed_log() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"only");
    wal.close().expect("it closes");
    case.cut(wal, Strategy::LoseAll);
    case.damage(&segment(1, 1), BLOCK + 64);
    // So does the header of the segment behind it, so that an open need not look.
    let whole = case.fork();
    assert_corrupt(whole.open().replay(), &segment(1, 1), BLOCK as u64, 1);
    case.remove(&segment(2, 2));
    assert_corrupt(case.try_open(), &segment(1, 1), BLOCK as u64, 1);
}

/// Flips each byte of each segment of a log in turn. Returns the fewest records that were shown
/// without an error.
fn flip_everything(case: &Case, written: &[Vec<u8>]) -> usize {
    let mut fewest = written.len();
    for name in case.segments() {
        let file = format!("{}/{name}", case::LOG);
        for offset in 0..case.bytes_of(&file).len() {
            let case = case.fork();
            case.damage(&file, offset);
            let shown = case.try_open().and_then(|wal| wal.replay());
            let records = match shown {
                Ok(records) => records,
                Err(Error::Corrupt { .. } | Error::Foreign { .. } | Error::Version { .. }) => {
                    continue;
                }
                Err(error) => panic!("byte {offset} of {name}: {error}"),
            };
            for (record, payload) in records.iter().zip(written) {
                assert_eq!(&record.payload, payload, "byte {offset} of {name}");
            }
            fewest = fewest.min(records.len());
        }
    }
    fewest
}

#[test]
fn a_flip_of_any_byte_is_an_error_or_harmless_or_costs_the_last_batch() {
    let mut case = Case::new();
    let wal = two_segments(&mut case);
    let written = payloads(&wal);
    let closed = case.fork();
    case.cut(wal, Strategy::LoseAll);
    assert_eq!(flip_everything(&case, &written), written.len() - 1);
    closed.cut_with(Strategy::LoseAll, 0);
    let wal = closed.open();
    wal.close().expect("it closes");
    closed.cut(wal, Strategy::LoseAll);
    assert_eq!(flip_everything(&closed, &written), written.len());
}

#[test]
fn a_damaged_frame_of_holds_is_corrupt_once_anything_vouches_for_it() {
    let case = Case::new();
    let wal = case.open();
    wal.set_hold("replica", Lsn::new(1)).expect("sets");
    durable(&wal, b"one");
    case.cut(wal, Strategy::KeepAll);
    let path = format!("{LOG}/{}", case.segments()[0]);
    // The frame of holds comes first; the next one promises it.
    let fork = case.fork();
    fork.damage(&path, BLOCK + 70);
    assert_corrupt(fork.try_open(), &path, BLOCK as u64, 1);
    // A segment that begins with holds says so in its header.
    drop(case.open());
    let path = format!("{LOG}/{}", case.segments().last().expect("one is active"));
    case.damage(&path, BLOCK + 70);
    assert!(matches!(case.try_open(), Err(Error::Corrupt { .. })));
}

#[test]
fn a_missing_segment_before_the_last_is_corrupt() {
    let mut case = Case::new();
    case.segment_bytes = 1;
    let wal = case.open();
    for payload in [b"one", b"two", b"six"] {
        durable(&wal, payload);
    }
    case.cut(wal, Strategy::LoseAll);
    for missing in [1, 2] {
        let case = case.fork();
        case.remove(&segment(missing, missing));
        let before = case.image();
        let next = missing + 1;
        assert_corrupt(case.try_open(), &segment(next, next), 0, next - 1);
        assert_eq!(case.image(), before, "evidence is kept");
    }
}

#[test]
fn a_segment_shorter_than_the_next_one_says_is_corrupt() {
    let mut case = Case::new();
    let wal = two_segments(&mut case);
    case.cut(wal, Strategy::LoseAll);
    let bytes = case.bytes_of(&segment(1, 1));
    case.remove(&segment(1, 1));
    case.overwrite(&segment(1, 1), 0, &bytes[..3 * BLOCK]);
    assert_corrupt(case.try_open(), &segment(1, 1), 3 * BLOCK as u64, 3);
}

/// A log of one segment beside which `file` is put. The open must fail, and nothing may change.
fn is_refused(name: &str, bytes: &[u8], is_right: impl FnOnce(&Error) -> bool) {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"one");
    case.cut(wal, Strategy::LoseAll);
    case.overwrite(&format!("{}/{name}", case::LOG), 0, bytes);
    let before = case.image();
    let error = case.try_open().map(drop).expect_err("it is refused");
    assert!(is_right(&error), "{name}: {error}");
    case.cut_with(Strategy::KeepAll, 0);
    assert_eq!(case.image(), before, "{name}");
}

/// The first segment of another log, still without records.
fn foreign_segment() -> Vec<u8> {
    let elsewhere = Case::new().fork();
    drop(elsewhere.open());
    elsewhere.bytes_of(&segment(1, 1))
}

/// Gives a changed header its checksum.
fn seal_header(bytes: &mut [u8]) {
    let checksum = crc32c::crc32c(&bytes[..HEADER_CHECKSUM_AT]);
    bytes[HEADER_CHECKSUM_AT..BLOCK].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_newer_version_is_refused_and_nothing_changes() {
    let mut bytes = foreign_segment();
    bytes[8..12].copy_from_slice(&2u32.to_le_bytes());
    seal_header(&mut bytes);
    let is_version = |error: &Error| matches!(error, Error::Version { version: 2, .. });
    is_refused(
        "seg-0000000002-00000000000000000002.wal",
        &bytes,
        is_version,
    );
    // In place of the only segment as well: it is no reason to begin an empty log.
    is_refused(
        "seg-0000000001-00000000000000000001.wal",
        &bytes,
        is_version,
    );
}

#[test]
fn a_file_that_is_no_segment_is_refused_and_nothing_changes() {
    let is_foreign = |error: &Error| matches!(error, Error::Foreign { .. });
    is_refused(
        "seg-0000000002-00000000000000000002.wal",
        &[b'?'; 2 * BLOCK],
        is_foreign,
    );
}

#[test]
fn a_segment_of_another_log_is_refused_and_nothing_changes() {
    let is_foreign = |error: &Error| matches!(error, Error::Foreign { .. });
    let bytes = foreign_segment();
    // Under its own name it would replace ours, so it comes under the name of a later one, and
    // under one that fits its contents.
    is_refused(
        "seg-0000000002-00000000000000000002.wal",
        &bytes,
        is_foreign,
    );
    let mut renumbered = bytes;
    renumbered[32..40].copy_from_slice(&2u64.to_le_bytes());
    seal_header(&mut renumbered);
    is_refused(
        "seg-0000000002-00000000000000000001.wal",
        &renumbered,
        is_foreign,
    );
}

#[test]
fn a_segment_of_a_copy_of_the_log_is_no_part_of_it() {
    let mut case = Case::new();
    case.segment_bytes = 1;
    let wal = case.open();
    durable(&wal, b"one");
    wal.close().expect("it closes");
    drop(wal);
    // Log, numbers and LSNs are the same from here on, and only the salts and the payloads differ.
    let copy = case.fork();
    let go_on = |case: &Case, payload: &[u8]| {
        let wal = case.open();
        durable(&wal, payload);
        durable(&wal, b"six");
        wal.close().expect("it closes");
    };
    go_on(&case, b"two");
    go_on(&copy, b"TWO");
    // A close has made one of this LSN before it, which the open behind that has replaced.
    let second = segment(3, 2);
    case.overwrite(&second, 0, &copy.bytes_of(&second));
    let before = case.image();
    assert_corrupt(case.try_open(), &second, 0, 2);
    assert_eq!(case.image(), before, "evidence is kept");
}

#[test]
fn a_segment_under_another_name_is_refused_and_nothing_changes() {
    let check = |name: &str| {
        let case = Case::new();
        let wal = case.open();
        durable(&wal, b"one");
        wal.close().expect("it closes");
        drop(wal);
        let bytes = case.bytes_of(&segment(1, 1));
        case.remove(&segment(1, 1));
        case.overwrite(name, 0, &bytes);
        let before = case.image();
        let error = case.try_open().map(drop).expect_err("it is refused");
        assert!(matches!(error, Error::Foreign { .. }), "{name}: {error}");
        assert_eq!(case.image(), before, "{name}");
    };
    check(&segment(2, 1));
    check(&segment(1, 2));
}

#[test]
fn an_encrypted_segment_is_refused_and_nothing_changes() {
    let mut bytes = foreign_segment();
    // Source: src/format/format.md, "Segment header": the key's id.
    bytes[96..104].copy_from_slice(&7u64.to_le_bytes());
    seal_header(&mut bytes);
    let is_encrypted = |error: &Error| matches!(error, Error::Encrypted { .. });
    is_refused(
        "seg-0000000001-00000000000000000001.wal",
        &bytes,
        is_encrypted,
    );
}

/// Whether an older version could read on decides the last segment's header alone.
#[test]
fn a_new_segment_lists_the_required_types_of_those_before() {
    let mut case = Case::new();
    case.segment_bytes = 1;
    let wal = case.open();
    durable(&wal, b"put");
    let (tenant, shard) = (TenantId::new(1), VShardId::new(1));
    for required in [RecordType::Delete, RecordType::Transaction] {
        let lsn = wal.append_durable(required, tenant, shard, b"");
        lsn.expect("it is made durable");
    }
    durable(&wal, b"put");
    let newest = case.segments().pop().expect("there are segments");
    let bytes = case.bytes_of(&format!("{}/{newest}", case::LOG));
    let header = SegmentHeader::decode(&bytes).expect("a header");
    let required = [RecordType::Put, RecordType::Delete, RecordType::Transaction];
    assert_eq!(
        header.required.as_slice(),
        required.map(|required| required as u16)
    );
}

#[test]
fn a_segment_of_the_format_before_version_one_is_refused_and_nothing_changes() {
    let is_legacy = |error: &Error| matches!(error, Error::Legacy { .. });
    is_refused("wal-00000000000000000001.seg", b"old", is_legacy);
}
