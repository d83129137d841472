//! `cargo sim explore`: what can be asked of the exploration of all crash states, and how it is told.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use seawall_sim::disk::{Knobs, Lie};
use seawall_sim::explore::{Address, DEPTH_MAX, Explore, Longer, Which, Workload, knobs, replay};
use seawall_sim::report::explored::Exploration;
use seawall_sim::results::Outcome;
use seawall_sim::shard::Shard;

use super::bar_of;
use super::limits::{JobsArgs, parse_time};
use super::outcome::OutcomeArgs;

/// Their number still fits, though nobody has the time for them.
const OPS_MAX: u32 = 12;

#[derive(Args)]
pub(super) struct ExploreArgs {
    /// All workloads of up to so many steps.
    #[arg(long, default_value_t = 3, value_name = "K")]
    ops: u32,
    /// Just this workload: its steps, such as "durable 40, append 700, reopen", or a name (roll,
    /// truncation, rotation, migration, decoys, blocks, prepared). Can be given more than once.
    #[arg(long, value_name = "STEPS")]
    workload: Vec<Workload>,
    /// The workloads that have a name, in place of all short ones.
    #[arg(long, conflicts_with = "workload")]
    named: bool,
    /// How many power cuts, each but the first in the recovery from the one before.
    #[arg(long, default_value_t = 2, value_name = "D")]
    depth: usize,
    /// Do at most so many groups of images of one moment with one set of names.
    #[arg(long, default_value_t = 1 << 20, value_name = "N")]
    groups: u64,
    /// Give up after this time: 90s, 30m, 8h.
    #[arg(long, value_parser = parse_time)]
    time: Option<Duration>,
    #[command(flatten)]
    jobs: JobsArgs,
    /// Just one state of one workload, as an earlier exploration has called it.
    #[arg(long, value_name = "STATE", requires = "workload")]
    at: Option<Address>,
    /// A canary: the disk lies (file-sync, dir-sync, write-crosses-sync). Must fail.
    #[arg(long)]
    lie: Option<Lie>,
    /// Do only this part of the workloads: 2/3 is the second of three. `cargo sim merge` adds up what
    /// comes of them.
    #[arg(long, default_value_t = Shard::WHOLE, value_name = "I/N")]
    shard: Shard,
    #[command(flatten)]
    outcome: OutcomeArgs,
}

pub(super) fn run(args: ExploreArgs) -> ExitCode {
    if args.ops > OPS_MAX {
        eprintln!("error: more than {OPS_MAX} steps are too many for anybody");
        return ExitCode::from(2);
    }
    if !(1..=DEPTH_MAX).contains(&args.depth) {
        eprintln!(
            "error: a depth of {} is not within 1 and {DEPTH_MAX}",
            args.depth
        );
        return ExitCode::from(2);
    }
    let knobs = Knobs {
        lie: args.lie,
        ..knobs()
    };
    if let (Some(at), [workload]) = (&args.at, &args.workload[..]) {
        return tell_one(workload, &knobs, at);
    }
    if args.at.is_some() {
        eprintln!("error: --at is about one workload");
        return ExitCode::from(2);
    }
    let named = |name: &Longer| Workload::named(*name);
    let workloads = match (args.named, args.workload) {
        (true, _) => Which::These(Longer::ALL.iter().map(named).collect()),
        (false, these) if these.is_empty() => Which::All(args.ops),
        (false, these) => Which::These(these),
    };
    let explore = Explore {
        workloads,
        depth: args.depth,
        groups_max: args.groups,
        knobs,
        shard: args.shard,
        jobs: args.jobs.count(),
    };
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let of = explore.share();
    let bar = bar_of(Some(of), "{pos}/{len} workloads, {eta} left");
    let mut next_line = Duration::from_secs(10);
    let explored = explore.run(|done| {
        bar.set_position(done);
        if bar.is_hidden() && start.elapsed() >= next_line {
            next_line += Duration::from_secs(10);
            say!("{} s: {done} of {of} workloads", start.elapsed().as_secs());
        }
        args.time.is_none_or(|time| start.elapsed() < time)
    });
    bar.finish_and_clear();
    let exploration = Exploration {
        explore,
        explored,
        cpu: super::cpu_time(),
        wall: start.elapsed(),
    };
    args.outcome.conclude(&Outcome::Explore(exploration.into()))
}

fn tell_one(workload: &Workload, knobs: &Knobs, at: &Address) -> ExitCode {
    match replay(workload, knobs, at) {
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Ok((story, violation)) => {
            story.iter().for_each(|line| say!("{line}"));
            let Some(violation) = violation else {
                say!("PASSED");
                return ExitCode::SUCCESS;
            };
            let code = violation.property.class() as u8;
            let (property, story) = (violation.property, violation.story);
            say!("FAILED, exit code {code}: {property}\n  {story}");
            ExitCode::from(code)
        }
    }
}
