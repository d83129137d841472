//! Mutants in a night: a few in each slice, all of them over the nights.

#![allow(clippy::disallowed_methods)] // Patches are real files.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::record::{Came, Family, Mutant, Slice};
use super::slice::{BUILD_MAX, Ran, Runner, SELF};
use crate::mutants::tree::Patch;
use crate::seed::Seed;

/// So many are done in one slice: the log without a mutant is built and run before them.
const GROUP: usize = 4;
/// How many seeds each has to survive: as many as the gate before a release takes.
const SEEDS: u64 = 60_000;

/// All mutants, a few together; or why there are none.
pub(super) fn groups(runner: &Runner) -> Result<Vec<Vec<String>>, String> {
    if !runner.is_long() {
        return Err("the night is too short".into());
    }
    let patches = Patch::all(Path::new("sim/mutants"));
    let patches = patches.map_err(|_| "there is no sim/mutants here".to_owned())?;
    let names: Vec<String> = patches.into_iter().map(|patch| patch.name).collect();
    match names.is_empty() {
        true => Err("there are none in sim/mutants".into()),
        false => Ok(names.chunks(GROUP).map(<[String]>::to_vec).collect()),
    }
}

/// Tries a group of them.
pub(super) fn run(
    runner: &Runner,
    group: &[String],
    number: u64,
    seed: Seed,
) -> Result<Ran, String> {
    let mut arguments = vec!["mutants".to_owned()];
    arguments.extend_from_slice(group);
    let limits = [
        ("--seed", seed.to_string()),
        ("--seeds", SEEDS.to_string()),
        ("--jobs", runner.jobs().to_string()),
    ];
    arguments.extend(
        limits
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]),
    );
    arguments.push("--json".into());
    let mut command = Command::new(SELF);
    command.args(&arguments);
    let ended = runner.watch(&mut command, &format!("{number:04}-mutants"), BUILD_MAX)?;
    let tried = ended.said.lines().rev().find_map(tried);
    let came = match tried {
        Some(tried) => Came::Mutants { tried },
        None => ended.nothing(),
    };
    let slice = Slice {
        number,
        arm: "mutants".into(),
        family: Family::Mutants,
        command: format!("cargo sim {}", arguments.join(" ")),
        wall_seconds: ended.wall.as_secs_f64(),
        cpu_seconds: cpu_of(&came),
        first_seed: Some(seed),
        seeds: 0,
        new: 0,
        exit_code: ended.code(),
        came,
        is_looked_into: false,
    };
    Ok(Ran { slice, saved: None })
}

/// The processor time of their campaigns; what builds take is not known.
fn cpu_of(came: &Came) -> f64 {
    match came {
        Came::Mutants { tried } => tried.iter().filter_map(|mutant| mutant.cpu_seconds).sum(),
        _ => 0.0,
    }
}

/// What a gate printed last, where this is that.
fn tried(line: &str) -> Option<Vec<Mutant>> {
    let told: Value = serde_json::from_str(line).ok()?;
    let mutants = told.get("mutants")?.as_array()?.iter();
    let mutants = mutants.map(|mutant| {
        let text = |key: &str| mutant[key].as_str().unwrap_or_default().to_owned();
        // One number for each campaign; none for a test.
        let numbers = |key: &str| {
            let all = mutant[key].as_array().filter(|all| !all.is_empty());
            all.map(|all| all.iter().filter_map(Value::as_f64).sum())
        };
        Mutant {
            name: text("name"),
            state: text("state").to_lowercase(),
            compared: text("compared"),
            seeds: numbers("seeds").map(|all| all as u64),
            cpu_seconds: numbers("cpu_seconds"),
        }
    });
    Some(mutants.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gate_prints_is_read_and_other_lines_are_not() {
        assert!(tried("4/4 killed b08").is_none());
        assert!(tried("{\"seeds\":3}").is_none());
        let line = r#"{"mutants":[{"name":"b08","state":"killed","compared":"","seeds":[12],"cpu_seconds":[0.5]}]}"#;
        let mutants = tried(line).unwrap();
        assert_eq!(mutants.len(), 1);
        assert_eq!(
            (mutants[0].name.as_str(), mutants[0].seeds),
            ("b08", Some(12))
        );
    }
}
