//! The inputs that the corpus starts from, by name.
//!
//! The test at the end writes them; it is ignored since the files are committed. It removes
//! nothing: inputs that the fuzzer found stay.

use std::path::Path;

use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::{FRAME_HEADER_BYTES, FrameKind};
use seawall::format::header::SegmentHeader;
use seawall::{Lsn, TenantId, VShardId};

use crate::fuzz::decode_frame::{OFFSET, segment};
use crate::fuzz::disk::Disk;
use crate::fuzz::structured::segment_name;
use crate::legacy;

pub type Seed = (&'static str, Vec<u8>);

/// Mode bytes of both targets.
const AS_IS: u8 = 0;
const CHECKSUMS_MADE: u8 = 1;
const STEPS: u8 = 1;
const LITTLE_SPACE: u8 = 2;
const SMALL_SEGMENTS: u8 = 64;
const CLOSED: u8 = 128;

fn image(kind: FrameKind, payloads: &[&[u8]]) -> Vec<u8> {
    let segment = segment();
    let place = Place {
        segment: &segment,
        offset: OFFSET,
        last_lsn: Lsn::new(9),
        durable_lsn: Lsn::new(9),
        durable_end: 512,
        low_water_lsn: Lsn::new(2),
    };
    let mut buffer = FrameBuffer::with_capacity(0);
    for (payload, lsn) in payloads.iter().zip(10..) {
        let (tenant, vshard) = (TenantId::new(5), VShardId::new(6));
        buffer.push(Lsn::new(lsn), 0x8001, tenant, vshard, payload);
    }
    match payloads.is_empty() {
        true => buffer.encode_bare(kind, &[], &place, None).to_vec(),
        false => buffer.encode(&place, None).to_vec(),
    }
}

/// An image with a few bytes changed, cut to `length`.
fn changed(mode: u8, image: &[u8], at: usize, bytes: &[u8], length: usize) -> Vec<u8> {
    let mut image = image[..length].to_vec();
    image[at..at + bytes.len()].copy_from_slice(bytes);
    image.insert(0, mode);
    image
}

fn frames() -> Vec<Seed> {
    let two = image(FrameKind::Records, &[b"first", &[8; 100]]);
    let header = segment().encode();
    let (mark, footer) = (
        image(FrameKind::Records, &[]),
        image(FrameKind::Footer, &[]),
    );
    let frame = |at, bytes: &[u8]| changed(CHECKSUMS_MADE, &two, at, bytes, two.len());
    vec![
        ("two_records", changed(AS_IS, &two, 0, &[], two.len())),
        (
            "a_bare_mark",
            changed(AS_IS, &mark, 0, &[], FRAME_HEADER_BYTES),
        ),
        (
            "a_footer",
            changed(AS_IS, &footer, 0, &[], FRAME_HEADER_BYTES),
        ),
        ("a_segment_header", changed(AS_IS, &header, 0, &[], 512)),
        ("a_newer_version", changed(AS_IS, &header, 8, &[2], 512)),
        (
            "a_header_with_reserved_bytes",
            changed(CHECKSUMS_MADE, &header, 200, &[1], 512),
        ),
        (
            "a_block_of_no_power_of_two",
            changed(CHECKSUMS_MADE, &header, 12, &[1], 512),
        ),
        (
            "a_flipped_bit_in_the_body",
            changed(AS_IS, &two, 80, &[255], two.len()),
        ),
        ("a_body_cut_short", changed(AS_IS, &two, 0, &[], 100)),
        ("a_body_of_four_gigabytes", frame(36, &[255; 4])),
        (
            "an_entry_beyond_the_body",
            frame(FRAME_HEADER_BYTES + 8, &[255; 4]),
        ),
        ("more_records_than_entries", frame(32, &[3])),
        ("fewer_records_than_entries", frame(32, &[1])),
        ("the_last_lsn_there_is", frame(24, &[255; 8])),
        ("a_promise_beyond_the_frame", frame(40, &[12])),
        ("an_unknown_kind", frame(4, &[3])),
    ]
}

/// Steps of the structured mode: the numbers are departures from the right ones.
fn new_segment(departures: [u8; 9]) -> Vec<u8> {
    [&[0], &departures[..]].concat()
}

fn records(lengths: &[u8], departures: [u8; 6]) -> Vec<u8> {
    let mut step = vec![1, lengths.len() as u8];
    step.extend(lengths.iter().flat_map(|length| [*length, 0]));
    step.extend(departures);
    step
}

fn bare(kind: FrameKind, mark: u8) -> Vec<u8> {
    vec![3, kind as u8 - 1, mark, 0, 0, 0, 0, 0, 0]
}

fn cut(back: u8) -> Vec<u8> {
    vec![5, 0, back, 0]
}

fn flip(back: u8) -> Vec<u8> {
    vec![5, 1, back, 0]
}

const RIGHT: [u8; 9] = [0; 9];

fn steps(mode: u8, steps: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![STEPS | mode];
    // How much space there is: none.
    bytes.extend((mode & LITTLE_SPACE != 0).then_some(0));
    bytes.extend(steps.concat());
    bytes
}

/// A log as the library writes it, in the mode that takes the files as they are.
pub fn written(close: bool, spoil: impl Fn(&mut SegmentHeader)) -> Vec<u8> {
    let disk = Disk::with_space(1 << 20);
    let wal = disk.open_log(Path::new("/log"), None).expect("opens");
    for length in [10, 700, 300, 0, 900] {
        let (tenant, vshard) = (TenantId::new(1), VShardId::new(2));
        let appended = wal.append_put(tenant, vshard, &vec![length as u8; length]);
        appended.expect("appends");
        wal.sync().expect("syncs");
    }
    if close {
        wal.close().expect("closes");
    }
    let mut bytes = vec![AS_IS];
    for (_, mut content) in disk.segments(Path::new("/log")) {
        let mut header = SegmentHeader::decode(&content).expect("it was just written");
        spoil(&mut header);
        content[..512].copy_from_slice(&header.encode());
        bytes.extend([header.segment_id as u8, header.first_lsn.as_u64() as u8]);
        bytes.extend((content.len() as u16).to_le_bytes());
        bytes.extend(content);
    }
    bytes
}

fn directories() -> Vec<Seed> {
    let (start, mark) = (|| new_segment(RIGHT), FrameKind::Records);
    let frame = |lengths: &[u8]| records(lengths, [0; 6]);
    let footer = || bare(FrameKind::Footer, 0);
    assert_eq!(
        segment_name(1, 1),
        "seg-0000000001-00000000000000000001.wal"
    );
    let mut other_block = RIGHT;
    other_block[1] = 2;
    let mut missing = RIGHT;
    missing[6] = 128;
    let mut vouching = RIGHT;
    vouching[4] = 2;
    let mut last_number = RIGHT;
    last_number[0] = 252;
    vec![
        ("an_empty_directory", steps(0, &[])),
        ("a_segment_without_records", steps(0, &[start()])),
        (
            "a_closed_segment",
            steps(CLOSED, &[start(), frame(&[3]), frame(&[9, 0]), footer()]),
        ),
        (
            "a_torn_tail",
            steps(0, &[start(), frame(&[3]), frame(&[200]), cut(30)]),
        ),
        (
            "a_cut_within_padding",
            steps(0, &[start(), frame(&[3]), bare(mark, 0), cut(4)]),
        ),
        (
            "a_flip_below_a_promise",
            steps(
                0,
                &[start(), frame(&[3]), flip(30), frame(&[3]), frame(&[3])],
            ),
        ),
        (
            "two_segments",
            steps(
                SMALL_SEGMENTS,
                &[start(), frame(&[3, 4]), footer(), start(), frame(&[5])],
            ),
        ),
        (
            "two_block_sizes",
            steps(
                4,
                &[start(), frame(&[3]), new_segment(other_block), frame(&[5])],
            ),
        ),
        (
            "a_missing_segment",
            steps(
                0,
                &[start(), frame(&[3]), new_segment(missing), frame(&[5])],
            ),
        ),
        (
            "a_truncated_log",
            steps(
                0,
                &[start(), frame(&[3]), start(), frame(&[5]), bare(mark, 1)],
            ),
        ),
        (
            "a_stale_frame",
            steps(0, &[start(), frame(&[3]), vec![6], frame(&[3])]),
        ),
        (
            "files_of_other_kinds",
            steps(0, &[start(), frame(&[3]), vec![7, 0, 7, 2, 7, 3]]),
        ),
        ("a_legacy_segment", steps(0, &[vec![7, 1]])),
        (
            "two_files_for_a_segment",
            steps(0, &[start(), vec![7, 4, 0, 0], frame(&[3])]),
        ),
        (
            "a_full_disk",
            steps(LITTLE_SPACE, &[start(), frame(&[3]), frame(&[9, 9])]),
        ),
        (
            "a_full_disk_and_a_cut",
            steps(LITTLE_SPACE, &[start(), frame(&[3]), cut(4)]),
        ),
        (
            "a_promise_within_a_frame",
            steps(0, &[new_segment(vouching), frame(&[3, 3, 3])]),
        ),
        (
            "a_promise_beyond_a_footer",
            steps(0, &[new_segment(vouching), footer()]),
        ),
        (
            "a_number_without_a_next",
            steps(0, &[new_segment(last_number), frame(&[3])]),
        ),
        (
            "a_bad_block_behind_the_last_record",
            steps(0, &[start(), frame(&[3]), vec![6], start()]),
        ),
        ("a_log_that_was_closed", written(true, |_| ())),
        ("a_log_that_was_not_closed", written(false, |_| ())),
        (
            "a_log_with_another_id",
            written(true, |header| header.log_id[0] ^= header.segment_id as u8),
        ),
        (
            "a_log_with_wrong_salts",
            written(true, |header| header.salt[0] ^= 1),
        ),
    ]
}

/// A file of a legacy log as the target reads it: so many right checksums, a length, bytes.
fn old_file(right: u8, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u16;
    [&[right][..], &length.to_le_bytes(), bytes].concat()
}

pub fn old_record(lsn: u64, record_type: u16, payload: &[u8]) -> Vec<u8> {
    let header = seawall::RecordHeader {
        record_type,
        lsn,
        tenant_id: 3,
        vshard_id: 4,
    };
    let payload = payload.to_vec();
    legacy::encode(&seawall::WalRecord { header, payload })
}

/// Logs of the legacy format: see the modes of `migrate_legacy`.
fn old_logs() -> Vec<Seed> {
    let three = [
        old_record(1, 0x8001, b"one"),
        old_record(2, 0x8002, b"two"),
        old_record(4, 30, b""),
    ];
    let all = three.concat();
    let with = |mode: &[u8], file: &[u8]| [mode, file].concat();
    let copy = [&[1, three[1].len() as u8][..], &three[1]].concat();
    let mut damaged = all.clone();
    damaged[40] ^= 1;
    let mut blank = all.clone();
    blank[33..66].fill(0);
    let last = old_file(9, &old_record(5, 0x8001, b"five"));
    let two = |first: &[u8]| [&[34, 0, 4][..], &last, &old_file(9, first)].concat();
    let noop = old_record(5, 0, b"nothing");
    let encrypted = old_record(1, 0xC001, &[9; 20]);
    vec![
        ("a_directory_of_one_file", with(&[2, 0], &old_file(9, &all))),
        ("a_directory_of_two_files", two(&all)),
        ("a_directory_with_a_missing_file", two(&three[0])),
        (
            "a_truncated_log_of_before",
            with(&[2, 7], &old_file(9, &old_record(9, 0x8001, b"x"))),
        ),
        ("a_single_file", with(&[3], &old_file(9, &all))),
        (
            "a_single_file_of_another_kind",
            with(&[1], &old_file(0, b"nothing of the sort, at length")),
        ),
        (
            "a_torn_old_log",
            with(&[2, 0], &old_file(2, &all[..all.len() - 1])),
        ),
        (
            "an_old_log_padded_with_zeros",
            with(&[2, 0], &old_file(9, &[&all[..], &[0; 90]].concat())),
        ),
        (
            "a_noop_at_the_end",
            with(&[2, 0], &old_file(9, &[&all[..], &noop].concat())),
        ),
        (
            "an_old_log_on_a_full_disk",
            with(&[18, 9, 0], &old_file(9, &all)),
        ),
        (
            "an_encrypted_record_without_its_key",
            with(&[6, 0], &old_file(9, &encrypted)),
        ),
        (
            "an_unknown_type_that_may_be_passed_over",
            with(&[2, 0], &old_file(9, &old_record(1, 0x0FFF, b"x"))),
        ),
        (
            "an_unknown_type_that_is_required",
            with(&[2, 0], &old_file(9, &old_record(1, 0x8FFF, b"x"))),
        ),
        (
            "a_damaged_record_with_its_copy",
            with(&[8, 0], &with(&copy, &old_file(0, &damaged)[1..])),
        ),
        (
            "a_blank_record_with_its_copy",
            with(&[8, 0], &with(&copy, &old_file(0, &blank)[1..])),
        ),
        (
            "a_damaged_record_without_its_copy",
            with(&[0, 0], &old_file(0, &damaged)[1..]),
        ),
    ]
}

#[test]
#[ignore = "writes the corpus, which is committed"]
fn write_the_corpus() {
    for (target, seeds) in [
        ("decode_frame", frames()),
        ("open_directory", directories()),
        ("migrate_legacy", old_logs()),
        ("open_files", crate::files::mixed()),
        ("open_sealed", crate::files::sealed()),
    ] {
        let directory = crate::directory(target);
        std::fs::create_dir_all(&directory).expect("creates");
        for (name, bytes) in seeds {
            std::fs::write(directory.join(name), bytes).expect("writes");
        }
    }
}
