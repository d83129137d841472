//! A night in numbers, for programs; `markdown` and `junit` tell the same to people and to CI.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canaries::Canary;
use super::directory::State;
use super::failures::Met;
use super::record::{Came, FORMAT, Family, Mutant, Night, Slice};
use crate::campaign::{self, Campaign};
use crate::checker::Class;
use crate::report::summary::Outcome as RunOutcome;
use crate::results::{Commit, Outcome, Saved};
use crate::seed::Seed;

/// A night in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this format.
    pub format: u32,
    /// The night's number.
    pub night: u32,
    /// What was built.
    pub commit: Commit,
    /// When it began and ended, in RFC 3339.
    pub begun: String,
    /// The same.
    pub ended: String,
    /// How long it was to be, in seconds.
    pub asked_seconds: f64,
    /// How long it was.
    pub wall_seconds: f64,
    /// Processor time, where it is known.
    pub cpu_seconds: f64,
    /// How often it was begun or gone on with.
    pub sittings: u32,
    /// Which part of a night it is; all of it for `1/1`.
    pub shard: String,
    /// Whether a canary was not noticed: then the night proves nothing.
    pub is_void: bool,
    /// 0, or the class of the worst.
    pub exit_code: u8,
    /// The same in a word.
    pub verdict: String,
    /// What has to be noticed.
    pub canaries: Vec<Canary>,
    /// What all seeds together did, as `cargo sim run --json` tells it.
    pub total: Option<Value>,
    /// What was explored, by the size of the workloads and the number of power cuts.
    pub explored: Vec<Explored>,
    /// What each fuzz target did.
    pub fuzz: Vec<Fuzzed>,
    /// The mutants that were tried.
    pub mutants: Vec<Mutant>,
    /// How the time was shared out.
    pub arms: Vec<Share>,
    /// What was not done, and why.
    pub skipped: Vec<String>,
    /// How many features were ever met, in all nights so far.
    pub states_known: u64,
    /// What failed, or had failed in an earlier night.
    pub failures: Vec<Met>,
}

/// What was explored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explored {
    /// Steps and power cuts.
    pub name: String,
    /// Workloads there are.
    pub workloads: u64,
    /// Those of them that were done this night.
    pub done: u64,
    /// States judged, as text: there may be more than a number of JSON holds.
    pub judged: String,
    /// Recoveries run.
    pub recoveries: u64,
    /// Processor time.
    pub cpu_seconds: f64,
}

/// What a fuzz target did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fuzzed {
    /// Its name.
    pub target: String,
    /// Inputs run.
    pub runs: u64,
    /// Inputs that were new.
    pub new: u64,
    /// For so long.
    pub seconds: f64,
    /// How often it failed.
    pub crashes: u64,
}

/// What an arm had of the night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The arm.
    pub name: String,
    /// Its kind.
    pub family: Family,
    /// How many slices it had.
    pub slices: u64,
    /// How long they took.
    pub wall_seconds: f64,
    /// Processor time, where it is known.
    pub cpu_seconds: f64,
    /// Seeds run.
    pub seeds: u64,
    /// What it found that was new.
    pub new: u64,
    /// Its share of all slices' time.
    pub share: f64,
}

impl Summary {
    /// The summary of a night whose files are in `dir`.
    pub(super) fn of(dir: &Path, night: &Night, state: &State) -> Result<Summary, String> {
        let is_void = night.canaries.is_empty() || night.canaries.iter().any(|one| !one.noticed);
        let mut summary = Summary {
            format: FORMAT,
            night: night.number,
            commit: night.commit.clone(),
            begun: night.begun.clone(),
            ended: night.ended.clone(),
            asked_seconds: night.asked_seconds,
            wall_seconds: night.wall_seconds,
            cpu_seconds: night.slices.iter().map(|slice| slice.cpu_seconds).sum(),
            sittings: night.sittings,
            shard: night.shard.to_string(),
            is_void,
            exit_code: 0,
            verdict: String::new(),
            canaries: night.canaries.clone(),
            total: total(dir, night)?,
            explored: explored(dir, night)?,
            fuzz: fuzzed(night),
            mutants: mutants(night),
            arms: shares(night),
            skipped: night.skipped.clone(),
            states_known: state.features.count(),
            failures: night.failures.clone(),
        };
        (summary.exit_code, summary.verdict) = summary.worst();
        Ok(summary)
    }

    /// Whether the seeds were enough for what is promised, and something of it never happened.
    fn is_vacuous(&self) -> bool {
        let code = self.total.as_ref().map(|total| &total["exit_code"]);
        code.is_some_and(|code| *code == Class::Vacuity as u8)
    }

