//! How the outcome of a campaign or an exploration is told, wherever it was made.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use seawall_sim::campaign::{Campaign, Failure};
use seawall_sim::report::failure::save_and_tell;
use seawall_sim::report::summary;
use seawall_sim::results::{Commit, Outcome};

/// Where an outcome goes.
#[derive(Args)]
pub(super) struct OutcomeArgs {
    /// Write what came of it into this file, for `cargo sim merge`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
}

impl OutcomeArgs {
    /// Tells an outcome, saves it where that was asked for, and says how to end.
    pub(super) fn conclude(&self, outcome: &Outcome) -> ExitCode {
        if let Some(path) = &self.out
            && let Err(error) = outcome.save(path, &Commit::here())
        {
            eprintln!("error: cannot write {}: {error}", path.display());
            return ExitCode::from(2);
        }
        tell_outcome(outcome, self.json)
    }
}

/// Tells an outcome, and says how to end.
pub(super) fn tell_outcome(outcome: &Outcome, as_json: bool) -> ExitCode {
    say!("{}", outcome.text().trim_end());
    let code = outcome.exit_code();
    let verdict = match outcome {
        Outcome::Run(run) => verdict(run),
        Outcome::Explore(exploration) => exploration.verdict(),
    };
    match as_json {
        // What tells of a failure goes to the other stream, so that JSON is the last line here.
        true => {
            eprintln!("{verdict}");
            say!("{}", outcome.json());
        }
        false => say!("{verdict}"),
    }
    ExitCode::from(code)
}

fn verdict(outcome: &summary::Outcome) -> String {
    let Some(first) = outcome.summary.failure() else {
        return passed(outcome.exit_code(), &outcome.campaign);
    };
    let failures = &outcome.summary.failures;
    let others = failures.iter().filter(|(_, found)| found.failure != *first);
    let mut text: String = others
        .map(|(print, found)| {
            let (seed, count) = (found.failure.seed, found.count);
            format!("{count} seeds, the first of them {seed}: {print}\n")
        })
        .collect();
    text += &tell(first);
    text
}

/// The story of a failure, which is saved.
pub(super) fn tell(failure: &Failure) -> String {
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

fn passed(code: u8, campaign: &Campaign) -> String {
    let word = match code {
        0 => "PASSED",
        124 => "OUT OF TIME: not all seeds were run",
        _ => "VACUOUS: something that was promised never happened",
    };
    format!("{word}\nseed {}", campaign.seed)
}

/// Says that an earlier outcome can't be used.
pub(super) fn refuse(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}
