//! Field images: directories of real logs, damaged in many ways, each told apart.
//!
//! *Verified:* the class, the place and the evidence of each; that the directory is left as it was; that
//! a capsule looked at again says the same, call by call; and that no text of a user is in one, packed or
//! not. *Not verified:* damage to several places at once, beyond what is here.

// The directories are on the real file system.
#![allow(clippy::disallowed_methods)]

#[path = "../../tests/support/fixtures.rs"]
mod fixtures;
#[path = "import_support/logs.rs"]
mod logs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use seawall::KeyRing;
use seawall_sim::import::capsule::{ImageCapsule, Payloads};
use seawall_sim::import::{FieldClass, FieldImage, Findings, Kind, Recovery, examine};
use tempfile::TempDir;

use logs::*;

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = std::fs::read_dir(dir).expect("lists");
    let paths = names.map(|name| name.expect("lists").path());
    paths
        .map(|path| (path.clone(), std::fs::read(path).expect("reads")))
        .collect()
}

/// What is said of a directory; a capsule of it says the same, without a word of the user's.
fn findings(dir: &Path, keys: Option<KeyRing>) -> Findings {
    let before = files(dir);
    let image = FieldImage::read(dir).expect("reads");
    let examination = examine(&image, keys.as_ref(), false);
    assert_eq!(files(dir), before, "the directory is only read");
    let findings = examination.findings;
    let capsule = ImageCapsule::redacted(&image, &findings, keys.as_ref());
    let capsule = capsule.unwrap_or_else(|error| {
        panic!("{findings:#?}\n but redacted {:#?}", error.redacted);
    });
    let text = capsule.print();
    let read = ImageCapsule::parse(&text).expect("parses");
    assert_eq!(read, capsule);
    assert_eq!(read.payloads, Payloads::Redacted);
    let unpacked = read.unpack().expect("unpacks");
    let again = examine(&unpacked, keys.as_ref(), false);
    assert_eq!(again.findings, findings);
    assert!(read.is_same(&again));
    for words in [CANARY, "again and again"] {
        assert!(!text.contains(words));
        let has_words =
            |bytes: &Vec<u8>| bytes.windows(words.len()).any(|at| at == words.as_bytes());
        assert!(!unpacked.files.values().any(has_words));
    }
    findings
}

/// The findings of a log that ended without a close, and was changed then.
fn damaged(damage: impl FnOnce(&Path)) -> Findings {
    let dir = TempDir::new().expect("a directory");
    crashed(dir.path(), None);
    damage(dir.path());
    findings(dir.path(), None)
}

fn expect(findings: &Findings, class: FieldClass, exit_code: u8, evidence: &str) {
    let found = (findings.class, findings.exit_code());
    assert_eq!(found, (class, exit_code), "{findings:#?}");
    let told = findings.damage.first().map_or_else(
        || findings.reasons.join(" "),
        |damage| {
            format!(
                "{} {}",
                damage.looks.as_deref().unwrap_or(""),
                damage.evidence
            )
        },
    );
    assert!(told.contains(evidence), "`{evidence}` is not in `{told}`");
}

#[test]
fn a_closed_log_is_intact() {
    let dir = TempDir::new().expect("a directory");
    closed(dir.path());
    let found = findings(dir.path(), None);
    expect(&found, FieldClass::Intact, 0, "closed");
    assert_eq!(
        (found.contents.records, found.contents.lsns),
        (60, Some((1, 60)))
    );
    assert!(found.contents.is_closed);
    // Without a record, too.
    let dir = TempDir::new().expect("a directory");
    open(dir.path(), None).close().expect("closes");
    expect(&findings(dir.path(), None), FieldClass::Intact, 0, "closed");
}

#[test]
fn a_log_after_a_kill_is_explained_by_a_crash() {
    let found = damaged(|_| {});
    expect(
        &found,
        FieldClass::Crash,
        0,
        "nothing that was written later promises them",
    );
    let Recovery::Opens {
        records,
        adopted,
        cut_bytes,
        ..
    } = found.recovery
    else {
        panic!("{found:?}");
    };
    assert_eq!((records, adopted, cut_bytes), (60, 3, 0));
}

#[test]
fn a_torn_tail_is_explained_by_a_crash() {
    let found = damaged(|dir| {
        let last = last(dir);
        let at = *frames(&last).last().expect("there is one");
        change(&last, |bytes| bytes[at + BLOCK..at + 2 * BLOCK].fill(0));
    });
    expect(
        &found,
        FieldClass::Crash,
        0,
        "a write that no sync has covered",
    );
    let Recovery::Opens {
        records,
        adopted,
        cut_bytes,
        ..
    } = found.recovery
    else {
        panic!("{found:?}");
    };
    assert_eq!((records, adopted), (57, 0));
    assert!(cut_bytes > 0);
}

