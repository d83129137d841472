//! A failure in one file: all that somebody needs who was not there.
//!
//! A capsule has the smallest scenario that fails so, the one that was found, the commit, the verdict, the
//! hash of the trace, why it fails as far as that can be told, and the command that runs it again. Its
//! name comes from the failure's fingerprint, so the same failure has the same file every night. Since one
//! mistake shows in several ways, a capsule also knows which other failures its scenario has with other
//! choices: those are its own, too.

#![allow(clippy::disallowed_methods)] // Capsules are on the real file system.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::campaign::Failure;
use crate::checker::Violation;
use crate::choice::Tape;
use crate::explain::explain;
use crate::results::{self, Commit};
use crate::run::run;
use crate::scenario::Scenario;
use crate::seed::Seed;
use crate::shrink::{Fingerprint, shrink};

mod again;
mod recordings;

pub use again::Again;
pub use recordings::{Passing, Recordings};

/// The version of the files.
pub const FORMAT: u32 = 1;
/// With so many other choices a scenario is run, to see in which ways it fails; or that it does not.
const OTHER_SEEDS: u64 = 300;

/// A failure, with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capsule {
    /// The version of this format.
    pub format: u32,
    /// The hash of the fingerprint: 16 hexadecimal digits.
    pub id: String,
    /// What kind of failure it is.
    pub fingerprint: String,
    /// What is wrong.
    pub verdict: Verdict,
    /// Where it failed.
    pub commit: Commit,
    /// The hash of the trace there.
    pub trace: String,
    /// What runs it again, in the directory that the capsule's own lies in.
    pub command: String,
    /// How it was found.
    pub found: Found,
    /// The smallest scenario that fails so.
    pub scenario: String,
    /// The one that was found, where that is another.
    pub original: Option<String>,
    /// How much of it a person has to read.
    pub size: String,
    /// Why it fails.
    pub explanation: Option<Explained>,
    /// What kind of mistake it is, where that can be told.
    pub cause: Option<String>,
    /// The run step by step, and that of a neighbour that passes.
    #[serde(default, serialize_with = "recordings::on_one_line")]
    pub recordings: Option<Recordings>,
    /// Other fingerprints of the same mistake.
    pub also: BTreeSet<String>,
    /// What became of it.
    pub status: Status,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which property does not hold.
    pub property: String,
    /// Of which class it is.
    pub class: String,
    /// What a run that meets it exits with.
    pub exit_code: u8,
    /// In one sentence.
    pub story: String,
}

/// How a failure was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// In which night first, if in one.
    pub night: Option<u32>,
    /// The seed.
    pub seed: Seed,
    /// How many seeds of that night failed so.
    pub count: u64,
    /// The command.
    pub by: String,
}

/// Why a scenario fails, as `explain` tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// What happened.
    pub timeline: Vec<String>,
    /// What the failure needs.
    pub sentences: Vec<String>,
    /// How many runs that took.
    pub runs: u64,
}

/// What became of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether it still fails.
    pub state: State,
    /// The commit on which that was seen first.
    pub since: Commit,
}

/// Whether a failure is still one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It fails as it did.
    Open,
    /// It passes, with other choices, too.
    Fixed,
    /// It fails in another way.
    Differs,
}

impl Capsule {
    /// The name of a failure: its fingerprint's hash.
    pub fn id_of(fingerprint: &str) -> String {
        format!("{:016x}", xxh3_64(fingerprint.as_bytes()))
    }

    /// Shrinks a failure with at most `runs_max` runs, explains it, and packs all of it. `tell` hears now
    /// and then after how many runs.
    pub fn of(
        failure: &Failure,
        found: Found,
        commit: &Commit,
        runs_max: u64,
        tell: &mut dyn FnMut(u64),
    ) -> Capsule {
        let shrunk = shrink(&failure.scenario, runs_max, tell);
        let (scenario, violation, size) = match shrunk {
            Some(shrunk) => (shrunk.scenario, shrunk.violation, shrunk.after.to_string()),
            // Two runs that differ, for one, are seen by no run alone.
            None => (
                failure.scenario.clone(),
                failure.violation.clone(),
                "it fails in no run alone".into(),
            ),
        };
        let fingerprint = Fingerprint::of(&violation).to_string();
        let explanation = explain(&scenario);
        let cause = explanation
            .as_ref()
            .and_then(|explanation| explanation.cause.clone());
        let neighbour = explanation.as_ref();
        let neighbour = neighbour.and_then(|explanation| explanation.neighbour.as_ref());
        let recordings = Recordings::of(&scenario, neighbour);
        let explanation = explanation.map(|explanation| Explained {
            timeline: explanation.timeline,
            sentences: explanation.sentences,
            runs: explanation.runs,
        });
        let id = Capsule::id_of(&fingerprint);
        let original = (scenario != failure.scenario).then(|| failure.scenario.print());
        let mut also = other_ways(&scenario);
        also.extend(other_ways(&failure.scenario));
        also.remove(&fingerprint);
        Capsule {
            format: FORMAT,
            command: format!("cargo sim replay failures/{id}.json"),
            id,
            fingerprint,
            verdict: Verdict::of(&violation),
            commit: commit.clone(),
            trace: format!("{:016x}", run(&scenario, false).trace.hash),
            found,
            scenario: scenario.print(),
            original,
            size,
            explanation,
            cause,
            recordings: Some(recordings),
            also,
            status: Status {
                state: State::Open,
                since: commit.clone(),
            },
        }
    }

    /// Whether a failure of this fingerprint is of the same mistake.
    pub fn has(&self, fingerprint: &str) -> bool {
        self.fingerprint == fingerprint || self.also.contains(fingerprint)
    }

    /// Whether another failure is of the same mistake, as far as that can be told: one of the two scenarios
    /// also fails like the other one, or both lack the same thing.
    pub fn is_like(&self, other: &Capsule) -> bool {
        let is_same_cause = self.cause.is_some() && self.cause == other.cause;
        is_same_cause || self.has(&other.fingerprint) || other.has(&self.fingerprint)
    }

    /// Reads a capsule.
    ///
    /// # Errors
    /// Says in one line what is wrong with it.
    pub fn load(path: &Path) -> Result<Capsule, String> {
        let capsule: Capsule = results::read(path)?;
        match capsule.format {
            FORMAT => Ok(capsule),
            other => Err(format!(
                "{}: capsule format {other} is not {FORMAT}",
                path.display()
            )),
        }
    }

    /// Writes it; the directory is made where it is missing. A file of that name is replaced at once, so
    /// that whoever is interrupted leaves the one or the other.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        results::replace(path, &serde_json::to_vec_pretty(self)?)
    }
}

impl Verdict {
    pub(crate) fn of(violation: &Violation) -> Verdict {
        let class = violation.property.class();
        Verdict {
            property: violation.property.name().into(),
            class: class.name().into(),
            exit_code: class as u8,
            story: violation.story.clone(),
        }
    }
}

/// The fingerprints that a scenario's failures have with other choices.
fn other_ways(scenario: &Scenario) -> BTreeSet<String> {
    let failures = with_other_choices(scenario).filter_map(|other| run(&other, false).violation);
    failures
        .map(|violation| Fingerprint::of(&violation).to_string())
        .collect()
}

/// The same scenario with other choices.
fn with_other_choices(scenario: &Scenario) -> impl Iterator<Item = Scenario> {
    (0..OTHER_SEEDS).map(|seed| Scenario {
        seed: Seed(seed),
        // With a tape, nothing would be another seed's.
        tape: Tape::default(),
        ..scenario.clone()
    })
}
