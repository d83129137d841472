//! A storm as a program of its own: seeds until one fails, and then the smallest run that does, why,
//! and the command that runs it again.

#![allow(clippy::disallowed_methods)] // Trials are kept on the real file system.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use indicatif::ProgressBar;

use super::{Sky, Storm, Trial, Verdict};
use crate::checker::{Class, Property, Violation};
use crate::report::failure::FAILURES_DIR;
use crate::seed::Seed;

/// How many runs a failure is made smaller with.
const RUNS_MAX: u64 = 20_000;
/// One in so many seeds is run twice, to see that it does the same.
const TWICE_EVERY: u64 = 64;

/// Runs storage code under power cuts, seed by seed, until it fails.
#[derive(Parser)]
struct Args {
    /// The first seed, or the file of a run that failed.
    #[arg(default_value = "1")]
    what: String,
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
}

impl<B: Fn(&Sky) -> Verdict> Storm<B> {
    /// The program: reads the arguments, runs, tells. Exit codes are those of `cargo sim`.
    pub fn main(&self) -> ExitCode {
        let args = Args::parse();
        let code = match Path::new(&args.what).exists() {
            true => self.again(Path::new(&args.what)),
            false => args.what.parse().map(|seed| self.search(seed, args.seeds)),
        };
        ExitCode::from(code.unwrap_or_else(|error| {
            eprintln!("error: {error}");
            2
        }))
    }

    fn again(&self, path: &Path) -> Result<u8, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
        let trial = self.parse(&text).map_err(|error| told(&error))?;
        println!("seed {}", trial.seed());
        let report = trial.run(true);
        report
            .trace
            .lines
            .iter()
            .for_each(|line| println!("{line}"));
        println!("trace {:016x}", report.trace.hash);
        Ok(match report.violation {
            None => {
                println!("PASSED\nseed {}", trial.seed());
                0
            }
            Some(violation) => tell(&trial, &violation, path),
        })
    }

    fn search(&self, first: Seed, seeds: u64) -> u8 {
        println!("seed {first}");
        let bar = ProgressBar::new(seeds);
        let (mut lives, mut cuts, mut steps) = (0, 0, 0);
        for index in 0..seeds {
            let trial = self.trial(first.plus(index));
            let run = match index % TWICE_EVERY {
                0 => trial.run_twice(),
                _ => Ok(trial.run(false)),
            };
            bar.inc(1);
            let found = run.map(|report| {
                lives += report.figures.lives;
                cuts += report.figures.cuts;
                steps += report.figures.steps;
                report.violation
            });
            if let Some(violation) = found.unwrap_or_else(Some) {
                bar.finish_and_clear();
                println!(
                    "{} seeds, {lives} lives, {cuts} cuts at a call, {steps} steps",
                    index + 1
                );
                return self.tell_smallest(&trial, violation);
            }
        }
        bar.finish_and_clear();
        println!("{seeds} seeds, {lives} lives, {cuts} cuts at a call, {steps} steps");
        let (word, code) = match cuts * steps {
            0 => (
                "VACUOUS: no life ended at a call, or no step was taken",
                Class::Vacuity as u8,
            ),
            _ => ("PASSED", 0),
        };
        println!("{word}\nseed {first}");
        code
    }

    fn tell_smallest(&self, trial: &Trial<'_, B>, violation: Violation) -> u8 {
        println!("seed {} fails: {}", trial.seed(), violation.story);
        let small = match violation.property {
            // No run alone shows that.
            Property::Determinism => None,
            _ => trial.shrunk(RUNS_MAX),
        };
        let small = small.unwrap_or_else(|| trial.clone());
        let stem = Path::new(self.source).file_stem().unwrap_or_default();
        let name = format!("{}-{}.toml", stem.to_string_lossy(), trial.seed());
        let path: PathBuf = Path::new(FAILURES_DIR).join(name);
        let saved = std::fs::create_dir_all(FAILURES_DIR);
        if let Err(error) = saved.and_then(|()| std::fs::write(&path, small.print())) {
            eprintln!("the run below could not be saved: {error}");
        }
        let violation = small.run(false).violation.unwrap_or(violation);
        tell(&small, &violation, &path)
    }
}

fn tell<B: Fn(&Sky) -> Verdict>(trial: &Trial<'_, B>, violation: &Violation, path: &Path) -> u8 {
    if let Some(explanation) = trial.explain() {
        println!("\nWhat happened, in {} steps:", trial.steps());
        explanation
            .timeline
            .iter()
            .for_each(|line| println!("{line}"));
        println!("\nWhy ({} runs):", explanation.runs);
        explanation
            .sentences
            .iter()
            .for_each(|line| println!("- {line}"));
    }
    let code = violation.property.class() as u8;
    let program = std::env::args().next().unwrap_or_default();
    println!(
        "\nFAILED, exit code {code}: {}\nseed {}\n{program} {}",
        violation.story,
        trial.seed(),
        path.display()
    );
    code
}
