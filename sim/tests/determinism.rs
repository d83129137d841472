//! A seed is a run: the same everywhere, each time, whoever looks on.
//!
//! *Verified:* a seed has the same trace when it is run again, on other threads at once, in other
//! processes, in the other build profile, with and without the text of the trace, and as a
//! scenario that was printed and parsed; and from the tape of its choices.
//! *Not verified:* other machines and other versions of the compiler; and no hash is kept from
//! one commit to the next, since each change of the log or the simulator changes all of them.

// Child processes, and the age of a binary, are of the real world.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use seawall_sim::run::{record, run};
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;

const SEEDS: u64 = 300;
/// A process each, so few.
const SEEDS_OF_PROCESSES: [u64; 8] = [0, 1, 2, 63, 64, 1000, 0xdead_beef, u64::MAX];

fn hash_of(scenario: &Scenario) -> u64 {
    run(scenario, false).trace.hash
}

fn hash_of_seed(seed: u64) -> u64 {
    hash_of(&generate(Seed(seed), Setting::default()))
}

fn hashes() -> Vec<u64> {
    (0..SEEDS).map(hash_of_seed).collect()
}

#[test]
fn a_seed_has_one_trace_on_every_thread_and_each_time() {
    let first = hashes();
    let (second, third) = std::thread::scope(|scope| {
        let one = scope.spawn(hashes);
        // In another order, so that what a run leaves on its thread is another run's.
        let other = scope.spawn(|| {
            let backwards: Vec<u64> = (0..SEEDS).rev().map(hash_of_seed).collect();
            backwards.into_iter().rev().collect::<Vec<u64>>()
        });
        (
            one.join().expect("no run panics"),
            other.join().expect("no run panics"),
        )
    });
    assert_eq!(first, second);
    assert_eq!(first, third);
    let distinct: std::collections::BTreeSet<u64> = first.iter().copied().collect();
    assert_eq!(
        distinct.len() as u64,
        SEEDS,
        "two seeds have the same trace"
    );
}

#[test]
fn the_text_of_a_trace_changes_nothing() {
    for seed in 0..SEEDS / 3 {
        let scenario = generate(Seed(seed), Setting::default());
        let report = run(&scenario, true);
        assert!(!report.trace.lines.is_empty(), "seed {seed}");
        assert_eq!(report.trace.hash, hash_of(&scenario), "seed {seed}");
    }
}

#[test]
fn a_scenario_that_was_printed_and_parsed_is_the_same_run() {
    for seed in 0..SEEDS / 3 {
        let scenario = generate(Seed(seed), Setting::default());
        let parsed = Scenario::parse(&scenario.print()).expect("what was printed can be read");
        assert_eq!(hash_of(&parsed), hash_of(&scenario), "seed {seed}");
    }
}

#[test]
fn another_process_has_the_same_traces() {
    let simulator = Path::new(env!("CARGO_BIN_EXE_seawall-sim"));
    compare_with(simulator);
    compare_with(simulator);
}

#[test]
fn a_scenario_file_is_the_same_run_in_another_process() {
    let simulator = Path::new(env!("CARGO_BIN_EXE_seawall-sim"));
    let scratch = tempfile::tempdir().expect("a directory");
    for seed in SEEDS_OF_PROCESSES {
        let text = generate(Seed(seed), Setting::default()).print();
        std::fs::write(scratch.path().join("scenario.toml"), text).expect("it can be written");
        let theirs = hash_of_process(simulator, scratch.path(), "scenario.toml");
        assert_eq!(theirs, hash_of_seed(seed), "seed {seed}");
    }
}

/// Debug and release differ in optimization and debug assertions, and in nothing that counts.
#[test]
fn the_other_build_profile_has_the_same_traces_where_it_was_built() {
    let other = binary_of(other_profile());
    match is_up_to_date(&other) {
        true => compare_with(&other),
        false => println!(
            "skipped: no up-to-date binary of profile {}",
            other_profile()
        ),
    }
}

#[test]
#[ignore = "builds the simulator a second time"]
fn the_other_build_profile_has_the_same_traces() {
    let profile = match other_profile() {
        "release" => "release",
        _ => "dev",
    };
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--package", "seawall-sim", "--bin", "seawall-sim"]);
    build.args(["--profile", profile, "--target-dir"]);
    build.arg(target_dir());
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().expect("cargo runs").success());
    compare_with(&binary_of(other_profile()));
}

/// Runs seeds in processes of `simulator`, and in this one.
fn compare_with(simulator: &Path) {
    let scratch = tempfile::tempdir().expect("a directory");
    for seed in SEEDS_OF_PROCESSES {
        let theirs = hash_of_process(simulator, scratch.path(), &seed.to_string());
        assert_eq!(theirs, hash_of_seed(seed), "seed {seed} in {simulator:?}");
    }
}

/// The hash that `replay` prints.
fn hash_of_process(simulator: &Path, dir: &Path, what: &str) -> u64 {
    let mut replay = Command::new(simulator);
    replay.args(["replay", what]).current_dir(dir);
    let output = replay.output().expect("the simulator runs");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let hash = text.lines().find_map(|line| line.strip_prefix("trace "));
    let hash = hash.unwrap_or_else(|| panic!("replay {what} prints no trace: {text}"));
    u64::from_str_radix(hash, 16).expect("a hash is hexadecimal")
}

fn other_profile() -> &'static str {
    match cfg!(debug_assertions) {
        true => "release",
        false => "debug",
    }
}

fn target_dir() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_seawall-sim"));
    let dir = binary.parent().and_then(Path::parent);
    dir.expect("a binary is in its profile's folder").into()
}

fn binary_of(profile: &str) -> PathBuf {
    target_dir().join(profile).join("seawall-sim")
}

/// Whether a binary is younger than each of the sources that cargo noted beside it. One that is
/// older ran other code, and tells nothing.
fn is_up_to_date(binary: &Path) -> bool {
    let age = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified());
    let sources = std::fs::read_to_string(binary.with_extension("d"));
    let (Ok(built), Ok(sources)) = (age(binary), sources) else {
        return false;
    };
    let is_older = |source: &str| {
        let changed: Option<SystemTime> = age(Path::new(source)).ok();
        changed.is_some_and(|changed| changed <= built)
    };
    sources.split_whitespace().skip(1).all(is_older)
}

#[test]
fn a_recorded_run_is_the_same_again_from_its_tape() {
    for seed in 0..150 {
        let scenario = generate(Seed(seed), Setting::default());
        let (report, made) = record(&scenario);
        let taped = Scenario {
            tape: made.tape(),
            ..scenario.clone()
        };
        assert_eq!(report.trace.hash, hash_of(&scenario), "seed {seed}");
        let text = taped.print();
        let parsed = Scenario::parse(&text).expect("a taped scenario parses");
        let (again, same) = record(&parsed);
        assert_eq!(again.trace.hash, report.trace.hash, "seed {seed}\n{text}");
        for ((id, one), (_, other)) in made.tracks().zip(same.tracks()) {
            assert_eq!(one, other, "seed {seed}, {id}");
        }
    }
}
