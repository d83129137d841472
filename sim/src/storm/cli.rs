//! The command line of storms: the verbs of `cargo sim` for anybody's code.
//!
//! Seeds until one fails, a failure as a file, and from there the smallest run that fails so, why, and
//! the page that shows it step by step. Each ends with the seed and the command that runs it again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::named::Kept;
use super::{Body, Named, Storm, Storms, Trial};
use crate::budget::{jobs_or_all, parse_time};
use crate::checker::Violation;
use crate::choice::Tape;
use crate::disk::Profile;
use crate::seed::Seed;

/// Prints a line to standard output, which may be a pipe that nobody reads any more: the exit code
/// still tells.
macro_rules! say {
    ($($text:tt)*) => { drop(writeln!(std::io::stdout(), $($text)*)) };
}

mod many;
mod one;

/// How many runs a failure is made smaller with.
const RUNS_MAX: u64 = 20_000;

const EXIT_CODES: &str = "\
Exit codes:
    0  passed
    2  wrong usage
   10  durability: something acknowledged or shown was lost, or it did not open
   11  integrity: something is there that should not be, or not as it should
   12  liveness: a deadlock, a lost wake-up, no progress
   14  panic
   15  not deterministic: two runs of one seed differ
   16  vacuous: no life ended at a call, or no step was taken
  124  out of time";

/// Runs storage code on a simulated disk under a seeded scheduler, with power cuts and kills.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell which subjects there are, and what is checked of each.
    List,
    /// Run many seeds until one fails.
    Run(RunArgs),
    /// Run one seed, or the file of a failure, twice, and print the hash of its trace.
    Replay(ReplayArgs),
    /// Make a failure as small as it gets: fewer lives, steps and switches.
    Shrink(ShrinkArgs),
    /// Tell why a run fails, by what makes the failure go away.
    Explain(ExplainArgs),
    /// Write a failure as a page with time travel: one HTML file.
    Report(ReportArgs),
    /// Run the same seeds of several subjects on several file systems, as a table in Markdown.
    Table(TableArgs),
}

/// Who is under the storm, and on what.
#[derive(Args)]
struct SettingArgs {
    /// Which subject: `list` has all. Not needed with a file, or where there is only one.
    #[arg(long)]
    subject: Option<String>,
    /// The file system that the disk behaves like: strict (all that POSIX allows) or ext4-ordered, or
    /// another one that `cargo sim run --help` names. Default: strict.
    #[arg(long)]
    profile: Option<Profile>,
}

/// How many threads, and for how long.
#[derive(Args)]
struct LimitArgs {
    /// Begin no seed after this time: 90s, 30m, 8h.
    #[arg(long, value_parser = parse_time)]
    time: Option<Duration>,
    /// How many threads. Default: one for each processor.
    #[arg(long)]
    jobs: Option<usize>,
}

/// One run.
#[derive(Args)]
struct WhatArgs {
    /// A seed, or the file of a failure.
    what: String,
    #[command(flatten)]
    setting: SettingArgs,
}

#[derive(Args)]
struct RunArgs {
    /// The first seed: a number, 0x and hexadecimal digits, or a commit hash.
    #[arg(default_value = "1")]
    seed: Seed,
    /// How many seeds, one after the other. Default 1000, or no limit with --time.
    #[arg(long)]
    seeds: Option<u64>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Go on after a failure, and keep one of each kind.
    #[arg(long)]
    keep_going: bool,
    /// Run every seed twice and compare the traces, not only one in 64.
    #[arg(long)]
    twice: bool,
    #[command(flatten)]
    setting: SettingArgs,
}

#[derive(Args)]
struct ReplayArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Print everything that happened, a line each.
    #[arg(long)]
    trace: bool,
    /// Write everything that happened as Chrome trace events, which Perfetto opens.
    #[arg(long, value_name = "FILE")]
    chrome_trace: Option<PathBuf>,
}

#[derive(Args)]
struct ShrinkArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// How many runs it may take.
    #[arg(long, default_value_t = RUNS_MAX)]
    runs: u64,
    /// Where the smaller run goes. Default: sim-failures/SUBJECT-PROFILE-SEED-shrunk.toml.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct ExplainArgs {
    /// Where not all choices are on a tape, it is shrunk first.
    #[command(flatten)]
    what: WhatArgs,
}

#[derive(Args)]
struct ReportArgs {
    /// Where not all choices are on a tape, it is shrunk first.
    #[command(flatten)]
    what: WhatArgs,
    /// Where the page goes. Default: sim-failures/SUBJECT-PROFILE-SEED.html.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct TableArgs {
    /// The first seed, for each row the same.
    #[arg(default_value = "1")]
    seed: Seed,
    /// How many seeds for each row. Default 1000, or no limit with --time.
    #[arg(long)]
    seeds: Option<u64>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Run all of it twice: the traces have to be the same.
    #[arg(long)]
    twice: bool,
    /// Only this subject. Can be repeated.
    #[arg(long = "subject", value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// Only this file system. Can be repeated. Default: strict and ext4-ordered.
    #[arg(long = "profile", value_name = "PROFILE")]
    profiles: Vec<Profile>,
}

