//! Migrating logs of the legacy format, on a real directory.
//!
//! *Verified:* each fixture of the old writer becomes exactly the records of its list, or the error
//! that it must be; a second and a third open show the same, and appends go on; what ends a file,
//! that nothing is clobbered, and that the old files stay as they are. What a double-write buffer
//! repairs, and random logs, are in files of their own. *Not verified:* crashes, for which there is
//! `crash_migration` of the simulator.

// Directories are laid out, and looked at, from outside.
#![allow(clippy::disallowed_methods)]

#[path = "support/legacy.rs"]
mod legacy;
#[path = "support/old_logs.rs"]
mod old_logs;

use std::path::Path;

use seawall::{Error, Lsn, TenantId, VShardId, WalManager, migrate, migrate_dry_run, verify};

use legacy::{NOOP, encode, encrypted, file, name, put, record};
use old_logs::fixtures::{fixture, key_ring};
use old_logs::{Old, check, check_corrupt, records_of};

#[test]
fn each_fixture_becomes_the_records_of_its_list() {
    for (name, next_lsn) in [
        ("legacy-plain.wal", 45),
        ("legacy-torn.wal", 8),
        ("segmented-plain", 45),
        ("segmented-torn-tail", 40),
        ("segmented-empty-active", 13),
    ] {
        let old = Old::of_fixture(name);
        old.check(&fixture(name).records, next_lsn);
    }
}

#[test]
fn each_encrypted_fixture_does_with_its_keys() {
    for (name, keys, next_lsn) in [
        ("legacy-encrypted.wal", &[1][..], 14),
        ("segmented-encrypted", &[2, 1], 45),
        ("segmented-encrypted", &[1, 2], 45),
    ] {
        let old = Old::of_fixture(name).with_keys(key_ring(keys));
        old.check(&fixture(name).records, next_lsn);
    }
}

#[test]
fn with_keys_no_payload_is_written_in_plain() {
    for name in [
        "segmented-encrypted",
        "segmented-plain",
        "legacy-encrypted.wal",
    ] {
        let old = Old::of_fixture(name).with_keys(key_ring(&[1]));
        let before = old.files();
        drop(old.open().expect("it is migrated"));
        let needle = b"key1=value1";
        for (name, bytes) in old.files() {
            let is_plain = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!is_plain || before.contains_key(&name), "{name}");
        }
        let refused = WalManager::open_for_testing(&old.log());
        assert!(matches!(refused, Err(Error::Encrypted { .. })));
        assert_eq!(
            records_of(&old.open().expect("opens")),
            fixture(name).records
        );
    }
}

#[test]
fn without_the_right_keys_nothing_is_written() {
    for (name, keys) in [
        ("legacy-encrypted.wal", None),
        ("legacy-encrypted.wal", Some(key_ring(&[2]))),
        ("segmented-encrypted", None),
        ("segmented-encrypted", Some(key_ring(&[2]))),
    ] {
        let mut old = Old::of_fixture(name);
        old.keys = keys;
        old.check_refused(|error| matches!(error, Error::NoKeyOpens { .. }));
    }
}

#[test]
fn damage_in_an_earlier_file_is_told_with_its_place() {
    // Byte 114 of the file is damaged, within the record that begins at 82.
    let old = Old::of_fixture("segmented-mid-corruption");
    let path = old.log().join(name(1));
    old.check_refused(|error| match error {
        Error::Corrupt {
            segment,
            offset,
            lsn,
            ..
        } => (segment, *offset, lsn.as_u64()) == (&path, 82, 3),
        _ => false,
    });
}

#[test]
fn lsns_that_were_skipped_stay_without_a_record() {
    let records = [put(1, 10), put(2, 0), put(5, 70), put(9, 3)];
    let old = Old::of_files(&[(name(1), file(&records))]);
    let wal = old.check(&records, 10);
    let later = wal.replay_from(Lsn::new(3)).expect("a gap is no end");
    assert_eq!(later, records[2..]);
}

#[test]
fn noops_are_left_behind_and_their_lsns_are_not_given_again() {
    let noop = |lsn| record(lsn, NOOP, vec![1; 9]);
    let all = [noop(1), put(2, 5), noop(3), put(4, 5), noop(5), noop(6)];
    let shown = [all[1].clone(), all[3].clone()];
    check(&[(name(1), file(&all))], &shown, 7);
    check(&[(name(1), file(&all[..1]))], &[], 2);
    check(
        &[(name(1), file(&all[..3])), (name(4), file(&all[3..]))],
        &shown,
        7,
    );
    check(&[(name(1), file(&all)), (name(7), Vec::new())], &shown, 7);
}

