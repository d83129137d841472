//! `cargo sim nightly`: what can be asked of a night, and how it is told while it goes on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use seawall_sim::nightly::{Plan, Step, Summary};
use seawall_sim::shard::Shard;

use super::bar_of;
use super::limits::{JobsArgs, parse_time};
use super::outcome::refuse;

#[derive(Args)]
pub(super) struct NightlyArgs {
    /// How long: 20m, 8h. What was spent before an interruption counts.
    #[arg(long, value_parser = parse_time)]
    time: Duration,
    /// Where all nights are kept. A night there that was interrupted goes on.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Do only this part of the night, in a directory of its own: 2/3 is the second of three.
    /// `cargo sim merge` makes one night of them.
    #[arg(long, default_value_t = Shard::WHOLE, value_name = "I/N")]
    shard: Shard,
    /// The night's number, where the directory does not know: its seeds are those of no other number.
    /// Default: one more than the last in the directory.
    #[arg(long, value_name = "N")]
    night: Option<u32>,
    #[command(flatten)]
    jobs: JobsArgs,
}

pub(super) fn run(args: &NightlyArgs) -> ExitCode {
    let plan = Plan {
        time: args.time,
        dir: args.out.clone(),
        shard: args.shard,
        number: args.night,
        jobs: args.jobs.count(),
    };
    let bar = bar_of(Some(args.time.as_secs()), "{msg}");
    let say_line = |line: String| match bar.is_hidden() {
        true => say!("{line}"),
        false => bar.println(line),
    };
    let summary = plan.spend(&mut |step| match step {
        Step::Begins(night, 0) => {
            let (number, commit, shard) = (night.number, &night.commit, night.shard);
            say_line(format!(
                "night {number} begins, commit {commit}, shard {shard}"
            ));
        }
        Step::Begins(night, slices) => {
            let (number, spent) = (night.number, night.wall_seconds);
            say_line(format!(
                "night {number} goes on: {slices} slices, {spent:.0} s so far"
            ));
        }
        Step::Line(line) => say_line(line),
        Step::Slice(slice, spent) => {
            bar.set_position(spent.as_secs());
            bar.set_message(slice.arm.clone());
            if bar.is_hidden() {
                let seeds = slice.first_seed.map_or(String::new(), |seed| {
                    format!(", {} seeds from {seed}", slice.seeds)
                });
                say!(
                    "{:>6} s  {:<24} {:>6.1} s{seeds}, {} new",
                    spent.as_secs(),
                    slice.arm,
                    slice.wall_seconds,
                    slice.new
                );
            }
        }
    });
    bar.finish_and_clear();
    match summary {
        Ok(summary) => conclude(&summary, &args.out),
        Err(error) => refuse(&error),
    }
}

/// Tells the summary of a night that is over, and says how to end.
pub(super) fn conclude(summary: &Summary, dir: &Path) -> ExitCode {
    say!("{}", summary.markdown());
    say!("cargo sim report {}", dir.display());
    ExitCode::from(summary.exit_code)
}
