//! Damaged records of the legacy format that have a copy in the double-write buffer.
//!
//! *Verified:* what is damaged in one place, in its header, or wholly, is taken from its copy, and a
//! torn last record, if any of it is there; a copy of anything else repairs nothing. *Not verified:*
//! buffers that are damaged themselves, for which there is the fuzz target `migrate_legacy`.

// Directories are laid out, and looked at, from outside.
#![allow(clippy::disallowed_methods)]

#[path = "support/legacy.rs"]
mod legacy;
#[path = "support/old_logs.rs"]
mod old_logs;

use seawall::migrate_dry_run;

use legacy::{copies, encode, file, name, put};
use old_logs::{Old, check, check_corrupt};

/// Three records, the second damaged by `damage`, with these slots, in an earlier file.
fn check_repair(damage: impl Fn(&mut [u8]), slots: &[Vec<u8>], is_repaired: bool) {
    let records = [put(1, 20), put(2, 33), put(3, 10)];
    let next = put(4, 2);
    let mut bytes = file(&records);
    damage(&mut bytes[50..113]);
    let mut files = vec![
        (name(1), bytes),
        (name(4), file(std::slice::from_ref(&next))),
    ];
    files.push(("wal-00000000000000000001.dwb".to_owned(), copies(slots)));
    match is_repaired {
        true => drop(Old::of_files(&files).check(&[&records[..], &[next]].concat(), 5)),
        false => check_corrupt(&files, &name(1), 50, 2),
    }
}

#[test]
fn a_damaged_record_is_taken_from_its_copy() {
    let copy = encode(&put(2, 33));
    let with_others = [encode(&put(1, 20)), copy.clone(), encode(&put(3, 10))];
    for at in 0..63 {
        check_repair(|record| record[at] ^= 0x81, &with_others, true);
    }
    // The whole header, or all of it.
    check_repair(|record| record[..30].fill(0xAA), &with_others, true);
    check_repair(|record| record.fill(0xAA), &with_others, true);
    check_repair(|record| record.fill(0), &with_others, true);
}

#[test]
fn a_copy_of_another_record_repairs_nothing() {
    let flip = |record: &mut [u8]| record[40] ^= 1;
    let mut broken = encode(&put(2, 33));
    broken[45] ^= 1;
    check_repair(flip, &[broken], false);
    // The same place, the same length, other bytes: of a life whose tail was cut.
    let mut other = put(2, 33);
    other.payload[3] ^= 1;
    check_repair(flip, &[encode(&other)], false);
    check_repair(flip, &[encode(&put(3, 33))], false);
    check_repair(flip, &[encode(&put(1, 33))], false);
    check_repair(flip, &[], false);
    let garbage = |record: &mut [u8]| record.fill(0xAA);
    check_repair(garbage, &[encode(&put(2, 32))], false);
    check_repair(garbage, &[encode(&put(3, 33))], false);
    // Which of two?
    let two = [encode(&other), encode(&put(2, 33))];
    check_repair(garbage, &two, false);
    let mut wrong_length = copies(&[encode(&put(2, 33))]);
    wrong_length[12] += 1;
    let mut bytes = file(&[put(1, 20), put(2, 33), put(3, 1)]);
    bytes[90] ^= 1;
    let files = [
        (name(1), bytes),
        (name(4), Vec::new()),
        ("wal-00000000000000000001.dwb".to_owned(), wrong_length),
    ];
    check_corrupt(&files, &name(1), 50, 2);
}

#[test]
fn a_torn_last_record_is_taken_from_its_copy_if_any_of_it_is_there() {
    let records = [put(1, 20), put(2, 33)];
    let bytes = file(&records);
    let dwb = copies(&[encode(&records[0]), encode(&records[1])]);
    let beside = "wal-00000000000000000001.dwb".to_owned();
    for len in 50..bytes.len() {
        let expect = &records[..1 + usize::from(len > 50)];
        let files = [
            (name(1), bytes[..len].to_vec()),
            (beside.clone(), dwb.clone()),
        ];
        check(&files, expect, 1 + expect.len() as u64);
    }
    // A copy of what should come after the next one is no copy of the next one.
    let later = copies(&[encode(&put(3, 33))]);
    let files = [(name(1), bytes[..55].to_vec()), (beside, later)];
    check(&files, &records[..1], 2);
}

#[test]
fn a_single_file_has_its_copies_beside_it() {
    let records = [put(1, 20), put(2, 33), put(3, 3)];
    let mut bytes = file(&records);
    bytes[60] ^= 4;
    let old = Old::of_file(&bytes);
    let dwb = copies(&[encode(&records[1])]);
    std::fs::write(old.log().with_extension("dwb"), dwb).expect("writes");
    let found = migrate_dry_run(&old.log(), None).expect("it can be read");
    assert_eq!((found.records, found.repaired, found.cut_bytes), (3, 1, 0));
    old.check(&records, 4);
}