impl Storms<'_> {
    /// The program: reads the arguments, runs, tells. Exit codes are those of `cargo sim`.
    pub fn main(&self) -> ExitCode {
        let command = Cli::command().bin_name(&self.command);
        let cli = Cli::from_arg_matches(&command.get_matches());
        let cli = cli.unwrap_or_else(|error| error.exit());
        let code = match &cli.command {
            Command::List => self.list(),
            Command::Run(args) => self.run(args),
            Command::Table(args) => self.table(args),
            Command::Replay(args) => self.replay(args),
            Command::Shrink(args) => self.shrink(args),
            Command::Explain(args) => self.explain(args),
            Command::Report(args) => self.report(args),
        };
        ExitCode::from(code.unwrap_or_else(|error| {
            eprintln!("error: {error}");
            2
        }))
    }

    /// Who is asked for, for a single run.
    fn choose(&self, args: &WhatArgs) -> Result<Chosen<'_>, String> {
        let path = Path::new(&args.what);
        let setting = &args.setting;
        let kept = match path.is_file() {
            true => Some(read(path)?),
            false => None,
        };
        let chosen = match kept {
            Some(kept) => {
                let named = self.find(Some(&kept.subject))?;
                let other = setting.subject.as_ref();
                let other = other.filter(|subject| **subject != kept.subject);
                if other.is_some() || setting.profile.is_some_and(|one| one != kept.profile) {
                    let (subject, profile) = (kept.subject, kept.profile);
                    return Err(format!("{} is of {subject} on {profile}", path.display()));
                }
                if named.version != kept.version {
                    let (was, now) = (&kept.version, named.version);
                    say!("{} failed with {was}; this is {now}", path.display());
                }
                Chosen {
                    named,
                    profile: kept.profile,
                    seed: kept.seed,
                    tape: kept.tape,
                    name: args.what.clone(),
                }
            }
            None => {
                let seed = args.what.parse();
                let seed =
                    seed.map_err(|error| format!("{error}; and there is no file of that name"))?;
                let named = self.find(setting.subject.as_deref())?;
                let profile = setting.profile.unwrap_or(Profile::Strict);
                Chosen {
                    named,
                    profile,
                    seed,
                    tape: Tape::default(),
                    name: format!("{seed} --subject {} --profile {profile}", named.name),
                }
            }
        };
        say!("seed {}", chosen.seed);
        (self.prepare)(1);
        Ok(chosen)
    }

    /// Tells how a run ends, whoever ran it, and returns the exit code.
    fn conclude(&self, violation: Option<&Violation>, seed: Seed, name: &str) -> u8 {
        let Some(violation) = violation else {
            say!("PASSED\nseed {seed}");
            return 0;
        };
        let code = violation.property.class() as u8;
        say!(
            "FAILED, exit code {code}: {}\n  {}\nseed {seed}\n{} replay {name}",
            violation.property,
            violation.story,
            self.command,
        );
        code
    }
}

/// A single run that was asked for.
struct Chosen<'a> {
    named: &'a Named,
    profile: Profile,
    seed: Seed,
    tape: Tape,
    /// How to name it once more on a command line.
    name: String,
}

impl Chosen<'_> {
    fn storm(&self) -> Storm<Body> {
        self.named.storm(self.profile, 0)
    }

    fn trial<'b>(&self, storm: &'b Storm<Body>) -> Trial<'b, Body> {
        storm.trial_with(self.seed, self.tape.clone())
    }
}

#[allow(clippy::disallowed_methods)] // Failures are on the real file system.
fn read(path: &Path) -> Result<Kept, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    Kept::parse(&text).map_err(|error| told(&error))
}

/// Writes a file, whose directory is made where it is missing.
#[allow(clippy::disallowed_methods)] // Pages and traces are for viewers on the real file system.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let dir = path.parent().unwrap_or(Path::new(""));
    let made = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(path, text));
    made.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// A bar on a terminal, and nothing elsewhere. Without a length it only turns.
fn bar(length: Option<u64>, told: &str) -> ProgressBar {
    let template = format!("{{elapsed_precise}} {{bar:40}} {told}");
    let style = ProgressStyle::with_template(&template).expect("the template is fixed");
    match length {
        Some(length) => ProgressBar::new(length).with_style(style),
        None => ProgressBar::new_spinner(),
    }
}