#[test]
fn zeros_are_the_end_of_a_file() {
    let (one, other) = ([put(1, 10), put(2, 90)], [put(3, 5)]);
    let all = [one[0].clone(), one[1].clone(), other[0].clone()];
    let padded = |records: &[_]| {
        let mut bytes = file(records);
        bytes.resize(4096, 0);
        bytes
    };
    check(
        &[(name(1), padded(&one)), (name(3), padded(&other))],
        &all,
        4,
    );
    check(
        &[(name(1), padded(&one)), (name(3), vec![0; 4096])],
        &one,
        3,
    );
    let mut odd = padded(&one);
    odd[4000] = 1;
    check(&[(name(1), odd.clone())], &one, 3);
    let at = file(&one).len() as u64;
    check_corrupt(
        &[(name(1), odd), (name(3), padded(&other))],
        &name(1),
        at,
        3,
    );
}

#[test]
fn a_log_that_was_truncated_begins_with_its_first_file() {
    let records = [put(21, 10), put(23, 10)];
    let old = Old::of_files(&[(name(21), file(&records)), (name(24), Vec::new())]);
    let wal = old.check(&records, 24);
    assert_eq!(wal.low_water_lsn(), Lsn::new(21));
    let below = wal.replay_from(Lsn::new(20));
    assert!(matches!(below, Err(Error::BelowLowWater { .. })));
}

#[test]
fn a_log_without_any_record_goes_on_where_its_name_says() {
    check(&[(name(1), Vec::new())], &[], 1);
    check(&[(name(30), Vec::new())], &[], 30);
    check(&[(name(30), vec![0; 4096])], &[], 30);
}

#[test]
fn the_last_file_may_be_torn_at_any_byte() {
    let records = [put(1, 20), put(2, 33)];
    let bytes = file(&records);
    let first = file(&records[..1]).len();
    for len in 0..bytes.len() {
        let expect = &records[..usize::from(len >= first)];
        check(
            &[(name(1), bytes[..len].to_vec())],
            expect,
            1 + expect.len() as u64,
        );
    }
    let len = bytes.len() - 1;
    let torn = [(name(1), bytes[..len].to_vec()), (name(3), Vec::new())];
    check_corrupt(&torn, &name(1), first as u64, 2);
}

#[test]
fn any_flipped_byte_in_an_earlier_file_is_damage() {
    let records = [put(1, 20), put(2, 8), put(3, 4)];
    let bytes = file(&records);
    let mut starts = vec![0, 50, 88, bytes.len()];
    assert_eq!(starts.pop(), Some(88 + 34));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let index = starts.iter().rposition(|&start| start <= at).expect("one");
        let files = [(name(1), damaged), (name(4), file(&[put(4, 1)]))];
        let old = Old::of_files(&files);
        old.check_refused(|error| match error {
            Error::Corrupt { offset, lsn, .. } => {
                (*offset, lsn.as_u64()) == (starts[index] as u64, index as u64 + 1)
            }
            // A version is told by the very first bytes of a file.
            Error::Version { .. } => (4..6).contains(&at),
            _ => false,
        });
    }
}

#[test]
fn files_that_do_not_follow_one_another_are_damage() {
    let one = file(&[put(1, 10), put(2, 10)]);
    let end = one.len() as u64;
    let missing = [(name(1), one.clone()), (name(4), file(&[put(4, 9)]))];
    check_corrupt(&missing, &name(1), end, 3);
    let missing = [(name(1), one.clone()), (name(4), Vec::new())];
    check_corrupt(&missing, &name(1), end, 3);
    let below = [(name(1), one.clone()), (name(2), file(&[put(2, 9)]))];
    check_corrupt(&below, &name(2), 0, 2);
    let early = [(name(1), one.clone()), (name(3), file(&[put(2, 9)]))];
    check_corrupt(&early, &name(3), 0, 3);
    let twice = file(&[put(1, 10), put(1, 10)]);
    check_corrupt(&[(name(1), twice)], &name(1), 40, 2);
    let huge = file(&[put(1 << 62, 10)]);
    check_corrupt(&[(name(1), huge)], &name(1), 0, 1);
}

#[test]
fn types_that_nobody_knows_are_kept_unless_they_are_required() {
    let records = [put(1, 3), record(2, 77, vec![5]), put(3, 3)];
    let old = Old::of_files(&[(name(1), file(&records))]);
    let wal = old.check(&[records[0].clone(), records[2].clone()], 4);
    assert_eq!(records_of(&wal).len(), 2);
    assert_eq!(wal.stats().unknown_skipped, 1);
    drop(wal);
    let dumped = seawall::dump(&old.log(), None, None).expect("it can be read");
    let dumped: Result<Vec<_>, Error> = dumped.collect();
    assert_eq!(dumped.expect("it is whole")[1], records[1]);
    let required = [put(1, 3), record(2, 0x9000, vec![5])];
    let old = Old::of_files(&[(name(1), file(&required))]);
    old.check_refused(|error| {
        matches!(
            error,
            Error::UnknownType {
                record_type: 0x9000,
                ..
            }
        )
    });
}

