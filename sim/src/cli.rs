//! The command line: what can be asked for, and what answers it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use seawall_sim::campaign::{Campaign, Failure};
use seawall_sim::canaries::{Canary, TABLE_HEAD};
use seawall_sim::checker::Class;
use seawall_sim::disk::{Fault, Lie, Profile};
use seawall_sim::report::failure::save_and_tell;
use seawall_sim::report::summary::Outcome;
use seawall_sim::seed::Seed;

/// Prints a line to standard output. That may be a pipe which nobody reads any more, and that is
/// no error: the exit code still tells.
macro_rules! say {
    ($($text:tt)*) => { drop(writeln!(std::io::stdout(), $($text)*)) };
}

mod bench;
mod explain;
mod explore;
mod limits;
mod mutants;
mod replay;
mod schedules;
mod setting;
mod shrink;
mod sweep;
mod syncs;

use limits::{JobsArgs, LimitArgs};
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
  cargo sim replay 0x1f --trace       one seed again, with everything that happened
  cargo sim replay sim-failures/0x1f.toml
  cargo sim shrink sim-failures/0x1f.toml
  cargo sim explain sim-failures/0x1f.toml
  cargo sim schedules                 every schedule of two small clients, with every crash
  cargo sim schedules 'durable 40' 'sync, truncate 8'
  cargo sim mutants                   every mistake in sim/mutants
  cargo sim mutants b08 b25 --seeds 100000
  cargo sim sweep --only plain        every bit, sector and write of a small log, damaged
  cargo sim explore                   every crash state of all workloads of three steps
  cargo sim bench                     how fast it is
  cargo sim canaries                  every lie, and every fault that does nothing
  cargo sim syncs                     every sync of the log, and a seed that needs it";

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
    Run(RunArgs),
    /// Run one seed, or one scenario file, and print the hash of its trace.
    Replay(replay::ReplayArgs),
    /// Make a failure as small as it gets: fewer lives, operations, faults and switches.
    Shrink(shrink::ShrinkArgs),
    /// Tell why a scenario fails, by what makes the failure go away.
    Explain(explain::ExplainArgs),
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
    /// Measure how many recoveries are checked for each second of a processor.
    Bench(bench::BenchArgs),
    /// Try disks that lie, and disks on which a fault does nothing: each has to be noticed.
    Canaries(CanariesArgs),
}

#[derive(Args)]
struct RunArgs {
    /// The first seed: a number, 0x and hexadecimal digits, or a commit hash. Random by default.
    seed: Option<Seed>,
    /// How many seeds, one after the other. Default 1000, or no limit with --time.
    #[arg(long)]
    seeds: Option<u64>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Print the summary as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
    /// Go on from scenarios that had something new, and take every second one from a seed.
    #[arg(long)]
    guided: bool,
    /// Run every seed twice and compare the traces, not only one in 64.
    #[arg(long)]
    twice: bool,
    #[command(flatten)]
    setting: SettingArgs,
    /// A canary: the disk lies (file-sync, dir-sync, write-crosses-sync, bit-flip). Must fail.
    #[arg(long)]
    lie: Option<Lie>,
    /// A canary: this fault never happens, though it is drawn. Must fail, with 20000 seeds.
    #[arg(long)]
    mute: Option<Fault>,
    /// Print how often each fault hit each operation in each phase of a life. With 200000 seeds a
    /// cell that is empty without a rule must fail.
    #[arg(long)]
    coverage: bool,
    /// A canary: no life ends in a crash. Must fail.
    #[arg(long)]
    without_crashes: bool,
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
            Command::Run(args) => run_campaign(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Shrink(args) => shrink::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Schedules(args) => schedules::run(&args),
            Command::Mutants(args) => mutants::run(args),
            Command::Sweep(args) => sweep::run(args),
            Command::Explore(args) => explore::run(args),
            Command::Bench(args) => bench::run(&args),
            Command::Canaries(args) => run_canaries(&args),
            Command::Syncs(args) => syncs::run(args),
        }
    }
}

