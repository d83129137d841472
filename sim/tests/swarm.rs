//! A campaign in `cargo test`: a small fixed budget of seeds, or the one that the environment gives.
//!
//! `SIM_SEED`, `SIM_CASES`, `SIM_TIME`, `SIM_PROFILE` and `SIM_JOBS` are what `cargo sim run` takes as SEED,
//! `--seeds`, `--time`, `--profile` and `--jobs`, in the same words. With a time and no number of cases
//! there is no end but the time's.
//!
//! *Verified:* the seeds pass, by the same judgement as `cargo sim run`'s, vacuous campaigns
//! included; with a disk that lies the campaign fails, leaves a scenario and a trace, and ends with the command that
//! runs it again. An argument of `cargo sim run` beats the environment, and what is wrong there fails (`budget.rs` has the texts).
//! *Not verified:* anything that a longer campaign would not find, too: this is the door to one.

#![allow(clippy::disallowed_methods)] // Scenario files and time are real.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use seawall_sim::budget::{Budget, jobs_or_all};
use seawall_sim::campaign::Campaign;
use seawall_sim::disk::Lie;
use seawall_sim::report::failure::save_and_tell_below;
use seawall_sim::report::summary::Outcome;
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::Setting;
use seawall_sim::seed::Seed;

/// A few seconds without optimisation.
const CASES: u64 = 600;

fn campaign(budget: Budget) -> Campaign {
    let seeds = match (budget.cases, budget.time) {
        (None, None) => Some(CASES),
        (cases, _) => cases,
    };
    Campaign {
        seeds,
        time: budget.time,
        jobs: jobs_or_all(budget.jobs),
        setting: Setting {
            profile: budget.profile,
            ..Setting::default()
        },
        ..Campaign::of(budget.seed.unwrap_or(Seed(1)))
    }
}

/// Runs the campaign. A failure is saved below `root`; the error tells of it, with the command
/// that runs it again as its last line.
fn hold(campaign: Campaign, root: &Path) -> Result<String, String> {
    let start = Instant::now();
    let outcome = Outcome {
        summary: campaign.run(|_| {}),
        campaign,
        cpu: cpu_time(),
        wall: start.elapsed(),
    };
    let told = format!("{}seed {}", outcome.text(), campaign.seed);
    match (outcome.exit_code(), outcome.summary.failure()) {
        (0, _) => Ok(told),
        (_, Some(failure)) => Err(save_and_tell_below(root, failure)
            .unwrap_or_else(|error| format!("{}\n{error}", failure.scenario.print()))),
        (code, None) => Err(format!(
            "exit code {code}: out of time, or nothing tested\n{told}"
        )),
    }
}

/// Processor time of this process so far: its other tests, as short as they are, count in.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[test]
fn a_budget_of_seeds_keeps_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let budget = Budget::of_environment().unwrap_or_else(|wrong| panic!("{wrong}"));
    let campaign = campaign(budget);
    println!("seed {}", campaign.seed);
    match hold(campaign, &root) {
        Ok(told) => println!("{told}"),
        Err(story) => panic!("{story}"),
    }
}

#[test]
fn a_failure_is_saved_and_its_last_line_runs_it_again() {
    let root = tempfile::tempdir().expect("a directory");
    let lying = Campaign {
        lie: Some(Lie::FileSync),
        ..campaign(Budget::default())
    };
    let story = hold(lying, root.path()).expect_err("a lie shows");
    let (_, command) = story.rsplit_once('\n').expect("more than a line");
    let path = command.strip_prefix("cargo sim replay ");
    let file = root.path().join(path.expect("a command"));
    let text = std::fs::read_to_string(&file).expect("it was saved");
    let scenario = Scenario::parse(&text).expect("it is a scenario");
    let violation = run(&scenario, false).violation.expect("it fails again");
    assert!(story.contains(&violation.story), "{story}");
    assert!(file.with_extension("trace").is_file());
}

#[test]
fn the_command_line_beats_the_environment_and_both_are_read_alike() {
    let run = |arguments: &[&str], time: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall-sim"));
        command.arg("run").args(arguments);
        command.envs([("SIM_SEED", "0x1f"), ("SIM_CASES", "5"), ("SIM_JOBS", "1")]);
        command.envs([("SIM_PROFILE", "xfs"), ("SIM_TIME", time)]);
        let output = command.output().expect("it was built");
        let told = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), told, output.stderr)
    };
    let (code, told, _) = run(&[], "5m");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.starts_with("seed 0x1f\n"), "{told}");
    for part in ["seeds 5,", "time 300 s,", "jobs 1,", "profile xfs,"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let arguments = "7 --seeds 4 --time 9m --jobs 2 --profile btrfs";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let (code, told, _) = run(&arguments, "5m");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.starts_with("seed 0x7\n"), "{told}");
    for part in ["seeds 4,", "time 540 s,", "jobs 2,", "profile btrfs,"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (code, _, errors) = run(&[], "5");
    assert_eq!(code, Some(2));
    let line = "error: SIM_TIME: `5` is not a time like 90s, 30m or 8h\n";
    assert_eq!(String::from_utf8_lossy(&errors), line);
}

#[test]
fn too_little_to_test_anything_fails() {
    // The campaign's time is over before it begins.
    let budget = Budget {
        cases: Some(1),
        time: Some(Duration::ZERO),
        ..Budget::default()
    };
    let story = hold(campaign(budget), Path::new("")).expect_err("nothing ran");
    assert!(story.starts_with("exit code 124"), "{story}");
}
