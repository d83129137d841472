//! Bugs of the log that the simulator found, each as the smallest scenario that shows it.
//!
//! *Verified:* every scenario in `regressions/` passes, as it is and with other choices of
//! schedule, faults and power cuts: a change of the log may shift which seed hits the spot, and
//! in each of these stories at least one in a hundred does.
//! *Not verified:* that a scenario still reaches the spot. That is what the mutants are for.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Scenarios are real files.

use std::path::{Path, PathBuf};

use seawall_sim::choice::Tape;
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;
use seawall_sim::seed::Seed;

/// How many other seeds each scenario is run with.
const OTHER_SEEDS: u64 = 300;

fn scenario_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let entries = std::fs::read_dir(&folder).expect("the folder is part of the repository");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    files
}

fn text_of(file: &Path) -> String {
    std::fs::read_to_string(file).expect("it was just listed")
}

#[test]
fn every_scenario_passes_with_any_choices() {
    let files = scenario_files();
    assert!(!files.is_empty(), "there is no scenario: nothing is tested");
    for file in &files {
        let scenario = Scenario::parse(&text_of(file));
        let mut scenario = scenario.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let violation = run(&scenario, false).violation;
        assert_eq!(violation, None, "{}", file.display());
        // With a tape, nothing would be another seed's.
        scenario.tape = Tape::default();
        for seed in (0..OTHER_SEEDS).map(Seed) {
            scenario.seed = seed;
            let violation = run(&scenario, false).violation;
            assert_eq!(violation, None, "{} with seed {seed}", file.display());
        }
    }
}

#[test]
fn every_scenario_begins_with_its_story() {
    for file in scenario_files() {
        let text = text_of(&file);
        let story: Vec<&str> = text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .collect();
        let story = story.join(" ");
        for part in ["Violated: ", "Fix: "] {
            assert!(story.contains(part), "{} lacks `{part}`", file.display());
        }
    }
}