#[test]
fn one_wrong_bit_at_the_very_end_is_no_torn_tail() {
    let found = damaged(|dir| {
        let last = last(dir);
        let at = *frames(&last).last().expect("there is one");
        change(&last, |bytes| bytes[at + 100] ^= 4);
    });
    expect(
        &found,
        FieldClass::Damage,
        10,
        "one bit is wrong: bit 2 of byte",
    );
    assert!(matches!(found.recovery, Recovery::Opens { adopted: 0, .. }));
}

#[test]
fn a_leftover_in_the_making_is_explained_by_a_crash() {
    let dir = TempDir::new().expect("a directory");
    closed(dir.path());
    std::fs::write(dir.path().join("next.wal.tmp"), format!("half {CANARY}")).expect("writes");
    std::fs::write(dir.path().join("notes.txt"), CANARY).expect("writes");
    let found = findings(dir.path(), None);
    expect(
        &found,
        FieldClass::Crash,
        0,
        "In the making when the life ended: next.wal.tmp",
    );
}

#[test]
fn a_flipped_bit_below_a_promise_is_damage() {
    let mut place = 0;
    let found = damaged(|dir| {
        let last = last(dir);
        place = frames(&last)[1];
        change(&last, |bytes| bytes[place + 90] ^= 1);
    });
    expect(
        &found,
        FieldClass::Damage,
        10,
        "one bit is wrong: bit 0 of byte",
    );
    expect(
        &found,
        FieldClass::Damage,
        10,
        "promises it, and was written after a sync",
    );
    assert_eq!(found.damage[0].offset, place as u64);
    assert!(matches!(found.recovery, Recovery::Refuses(_)));
    // In an earlier segment the log opens, and a reader stops.
    let found = damaged(|dir| {
        let first = segments(dir).remove(0);
        let place = frames(&first)[2];
        change(&first, |bytes| bytes[place + 20] ^= 1);
    });
    expect(
        &found,
        FieldClass::Damage,
        10,
        "says that this segment ends at offset",
    );
    assert!(matches!(
        found.recovery,
        Recovery::Opens {
            stopped: Some(_),
            ..
        }
    ));
}

#[test]
fn a_zeroed_sector_is_damage() {
    let found = damaged(|dir| {
        let first = segments(dir).remove(0);
        let at = frames(&first)[2] + BLOCK;
        change(&first, |bytes| bytes[at..at + BLOCK].fill(0));
    });
    expect(
        &found,
        FieldClass::Damage,
        10,
        "sectors of it read as zeros",
    );
    let found = damaged(|dir| {
        let first = segments(dir).remove(0);
        let at = frames(&first)[2];
        change(&first, |bytes| bytes[at..at + BLOCK].fill(0));
    });
    expect(&found, FieldClass::Damage, 10, "the block reads as zeros");
}

#[test]
fn a_truncated_file_is_damage() {
    let found = damaged(|dir| {
        let first = segments(dir).remove(0);
        let at = frames(&first)[2];
        change(&first, |bytes| bytes.truncate(at + 700));
    });
    expect(
        &found,
        FieldClass::Damage,
        10,
        "says that this segment ends at offset",
    );
}

#[test]
fn two_sectors_swapped_are_misplaced() {
    let found = damaged(|dir| {
        let first = segments(dir).remove(0);
        let frames = frames(&first);
        change(&first, |bytes| {
            for at in 0..BLOCK {
                bytes.swap(frames[1] + at, frames[3] + at);
            }
        });
    });
    expect(&found, FieldClass::Misplaced, 11, "the frame of offset");
}

#[test]
fn a_missing_segment_is_missing() {
    let found = damaged(|dir| {
        std::fs::remove_file(&segments(dir)[1]).expect("removes");
    });
    expect(
        &found,
        FieldClass::Missing,
        10,
        "says that segment 2 comes before it",
    );
    assert!(matches!(found.recovery, Recovery::Refuses(_)));
}

#[test]
fn a_damaged_header_is_damage() {
    let found = damaged(|dir| change(&last(dir), |bytes| bytes[44] ^= 8));
    expect(
        &found,
        FieldClass::Damage,
        10,
        "one bit is wrong: bit 3 of byte 44",
    );
    let found = damaged(|dir| change(&last(dir), |bytes| bytes[..BLOCK].fill(0)));
    expect(&found, FieldClass::Damage, 10, "the header reads as zeros");
    let found = damaged(|dir| change(&last(dir), |bytes| bytes[100..300].fill(b'u')));
    expect(
        &found,
        FieldClass::Damage,
        10,
        "a segment gets its name only after its header was synced",
    );
}

