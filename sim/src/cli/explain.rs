//! `cargo sim explain`: why a scenario fails.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use seawall_sim::explain::explain;
use seawall_sim::report::failure::{save, shrunk_path};
use seawall_sim::run::record;
use seawall_sim::scenario::Scenario;
use seawall_sim::shrink::shrink;

use super::bar_of;
use super::replay::WhatArgs;
use super::shrink::RUNS_MAX;

#[derive(Args)]
pub(super) struct ExplainArgs {
    /// What to explain. Where not all its choices are on a tape, it is shrunk first.
    #[command(flatten)]
    what: WhatArgs,
}

pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    let scenario = match args.what.read() {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let (scenario, name) = match small(&scenario) {
        Ok(Some((small, name))) => (small, name),
        Ok(None) => (scenario, args.what.name()),
        Err(error) => {
            eprintln!("error: the shrunk scenario could not be saved: {error}");
            return ExitCode::from(2);
        }
    };
    let Some(explanation) = explain(&scenario) else {
        say!(
            "PASSED: there is nothing to explain\nseed {}",
            scenario.seed
        );
        return ExitCode::SUCCESS;
    };
    say!("\nWhat happened:");
    for line in &explanation.timeline {
        say!("{line}");
    }
    let violation = &explanation.violation;
    say!(
        "\nWhat is wrong: {}\n  {}",
        violation.property,
        violation.story
    );
    say!("\nWhy ({} runs):", explanation.runs);
    for sentence in &explanation.sentences {
        say!("- {sentence}");
    }
    let code = violation.property.class() as u8;
    say!(
        "\nFAILED, exit code {code}\nseed {}\ncargo sim replay {name}",
        scenario.seed
    );
    ExitCode::from(code)
}

/// The scenario shrunk and saved, if not all its choices are on a tape, and its path.
fn small(scenario: &Scenario) -> std::io::Result<Option<(Scenario, String)>> {
    let (_, made) = record(scenario);
    if made
        .tracks()
        .all(|(id, _)| scenario.tape.track(id).is_some())
    {
        return Ok(None);
    }
    let bar = bar_of(Some(RUNS_MAX), "{pos}/{len} runs at most");
    let shrunk = shrink(scenario, RUNS_MAX, &mut |runs| bar.set_position(runs));
    bar.finish_and_clear();
    let Some(shrunk) = shrunk else {
        return Ok(None);
    };
    let path = shrunk_path(scenario.seed);
    save(&path, &shrunk.scenario)?;
    say!("shrunk to {}\n  in {}", shrunk.after, path.display());
    Ok(Some((shrunk.scenario, path.display().to_string())))
}
