//! The canaries of a night: what must fail, or the night is void.
//!
//! One goes the whole way that a failure goes at night: a slice like any other, whose file of results has
//! to have it. The others are tried as `cargo sim canaries` does: the other lies, and of the faults
//! that do nothing another one each night that is long enough for its seeds.

use serde::{Deserialize, Serialize};

use super::record::Night;
use super::slice::Runner;
use crate::canaries;
use crate::checker::{Class, Property};
use crate::disk::Lie;
use crate::report::promises;
use crate::results::Outcome;
use crate::seed::Seed;

/// Whether something was noticed that has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// What.
    pub name: String,
    /// Whether it was.
    pub noticed: bool,
    /// The exit code of its campaign.
    pub exit_code: i32,
    /// What was reported.
    pub reported: String,
}

/// The lie that goes the whole way.
const WHOLE_WAY: Lie = Lie::FileSync;
/// Many more seeds than it has ever taken.
const SEEDS: u64 = 500;

/// Tries them.
pub(super) fn run(runner: &Runner, night: &Night) -> Result<Vec<Canary>, String> {
    let seed = Seed(u64::from(night.number));
    let mut found = vec![whole_way(runner, seed)?];
    let lies = Lie::ALL.iter().filter(|&&lie| lie != WHOLE_WAY);
    let mut others: Vec<canaries::Canary> = lies.map(|&lie| canaries::Canary::Lie(lie)).collect();
    if runner.is_long() {
        let mutes: Vec<_> = promises::faults(None).collect();
        let tonight = mutes[night.number as usize % mutes.len()];
        others.push(canaries::Canary::Mute(tonight));
    }
    found.extend(others.into_iter().map(|canary| {
        let finding = canary.try_out(seed, runner.jobs());
        Canary {
            name: canary.to_string(),
            noticed: finding.is_noticed,
            exit_code: finding.exit_code.into(),
            reported: finding.report,
        }
    }));
    Ok(found)
}

fn whole_way(runner: &Runner, seed: Seed) -> Result<Canary, String> {
    let name = canaries::Canary::Lie(WHOLE_WAY).to_string();
    let seeds = SEEDS.to_string();
    let options = ["--seeds", &seeds, "--lie", WHOLE_WAY.name()];
    let options = options.map(str::to_owned).into_iter();
    let ran = runner.campaign(&name, 0, seed, options)?;
    let found: Vec<Property> = match ran.saved.map(|saved| saved.outcome) {
        Some(Outcome::Run(run)) => {
            let failures = run.summary.failures.iter();
            failures
                .map(|(_, found)| found.failure.violation.property)
                .collect()
        }
        _ => Vec::new(),
    };
    // A log with a mistake of its own fails in other ways, too.
    let lost = found.iter().find(|one| one.class() == Class::Durability);
    Ok(Canary {
        name,
        noticed: lost.is_some(),
        exit_code: ran.slice.exit_code.unwrap_or(-1),
        reported: lost.map_or_else(|| "nothing".into(), |property| property.to_string()),
    })
}
