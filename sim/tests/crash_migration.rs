//! Crashes at every call of a migration.
//!
//! *Verified:* a power cut before, within and after any call of an open that migrates, with every
//! way to choose what was durable, leaves an old log that the next open migrates whole; a second end
//! in that open, too; the old files stay as they are. A full disk at any call leaves them alone, and
//! nothing that is in the way. A mark that comes back, because the sync that took it away failed,
//! costs no record. *Not verified:* damaged and strange old files: see the log's own tests.

#[path = "crash_support/case.rs"]
mod case;
#[path = "../../tests/support/legacy.rs"]
mod legacy;

use std::path::Path;

use seawall::{Error, Lsn, WalManager, WalRecord};
use seawall_sim::disk::{CallKind, Fate, Knobs, Strategy};

use case::{ALWAYS, BLOCK, Case, LOG, durable};
use legacy::{NOOP, file, name, put, record};

const FATES: [Fate; 3] = [Fate::CutBefore, Fate::CutWithin, Fate::CutAfter];
const FILE: &str = "/data/old.wal";
const NEXT_LSN: u64 = 10;

/// An old log, and what it must show.
struct Old {
    case: Case,
    path: &'static str,
    files: Vec<(String, Vec<u8>)>,
    records: Vec<WalRecord>,
}

fn records() -> Vec<WalRecord> {
    vec![put(1, 90), put(2, 900), put(5, 9), put(6, 400), put(8, 1)]
}

fn old(path: &'static str, files: Vec<(String, Vec<u8>)>) -> Old {
    let mut case = Case::new();
    // More than one segment comes of it.
    case.segment_bytes = 3 * BLOCK as u64;
    let dir = match path {
        FILE => "/data",
        _ => LOG,
    };
    case.vfs.with_disk(|disk| {
        disk.create_dir(Path::new(dir))
            .expect("there are no faults");
        disk.sync_dir(Path::new("/")).expect("there are no faults");
    });
    for (path, bytes) in &files {
        case.overwrite(path, 0, bytes);
    }
    let records = records();
    Old {
        case,
        path,
        files,
        records,
    }
}

/// A directory of two files, the last of which ends with a record that no replay shows.
fn a_directory() -> Old {
    let mut all = records();
    all.push(record(9, NOOP, vec![1; 5]));
    let at = |first_lsn| format!("{LOG}/{}", name(first_lsn));
    let files = vec![(at(1), file(&all[..3])), (at(6), file(&all[3..]))];
    old(LOG, files)
}

/// A single file.
fn a_file() -> Old {
    let mut all = records();
    all.push(record(9, NOOP, vec![1; 5]));
    old(FILE, vec![(FILE.to_owned(), file(&all))])
}

impl Old {
    fn open(&self, case: &Case) -> WalManager {
        case.try_open_at(self.path).expect("the log opens")
    }

    /// Opens the log three times, with a new record in between.
    fn judge(&self, case: &Case, what: &str) {
        let wal = case
            .try_open_at(self.path)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(shown(&wal) == self.records, "{what}");
        assert_eq!(wal.next_lsn(), Lsn::new(NEXT_LSN), "{what}");
        case.cut(wal, Strategy::LoseAll);
        let wal = self.open(case);
        assert!(shown(&wal) == self.records, "{what}, and again");
        assert_eq!(durable(&wal, b"new"), Lsn::new(NEXT_LSN));
        case.cut(wal, Strategy::LoseAll);
        let wal = self.open(case);
        assert_eq!(shown(&wal).len(), self.records.len() + 1, "{what}");
        for (path, bytes) in &self.files {
            assert!(case.bytes_of(path) == *bytes, "{what}: {path} was changed");
        }
    }
}

fn shown(wal: &WalManager) -> Vec<WalRecord> {
    wal.replay().expect("it can be read")
}

/// The least that a migration has to do is more than this many calls.
const CALLS_MIN: u64 = 60;

fn die_everywhere(old: &Old) {
    for fate in FATES {
        for number in 1.. {
            let dead = old.case.fork();
            if !dead.die_at(None, number, fate, || drop(old.open(&dead))) {
                assert!(number > CALLS_MIN, "only {number} calls");
                break;
            }
            for &strategy in Strategy::ALL {
                let case = dead.fork();
                case.cut_with(strategy, number);
                old.judge(&case, &format!("{fate:?} at call {number}, {strategy}"));
            }
        }
    }
}

#[test]
fn a_crash_at_any_call_of_the_migration_of_a_directory_costs_nothing() {
    die_everywhere(&a_directory());
}

#[test]
fn a_crash_at_any_call_of_the_migration_of_a_file_costs_nothing() {
    die_everywhere(&a_file());
}

