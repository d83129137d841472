//! `cargo sim mutants`: what can be asked of the mutants, and how it is told.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use seawall_sim::mutants::{Step, Suite, Trouble};
use seawall_sim::seed::Seed;

use super::bar_of;
use super::limits::{jobs_or_all, parse_time};

#[derive(Args)]
pub(super) struct MutantsArgs {
    /// The mutants to plant: the beginnings of their names. Default: those in sim/mutants that have
    /// changed since the baseline, or whose sources have.
    names: Vec<String>,
    /// How many seeds a mutant has to survive.
    #[arg(long, default_value_t = 50_000)]
    seeds: u64,
    /// Begin no seed of a campaign after this time, by the clock on the wall: long enough for a machine
    /// with other work, since it is the seeds that bound what a mutant may cost.
    #[arg(long, value_parser = parse_time, default_value = "30m")]
    time: Duration,
    /// The first seed, for each mutant the same.
    #[arg(long, default_value = "1")]
    seed: Seed,
    /// How many campaigns each mutant has to survive, each with seeds of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// How many mutants are built and run at a time. Default: one for each processor. The seeds of one
    /// are run on one processor, in their order.
    #[arg(long)]
    jobs: Option<usize>,
    /// Run those, too, that have not changed.
    #[arg(long)]
    all: bool,
    /// Write what comes of it to sim/mutants/baseline.toml, in place of comparing it.
    #[arg(long, conflicts_with = "columns")]
    bless: bool,
    /// Measure: run each mutant with these options of `cargo sim run`, such as "--policy pos", and
    /// compare with no baseline. Repeated, it makes a table with a column for each.
    #[arg(long = "with", value_name = "OPTIONS", allow_hyphen_values = true)]
    columns: Vec<String>,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: MutantsArgs) -> ExitCode {
    let suite = Suite {
        names: args.names,
        seed: args.seed,
        seeds: args.seeds,
        time: args.time,
        repeat: args.repeat,
        jobs: jobs_or_all(args.jobs),
        all: args.all,
        bless: args.bless,
        columns: args.columns,
    };
    let seed = suite.seed;
    say!(
        "seed {seed}, {} seeds for each, {} times",
        suite.seeds,
        suite.repeat
    );
    let bar = bar_of(Some(1), "{pos}/{len} {msg}");
    let outcome = suite.run(|step| {
        let line = match step {
            Step::Begins(skipped, of) => {
                bar.set_length(of as u64);
                format!("{skipped} have not changed, {of} to run")
            }
            Step::Original(name, build) => {
                format!(
                    "PASSED {name} without a mutant (built in {:.1} s)",
                    build.as_secs_f64()
                )
            }
            Step::Done(verdict) => {
                bar.inc(1);
                let tried = verdict.tried.as_ref().expect("it was run now");
                format!(
                    "{}/{} {} {} (built in {:.1} s): {}",
                    bar.position(),
                    bar.length().unwrap_or_default(),
                    verdict.entry.state,
                    verdict.name,
                    tried.build.as_secs_f64(),
                    tried.story
                )
            }
        };
        match bar.is_hidden() {
            true => say!("{line}"),
            false => bar.println(line),
        }
    });
    bar.finish_and_clear();
    let code = match outcome {
        Ok(outcome) => {
            say!("{}", outcome.text());
            if args.json {
                say!("{}", outcome.json());
            } else {
                say!("seed {seed}");
            }
            outcome.exit_code()
        }
        Err(Trouble::Usage(story)) => {
            eprintln!("error: {story}");
            2
        }
        Err(Trouble::Original(finding)) => {
            let code = finding.exit_code.unwrap_or(17);
            let seed = finding.seed.unwrap_or_default();
            eprintln!(
                "error: the log fails without any mutant, exit code {code}: {}\ncargo sim replay {seed}",
                finding.story
            );
            u8::try_from(code).unwrap_or(17)
        }
    };
    ExitCode::from(code)
}