#[test]
fn a_file_of_another_place_or_log_is_told() {
    let other = TempDir::new().expect("a directory");
    crashed(other.path(), None);
    let found = damaged(|dir| {
        std::fs::copy(&segments(other.path())[1], &segments(dir)[1]).expect("copies");
    });
    expect(&found, FieldClass::Foreign, 11, "another log's id");
    let found = damaged(|dir| {
        let segments = segments(dir);
        std::fs::copy(&segments[0], &segments[1]).expect("copies");
    });
    expect(&found, FieldClass::Misplaced, 11, "copied or renamed");
}

#[test]
fn a_later_version_is_foreign() {
    let found = damaged(|dir| {
        change(&last(dir), |bytes| {
            bytes[8] = 9;
            let checksum = crc32c::crc32c(&bytes[..BLOCK - 4]);
            bytes[BLOCK - 4..BLOCK].copy_from_slice(&checksum.to_le_bytes());
        });
    });
    expect(
        &found,
        FieldClass::Foreign,
        11,
        "a later version has written it",
    );
}

#[test]
fn a_wrong_or_missing_key_is_told_from_damage() {
    let dir = TempDir::new().expect("a directory");
    crashed(dir.path(), Some(ring(1)));
    for keys in [None, Some(ring(2))] {
        let found = findings(dir.path(), keys);
        expect(&found, FieldClass::Key, 13, "not among those given");
    }
    let found = findings(dir.path(), Some(ring(1)));
    expect(&found, FieldClass::Crash, 0, "");
    assert!(found.contents.encrypted > 1);
    let first = segments(dir.path()).remove(0);
    let at = frames(&first)[2];
    change(&first, |bytes| bytes[at + 90] ^= 1);
    let found = findings(dir.path(), Some(ring(1)));
    expect(&found, FieldClass::Damage, 10, "one bit is wrong");
}

#[test]
fn a_legacy_log_is_one() {
    let dir = TempDir::new().expect("a directory");
    for (name, bytes) in fixtures::files_of("segmented-plain") {
        std::fs::write(dir.path().join(name), bytes).expect("writes");
    }
    let found = findings(dir.path(), None);
    expect(&found, FieldClass::Legacy, 0, "an open migrates it");
    assert!(matches!(
        found.recovery,
        Recovery::Opens { records: 1.., .. }
    ));
}

#[test]
fn a_damaged_legacy_log_is_damaged() {
    let dir = TempDir::new().expect("a directory");
    for (name, bytes) in fixtures::files_of("segmented-mid-corruption") {
        std::fs::write(dir.path().join(name), bytes).expect("writes");
    }
    let found = findings(dir.path(), None);
    expect(&found, FieldClass::Damage, 10, "that format appends only");
    assert_eq!((found.damage.len(), found.damage[0].offset), (1, 82));
    assert!(matches!(found.recovery, Recovery::Refuses(_)));
}

#[test]
fn what_holds_no_log_is_none() {
    let dir = TempDir::new().expect("a directory");
    std::fs::write(dir.path().join("photos.tar"), CANARY).expect("writes");
    let found = findings(dir.path(), None);
    expect(&found, FieldClass::NotALog, 2, "There is no segment");
    let error = FieldImage::read(&dir.path().join("photos.tar"));
    assert!(error.expect_err("it is a file").contains("neither"));
    assert!(FieldImage::read(&dir.path().join("nowhere")).is_err());
}

#[test]
fn what_looks_like_a_segment_and_is_none_is_foreign() {
    let found = damaged(|dir| {
        let name = "seg-0000000099-00000000000000000099.wal";
        std::fs::write(dir.join(name), CANARY.repeat(99)).expect("writes");
    });
    expect(
        &found,
        FieldClass::Foreign,
        11,
        "nothing in it is a segment's",
    );
    assert_eq!(found.damage[0].kind, Kind::Foreign);
}

#[test]
fn a_capsule_that_somebody_changed_is_refused() {
    let dir = TempDir::new().expect("a directory");
    crashed(dir.path(), None);
    let image = FieldImage::read(dir.path()).expect("reads");
    let examination = examine(&image, None, false);
    let capsule = ImageCapsule::with_payloads(&image, &examination);
    assert_eq!(capsule.payloads, Payloads::Kept);
    assert_eq!(capsule.unpack().expect("unpacks"), image);
    let text = capsule.print();
    for (from, to) in [
        ("\"image\"", "\"scenario\""),
        ("\"format\": 1", "\"format\": 9"),
        ("{", "["),
    ] {
        assert!(
            ImageCapsule::parse(&text.replacen(from, to, 1)).is_err(),
            "{to}"
        );
    }
    let mut longer = capsule.clone();
    assert!(longer.is_same(&examination));
    longer.trace = "0".repeat(16);
    assert!(!longer.is_same(&examination));
    let cut = text.replacen("\"bytes\": ", "\"bytes\": 9", 1);
    assert!(ImageCapsule::parse(&cut).expect("parses").unpack().is_err());
}