#[test]
fn a_second_crash_in_the_next_open_costs_nothing_either() {
    for old in [a_directory(), a_file()] {
        // Every seventh call: each pair costs an open and a life.
        for number in (1..).step_by(7) {
            let dead = old.case.fork();
            if !dead.die_at(None, number, Fate::CutAfter, || drop(old.open(&dead))) {
                break;
            }
            let strategy = [Strategy::KeepAll, Strategy::LoseAll, Strategy::DirOpsOnly];
            let strategy = strategy[number as usize / 7 % strategy.len()];
            dead.cut_with(strategy, number);
            for second in 1.. {
                let again = dead.fork();
                if !again.die_at(None, second, Fate::CutBefore, || drop(old.open(&again))) {
                    break;
                }
                again.cut_with(Strategy::Independent, number * 1000 + second);
                let what = format!("call {number}, {strategy}, then call {second}");
                old.judge(&again, &what);
            }
        }
    }
}

/// A disk that has room for so many bytes more.
fn leave(case: &Case, bytes: u64) {
    case.vfs.with_disk(|disk| {
        let used = disk.used();
        disk.set_capacity(Some(used + bytes));
    });
}

#[test]
fn a_full_disk_leaves_nothing_in_the_way() {
    for old in [a_directory(), a_file()] {
        let mut refused = 0;
        for room in 0.. {
            let case = old.case.fork();
            leave(&case, room * 256);
            let Err(error) = case.try_open_at(old.path) else {
                break;
            };
            assert!(matches!(error, Error::Full { .. }), "{error}");
            refused += 1;
            let names = case.image();
            for left in ["/log", "/data/old.d"] {
                let mark = format!("{left}/unfinished-migration.wal");
                assert_eq!(names.file(&mark), None);
                let first = format!("{left}/seg-0000000001-00000000000000000001.wal");
                assert_eq!(names.file(&first), None);
            }
            case.vfs.with_disk(|disk| disk.set_capacity(None));
            for &strategy in Strategy::ALL {
                let case = case.fork();
                case.cut_with(strategy, room);
                old.judge(&case, &format!("full with room for {room} times 256"));
            }
        }
        assert!(refused > 8, "only {refused}");
    }
}

#[test]
fn a_call_that_fails_anywhere_costs_nothing() {
    let faults: [fn(&mut Knobs); 4] = [
        |knobs| knobs.write_error = ALWAYS,
        |knobs| knobs.sync_error = ALWAYS,
        |knobs| knobs.dirsync_error = ALWAYS,
        |knobs| knobs.read_error = ALWAYS,
    ];
    for old in [a_directory(), a_file()] {
        for fault in faults {
            for number in (1..).step_by(3) {
                // So far it went well: then all calls of a kind fail, in the same life.
                let case = old.case.fork();
                let is_cut = case.die_at(None, number, Fate::CutBefore, || drop(old.open(&case)));
                if !is_cut {
                    break;
                }
                case.vfs.with_disk(|disk| disk.kill());
                let mut knobs = Knobs::default();
                fault(&mut knobs);
                case.knobs(knobs);
                drop(case.try_open_at(old.path));
                case.knobs(Knobs::default());
                let opened = case.try_open_at(old.path);
                let wal = opened.unwrap_or_else(|error| panic!("call {number}: {error}"));
                assert!(shown(&wal) == old.records, "call {number}");
                durable(&wal, b"new");
                drop(wal);
                for strategy in [
                    Strategy::LoseAll,
                    Strategy::DirOpsOnly,
                    Strategy::FileDataOnly,
                ] {
                    let case = case.fork();
                    case.cut_with(strategy, number);
                    let wal = old.open(&case);
                    let count = shown(&wal).len();
                    assert_eq!(count, old.records.len() + 1, "call {number}, {strategy}");
                }
            }
        }
    }
}

#[test]
fn old_files_that_were_never_synced_are_what_they_were() {
    let start = Case::new();
    start.vfs.with_disk(|disk| {
        let dir = Path::new(LOG);
        disk.create_dir(dir).expect("there are no faults");
        let path = dir.join(name(1));
        let how = seawall::env::vfs::OpenHow::CreateNew { direct: false };
        let fd = disk.open(&path, how).expect("there are no faults");
        let bytes = file(&records());
        assert_eq!(disk.write(fd, 0, &bytes), Ok(bytes.len()));
        disk.close(fd);
    });
    for &strategy in Strategy::ALL {
        let case = start.fork();
        let wal = case.open();
        assert!(shown(&wal) == records());
        case.cut(wal, strategy);
        assert!(shown(&case.open()) == records(), "{strategy}");
    }
}

#[test]
fn a_mark_that_comes_back_costs_no_record() {
    let old = a_directory();
    let mut calls = 0;
    for number in 1.. {
        let dead = old.case.fork();
        let kind = Some(CallKind::SyncDir);
        if !dead.die_at(kind, number, Fate::CutBefore, || drop(old.open(&dead))) {
            break;
        }
        calls += 1;
        // A kill, not a power cut: the next life sees what this one has written.
        dead.vfs.with_disk(|disk| disk.kill());
        let wal = old.open(&dead);
        durable(&wal, b"new");
        drop(wal);
        for &strategy in Strategy::ALL {
            let case = dead.fork();
            case.cut_with(strategy, number);
            let wal = old.open(&case);
            assert_eq!(
                shown(&wal).len(),
                old.records.len() + 1,
                "{number}, {strategy}"
            );
        }
    }
    assert!(calls > 5, "only {calls}");
}
