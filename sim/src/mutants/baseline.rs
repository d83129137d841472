//! `sim/mutants/baseline.toml`: what became of each mutant when it was last blessed.
//!
//! It is the only table of mutants. A mutant is compared with its entry, and need not be run again
//! while its patch, and all sources that its build sees, are what they were.

#![allow(clippy::disallowed_methods)] // The file, and the sources, are on the real file system.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::process::Finding;
use super::tree::{Patch, read_sources};
use crate::named::named_enum;

const HEADER: &str = "\
# What became of each mutant. Written by `cargo sim mutants --bless`, and read by `cargo sim mutants`,
# which prints it as a table. One number for each campaign: seeds run up to the catch, processor time.
";

named_enum! {
    /// What became of a mutant.
    pub enum State {
        /// A check caught it, in each campaign.
        Killed = "KILLED",
        /// No check did, in one campaign at least.
        Survived = "SURVIVED",
        /// Its patch does not apply, or what it makes does not compile.
        Stale = "STALE",
    }
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// In a word.
    pub state: State,
    /// The properties, or the test, that caught it.
    pub caught_by: Vec<String>,
    /// Seeds of each campaign, up to the catch; none for a test.
    pub seeds: Vec<u64>,
    /// Processor time of each campaign.
    pub cpu_seconds: Vec<f64>,
    /// Of the patch and all that its build sees.
    pub hash: String,
}

impl Entry {
    /// An entry of what was found.
    pub fn new(state: State, findings: &[Finding], hash: String) -> Entry {
        let mut caught_by: Vec<String> = Vec::new();
        for property in findings.iter().filter_map(|one| one.property.clone()) {
            if !caught_by.contains(&property) {
                caught_by.push(property);
            }
        }
        let rounded = |seconds: f64| (seconds * 100.0).round() / 100.0;
        let seconds = findings.iter().filter_map(|one| one.cpu_seconds);
        Entry {
            state,
            caught_by,
            seeds: findings.iter().filter_map(|one| one.seeds).collect(),
            cpu_seconds: seconds.map(rounded).collect(),
            hash,
        }
    }

    /// Whether nothing new would come of running it again, in so many campaigns.
    fn says_it_all(&self, hash: &str, repeat: u32) -> bool {
        let is_test = self.seeds.is_empty();
        let is_enough = is_test || self.seeds.len() >= repeat as usize;
        self.state == State::Killed && self.hash == hash && is_enough
    }
}

/// All entries, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// One for each mutant.
    #[serde(default)]
    pub mutant: BTreeMap<String, Entry>,
}

/// How a mutant compares with its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// As it was.
    None,
    /// It was killed, and survives.
    Regression,
    /// It is killed, and was not.
    Progress,
    /// It can't be run, whatever was before.
    Stale,
    /// It has no entry.
    Missing,
}

impl Change {
    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            Change::None => "",
            Change::Regression => "REGRESSION",
            Change::Progress => "progress",
            Change::Stale => "STALE",
            Change::Missing => "MISSING",
        }
    }
}

