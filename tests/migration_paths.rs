//! Where an old log's path leads, and what is refused on the way.
//!
//! *Verified:* a path whose file was put into the directory beside it, by this program or by the old
//! one, leads there, even from an empty directory in its place; nothing is migrated twice; a ring that
//! forbids plaintext takes none from an old log. *Not verified:* crashes: see the simulator.

// Directories are laid out, and looked at, from outside.
#![allow(clippy::disallowed_methods)]

#[path = "support/legacy.rs"]
mod legacy;
#[path = "support/old_logs.rs"]
mod old_logs;

use seawall::{Error, WalManager, migrate, migrate_dry_run};

use legacy::{copies, encode, file, name, put};
use old_logs::fixtures::key_ring;
use old_logs::{Old, records_of};

#[test]
fn a_file_that_the_old_program_moved_is_found() {
    let records = [put(1, 3), put(2, 40)];
    let scratch = tempfile::tempdir().expect("a directory");
    let log = scratch.path().join("log.wal");
    let beside = scratch.path().join("log.d");
    std::fs::create_dir(&beside).expect("creates");
    std::fs::write(beside.join(name(1)), file(&records)).expect("writes");
    for _ in 0..3 {
        let wal = WalManager::open_for_testing(&log).expect("opens");
        assert_eq!(records_of(&wal), records);
        assert_eq!(wal.wal_dir(), beside);
    }
    // Somebody makes a directory at the old path.
    std::fs::create_dir(&log).expect("creates");
    let wal = WalManager::open_for_testing(&log).expect("opens");
    assert_eq!(records_of(&wal), records);
}

#[test]
fn a_directory_in_place_of_a_file_that_is_gone_leads_to_the_log() {
    let records = [put(1, 3), put(2, 40)];
    let old = Old::of_file(&file(&records));
    drop(old.open().expect("migrates"));
    std::fs::remove_file(old.log()).expect("removes");
    std::fs::create_dir(old.log()).expect("creates");
    let wal = old.open().expect("opens");
    assert_eq!(records_of(&wal), records);
}

#[test]
fn nothing_is_migrated_twice() {
    let records = [put(1, 3), put(2, 40)];
    let target = tempfile::tempdir().expect("a directory");
    let old = Old::of_files(&[(name(1), file(&records))]);
    drop(old.open().expect("migrates"));
    let refused = migrate(&old.log(), target.path(), None);
    assert!(matches!(refused, Err(Error::Foreign { .. })));
    let old = Old::of_file(&file(&records));
    let beside = old.log().with_extension("d");
    let refused = migrate(&old.log(), &beside, None);
    assert!(matches!(refused, Err(Error::Config { .. })));
    assert!(!beside.exists());
}

#[test]
fn who_forbids_plaintext_takes_none() {
    let old = Old::of_files(&[(name(1), file(&[put(1, 3)]))]);
    let strict = key_ring(&[1]).only_encrypted();
    let before = old.files();
    let refused = migrate_dry_run(&old.log(), Some(strict.clone()));
    assert!(matches!(refused, Err(Error::Plaintext { .. })));
    let old = old.with_keys(strict);
    assert!(matches!(old.open().map(drop), Err(Error::Plaintext { .. })));
    let mut after = old.files();
    after.retain(|path, _| before.contains_key(path));
    assert_eq!(after, before);
    let sealed = Old::of_fixture("legacy-encrypted.wal");
    let sealed = sealed.with_keys(key_ring(&[1]).only_encrypted());
    assert_eq!(records_of(&sealed.open().expect("migrates")).len(), 13);
}

#[test]
fn a_record_torn_in_its_header_is_taken_from_its_copy() {
    let records = [put(1, 20), put(2, 33), put(3, 10)];
    let check = |damage: &dyn Fn(&mut [u8])| {
        let mut bytes = file(&records);
        damage(&mut bytes[50..113]);
        let slots: Vec<Vec<u8>> = records.iter().map(encode).collect();
        let dwb = name(1).replace(".seg", ".dwb");
        let old = Old::of_files(&[(name(1), bytes), (dwb, copies(&slots))]);
        assert_eq!(records_of(&old.open().expect("migrates")), records);
    };
    // A sector of zeros from somewhere in it on.
    check(&|record| record[18..].fill(0));
    check(&|record| record[28..].fill(0));
    // Several fields, but not the checksum.
    check(&|record| record[16..22].fill(0xEE));
}
