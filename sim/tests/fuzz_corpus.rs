//! The fuzz target for scenarios over its committed corpus, without a fuzzer.
//!
//! *Verified:* every scenario of the corpus is one that the target runs, and the log passes it; the
//! corpus is there, and small. *Not verified:* anything about other scenarios: that is the fuzzer's
//! part. The ignored test makes the corpus again, from what is there and from the swarm: the few
//! scenarios that have the most features.

// The corpus is on the real file system.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use seawall_sim::features::Feature;
use seawall_sim::fuzzing::check;
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;

/// All of it, in bytes.
const BYTES_MAX: usize = 100 << 10;
/// So many seeds of the swarm compete for a place.
const SEEDS: u64 = 3000;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/scenario")
}

/// Names and texts; those that a fuzzer found here have no underscore, and are not committed.
fn corpus() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(directory()).expect("a corpus");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("a name").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let name = path.file_name().expect("it has one").to_string_lossy();
        (name.into_owned(), text)
    };
    let mut all: Vec<(String, String)> = entries.map(read).collect();
    all.sort();
    all
}

#[test]
fn scenarios_of_the_corpus_pass() {
    let mut bytes = 0;
    let mut count = 0;
    for (name, text) in corpus() {
        let features = check(text.as_bytes());
        assert!(features.is_some(), "{name} is not run");
        if name.contains('_') {
            bytes += text.len();
            count += 1;
        }
    }
    assert!(count >= 40, "only {count} inputs");
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}

#[test]
#[ignore = "writes the corpus, which is committed"]
fn write_the_corpus() {
    let fresh = (0..SEEDS).map(|seed| generate(Seed(seed), Setting::default()).print());
    let there = corpus().into_iter().map(|(_, text)| text);
    let mut candidates: Vec<(String, Vec<Feature>)> = fresh
        .chain(there)
        .filter_map(|text| check(text.as_bytes()).map(|features| (text, features)))
        .collect();
    for (name, _) in corpus() {
        std::fs::remove_file(directory().join(name)).expect("it was just read");
    }
    let mut covered = BTreeSet::new();
    let mut bytes = 0;
    loop {
        // The most that is new for its length.
        let gain = |(text, features): &(String, Vec<Feature>)| {
            let new = features.iter().filter(|one| !covered.contains(*one));
            new.count() * 100_000 / text.len()
        };
        let best = (0..candidates.len()).max_by_key(|&index| gain(&candidates[index]));
        let Some(best) = best else {
            return;
        };
        let (text, features) = candidates.swap_remove(best);
        if bytes + text.len() > BYTES_MAX {
            return;
        }
        bytes += text.len();
        covered.extend(features);
        let scenario = Scenario::parse(&text).expect("it was run");
        std::fs::write(directory().join(name_of(&scenario)), &text).expect("writes");
    }
}

/// What is special about a scenario, and its seed.
fn name_of(scenario: &Scenario) -> String {
    let mut words = vec![scenario.disk.profile.to_string()];
    let lives = &scenario.lives;
    words.push(format!("{}_lives", lives.len()));
    let special = [
        (scenario.legacy.is_some(), "legacy"),
        (scenario.media.is_some(), "media"),
        (scenario.disk.capacity.is_some(), "small"),
        (lives.iter().any(|life| life.key.is_some()), "keys"),
        (lives.iter().any(|life| life.restore.is_some()), "restored"),
        (lives.iter().any(|life| life.probe.is_some()), "probed"),
        (!scenario.tape.is_empty(), "taped"),
    ];
    let special = special.iter().filter(|(holds, _)| *holds);
    words.extend(special.map(|(_, word)| (*word).to_string()));
    words.push(scenario.seed.to_string());
    words.join("_")
}
