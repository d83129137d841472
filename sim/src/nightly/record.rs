//! What is kept of a night: all its slices, and what came of them.

use serde::{Deserialize, Serialize};

use super::canaries::Canary;
use super::directory::now;
use super::failures::Met;
use crate::results::Commit;
use crate::seed::Seed;
use crate::shard::Shard;

/// The version of a night's files.
pub const FORMAT: u32 = 1;

/// A night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// The version of this format.
    pub format: u32,
    /// Its number, from 1 on.
    pub number: u32,
    /// What was built.
    pub commit: Commit,
    /// Which part of it was done here.
    pub shard: Shard,
    /// When it began, in RFC 3339.
    pub begun: String,
    /// When it was last at work.
    pub ended: String,
    /// How long it was to be, in seconds.
    pub asked_seconds: f64,
    /// How long it was at work.
    pub wall_seconds: f64,
    /// How often it was begun or gone on with.
    pub sittings: u32,
    /// Whether its time is over.
    pub is_over: bool,
    /// What was not done, and why.
    pub skipped: Vec<String>,
    /// How many slices were begun: those that were interrupted are not among `slices`.
    pub given: u64,
    /// Whether what has to be noticed was.
    pub canaries: Vec<Canary>,
    /// What was run.
    pub slices: Vec<Slice>,
    /// What failed, or had failed in an earlier night.
    pub failures: Vec<Met>,
}

impl Night {
    /// A night that begins now.
    pub(super) fn begins(number: u32, commit: Commit, shard: Shard, asked_seconds: f64) -> Night {
        Night {
            format: FORMAT,
            number,
            commit,
            shard,
            begun: now(),
            ended: now(),
            asked_seconds,
            wall_seconds: 0.0,
            sittings: 1,
            is_over: false,
            skipped: Vec::new(),
            given: 0,
            canaries: Vec::new(),
            slices: Vec::new(),
            failures: Vec::new(),
        }
    }
}

/// What kind of work a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Seeds.
    Run,
    /// Every crash state.
    Explore,
    /// A fuzz target.
    Fuzz,
    /// Planted mistakes.
    Mutants,
}

/// One command of a night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Its number in the night, from 1 on.
    pub number: u64,
    /// What was at work.
    pub arm: String,
    /// Of which kind that is.
    pub family: Family,
    /// The command.
    pub command: String,
    /// How long it took, in seconds.
    pub wall_seconds: f64,
    /// Processor time in seconds, where it is known.
    pub cpu_seconds: f64,
    /// The first seed, where it has seeds.
    pub first_seed: Option<Seed>,
    /// How many there were.
    pub seeds: u64,
    /// How much of what it found was new: features of runs, inputs of a fuzzer.
    pub new: u64,
    /// The exit code; none where it had to be ended.
    pub exit_code: Option<i32>,
    /// What came of it.
    pub came: Came,
    /// Whether its failures are among those of the night; not yet, where the night was interrupted then.
    pub is_looked_into: bool,
}

/// What came of a slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Came {
    /// A file of results, below the night's directory.
    Results {
        /// Its name.
        file: String,
    },
    /// Of a fuzz target.
    Fuzz {
        /// Which.
        target: String,
        /// Inputs run.
        runs: u64,
        /// The input that failed, if one did.
        crash: Option<String>,
    },
    /// Of mutants.
    Mutants {
        /// Each that was tried.
        tried: Vec<Mutant>,
    },
    /// It ended without a word.
    Nothing {
        /// Whether it went on for ever.
        hangs: bool,
        /// The last that it said.
        said: String,
    },
}

/// A mutant that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mutant {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: String,
    /// How that compares with the baseline, where it does not agree.
    pub compared: String,
    /// How many seeds it took, where seeds were run.
    pub seeds: Option<u64>,
    /// And how much processor time, in seconds.
    pub cpu_seconds: Option<f64>,
}

impl Mutant {
    /// Whether it is not what the baseline says: it survives, or can't be tried any more.
    pub fn is_wrong(&self) -> bool {
        matches!(self.compared.as_str(), "REGRESSION" | "STALE")
    }
}