#[test]
fn versions_above_1_are_another_format() {
    let versions = |version: u8| {
        let mut newer = encode(&put(2, 9));
        newer[4] = version;
        legacy::seal(&mut newer);
        [file(&[put(1, 9)]), newer].concat()
    };
    check(&[(name(1), versions(0))], &[put(1, 9), put(2, 9)], 3);
    let old = Old::of_files(&[(name(1), versions(2))]);
    old.check_refused(|error| matches!(error, Error::Version { version: 2, .. }));
}

#[test]
fn a_file_of_another_format_is_never_an_empty_log() {
    for bytes in [
        &b"SEAWALL\0 and more than thirty bytes of it"[..],
        b"no",
        &[9; 5000],
    ] {
        let old = Old::of_file(bytes);
        old.check_refused(|error| matches!(error, Error::Foreign { .. }));
        assert!(!old.log().with_extension("d").exists());
    }
    for bytes in [&b""[..], &[0; 4096], b"WN", &encode(&put(1, 9))[..20]] {
        Old::of_file(bytes).check(&[], 1);
    }
}

#[test]
fn plain_records_may_stand_beside_encrypted_ones() {
    let (one, two) = ([1; 32], [2; 32]);
    let records = [put(1, 3), put(2, 40), put(3, 0), put(4, 9)];
    let bytes = [
        encode(&records[0]),
        encrypted(&records[1], &one),
        encrypted(&records[2], &two),
        encrypted(&records[3], &one),
    ]
    .concat();
    let ring = seawall::KeyRing::new(seawall::WalEncryptionKey::from_bytes(&two))
        .with_previous(seawall::WalEncryptionKey::from_bytes(&one));
    let old = Old::of_files(&[(name(1), bytes)]).with_keys(ring);
    old.check(&records, 5);
}

#[test]
fn an_old_file_that_was_written_to_since_is_refused() {
    let records = [put(1, 3), put(2, 40)];
    let old = Old::of_files(&[(name(1), file(&records[..1]))]);
    drop(old.check(&records[..1], 2));
    let changed = |error: &Error| matches!(error, Error::LegacyChanged { .. });
    std::fs::write(old.log().join(name(1)), file(&records)).expect("writes");
    assert!(changed(&old.open().err().expect("it is refused")));
    let report = verify(&old.log(), None).expect("it can be read");
    assert_eq!(report.verdict(), seawall::Verdict::Foreign);
    std::fs::write(old.log().join(name(1)), file(&records[..1])).expect("writes");
    assert_eq!(records_of(&old.open().expect("opens")), records[..1]);
    std::fs::write(old.log().join(name(2)), b"").expect("writes");
    assert!(changed(&old.open().err().expect("it is refused")));
}

#[test]
fn the_old_files_may_be_removed_when_they_were_migrated() {
    let records = [put(1, 3), put(2, 40)];
    let old = Old::of_files(&[(name(1), file(&records))]);
    drop(old.check(&records, 3));
    std::fs::remove_file(old.log().join(name(1))).expect("removes");
    assert_eq!(records_of(&old.open().expect("opens")), records);
    // B40: the path of a single file leads to its log, whether the file is there or not.
    let old = Old::of_file(&file(&records));
    drop(old.check(&records, 3));
    std::fs::remove_file(old.log()).expect("removes");
    let wal = old.open().expect("opens");
    assert_eq!(records_of(&wal), records);
    assert_eq!(wal.wal_dir(), old.log().with_extension("d"));
}

#[test]
fn a_migrated_log_that_is_gone_is_no_new_one() {
    let records = [put(1, 3), put(2, 40)];
    for old in [
        Old::of_files(&[(name(1), file(&records))]),
        Old::of_file(&file(&records)),
    ] {
        let wal = old.check(&records, 3);
        let segments = wal.list_segments();
        drop(wal);
        for segment in segments {
            std::fs::remove_file(segment.path).expect("removes");
        }
        old.check_refused(|error| matches!(error, Error::Corrupt { .. }));
    }
}