impl Baseline {
    /// Reads the file in this directory; where there is none, there are no entries.
    ///
    /// # Errors
    /// When it can't be read, or is not a baseline.
    pub fn load(dir: &Path) -> io::Result<Baseline> {
        match std::fs::read_to_string(file(dir)) {
            Ok(text) => toml::from_str(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Baseline::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        let text = toml::to_string(self).expect("a baseline is plain data");
        std::fs::write(file(dir), format!("{HEADER}\n{text}"))
    }

    /// The entry of a mutant that need not be run again.
    pub fn unchanged(&self, name: &str, hash: &str, repeat: u32) -> Option<&Entry> {
        let entry = self.mutant.get(name);
        entry.filter(|entry| entry.says_it_all(hash, repeat))
    }

    /// How a mutant compares with its entry.
    pub fn compare(&self, name: &str, now: State) -> Change {
        let before = self.mutant.get(name).map(|entry| entry.state);
        match (before, now) {
            (_, State::Stale) => Change::Stale,
            (None, _) => Change::Missing,
            (Some(State::Killed), State::Survived) => Change::Regression,
            (Some(State::Survived | State::Stale), State::Killed) => Change::Progress,
            _ => Change::None,
        }
    }

    /// Entries without a patch.
    pub fn orphans(&self, patches: &[Patch]) -> Vec<String> {
        let has_patch = |name: &String| patches.iter().any(|patch| patch.name == *name);
        let names = self.mutant.keys();
        names.filter(|name| !has_patch(name)).cloned().collect()
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("baseline.toml")
}

/// The hash of all sources that a build sees: of the simulator, or of a test.
pub struct Fingerprint {
    simulator: Xxh3,
    tests: Xxh3,
}

impl Fingerprint {
    /// That of the sources below `root`.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn of(root: &Path) -> io::Result<Fingerprint> {
        let mut both = Fingerprint {
            simulator: Xxh3::new(),
            tests: Xxh3::new(),
        };
        for (path, bytes) in read_sources(root)? {
            if path.starts_with("sim/mutants") || path.extension().is_some_and(|ext| ext == "md") {
                continue;
            }
            let name = path.as_os_str().as_encoded_bytes();
            let is_test = [
                "tests",
                "sim/tests",
                "sim/reality",
                "benches",
                "sim/regressions",
            ]
            .iter()
            .any(|dir| path.starts_with(dir));
            add(&mut both.tests, name, &bytes);
            if !is_test {
                add(&mut both.simulator, name, &bytes);
            }
        }
        Ok(both)
    }

    /// The hash of a patch on these sources.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn with(&self, patch: &Patch) -> io::Result<String> {
        let mut hash = match patch.test {
            None => self.simulator.clone(),
            Some(_) => self.tests.clone(),
        };
        add(
            &mut hash,
            patch.name.as_bytes(),
            &std::fs::read(&patch.path)?,
        );
        Ok(format!("{:032x}", hash.digest128()))
    }
}

fn add(hash: &mut Xxh3, name: &[u8], bytes: &[u8]) {
    for part in [name, bytes] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: State) -> Entry {
        Entry {
            state,
            caught_by: vec!["opens".into()],
            seeds: vec![7],
            cpu_seconds: vec![0.25],
            hash: "h".into(),
        }
    }

    fn baseline(state: State) -> Baseline {
        Baseline {
            mutant: [("b01".to_string(), entry(state))].into(),
        }
    }

    #[test]
    fn a_baseline_survives_a_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Baseline::load(dir.path()).unwrap(), Baseline::default());
        let one = baseline(State::Killed);
        one.save(dir.path()).unwrap();
        assert_eq!(Baseline::load(dir.path()).unwrap(), one);
    }

    #[test]
    fn what_was_killed_and_survives_is_a_regression() {
        let check = |before: Option<State>, now, expect| {
            let baseline = before.map_or_else(Baseline::default, baseline);
            assert_eq!(baseline.compare("b01", now), expect, "{before:?}, {now}");
        };
        let (killed, survived, stale) = (State::Killed, State::Survived, State::Stale);
        check(Some(killed), killed, Change::None);
        check(Some(killed), survived, Change::Regression);
        check(Some(killed), stale, Change::Stale);
        check(Some(stale), stale, Change::Stale);
        check(Some(survived), survived, Change::None);
        check(Some(survived), killed, Change::Progress);
        check(None, killed, Change::Missing);
        check(None, survived, Change::Missing);
    }

    #[test]
    fn only_what_was_killed_and_did_not_change_is_left_out() {
        let one = baseline(State::Killed);
        assert!(one.unchanged("b01", "h", 1).is_some());
        assert!(one.unchanged("b01", "h", 2).is_none());
        assert!(one.unchanged("b01", "other", 1).is_none());
        assert!(one.unchanged("b02", "h", 1).is_none());
        let survived = baseline(State::Survived);
        assert!(survived.unchanged("b01", "h", 1).is_none());
    }

    #[test]
    fn a_hash_is_of_the_patch_and_of_what_its_build_sees() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let patch = |test: Option<&str>| Patch {
            name: "b01".into(),
            path: dir.path().join("b01.patch"),
            test: test.map(|name| super::super::tree::Test {
                package: "seawall".into(),
                name: name.into(),
            }),
        };
        let (campaign, test) = (patch(None), patch(Some("follow")));
        let both = || {
            let of = Fingerprint::of(dir.path()).unwrap();
            [of.with(&campaign).unwrap(), of.with(&test).unwrap()]
        };
        write("b01.patch", "one");
        write("src/lib.rs", "log");
        write("tests/follow.rs", "test");
        let first = both();
        write("sim/mutants/README.md", "of no meaning");
        assert_eq!(both(), first);
        write("tests/follow.rs", "another");
        let second = both();
        assert_eq!(
            (second[0] == first[0], second[1] == first[1]),
            (true, false)
        );
        write("src/lib.rs", "another");
        let third = both();
        assert!(third[0] != second[0] && third[1] != second[1]);
        write("b01.patch", "two");
        assert!(both()[0] != third[0]);
    }
}
