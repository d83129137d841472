//! Logs of the legacy format on a real directory, and what opening them must come to.

#![allow(dead_code)] // Each test file uses its own part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use seawall::env::Env;
use seawall::{Error, KeyRing, Lsn, Result, TenantId, VShardId, WalConfig, WalManager, WalRecord};
use tempfile::TempDir;

#[path = "fixtures.rs"]
pub mod fixtures;

pub fn records_of(wal: &WalManager) -> Vec<WalRecord> {
    wal.replay().expect("it can be read")
}

/// A legacy log in a directory of its own.
pub struct Old {
    scratch: TempDir,
    log: PathBuf,
    pub keys: Option<KeyRing>,
}

impl Old {
    fn new(log: &str) -> Old {
        let scratch = tempfile::tempdir().expect("a directory");
        Old {
            log: scratch.path().join(log),
            scratch,
            keys: None,
        }
    }

    /// A single file.
    pub fn of_file(bytes: &[u8]) -> Old {
        let old = Old::new("log.wal");
        std::fs::write(&old.log, bytes).expect("writes");
        old
    }

    /// A directory with these files.
    pub fn of_files(files: &[(String, Vec<u8>)]) -> Old {
        let old = Old::new("log");
        std::fs::create_dir(&old.log).expect("creates");
        for (name, bytes) in files {
            std::fs::write(old.log.join(name), bytes).expect("writes");
        }
        old
    }

    /// A copy of a fixture.
    pub fn of_fixture(name: &str) -> Old {
        let path = fixtures::fixtures().join(name);
        match path.is_dir() {
            true => Old::of_files(&fixtures::files_of(name)),
            false => Old::of_file(&std::fs::read(path).expect("it is there")),
        }
    }

    pub fn with_keys(mut self, keys: KeyRing) -> Old {
        self.keys = Some(keys);
        self
    }

    /// The path that is opened.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }

    pub fn open(&self) -> Result<WalManager> {
        WalManager::open_in(
            Env::os(),
            &self.log,
            WalConfig::default(),
            self.keys.clone(),
        )
    }

    /// All files, but for locks, with their contents.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        contents(self.scratch.path())
    }

    /// Opens it three times, and appends: it shows these records, then these and the new ones. The
    /// old files stay what they were.
    pub fn check(&self, expect: &[WalRecord], next_lsn: u64) -> WalManager {
        let before = self.files();
        let wal = self.open().expect("it is migrated");
        assert_eq!(records_of(&wal), expect);
        assert_eq!(wal.next_lsn(), Lsn::new(next_lsn));
        drop(wal);
        let wal = self.open().expect("it opens again");
        assert_eq!(records_of(&wal), expect);
        let given = wal.append_put(TenantId::new(1), VShardId::new(2), b"new");
        assert_eq!(given.expect("appends"), Lsn::new(next_lsn));
        wal.close().expect("closes");
        drop(wal);
        let copy = self.fork();
        let wal = copy.open().expect("and again");
        let shown = records_of(&wal);
        assert_eq!(shown[..expect.len()], *expect);
        assert_eq!(shown.len(), expect.len() + 1);
        assert_eq!(shown[expect.len()].payload, b"new");
        drop(wal);
        let after = self.files();
        for (name, bytes) in &before {
            assert!(after.get(name) == Some(bytes), "{name} was changed");
        }
        assert!(
            !after
                .keys()
                .any(|name| name.ends_with("unfinished-migration.wal"))
        );
        // As it was before the new record.
        self.put_back(&before);
        self.open().expect("it is migrated")
    }

    fn fork(&self) -> Old {
        let fork = Old::new(
            self.log
                .file_name()
                .and_then(|name| name.to_str())
                .expect("text"),
        );
        copy_all(self.scratch.path(), fork.scratch.path());
        Old {
            keys: self.keys.clone(),
            ..fork
        }
    }

    fn put_back(&self, files: &BTreeMap<String, Vec<u8>>) {
        for name in self
            .files()
            .keys()
            .filter(|name| !files.contains_key(*name))
        {
            std::fs::remove_file(self.scratch.path().join(name)).expect("removes");
        }
    }

    /// It is refused with this error, twice, and nothing is changed.
    pub fn check_refused(&self, is_meant: impl Fn(&Error) -> bool) {
        let before = self.files();
        for _ in 0..2 {
            let error = self.open().err().expect("it is refused");
            assert!(is_meant(&error), "{error:?}");
            assert!(self.files() == before, "{error:?}");
        }
    }
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("lists") {
        let path = entry.expect("a name").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("text")
            .to_owned();
        if path.is_dir() {
            let inside = contents(&path).into_iter();
            found.extend(inside.map(|(inside, bytes)| (format!("{name}/{inside}"), bytes)));
        } else if name != "LOCK" {
            found.insert(name, std::fs::read(&path).expect("reads"));
        }
    }
    found
}

fn copy_all(from: &Path, to: &Path) {
    for (name, bytes) in contents(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("below")).expect("creates");
        std::fs::write(path, bytes).expect("writes");
    }
}

/// A directory with these files becomes a log with these records.
pub fn check(files: &[(String, Vec<u8>)], expect: &[WalRecord], next_lsn: u64) {
    Old::of_files(files).check(expect, next_lsn);
}

/// It is refused as corrupt, at this place.
pub fn check_corrupt(files: &[(String, Vec<u8>)], name: &str, offset: u64, lsn: u64) {
    let old = Old::of_files(files);
    let path = old.log().join(name);
    old.check_refused(|error| match error {
        Error::Corrupt {
            segment,
            offset: found,
            lsn: found_lsn,
            ..
        } => {
            assert_eq!((segment, *found, found_lsn.as_u64()), (&path, offset, lsn));
            true
        }
        _ => false,
    });
}
