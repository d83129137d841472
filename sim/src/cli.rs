//! The command line: what can be asked for, and what answers it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use seawall_sim::canaries::{Canary, TABLE_HEAD};
use seawall_sim::checker::Class;
use seawall_sim::seed::Seed;

/// Prints a line to standard output. That may be a pipe which nobody reads any more, and that is
/// no error: the exit code still tells.
macro_rules! say {
    ($($text:tt)*) => { drop(writeln!(std::io::stdout(), $($text)*)) };
}

mod bench;
mod capsule;
mod explain;
mod explore;
mod import;
mod limits;
mod merge;
mod mutants;
mod nightly;
mod outcome;
mod replay;
mod report;
mod run;
mod schedules;
mod setting;
mod shrink;
pub mod subjects;
mod sweep;
mod syncs;

use limits::JobsArgs;
use setting::SettingArgs;

const EXIT_CODES: &str = "\
Exit codes:
    0  passed
    2  wrong usage
   10  durability: something acknowledged or shown was lost, or the log did not open
   11  integrity: something is there that should not be, or not as it should
   12  liveness: a deadlock, a lost wake-up, no progress
   13  crypto: a key lost or misused, a nonce used twice, something in plain, a forgery accepted
   14  panic
   15  not deterministic: two runs of one scenario differ
   16  vacuous: something that was promised never happened
   17  fault of the simulator
  124  out of time";

const EXAMPLES: &str = "\
Examples:
  cargo sim run                       a thousand seeds from a random one on
  cargo sim run 7 --seeds 20000       twenty thousand, from seed 7 on
  cargo sim run $(git rev-parse HEAD) --time 60s
  cargo sim run 7 --seeds 20000 --shard 2/3 --out two.json
  cargo sim merge one.json two.json three.json
  cargo sim nightly --time 8h --out nights
  cargo sim replay 0x1f --trace       one seed again, with everything that happened
  cargo sim replay sim-failures/0x1f.toml
  cargo sim shrink sim-failures/0x1f.toml
  cargo sim explain sim-failures/0x1f.toml
  cargo sim capsule sim-failures/0x1f.toml
  cargo sim report nights             nights/report.html, to open in a browser
  cargo sim schedules                 every schedule of two small clients, with every crash
  cargo sim schedules 'durable 40' 'sync, truncate 8'
  cargo sim mutants                   every mistake in sim/mutants
  cargo sim mutants b08 b25 --seeds 100000
  cargo sim sweep --only plain        every bit, sector and write of a small log, damaged
  cargo sim explore                   every crash state of all workloads of three steps
  cargo sim import /var/lib/node/wal  a user's damaged log: did a crash do this?
  cargo sim bench                     how fast it is
  cargo sim canaries                  every lie, and every fault that does nothing
  cargo sim syncs                     every sync of the log, and a seed that needs it

Other people's storage in place of the log: `cargo subjects --help`, from the repository's root.
  cargo sim run 7 --seeds 20000 --subject okaywal
  cargo sim explain sim-failures/okaywal-strict-0x7.toml --subject okaywal";

/// What is said of other subjects than the log, below the options of each command that takes them.
const SUBJECTS: &str = "\
With --subject NAME all arguments go to `cargo subjects`, which does the same for other people's storage: \
see `cargo subjects list` and sim/subjects/README.md.";

/// Runs the seawall log on a simulated disk under a seeded scheduler, with crashes.
#[derive(Parser)]
#[command(name = "cargo sim", version, after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run many seeds until one fails.
    ///
    /// SIM_SEED, SIM_CASES, SIM_TIME, SIM_PROFILE and SIM_JOBS stand in for SEED, --seeds, --time, --profile
    /// and --jobs where these are not given.
    #[command(after_help = SUBJECTS)]
    Run(run::RunArgs),
    /// Spend hours on everything that finds mistakes, and tell in the morning what came of it.
    Nightly(nightly::NightlyArgs),
    /// Add up what shards of `run` or `explore` have done: the outcome is that of the whole.
    Merge(merge::MergeArgs),
    /// Run one seed, or one scenario file, and print the hash of its trace.
    #[command(after_help = SUBJECTS)]
    Replay(replay::ReplayArgs),
    /// Make a failure as small as it gets: fewer lives, operations, faults and switches.
    #[command(after_help = SUBJECTS)]
    Shrink(shrink::ShrinkArgs),
    /// Tell why a scenario fails, by what makes the failure go away.
    #[command(after_help = SUBJECTS)]
    Explain(explain::ExplainArgs),
    /// Pack a failure into one file: shrunk, explained, with its commit and its command.
    Capsule(capsule::CapsuleArgs),
    /// Write a night's results, or one failure, as a page with time travel: one HTML file.
    #[command(after_help = SUBJECTS)]
    Report(report::ReportArgs),
    /// Run every schedule of two clients with an operation each, with every crash and failed call.
    Schedules(schedules::SchedulesArgs),
    /// Plant known mistakes into a copy of the log, one at a time: each has to be caught.
    Mutants(mutants::MutantsArgs),
    /// Damage every bit, sector and write of a small log, one at a time: nothing wrong may be shown.
    Sweep(sweep::SweepArgs),
    /// Make what the log calls at each site of a sync or rename ineffective: a seed has to fail.
    Syncs(syncs::SyncsArgs),
    /// Go through everything that power cuts may leave of small workloads, and of their recoveries.
    Explore(explore::ExploreArgs),
    /// Look at a damaged log's directory: what is wrong, what recovery does, whether a crash explains it.
    Import(import::ImportArgs),
    /// Measure how many recoveries are checked for each second of a processor.
    Bench(bench::BenchArgs),
    /// Try disks that lie, and disks on which a fault does nothing: each has to be noticed.
    Canaries(CanariesArgs),
}

#[derive(Args)]
struct CanariesArgs {
    /// The first seed, for each canary the same.
    #[arg(long, default_value = "1")]
    seed: Seed,
    #[command(flatten)]
    jobs: JobsArgs,
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Nightly(args) => nightly::run(&args),
            Command::Merge(args) => merge::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Shrink(args) => shrink::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Capsule(args) => capsule::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Schedules(args) => schedules::run(&args),
            Command::Mutants(args) => mutants::run(args),
            Command::Sweep(args) => sweep::run(args),
            Command::Explore(args) => explore::run(args),
            Command::Import(args) => import::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Canaries(args) => run_canaries(&args),
            Command::Syncs(args) => syncs::run(args),
        }
    }
}

fn run_canaries(args: &CanariesArgs) -> ExitCode {
    say!("seed {}", args.seed);
    say!("{TABLE_HEAD}");
    let mut missed = 0;
    for canary in Canary::all() {
        let finding = canary.try_out(args.seed, args.jobs.count());
        missed += u32::from(!finding.is_noticed);
        say!("{}", finding.row());
    }
    match missed {
        0 => {
            say!("PASSED\nseed {}", args.seed);
            ExitCode::SUCCESS
        }
        _ => {
            say!("FAILED: {missed} were not noticed\nseed {}", args.seed);
            ExitCode::from(Class::Vacuity as u8)
        }
    }
}

/// A bar on a terminal, and nothing elsewhere; `told` is what stands behind it. Without a length it
/// only turns.
fn bar_of(length: Option<u64>, told: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = format!("{{elapsed_precise}} {{bar:40}} {told}");
    let style = ProgressStyle::with_template(&template).expect("the template is fixed");
    match length {
        Some(length) => ProgressBar::new(length).with_style(style),
        None => ProgressBar::new_spinner(),
    }
}

/// Processor time of this process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
