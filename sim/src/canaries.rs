//! Canaries: a disk that breaks its word, or on which a fault does nothing, has to be noticed.
//!
//! Each is a campaign of its own. A lie has to be caught by a check; a fault that never happens is a
//! broken promise, which has to name it.

use crate::campaign::Campaign;
use crate::checker::Class;
use crate::disk::{Fault, Lie};
use crate::report::promises;
use crate::report::summary::Outcome;
use crate::seed::Seed;

/// A way in which the disk is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// The disk lies.
    Lie(Lie),
    /// A fault never happens.
    Mute(Fault),
}

/// What came of one.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub canary: Canary,
    /// Seeds run.
    pub seeds: u64,
    /// The exit code.
    pub exit_code: u8,
    /// What was reported.
    pub report: String,
    /// Whether that is what had to be.
    pub is_noticed: bool,
}

impl Canary {
    /// All of them: the lies, and the faults that every campaign promises.
    pub fn all() -> impl Iterator<Item = Canary> {
        let lies = Lie::ALL.iter().map(|&lie| Canary::Lie(lie));
        lies.chain(promises::faults(None).map(Canary::Mute))
    }

    /// Runs it.
    pub fn try_out(self, seed: Seed, jobs: usize) -> Finding {
        let campaign = Campaign {
            seeds: Some(match self {
                Canary::Lie(_) => promises::SEEDS_MIN,
                Canary::Mute(fault) => promises::seeds_for(fault),
            }),
            jobs,
            lie: match self {
                Canary::Lie(lie) => Some(lie),
                Canary::Mute(_) => None,
            },
            mute: match self {
                Canary::Lie(_) => None,
                Canary::Mute(fault) => Some(fault),
            },
            ..Campaign::of(seed)
        };
        let summary = campaign.run(|_| {});
        let outcome = Outcome {
            campaign,
            summary,
            cpu: Default::default(),
            wall: Default::default(),
        };
        let exit_code = outcome.exit_code();
        let summary = &outcome.summary;
        let report = match summary.failure() {
            Some(failure) => failure.violation.property.name().to_owned(),
            None => promises::broken(&campaign, summary).join(", "),
        };
        let is_noticed = match self {
            Canary::Lie(_) => {
                [Class::Durability as u8, Class::Integrity as u8].contains(&exit_code)
            }
            // A disk that does not fail where it has to breaks its word in another way: that is
            // noticed as well.
            Canary::Mute(_) if summary.failure().is_some() => true,
            Canary::Mute(fault) => {
                // What only follows from it may be missing as well.
                let own = format!("fault {fault}");
                exit_code == Class::Vacuity as u8 && report.split(", ").any(|one| one == own)
            }
        };
        Finding {
            canary: self,
            seeds: summary.seeds,
            exit_code,
            report,
            is_noticed,
        }
    }
}

impl std::fmt::Display for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Canary::Lie(lie) => write!(f, "lie {lie}"),
            Canary::Mute(fault) => write!(f, "mute {fault}"),
        }
    }
}

/// The head of a table of findings.
pub const TABLE_HEAD: &str = "\
| canary                         | seeds | exit code | reported                       |
| ------------------------------ | ----- | --------- | ------------------------------ |";

impl Finding {
    /// Its row in the table.
    pub fn row(&self) -> String {
        let told = match self.is_noticed {
            true => self.report.clone(),
            false => format!("NOT NOTICED: {}", self.report),
        };
        let name = self.canary.to_string();
        let (seeds, code) = (self.seeds, self.exit_code);
        format!("| {name:<30} | {seeds:<5} | {code:<9} | {told:<30} |")
    }
}
