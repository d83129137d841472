//! `cargo sim shrink`: a failure, made as small as it gets.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use seawall_sim::report::failure::{save, shrunk_path};
use seawall_sim::shrink::shrink;

use super::bar_of;
use super::replay::WhatArgs;

/// More runs than shrinking has needed so far.
pub(super) const RUNS_MAX: u64 = 20_000;

#[derive(Args)]
pub(super) struct ShrinkArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// How many runs it may take.
    #[arg(long, default_value_t = RUNS_MAX)]
    runs: u64,
    /// Where the smaller scenario goes. Default: sim-failures/SEED-shrunk.toml.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &ShrinkArgs) -> ExitCode {
    let scenario = match args.what.read() {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let bar = bar_of(Some(args.runs), "{pos}/{len} runs at most");
    let shrunk = shrink(&scenario, args.runs, &mut |runs| bar.set_position(runs));
    bar.finish_and_clear();
    let Some(shrunk) = shrunk else {
        say!("PASSED: there is nothing to shrink\nseed {}", scenario.seed);
        return ExitCode::SUCCESS;
    };
    let path = args.output.clone();
    let path = path.unwrap_or_else(|| shrunk_path(scenario.seed));
    say!("{}", shrunk.scenario.print());
    if let Err(error) = save(&path, &shrunk.scenario) {
        eprintln!("error: the scenario above could not be saved: {error}");
        return ExitCode::from(2);
    }
    let code = shrunk.violation.property.class() as u8;
    say!(
        "before: {}\nafter:  {}\n{} runs in {:.1} s\nFAILED, exit code {code}: {}\n  {}\nseed {}\ncargo sim replay {}",
        shrunk.before,
        shrunk.after,
        shrunk.runs,
        start.elapsed().as_secs_f64(),
        shrunk.violation.property,
        shrunk.violation.story,
        scenario.seed,
        path.display(),
    );
    ExitCode::from(code)
}
