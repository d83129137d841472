//! The inputs that the corpora of `open_files` and `open_sealed` start from, by name.

use super::seeds::{Seed, old_record, written};

/// A file as `open_files` reads it: which name, whether its checksum is made right, its content.
fn file(name: u8, is_right: bool, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![name, u8::from(is_right)];
    bytes.extend((content.len() as u16).to_le_bytes());
    bytes.extend(content);
    bytes
}

/// A list of migrated files: room for the checksum, and a map in MessagePack.
fn list(length: u8) -> Vec<u8> {
    let name = b"wal-00000000000000000001.seg";
    let mut bytes = vec![0; 4];
    bytes.extend([0x81, 0xa0 | name.len() as u8]);
    bytes.extend(name);
    bytes.extend([0xcc, length]);
    bytes
}

fn with(key: u8, files: &[Vec<u8>]) -> Vec<u8> {
    [&[key][..], &files.concat()].concat()
}

/// See the names in `open_files`.
pub fn mixed() -> Vec<Seed> {
    let old = old_record(1, 1, b"old");
    let length = old.len() as u8;
    let segment = |bytes: Vec<u8>| {
        // Without the mode; each file has its two numbers, then its length and its bytes.
        let (numbers, rest) = bytes[1..].split_at(2);
        [&[9, numbers[0], numbers[1], 0], rest].concat()
    };
    let new = segment(written(true, |_| {}));
    vec![
        (
            "a_list_of_what_was_migrated",
            with(0, &[file(0, true, &list(length)), file(7, false, &old)]),
        ),
        (
            "a_list_that_does_not_fit",
            with(0, &[file(0, true, &list(length + 1)), file(7, false, &old)]),
        ),
        (
            "a_list_that_is_torn",
            with(0, &[file(0, false, &list(length)), file(7, false, &old)]),
        ),
        ("a_list_alone", with(0, &[file(0, true, &list(length))])),
        (
            "an_unfinished_migration",
            with(0, &[file(1, false, &[]), file(7, false, &old)]),
        ),
        (
            "an_unfinished_migration_alone",
            with(1, &[file(1, false, &[])]),
        ),
        (
            "an_unfinished_salvage",
            with(0, &[file(2, false, &[]), new.clone()]),
        ),
        (
            "a_segment_in_the_making",
            with(0, &[file(3, true, &[1; 512]), file(4, true, &[2; 600])]),
        ),
        (
            "a_lock_and_a_key",
            with(1, &[file(5, false, &[]), file(6, false, &[3; 32])]),
        ),
        (
            "a_key_that_is_too_long",
            with(0, &[file(6, false, &[3; 33])]),
        ),
        (
            "a_log_beside_an_old_one",
            with(0, &[new.clone(), file(7, false, &old)]),
        ),
        (
            "a_migrated_log",
            with(
                0,
                &[new, file(0, true, &list(length)), file(7, false, &old)],
            ),
        ),
        (
            "copies_of_torn_pages",
            with(0, &[file(7, true, &old), file(8, false, &[0; 100])]),
        ),
    ]
}

/// See the changes in `open_sealed`.
pub fn sealed() -> Vec<Seed> {
    let log = |mode: u8, changes: &[&[u8]]| {
        let mut bytes = vec![mode];
        bytes.extend((0..mode & 127).map(|number| number * 20));
        bytes.extend(changes.concat());
        bytes
    };
    vec![
        ("a_sealed_log", log(6, &[])),
        ("a_sealed_log_that_was_closed", log(128 + 6, &[])),
        ("an_empty_sealed_log", log(0, &[&[0, 0, 3, 0, 1]])),
        ("a_flip_in_a_sealed_body", log(6, &[&[0, 0, 80, 2, 4]])),
        ("a_flip_made_right", log(6, &[&[0, 0, 80, 2, 4], &[4, 0]])),
        ("a_header_made_right", log(6, &[&[0, 0, 60, 0, 1], &[4, 0]])),
        ("a_sealed_log_cut_short", log(8, &[&[1, 1, 2]])),
        ("a_sealed_frame_moved", log(8, &[&[2, 0, 1, 0, 2], &[4, 0]])),
        (
            "a_sealed_frame_of_another_segment",
            log(8, &[&[2, 0, 1, 1, 1], &[4, 0]]),
        ),
        ("sealed_segments_swapped", log(9, &[&[3, 0, 1]])),
        ("a_header_of_another_segment", log(9, &[&[2, 1, 0, 0, 0]])),
        (
            "a_sealed_log_without_its_footer",
            log(128 + 5, &[&[1, 0, 3]]),
        ),
    ]
}
