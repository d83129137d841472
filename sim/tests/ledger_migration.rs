//! The migration of an encrypted log of the legacy format, before the ledger's eyes.
//!
//! *Verified:* an open that migrates such a log, cut off within each of its calls, and the opens
//! behind it seal every frame as documented, no nonce twice, under salts that are durable; no byte
//! that they write, and no image that a power cut leaves, has a canary of the old records in it.
//! *Not verified:* what the old files themselves hold in plain, where they do.

#[path = "crash_support/case.rs"]
mod case;
#[path = "../../tests/support/legacy.rs"]
mod legacy;

use std::path::Path;

use seawall::WalRecord;
use seawall_sim::disk::{Fate, Strategy};
use seawall_sim::keyholder;
use seawall_sim::ledger::CANARY;

use case::{BLOCK, Case, LOG, durable};
use legacy::{PUT, encrypted, name, record};

const KEY: u32 = 1;
const FILE: &str = "/data/old.wal";

/// Old records, each with a canary.
fn records() -> Vec<WalRecord> {
    let payload = |number: usize| CANARY.repeat(1 + 20 * number);
    (1..=4)
        .map(|lsn| record(lsn, PUT, payload(lsn as usize)))
        .collect()
}

/// A disk with the old log, as a directory or as a file, and with some records in plain or none.
fn old(path: &str, in_plain: usize) -> Case {
    let mut case = Case::new();
    case.segment_bytes = 3 * BLOCK as u64;
    case.encrypt(KEY);
    let (dir, path) = match path {
        FILE => ("/data", FILE.to_owned()),
        _ => (LOG, format!("{LOG}/{}", name(1))),
    };
    case.vfs.with_disk(|disk| {
        disk.create_dir(Path::new(dir))
            .expect("there are no faults");
        disk.sync_dir(Path::new("/")).expect("there are no faults");
    });
    let records = records();
    let (plain, sealed) = records.split_at(in_plain);
    let key = keyholder::key_bytes(KEY);
    let sealed = sealed.iter().flat_map(|record| encrypted(record, &key));
    let bytes: Vec<u8> = plain
        .iter()
        .flat_map(legacy::encode)
        .chain(sealed)
        .collect();
    case.overwrite(&path, 0, &bytes);
    case
}

fn scan(case: &Case) {
    case.vfs
        .with_disk(|disk| case.ledger(|ledger| ledger.scan(disk)));
    assert_eq!(case.ledger(|ledger| ledger.check()), Ok(()));
}

#[test]
fn no_plaintext_and_no_nonce_twice_wherever_a_migration_is_cut_off() {
    for path in [LOG, FILE] {
        let start = old(path, 0);
        let mut cuts = 0;
        for number in 1.. {
            let dead = start.fork();
            let open = || drop(dead.try_open_at(path).expect("nothing fails"));
            if !dead.die_at(None, number, Fate::CutWithin, open) {
                break;
            }
            cuts += 1;
            for strategy in [
                Strategy::KeepAll,
                Strategy::Independent,
                Strategy::FileDataOnly,
            ] {
                let case = dead.fork();
                case.cut_with(strategy, number);
                scan(&case);
                let wal = case.try_open_at(path).expect("it opens");
                assert!(wal.replay().expect("it can be read") == records());
                durable(&wal, &CANARY.repeat(9));
                case.cut(wal, Strategy::KeepAll);
                scan(&case);
            }
        }
        assert!(cuts > 60, "only {cuts}");
        let size = start.ledger(|ledger| ledger.size());
        assert!(size.nonces > 10 * cuts && size.scanned_on_disk > 0);
    }
}

#[test]
fn what_old_files_have_in_plain_is_nowhere_else() {
    for path in [LOG, FILE] {
        let case = old(path, 2);
        let wal = case.try_open_at(path).expect("it opens");
        assert!(wal.replay().expect("it can be read") == records());
        wal.close().expect("it closes");
        assert_eq!(case.ledger(|ledger| ledger.check()), Ok(()));
        // The scan of the disk finds the old files themselves.
        case.vfs
            .with_disk(|disk| case.ledger(|ledger| ledger.scan(disk)));
        assert!(case.ledger(|ledger| ledger.check()).is_err());
    }
}
