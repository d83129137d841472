//! Logs that the program of the legacy format has written, with lists of what is in them.

#![allow(dead_code)] // Each test file uses its own part.
#![allow(clippy::disallowed_methods)] // Fixtures are real files.

use std::path::{Path, PathBuf};

use seawall::{KeyRing, RecordHeader, WalEncryptionKey, WalRecord};
use serde_json::Value;

/// Where they are: seen from the log's tests, and from the simulator's.
pub fn fixtures() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["tests/legacy", "../tests/legacy"].map(|place| here.join(place));
    let found = places.into_iter().find(|place| place.is_dir());
    found.expect("they are part of the project")
}

/// The files of a fixture that is a directory, by name.
pub fn files_of(name: &str) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(fixtures().join(name)).expect("lists");
    let mut files: Vec<_> = files
        .map(|file| {
            let path = file.expect("lists").path();
            let name = path.file_name().expect("it was listed").to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("reads"))
        })
        .collect();
    files.sort();
    files
}

/// What a fixture's list says.
pub struct Fixture {
    pub records: Vec<WalRecord>,
}

/// The list of a fixture, by the name of its file or directory.
pub fn fixture(name: &str) -> Fixture {
    let list = fixtures().join(name).with_extension("json");
    let list = std::fs::read_to_string(list).expect("each has one");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let expect = &list["expect"];
    let records = ["records", "records_plaintext"].map(|name| expect[name].as_array());
    let records = records.into_iter().flatten().next().expect("a list");
    let number = |record: &Value, name: &str| record[name].as_u64().expect("a number");
    let record = |record: &Value| WalRecord {
        header: RecordHeader {
            record_type: number(record, "record_type") as u16,
            lsn: number(record, "lsn"),
            tenant_id: number(record, "tenant") as u32,
            vshard_id: number(record, "vshard") as u16,
        },
        payload: unhex(record["payload_hex"].as_str().expect("text")),
    };
    Fixture {
        records: records.iter().map(record).collect(),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// A ring of the fixtures' keys, the current one first.
pub fn key_ring(numbers: &[u8]) -> KeyRing {
    let key = |number: &u8| {
        let path = fixtures().join(format!("key-{number}.bin"));
        let bytes = std::fs::read(path).expect("it is there");
        WalEncryptionKey::from_bytes(&bytes.try_into().expect("32 bytes"))
    };
    let (current, previous) = numbers.split_first().expect("at least one");
    let ring = KeyRing::new(key(current));
    previous
        .iter()
        .fold(ring, |ring, number| ring.with_previous(key(number)))
}
