//! `cargo sim bench`: how fast the simulator is, in recoveries checked for each second of a processor.
//!
//! A recovery counts when the log was opened over what a crash had left, in a life or on a fork, showed
//! itself, and all checkers have judged that. Not counted: opens that a crash cut off, opens that
//! failed for a reason, and the open of a run's first life, which finds nothing. One seed in 64 is
//! run twice, as in any campaign; that costs time, and counts once.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use seawall_sim::campaign::{Campaign, Summary};
use seawall_sim::figures::Figures;
use seawall_sim::scenario::generate::{Setting, Shape};
use seawall_sim::scenario::keys::Encryption;
use seawall_sim::seed::Seed;

use super::limits::jobs_or_all;
use super::outcome::tell;
use super::{bar_of, cpu_time};

mod growth;

#[derive(Args)]
pub(super) struct BenchArgs {
    /// The first seed, for each workload the same.
    #[arg(long, default_value = "1")]
    seed: Seed,
    /// How often everything is measured, the workloads in turn; the medians are told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// How much of each workload is run in a round: 1 is about a second and a half of a processor.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    size: u32,
    /// What recoveries and appends cost as the work grows, in place of the table of workloads.
    #[arg(long)]
    growth: bool,
    /// How many threads, beside one. Default: one for each processor.
    #[arg(long)]
    jobs: Option<usize>,
}

type Workload = (&'static str, Shape, Encryption, u64);

/// A workload, with so many seeds for each size.
const WORKLOADS: [Workload; 5] = [
    ("swarm", Shape::Swarm, Encryption::Drawn, 3000),
    ("4x20 plain", fixed(4, 20), Encryption::Never, 600),
    ("4x20 encrypted", fixed(4, 20), Encryption::Always, 500),
    ("8x50 plain", fixed(8, 50), Encryption::Never, 180),
    ("8x50 encrypted", fixed(8, 50), Encryption::Always, 120),
];

const fn fixed(clients: usize, appends: usize) -> Shape {
    Shape::Fixed {
        clients,
        appends,
        lives: 8,
    }
}

/// What one round of a workload came to.
#[derive(Clone, Copy)]
struct Measured {
    /// Of all threads.
    cpu: Duration,
    wall: Duration,
    seeds: u64,
    recoveries: u64,
    on_forks: u64,
    appends: u64,
}

impl Measured {
    fn a_second(&self, count: u64) -> f64 {
        count as f64 / self.cpu.as_secs_f64()
    }
}

pub(super) fn run(args: &BenchArgs) -> ExitCode {
    if args.growth {
        return growth::run(args);
    }
    let jobs = jobs_or_all(args.jobs);
    say!("seed {}", args.seed);
    let rows: Vec<_> = WORKLOADS
        .iter()
        .flat_map(|one| [(one, 1), (one, jobs)])
        .collect();
    let rows = &rows[..];
    let mut measured = vec![Vec::new(); rows.len()];
    let all = u64::from(args.rounds) * rows.len() as u64;
    let bar = bar_of(Some(all), "{pos}/{len} measurements, {eta} left");
    for _ in 0..args.rounds {
        for (into, &(workload, jobs)) in measured.iter_mut().zip(rows) {
            match measure(args, workload, jobs) {
                Ok(one) => into.push(one),
                Err(summary) => {
                    let failure = summary.failure().expect("it is an error for that");
                    say!("{}", tell(failure));
                    return ExitCode::from(failure.violation.property.class() as u8);
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    say!(
        "| workload | threads | recoveries checked/CPU-s | of them on forks | runs/CPU-s | appends/CPU-s | CPU a recovery | speed in real time |"
    );
    say!("|---|---|---|---|---|---|---|---|");
    let mut alone = 0.0;
    for (rounds, (workload, jobs)) in measured.iter().zip(rows) {
        let median = |figure: &dyn Fn(&Measured) -> f64| median(rounds, figure);
        let real = median(&|one| one.recoveries as f64 / one.wall.as_secs_f64());
        if *jobs == 1 {
            alone = real;
        }
        let recoveries = median(&|one| one.a_second(one.recoveries));
        say!(
            "| {} | {jobs} | {recoveries:.0} | {:.0} % | {:.0} | {:.0} | {:.0} us | {:.2} |",
            workload.0,
            median(&|one| 100.0 * one.on_forks as f64 / one.recoveries as f64),
            median(&|one| one.a_second(one.seeds)),
            median(&|one| one.a_second(one.appends)),
            1e6 / recoveries,
            real / alone
        );
    }
    say!("seed {}", args.seed);
    ExitCode::SUCCESS
}

fn median(rounds: &[Measured], figure: &dyn Fn(&Measured) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn measure(
    args: &BenchArgs,
    &(_, shape, encryption, seeds): &Workload,
    jobs: usize,
) -> Result<Measured, Box<Summary>> {
    let setting = Setting {
        shape,
        encryption,
        ..Setting::default()
    };
    let campaign = Campaign {
        seeds: Some(seeds * u64::from(args.size)),
        jobs,
        setting,
        ..Campaign::of(args.seed)
    };
    #[allow(clippy::disallowed_methods)] // Real time is what is measured.
    let start = Instant::now();
    let before = cpu_time();
    let summary = campaign.run(|_| ());
    let (cpu, wall) = (cpu_time() - before, start.elapsed());
    if summary.failure().is_some() {
        return Err(Box::new(summary));
    }
    let on_forks = on_forks(&summary.figures);
    Ok(Measured {
        cpu,
        wall,
        seeds: summary.seeds,
        recoveries: summary.figures.recoveries - summary.figures.first_opens + on_forks,
        on_forks,
        appends: summary.figures.appends,
    })
}

/// Forks that were opened and judged: as they were, and damaged.
fn on_forks(figures: &Figures) -> u64 {
    figures.repeated + figures.verdicts.iter().sum::<u64>()
}
