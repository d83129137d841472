//! `replay`, `shrink`, `explain` and `report`: all that is to be known of one failure.

use std::io::Write;
use std::time::Instant;

use super::super::film::page_of;
use super::super::named::Kept;
use super::super::{Body, Storms, Trial};
use super::{Chosen, ExplainArgs, RUNS_MAX, ReplayArgs, ReportArgs, ShrinkArgs, bar, write};
use crate::case::Case;
use crate::recording::{chrome_trace, record_whole};

impl Storms<'_> {
    pub(super) fn replay(&self, args: &ReplayArgs) -> Result<u8, String> {
        let chosen = self.choose(&args.what)?;
        let storm = chosen.storm();
        let trial = chosen.trial(&storm);
        say!("{}", Kept::of(chosen.named, &trial).print().trim_end());
        if let Some(path) = &args.chrome_trace {
            write(path, &chrome_trace(&record_whole(&trial, None)).to_string())?;
        }
        let report = trial.run(args.trace);
        for line in &report.trace.lines {
            say!("{line}");
        }
        let (figures, hash) = (report.figures, report.trace.hash);
        say!(
            "{} lives, {} of them ended at a call; {} steps",
            figures.lives,
            figures.cuts,
            figures.steps
        );
        let violation = match trial.run_again(report) {
            Ok(report) => {
                say!("trace {hash:016x}, twice");
                report.violation
            }
            Err(differs) => Some(differs),
        };
        Ok(self.conclude(violation.as_ref(), chosen.seed, &chosen.name))
    }

    pub(super) fn shrink(&self, args: &ShrinkArgs) -> Result<u8, String> {
        let chosen = self.choose(&args.what)?;
        let storm = chosen.storm();
        let trial = chosen.trial(&storm);
        #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
        let start = Instant::now();
        let Some((small, runs)) = smallest(&trial, args.runs) else {
            say!("PASSED: there is nothing to shrink\nseed {}", chosen.seed);
            return Ok(0);
        };
        let kept = Kept::of(chosen.named, &small);
        let own = Kept::of(chosen.named, &trial).path("-shrunk.toml");
        let path = args.output.as_ref().unwrap_or(&own);
        say!("{}", kept.print().trim_end());
        write(path, &kept.print())?;
        let seconds = start.elapsed().as_secs_f64();
        say!("{}\n{runs} runs in {seconds:.1} s", small.size());
        let violation = small.run(false).violation;
        Ok(self.conclude(
            violation.as_ref(),
            small.seed(),
            &path.display().to_string(),
        ))
    }

    pub(super) fn explain(&self, args: &ExplainArgs) -> Result<u8, String> {
        let chosen = self.choose(&args.what)?;
        let storm = chosen.storm();
        let (trial, name) = self.pinned(&chosen, chosen.trial(&storm))?;
        let Some(explanation) = trial.explain() else {
            say!("PASSED: there is nothing to explain\nseed {}", trial.seed());
            return Ok(0);
        };
        say!("\nWhat happened, in {}:", trial.size());
        for line in &explanation.timeline {
            say!("{line}");
        }
        say!("\nWhy ({} runs):", explanation.runs);
        for sentence in &explanation.sentences {
            say!("- {sentence}");
        }
        say!("");
        Ok(self.conclude(Some(&explanation.violation), trial.seed(), &name))
    }

    pub(super) fn report(&self, args: &ReportArgs) -> Result<u8, String> {
        let chosen = self.choose(&args.what)?;
        let storm = chosen.storm();
        let (trial, name) = self.pinned(&chosen, chosen.trial(&storm))?;
        let kept = Kept::of(chosen.named, &trial);
        let command = format!("{} replay {name}", self.command);
        let Some(page) = page_of(&kept, &trial, command) else {
            say!("PASSED: there is nothing to show\nseed {}", trial.seed());
            return Ok(0);
        };
        let own = kept.path(".html");
        let path = args.output.as_ref().unwrap_or(&own);
        write(path, &page)?;
        say!("{} ({} KB)", path.display(), page.len().div_ceil(1024));
        Ok(0)
    }

    /// The trial shrunk and saved, if not all its choices are on a tape, and its name.
    fn pinned<'b>(
        &self,
        chosen: &Chosen<'_>,
        trial: Trial<'b, Body>,
    ) -> Result<(Trial<'b, Body>, String), String> {
        if trial.is_pinned() {
            return Ok((trial, chosen.name.clone()));
        }
        let Some((small, _)) = smallest(&trial, RUNS_MAX) else {
            return Ok((trial, chosen.name.clone()));
        };
        let path = Kept::of(chosen.named, &trial).path("-shrunk.toml");
        write(&path, &Kept::of(chosen.named, &small).print())?;
        say!("shrunk to {}\n  in {}", small.size(), path.display());
        Ok((small, path.display().to_string()))
    }
}

fn smallest<'b>(trial: &Trial<'b, Body>, runs_max: u64) -> Option<(Trial<'b, Body>, u64)> {
    let bar = bar(Some(runs_max), "{pos}/{len} runs at most");
    let small = trial.shrunk_with(runs_max, &mut |runs| bar.set_position(runs));
    bar.finish_and_clear();
    small
}