fn run_campaign(args: &RunArgs) -> ExitCode {
    let seeds = match (args.seeds, args.limits.time) {
        (None, None) => Some(1000),
        (seeds, _) => seeds,
    };
    let campaign = Campaign {
        seed: args.seed.unwrap_or_else(random_seed),
        seeds,
        time: args.limits.time,
        jobs: args.limits.jobs.count(),
        setting: args.setting.setting(),
        guided: args.guided,
        twice: args.twice,
        lie: args.lie,
        mute: args.mute,
        coverage: args.coverage,
        without_crashes: args.without_crashes,
    };
    say!("seed {}", campaign.seed);
    say!("{}", banner(&campaign));
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let bar = bar_of(campaign.seeds, "{pos}/{len} seeds, {per_sec}, {eta} left");
    let mut next_line = Duration::from_secs(10);
    let summary = campaign.run(|done| {
        bar.set_position(done);
        if bar.is_hidden() && start.elapsed() >= next_line {
            next_line += Duration::from_secs(10);
            say!("{} s: {done} seeds", start.elapsed().as_secs());
        }
    });
    bar.finish_and_clear();
    let outcome = Outcome {
        campaign: &campaign,
        summary: &summary,
        cpu: cpu_time(),
        wall: start.elapsed(),
    };
    say!("{}", outcome.text().trim_end());
    let code = outcome.exit_code();
    if args.json {
        // What tells of a failure goes to the other stream, so that JSON is the last line here.
        let told = summary.failure.as_ref().map(tell);
        eprintln!("{}", told.unwrap_or_else(|| verdict(code, &campaign)));
        say!("{}", outcome.json());
    } else {
        match &summary.failure {
            Some(failure) => say!("{}", tell(failure)),
            None => say!("{}", verdict(code, &campaign)),
        }
    }
    ExitCode::from(code)
}

fn tell(failure: &Failure) -> String {
    save_and_tell(failure).unwrap_or_else(|error| {
        let Failure {
            seed,
            scenario,
            violation,
        } = failure;
        format!(
            "{}\nFAILED, exit code {}: {}\n  {}\nseed {seed}\nthe scenario above could not be saved: {error}",
            scenario.print(),
            violation.property.class() as u8,
            violation.property,
            violation.story
        )
    })
}

fn verdict(code: u8, campaign: &Campaign) -> String {
    let word = match code {
        0 => "PASSED",
        124 => "OUT OF TIME: not all seeds were run",
        _ => "VACUOUS: something that was promised never happened",
    };
    format!("{word}\nseed {}", campaign.seed)
}

/// Every option of the campaign, so that a log of it alone tells how to do it again.
fn banner(campaign: &Campaign) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    format!(
        "seawall-sim {}: seeds {}, time {}, jobs {}, workload {}, encryption {}, profile {}, policy {}, unchecked {}, guided {}, each seed twice {}, lie {}, mute {}, crashes {}",
        env!("CARGO_PKG_VERSION"),
        or_none(campaign.seeds.map(|seeds| seeds.to_string())),
        or_none(campaign.time.map(|time| format!("{} s", time.as_secs()))),
        campaign.jobs,
        campaign.setting.shape,
        campaign.setting.encryption,
        campaign.setting.profile.map_or("drawn", Profile::name),
        campaign
            .setting
            .policy
            .map_or("drawn".into(), |policy| policy.to_string()),
        match campaign.setting.unchecked.is_empty() {
            true => "nothing".into(),
            false => campaign.setting.unchecked.to_string(),
        },
        campaign.guided,
        campaign.twice,
        or_none(campaign.lie.map(|lie| lie.to_string())),
        or_none(campaign.mute.map(|fault| fault.to_string())),
        !campaign.without_crashes,
    )
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

/// A seed that nobody chose: told first and last, so that it is not lost.
fn random_seed() -> Seed {
    use seawall::env::entropy::Entropy;
    let mut bytes = [0; 8];
    match seawall::env::os::OsEntropy.fill(&mut bytes) {
        Ok(()) => Seed(u64::from_le_bytes(bytes)),
        Err(_) => Seed(1),
    }
}

/// Processor time of this process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
