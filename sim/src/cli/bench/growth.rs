//! `cargo sim bench --growth`: what a recovery and an append cost as the work grows, as a table and as a plot.
//!
//! One thing is doubled at a time. What is told is the processor time of whole runs, everything in them,
//! divided by the recoveries that were checked, and by the appends.

use std::io::Write;
use std::process::ExitCode;

use seawall_sim::scenario::generate::Shape;
use seawall_sim::scenario::keys::Encryption;

use super::{BenchArgs, Measured, Workload, measure, median};
use super::{bar_of, tell};

/// What is doubled, with five steps of it.
const SERIES: [(&str, [Size; STEPS]); 3] = [
    (
        "appends of each of 4 clients in a life",
        [
            of(4, 10, 8),
            of(4, 20, 8),
            of(4, 40, 8),
            of(4, 80, 8),
            of(4, 160, 8),
        ],
    ),
    (
        "clients with 20 appends each in a life",
        [
            of(1, 20, 8),
            of(2, 20, 8),
            of(4, 20, 8),
            of(8, 20, 8),
            of(16, 20, 8),
        ],
    ),
    (
        "lives of 4 clients with 20 appends each, one log",
        [
            of(4, 20, 2),
            of(4, 20, 4),
            of(4, 20, 8),
            of(4, 20, 16),
            of(4, 20, 32),
        ],
    ),
];
const STEPS: usize = 5;
/// As much work in each step: about so many appends.
const APPENDS: u64 = 200_000;

/// The size of a step: appends, clients, lives. Each series doubles the one in its own place.
type Size = [u64; 3];

const fn of(clients: u64, appends: u64, lives: u64) -> Size {
    [appends, clients, lives]
}

fn workload([appends, clients, lives]: Size) -> Workload {
    let shape = Shape::Fixed {
        clients: clients as usize,
        appends: appends as usize,
        lives,
    };
    let a_seed = clients * appends * lives;
    let seeds = APPENDS.div_ceil(a_seed);
    ("growth", shape, Encryption::Never, seeds)
}

pub(super) fn run(args: &BenchArgs) -> ExitCode {
    say!("seed {}", args.seed);
    let all = u64::from(args.rounds) * (SERIES.len() * STEPS) as u64;
    let bar = bar_of(Some(all), "{pos}/{len} measurements, {eta} left");
    let mut measured: [[Vec<Measured>; STEPS]; SERIES.len()] = Default::default();
    for _ in 0..args.rounds {
        for (into, (_, sizes)) in measured.iter_mut().zip(SERIES) {
            for (into, size) in into.iter_mut().zip(sizes) {
                match measure(args, &workload(size), 1) {
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
    }
    bar.finish_and_clear();
    for (series, (rows, (name, sizes))) in measured.iter().zip(SERIES).enumerate() {
        let sizes = sizes.map(|size| size[series].to_string());
        let micros = |count: &dyn Fn(&Measured) -> u64| {
            let one =
                |rounds: &Vec<Measured>| median(rounds, &|one| 1e6 / one.a_second(count(one)));
            rows.iter().map(one).collect::<Vec<f64>>()
        };
        let recovery = micros(&|one| one.recoveries);
        let append = micros(&|one| one.appends);
        say!("\n| {name} | {} |", sizes.join(" | "));
        say!("|---|{}", "---|".repeat(STEPS));
        say!("| us a recovery | {} |", joined(&recovery, " | ", 0));
        say!("| us an append | {} |", joined(&append, " | ", 1));
        say!("\n```mermaid\nxychart-beta");
        say!(
            "    title \"Microseconds of a processor: upper line a recovery, lower line an append\""
        );
        say!("    x-axis \"{name}\" [{}]", sizes.join(", "));
        say!("    y-axis \"us\"");
        say!("    line [{}]", joined(&recovery, ", ", 0));
        say!("    line [{}]\n```", joined(&append, ", ", 1));
    }
    say!("seed {}", args.seed);
    ExitCode::SUCCESS
}

fn joined(figures: &[f64], between: &str, digits: usize) -> String {
    let texts: Vec<String> = figures
        .iter()
        .map(|one| format!("{one:.digits$}"))
        .collect();
    texts.join(between)
}