#[test]
fn nothing_is_clobbered() {
    let records = [put(1, 3), put(2, 40)];
    // Segments beside legacy segments, and nothing that tells why.
    let old = Old::of_files(&[(name(1), file(&records))]);
    let elsewhere = tempfile::tempdir().expect("a directory");
    drop(WalManager::open_for_testing(elsewhere.path()).expect("opens"));
    let segment = "seg-0000000001-00000000000000000001.wal";
    std::fs::copy(elsewhere.path().join(segment), old.log().join(segment)).expect("copies");
    old.check_refused(|error| matches!(error, Error::Legacy { .. }));
    // A directory beside a single file that is somebody else's.
    let old = Old::of_file(&file(&records));
    let beside = old.log().with_extension("d");
    std::fs::create_dir(&beside).expect("creates");
    std::fs::write(beside.join("notes"), b"mine").expect("writes");
    old.check_refused(|error| matches!(error, Error::Occupied { .. }));
    std::fs::remove_file(beside.join("notes")).expect("removes");
    drop(old.check(&records, 3));
    // Another file that would have the same directory.
    let other = old.log().with_extension("old");
    std::fs::write(&other, file(&records[..1])).expect("writes");
    let refused = WalManager::open_for_testing(&other);
    assert!(matches!(refused, Err(Error::Foreign { .. })));
    // A file that would be its own directory.
    let own = old.log().with_file_name("log2.d");
    std::fs::write(&own, file(&records)).expect("writes");
    let refused = WalManager::open_for_testing(&own);
    assert!(matches!(refused, Err(Error::Config { .. })));
}

#[test]
fn a_path_where_nothing_is_hides_no_old_log() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("log.wal");
    let beside = scratch.path().join("log.d");
    // A log of its own that happens to have that name is no reason to refuse.
    drop(WalManager::open_for_testing(&beside).expect("opens"));
    drop(WalManager::open_for_testing(&path).expect("opens"));
    std::fs::remove_dir_all(&path).expect("removes");
    std::fs::write(beside.join("unfinished-migration.wal"), b"").expect("writes");
    let refused = WalManager::open_for_testing(&path);
    assert!(matches!(refused, Err(Error::Foreign { .. })));
    assert!(!path.exists());
}

#[test]
fn a_migration_that_did_not_finish_begins_again() {
    let records = [put(1, 3), put(2, 40)];
    let old = Old::of_files(&[(name(1), file(&records))]);
    let at = |name: &str| old.log().join(name);
    std::fs::write(at("unfinished-migration.wal"), b"").expect("writes");
    std::fs::write(at("seg-0000000001-00000000000000000001.wal"), b"half").expect("writes");
    std::fs::write(at("next.wal.tmp"), b"half").expect("writes");
    std::fs::write(at("migrated-from"), b"half").expect("writes");
    assert_eq!(records_of(&old.open().expect("opens")), records);
    assert!(!at("unfinished-migration.wal").exists());
    assert_eq!(records_of(&old.open().expect("opens again")), records);
    // Without anything to begin with it is refused.
    let scratch = tempfile::tempdir().expect("a directory");
    std::fs::write(scratch.path().join("unfinished-migration.wal"), b"").expect("writes");
    let refused = WalManager::open_for_testing(scratch.path());
    assert!(matches!(refused, Err(Error::Foreign { .. })));
}

#[test]
fn a_mark_that_came_back_costs_nothing() {
    let records = [put(1, 3), put(2, 40)];
    let old = Old::of_files(&[(name(1), file(&records))]);
    let wal = old.check(&records, 3);
    let lsn = wal.append_put(TenantId::new(1), VShardId::new(1), b"new");
    wal.wait_durable(lsn.expect("appends")).expect("syncs");
    drop(wal);
    std::fs::write(old.log().join("unfinished-migration.wal"), b"").expect("writes");
    let wal = old.open().expect("opens");
    assert_eq!(records_of(&wal).len(), 3);
    assert!(!old.log().join("unfinished-migration.wal").exists());
}

#[test]
fn a_copy_elsewhere_leaves_the_source_alone() {
    let records = [put(1, 3), put(3, 40)];
    let old = Old::of_files(&[(name(1), file(&records))]);
    let before = old.files();
    let target = tempfile::tempdir().expect("a directory");
    let found = migrate_dry_run(&old.log(), None).expect("it can be read");
    let migrated = migrate(&old.log(), target.path(), None).expect("migrates");
    assert_eq!(found, migrated);
    assert_eq!((migrated.records, migrated.next_lsn), (2, Lsn::new(4)));
    assert_eq!(old.files(), before);
    let wal = WalManager::open_for_testing(target.path()).expect("opens");
    assert_eq!(records_of(&wal), records);
    drop(wal);
    let again = migrate(&old.log(), target.path(), None);
    assert!(matches!(again, Err(Error::Occupied { .. })));
    let within = migrate(&old.log(), &old.log().join("new"), None);
    assert!(matches!(within, Err(Error::Config { .. })));
    for nothing in [target.path(), Path::new("/nothing/is/here")] {
        let refused = migrate_dry_run(nothing, None);
        assert!(matches!(refused, Err(Error::NoLog { .. })));
    }
}