    /// The exit code of the worst that is wrong, and what that is.
    fn worst(&self) -> (u8, String) {
        let failures = self.failures.iter().filter(|met| met.is_failure());
        let codes: Vec<u8> = failures.map(|met| met.exit_code).collect();
        let worst = Class::WORST_FIRST
            .into_iter()
            .find(|&class| codes.contains(&(class as u8)));
        match worst {
            Some(class) => (class as u8, format!("failed: {}", class.name())),
            None if self.is_void => (Class::Vacuity as u8, "void".into()),
            None if self.is_vacuous() => (Class::Vacuity as u8, "vacuous".into()),
            None => (0, "passed".into()),
        }
    }
}

/// The result files of a night's slices.
fn results(dir: &Path, night: &Night) -> impl Iterator<Item = Result<(Slice, Outcome), String>> {
    let slices = night
        .slices
        .iter()
        .filter_map(move |slice| match &slice.came {
            Came::Results { file } => Some((slice.clone(), dir.join(file))),
            _ => None,
        });
    slices.map(|(slice, path)| Ok((slice, Saved::load(&path)?.outcome)))
}

/// What all seeds did, whatever profile or strategy they were run with.
fn total(dir: &Path, night: &Night) -> Result<Option<Value>, String> {
    let mut sum = RunOutcome {
        campaign: Campaign::of(Seed(0)),
        summary: campaign::Summary::default(),
        cpu: Default::default(),
        wall: Default::default(),
    };
    for result in results(dir, night) {
        let (slice, Outcome::Run(run)) = result? else {
            continue;
        };
        if sum.summary.seeds == 0 {
            sum.campaign = Campaign::of(slice.first_seed.unwrap_or_default());
        }
        sum.summary.merge(run.summary);
        sum.cpu += run.cpu;
        sum.wall += run.wall;
    }
    Ok((sum.summary.seeds > 0).then(|| sum.json()))
}

fn explored(dir: &Path, night: &Night) -> Result<Vec<Explored>, String> {
    let mut sums: BTreeMap<(u64, usize), (Explored, u128)> = BTreeMap::new();
    for result in results(dir, night) {
        let (_, Outcome::Explore(one)) = result? else {
            continue;
        };
        let (workloads, depth) = (one.explore.workloads.count(), one.explore.depth);
        let (sum, judged) = sums.entry((workloads, depth)).or_default();
        sum.name = format!("{workloads} workloads, {depth} power cuts");
        sum.workloads = workloads;
        sum.done += one.explored.done;
        *judged += one.explored.counts.sum().judged;
        sum.recoveries += one.explored.recoveries;
        sum.cpu_seconds += one.cpu.as_secs_f64();
    }
    let told = sums.into_values().map(|(sum, judged)| Explored {
        judged: judged.to_string(),
        ..sum
    });
    Ok(told.collect())
}

fn fuzzed(night: &Night) -> Vec<Fuzzed> {
    let mut sums: BTreeMap<&str, Fuzzed> = BTreeMap::new();
    for slice in &night.slices {
        let Came::Fuzz {
            target,
            runs,
            crash,
        } = &slice.came
        else {
            continue;
        };
        let sum = sums.entry(target).or_default();
        sum.target.clone_from(target);
        sum.runs += runs;
        sum.new += slice.new;
        sum.seconds += slice.wall_seconds;
        sum.crashes += u64::from(crash.is_some());
    }
    sums.into_values().collect()
}

fn mutants(night: &Night) -> Vec<Mutant> {
    let all = night.slices.iter().flat_map(|slice| match &slice.came {
        Came::Mutants { tried } => tried.as_slice(),
        _ => &[],
    });
    all.cloned().collect()
}

fn shares(night: &Night) -> Vec<Share> {
    let all: f64 = night.slices.iter().map(|slice| slice.wall_seconds).sum();
    let mut shares: Vec<Share> = Vec::new();
    for slice in &night.slices {
        let place = shares.iter().position(|share| share.name == slice.arm);
        let place = place.unwrap_or_else(|| {
            shares.push(Share {
                name: slice.arm.clone(),
                family: slice.family,
                slices: 0,
                wall_seconds: 0.0,
                cpu_seconds: 0.0,
                seeds: 0,
                new: 0,
                share: 0.0,
            });
            shares.len() - 1
        });
        let share = &mut shares[place];
        share.slices += 1;
        share.wall_seconds += slice.wall_seconds;
        share.cpu_seconds += slice.cpu_seconds;
        share.seeds += slice.seeds;
        share.new += slice.new;
        share.share = share.wall_seconds / all;
    }
    shares.sort_by(|one, other| (one.family, &one.name).cmp(&(other.family, &other.name)));
    shares
}
