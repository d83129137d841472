//! Direct I/O by hand: a file system that has none, and devices with large blocks.
//!
//! *Verified:* a refusal is told at open, by a typed error with words that help, and leaves the
//! disk as it was; a log's blocks grow to what the device tells; where it tells nothing, the first
//! write of the open does, and no log is poisoned.
//! *Not verified:* real devices: `tests/` opens logs with direct I/O where the machine has it.

#[path = "crash_support/case.rs"]
mod case;

use std::error::Error as _;

use seawall::{Error, WalConfig, WalManager, WalTuning};
use seawall_sim::disk::{Knobs, Strategy};

use case::{BLOCK, Case, LOG, durable, payloads, segment};

fn open(case: &Case, use_direct_io: bool, alignment: usize) -> Result<WalManager, Error> {
    let config = WalConfig {
        use_direct_io,
        segment_target_size: case.segment_bytes,
        tuning: WalTuning {
            write_buffer_size: BLOCK,
            alignment,
        },
    };
    case.try_open_as(LOG, config)
}

fn with_a_past(knobs: Knobs) -> Case {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"old");
    case.cut(wal, Strategy::LoseAll);
    case.knobs(knobs);
    case
}

/// Checks that direct I/O is refused, in these words, that the disk is as it was, and that the log
/// still opens without.
fn check_refused(case: &Case, alignment: usize, words: &str) {
    let before = case.image();
    let error = open(case, true, alignment).err().expect("it is refused");
    assert!(matches!(error, Error::DirectIoRefused { .. }), "{error}");
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(case.image(), before);
    let wal = open(case, false, alignment).expect("it opens buffered");
    durable(&wal, b"new");
    case.cut(wal, Strategy::LoseAll);
}

#[test]
fn a_file_system_without_direct_io_is_told_at_open() {
    let case = with_a_past(Knobs {
        direct_refused: true,
        ..Knobs::default()
    });
    check_refused(&case, BLOCK, "the file system does not have it");
    let wal = open(&case, false, BLOCK).expect("it opens buffered");
    assert_eq!(payloads(&wal), [&b"old"[..], b"new"]);
}

#[test]
fn the_error_of_the_operating_system_is_the_source() {
    let case = with_a_past(Knobs {
        direct_refused: true,
        ..Knobs::default()
    });
    let error = open(&case, true, BLOCK).err().expect("it is refused");
    let source = error.source().expect("it has one").to_string();
    assert!(source.contains("Invalid argument"), "{source}");
}

#[test]
fn a_device_that_tells_its_blocks_gets_blocks_as_large() {
    let case = with_a_past(Knobs {
        direct_alignment: 4096,
        ..Knobs::default()
    });
    let wal = open(&case, true, BLOCK).expect("the device is told, so its blocks are known");
    durable(&wal, b"one");
    durable(&wal, b"two");
    // A header, the old record's copy, and a block for each new one.
    assert_eq!(case.bytes_of(&segment(2, 1)).len(), 4 * 4096);
    case.cut(wal, Strategy::LoseAll);
    let wal = open(&case, true, BLOCK).expect("it opens again");
    assert_eq!(payloads(&wal), [&b"old"[..], b"one", b"two"]);
}

#[test]
fn blocks_larger_than_the_device_needs_stay() {
    let case = with_a_past(Knobs::default());
    let wal = open(&case, true, 2048).expect("it opens");
    durable(&wal, b"one");
    assert_eq!(case.bytes_of(&segment(2, 1)).len(), 3 * 2048);
}

#[test]
fn a_device_that_does_not_tell_its_blocks_says_so_at_the_first_write() {
    let case = with_a_past(Knobs {
        direct_alignment: 4096,
        direct_alignment_told: false,
        ..Knobs::default()
    });
    check_refused(&case, BLOCK, "no blocks of this alignment");
    let wal = open(&case, true, 4096).expect("these blocks are large enough");
    assert_eq!(durable(&wal, b"newer").as_u64(), 3);
}

#[test]
fn a_log_that_is_not_there_yet_is_refused_as_well() {
    let case = Case::on(seawall_sim::disk::Disk::new(Knobs {
        direct_refused: true,
        ..Knobs::default()
    }));
    let error = open(&case, true, BLOCK).err().expect("it is refused");
    assert!(matches!(error, Error::DirectIoRefused { .. }), "{error}");
    assert_eq!(case.segments().len(), 0);
}

#[test]
fn a_device_with_blocks_beyond_the_format_is_refused() {
    let case = with_a_past(Knobs {
        direct_alignment: 128 << 10,
        ..Knobs::default()
    });
    check_refused(&case, BLOCK, "larger alignment than a log can have");
}
