//! `cargo sim syncs`: what can be asked of the search for syncs that are needed, and how it is told.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use seawall_sim::seed::Seed;
use seawall_sim::syncs::{Explained, Findings, Log, Search, Table};

use super::limits::LimitArgs;
use super::{SettingArgs, bar_of, cpu_time};

#[derive(Args)]
pub(super) struct SyncsArgs {
    /// The first seed.
    #[arg(long, default_value = "1")]
    seed: Seed,
    /// How many seeds.
    #[arg(long, default_value = "20000")]
    seeds: u64,
    #[command(flatten)]
    limits: LimitArgs,
    /// Only the sites in whose text this is, such as `rotation.rs`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    setting: SettingArgs,
}

pub(super) fn run(args: SyncsArgs) -> ExitCode {
    let log = Log {
        setting: args.setting.setting(),
    };
    let search = Search {
        seed: args.seed,
        seeds: args.seeds,
        time: args.limits.time,
        jobs: args.limits.jobs.count(),
        only: args.only,
    };
    say!("seed {}", search.seed);
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let bar = bar_of(Some(search.seeds), "{pos}/{len} seeds, {eta} left, {msg}");
    let mut next_line = Duration::from_secs(10);
    let findings = search.run(&log, |done, open| {
        bar.set_position(done);
        bar.set_message(format!("{open} sites without a witness"));
        if bar.is_hidden() && start.elapsed() >= next_line {
            next_line = start.elapsed() + Duration::from_secs(10);
            let seconds = start.elapsed().as_secs();
            say!("{seconds} s: {done} seeds, {open} sites without a witness");
        }
    });
    bar.finish_and_clear();
    if findings.rows.is_empty() && findings.failure.is_none() {
        eprintln!("error: no site is called that");
        return ExitCode::from(2);
    }
    let explained = Explained::of_log();
    let is_whole = search.only.is_none() && args.setting.options().is_empty();
    let table = Table::new(&findings, &explained, is_whole);
    say!("{}", table.text());
    let times = findings.rows.values().filter(|row| row.witness.is_some());
    let longest = times.map(|row| row.cpu).max().unwrap_or_default();
    say!(
        "{} seeds, {} sites, {} without a witness; the longest search that found one took {:.2} s of processor time; {:.1} s of it in all, {:.1} s of real time, {} threads",
        findings.seeds,
        findings.rows.len(),
        findings.open().count(),
        longest.as_secs_f64(),
        cpu_time().as_secs_f64(),
        start.elapsed().as_secs_f64(),
        search.jobs
    );
    let verdict = verdict(&findings, &table, &args.setting);
    if args.json {
        // What tells of a failure goes to the other stream, so that JSON is the last line here.
        eprintln!("{verdict}\nseed {}", search.seed);
        say!("{}", table.json());
    } else {
        say!("{verdict}\nseed {}", search.seed);
    }
    ExitCode::from(table.exit_code())
}

fn verdict(findings: &Findings, table: &Table<'_>, setting: &SettingArgs) -> String {
    let code = table.exit_code();
    if let Some(failure) = &findings.failure {
        let (violation, options) = (&failure.violation, setting.options());
        return format!(
            "FAILED with all in effect, exit code {code}: {}\n  {}\ncargo sim replay {}{options}",
            violation.property, violation.story, failure.seed
        );
    }
    match code {
        0 => "PASSED".into(),
        124 => "OUT OF TIME: not all seeds were run".into(),
        _ => {
            let troubles = table.troubles();
            format!("FAILED, exit code {code}:\n  {}", troubles.join("\n  "))
        }
    }
}
