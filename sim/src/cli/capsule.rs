//! `cargo sim capsule`: a failure, with all that belongs to it, in one file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use seawall_sim::campaign::Failure;
use seawall_sim::capsule::{Capsule, Found};
use seawall_sim::report::failure::FAILURES_DIR;
use seawall_sim::results::Commit;
use seawall_sim::run::run as run_scenario;

use super::bar_of;
use super::outcome::refuse;
use super::replay::WhatArgs;
use super::shrink::RUNS_MAX;

#[derive(Args)]
pub(super) struct CapsuleArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Where it goes. Default: sim-failures/ID.json, with the hash of the failure's fingerprint.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &CapsuleArgs) -> ExitCode {
    let scenario = match args.what.read() {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let Some(violation) = run_scenario(&scenario, false).violation else {
        say!("PASSED: there is nothing to pack\nseed {}", scenario.seed);
        return ExitCode::SUCCESS;
    };
    let found = Found {
        night: None,
        seed: scenario.seed,
        count: 1,
        by: format!("cargo sim capsule {}", args.what.name()),
    };
    let failure = Failure {
        seed: scenario.seed,
        scenario,
        violation,
    };
    let bar = bar_of(Some(RUNS_MAX), "{pos}/{len} runs at most");
    let commit = Commit::here();
    let mut capsule = Capsule::of(&failure, found, &commit, RUNS_MAX, &mut |runs| {
        bar.set_position(runs);
    });
    bar.finish_and_clear();
    let own = Path::new(FAILURES_DIR).join(format!("{}.json", capsule.id));
    let path = args.output.clone().unwrap_or(own);
    capsule.command = format!("cargo sim replay {}", path.display());
    if let Err(error) = capsule.save(&path) {
        return refuse(&format!("cannot write {}: {error}", path.display()));
    }
    for sentence in capsule.explanation.iter().flat_map(|told| &told.sentences) {
        say!("- {sentence}");
    }
    say!(
        "{}\nFAILED, exit code {}: {}\n  {}\nseed {}\n{}",
        capsule.size,
        capsule.verdict.exit_code,
        capsule.verdict.property,
        capsule.verdict.story,
        failure.seed,
        capsule.command
    );
    ExitCode::from(capsule.verdict.exit_code)
}
