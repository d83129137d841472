//! `cargo sim mutants`: what can be asked of the mutants, and how it is told.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use seawall_sim::mutants::{Step, Suite, Trouble};
use seawall_sim::seed::Seed;

use super::{bar_of, parse_time};

#[derive(Args)]
pub(super) struct MutantsArgs {
    /// The mutants to plant: the beginnings of their names. Default: all in sim/mutants.
    names: Vec<String>,
    /// How many seeds a mutant has to survive.
    #[arg(long, default_value_t = 50_000)]
    seeds: u64,
    /// Begin no seed of a mutant after this time.
    #[arg(long, value_parser = parse_time, default_value = "60s")]
    time: Duration,
    /// The first seed, for each mutant the same.
    #[arg(long, default_value = "1")]
    seed: Seed,
    /// How many processors a build may use. Default: all. Seeds are run on one, in their order.
    #[arg(long)]
    jobs: Option<usize>,
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
        jobs: args.jobs,
    };
    say!("seed {}, {} seeds for each", suite.seed, suite.seeds);
    let bar = bar_of(Some(1), "{pos}/{len} {msg}");
    let outcome = suite.run(|step| match step {
        Step::Begins(name, done, of) => {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            bar.set_message(name.to_owned());
            if bar.is_hidden() {
                say!("{done}/{of} {name}");
            }
        }
        Step::Done(verdict) => {
            let line = format!("{} {}", verdict.state.name(), verdict.name);
            match bar.is_hidden() {
                true => say!("  {}", verdict.state.name()),
                false => bar.println(line),
            }
        }
    });
    bar.finish_and_clear();
    let code = match outcome {
        Ok(outcome) => {
            say!("{}", outcome.text());
            if args.json {
                say!("{}", outcome.json());
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
