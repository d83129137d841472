//! Each subject on a real directory: what two threads put there is read back, in the same life and
//! in the next one.
//!
//! *Verified:* that the adapters' verbs do what they say. *Not verified:* crashes; and the subjects
//! on their own seams, which are there in a simulated process only.

use std::collections::BTreeMap;
use std::thread;

use seawall_subjects::subject::{Change, Log, Open, Outcome, Store, Subject};
use seawall_subjects::subjects::ALL;
use tempfile::TempDir;

const CLIENTS: u8 = 2;
const ENTRIES: u8 = 10;

/// Its second sync is a write at an offset that is not aligned: direct I/O refuses that.
const UNABLE: &str = "nodedb-wal-beta-direct";

/// Declares a test for each subject, so that one can be run alone.
macro_rules! subjects {
    ($($(#[$meta:meta])* $test:ident $name:literal,)*) => {
        $(#[test]
        $(#[$meta])*
        fn $test() {
            check($name);
        })*

        #[test]
        fn every_subject_has_its_test() {
            let tested = [$($(#[$meta])* $name),*];
            let names = ALL.iter().map(|it| it.name);
            let mut names = names.filter(|it| !it.contains("-own") && *it != UNABLE);
            assert_eq!(names.find(|it| !tested.contains(it)), None);
        }
    };
}

subjects! {
    #[cfg(feature = "nodedb")]
    nodedb_wal "nodedb-wal",
    #[cfg(feature = "nodedb")]
    nodedb_wal_direct "nodedb-wal-direct",
    commitlog "commitlog",
    fjall "fjall",
    nodedb_wal_beta "nodedb-wal-beta",
    nodedb_wal_beta_group "nodedb-wal-beta-group",
    okaywal "okaywal",
    raft_engine "raft-engine",
    raft_engine_sync "raft-engine-sync",
    redb "redb",
    seawall "seawall",
    sled "sled",
    sqlite_delete "sqlite-delete",
    sqlite_delete_extra "sqlite-delete-extra",
    sqlite_wal "sqlite-wal",
    sqlite_wal_normal "sqlite-wal-normal",
    walrus "walrus",
}

#[test]
fn the_first_nodedb_wal_cannot_sync_twice_with_direct_io() {
    let (subject, dir) = prepare(UNABLE);
    let Open::Log(open) = subject.open else {
        panic!("a log");
    };
    let log = open(dir.path()).expect(UNABLE);
    for number in 0..2 {
        log.append(&entry(0, number)).expect(UNABLE);
        assert_eq!(log.commit().is_ok(), number == 0);
    }
}

fn prepare(name: &str) -> (&'static Subject, TempDir) {
    let subject = ALL.iter().find(|it| it.name == name).expect(name);
    // Direct I/O needs a file system that has it, which a temporary one in memory may not.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    (subject, dir)
}

fn check(name: &str) {
    let (subject, dir) = prepare(name);
    match subject.open {
        Open::Log(open) => check_log(subject, || open(dir.path())),
        Open::Store(open) => check_store(subject, || open(dir.path())),
    }
    .expect(name);
}

/// 100 to 3000 bytes, in which the first two tell whose entry it is and which one.
fn entry(client: u8, number: u8) -> Vec<u8> {
    let len = 100 + usize::from(client) * 17 + usize::from(number) * 322 % 2884;
    let mut entry = vec![number ^ 0x5A; len];
    entry[..2].copy_from_slice(&[client, number]);
    entry
}

fn check_log(subject: &Subject, open: impl Fn() -> Outcome<Box<dyn Log>>) -> Outcome<()> {
    let log = open()?;
    assert_eq!(log.read_all()?, Vec::<Vec<u8>>::new());
    thread::scope(|scope| {
        let client = |client| {
            let log = &log;
            scope.spawn(move || {
                for number in 0..ENTRIES {
                    log.append(&entry(client, number)).expect(subject.name);
                    log.commit().expect(subject.name);
                }
            });
        };
        (0..CLIENTS).for_each(client);
    });
    let all = log.read_all()?;
    for client in 0..CLIENTS {
        let of_client: Vec<_> = all.iter().filter(|it| it[0] == client).cloned().collect();
        let expected: Vec<_> = (0..ENTRIES).map(|number| entry(client, number)).collect();
        assert_eq!(of_client, expected);
    }
    log.close()?;

    let log = open()?;
    assert_eq!(log.read_all()?, all);
    log.trim(all.len() / 2)?;
    log.append(&entry(0, ENTRIES))?;
    log.commit()?;
    log.close()?;

    let left = open()?.read_all()?;
    let (last, left) = left.split_last().expect("an entry");
    assert_eq!(*last, entry(0, ENTRIES));
    assert!(left.len() >= all.len() - all.len() / 2);
    assert!(all.ends_with(left));
    println!("{}: {} of {} left", subject.name, left.len(), all.len());
    Ok(())
}

fn check_store(subject: &Subject, open: impl Fn() -> Outcome<Box<dyn Store>>) -> Outcome<()> {
    let store = open()?;
    assert_eq!(store.read_all()?, BTreeMap::new());
    thread::scope(|scope| {
        let client = |client| {
            let store = &store;
            scope.spawn(move || {
                for number in 0..ENTRIES {
                    let mut changes: Vec<Change> =
                        vec![(vec![client, number], Some(entry(client, number)))];
                    if let Some(before) = number.checked_sub(2) {
                        changes.push((vec![client, before], None));
                    }
                    store.put(&changes).expect(subject.name);
                    store.commit().expect(subject.name);
                }
            });
        };
        (0..CLIENTS).for_each(client);
    });
    let expected = (0..CLIENTS).flat_map(|client| {
        let last = [ENTRIES - 2, ENTRIES - 1];
        last.map(|number| (vec![client, number], entry(client, number)))
    });
    let expected: BTreeMap<_, _> = expected.collect();
    assert_eq!(store.read_all()?, expected);
    store.close()?;

    let store = open()?;
    assert_eq!(store.read_all()?, expected);
    store.put(&[(vec![0, 0], Some(Vec::new()))])?;
    store.commit()?;
    store.close()?;

    assert_eq!(open()?.read_all()?.get(&[0, 0][..]), Some(&Vec::new()));
    Ok(())
}
