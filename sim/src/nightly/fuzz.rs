//! Fuzz targets in a night: for so long each, on a corpus that grows from night to night.

#![allow(clippy::disallowed_methods)] // The fuzzer is a program of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use xxhash_rust::xxh3::xxh3_64;

use super::record::{Came, Family, Slice};
use super::slice::{BUILD_MAX, Ran, Runner};
use crate::seed::Seed;

/// Where the targets are, from the root of the repository.
const TARGETS: &str = "fuzz/fuzz_targets";

/// The targets, which are built now; or why there are none.
pub(super) fn targets(runner: &Runner) -> Result<Vec<String>, String> {
    if !runner.is_long() {
        return Err("the night is too short".into());
    }
    let entries = std::fs::read_dir(TARGETS);
    let entries = entries.map_err(|_| format!("there is no {TARGETS} here"))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut targets: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    targets.sort();
    let mut build = fuzzer("build");
    let built = runner.watch(&mut build, "0000-fuzz-build", BUILD_MAX)?;
    match built.code() {
        Some(0) => Ok(targets),
        _ => Err(built.last_line()),
    }
}

/// Without the sanitizer of addresses: the log has next to no unsafe code, and runs several times as fast.
fn fuzzer(verb: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args(["fuzz", verb, "-s", "none"]);
    command
}

/// Runs a target for a slice.
pub(super) fn run(runner: &Runner, target: &str, number: u64, seed: Seed) -> Result<Ran, String> {
    let corpus = runner.root.join("corpus").join(target);
    let artifacts = runner.dir().join("artifacts").join(target);
    for dir in [&corpus, &artifacts] {
        let made = std::fs::create_dir_all(dir);
        made.map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    let mut command = fuzzer("run");
    command
        .arg(target)
        .arg(&corpus)
        .arg(Path::new("fuzz/corpus").join(target));
    if target == "scenario" {
        command.arg("sim/regressions");
    }
    command.arg("--");
    command.arg(format!("-max_total_time={}", runner.length.as_secs()));
    // Its seeds have 32 bits, and zero is none.
    let seed = xxh3_64(&seed.0.to_le_bytes()) as u32;
    command.arg(format!("-seed={}", seed.max(1)));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg("-print_final_stats=1");
    if target == "scenario" {
        command.args(["-max_len=65536", "-len_control=0"]);
        command.arg("-dict=fuzz/dictionaries/scenario.dict");
    }
    let stem = format!("{number:04}-fuzz-{target}");
    let before = files(&artifacts);
    let ended = runner.watch(&mut command, &stem, runner.length)?;
    let stat = |name: &str| -> u64 {
        let value = ended.said.lines().find_map(|line| line.strip_prefix(name));
        value
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(0)
    };
    let runs = stat("stat::number_of_executed_units:");
    // What makes a target fail is left as a file; its exit code comes through Cargo, and tells nothing.
    let after = files(&artifacts);
    let crash = after.difference(&before).next();
    let crash = crash.map(|path| path.display().to_string());
    let came = match ended.code() {
        Some(0) => fuzzed(target, runs, None),
        _ if crash.is_some() => fuzzed(target, runs, crash),
        _ => ended.nothing(),
    };
    let arguments: Vec<String> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let slice = Slice {
        number,
        arm: format!("fuzz {target}"),
        family: Family::Fuzz,
        command: format!("cargo {}", arguments.join(" ")),
        wall_seconds: ended.wall.as_secs_f64(),
        // It has one thread, and does not wait.
        cpu_seconds: ended.wall.as_secs_f64(),
        first_seed: None,
        seeds: 0,
        new: stat("stat::new_units_added:"),
        exit_code: ended.code(),
        came,
        is_looked_into: false,
    };
    Ok(Ran { slice, saved: None })
}

fn fuzzed(target: &str, runs: u64, crash: Option<String>) -> Came {
    Came::Fuzz {
        target: target.to_owned(),
        runs,
        crash,
    }
}

/// The files in a directory.
fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}
