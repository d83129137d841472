//! What a night does with failures: one capsule for each mistake, however often and in whatever way it
//! shows, and old ones run again on what is built now.

#![allow(clippy::disallowed_methods)] // Inputs of a fuzzer are real files.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Step;
use super::directory::Directory;
use super::record::{Came, Night, Slice};
use super::slice::Runner;
use crate::campaign::{self, Failure};
use crate::capsule::{Capsule, Found, State};
use crate::checker::Class;
use crate::results::{Commit, Outcome, Saved};
use crate::run::run;
use crate::scenario::Scenario;
use crate::shrink::{Fingerprint, skeleton};

/// So many new kinds of failure are shrunk and explained in a night. Where there are more, one of these
/// has to be mended first.
const CAPSULES_MAX: usize = 10;
/// More runs than shrinking has needed so far.
const RUNS_MAX: u64 = 20_000;

/// A failure that a night has met, or that an earlier one had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// Its fingerprint's hash.
    pub id: String,
    /// Which property does not hold, or what else ended a command.
    pub property: String,
    /// Of which class it is.
    pub class: String,
    /// What a run that meets it exits with.
    pub exit_code: u8,
    /// What is wrong, in a sentence.
    pub story: String,
    /// What became of it: `new`, `open`, `fixed since`, `fixed`, `reopened` or `fails otherwise`.
    pub status: String,
    /// Since which commit.
    pub since: Commit,
    /// How many seeds of this night failed so.
    pub count: u64,
    /// What runs it again.
    pub command: String,
    /// Its capsule, below the directory of all nights, if it has one.
    pub capsule: Option<String>,
}

impl Met {
    /// Whether it is a failure now.
    pub fn is_failure(&self) -> bool {
        !self.status.starts_with("fixed")
    }

    /// In a line.
    fn line(&self) -> String {
        let (id, status, story) = (&self.id, &self.status, &self.story);
        match status.as_str() {
            "fixed since" => format!("{id} {status} {}: {story}", self.since),
            _ => format!("{id} {status}: {story}"),
        }
    }

    fn of(capsule: &Capsule, status: &str, count: u64) -> Met {
        let verdict = &capsule.verdict;
        Met {
            id: capsule.id.clone(),
            property: verdict.property.clone(),
            class: verdict.class.clone(),
            exit_code: verdict.exit_code,
            story: verdict.story.clone(),
            status: status.to_owned(),
            since: capsule.status.since.clone(),
            count,
            command: capsule.command.clone(),
            capsule: Some(format!("failures/{}.json", capsule.id)),
        }
    }

    /// Something that has no scenario, and so no capsule.
    fn bare(class: Class, property: &str, story: &str, command: &str, commit: &Commit) -> Met {
        Met {
            id: Capsule::id_of(&format!("{property}: {}", skeleton(story))),
            property: property.to_owned(),
            class: class.name().to_owned(),
            exit_code: class as u8,
            story: story.to_owned(),
            status: "new".into(),
            since: commit.clone(),
            count: 1,
            command: command.to_owned(),
            capsule: None,
        }
    }
}

/// Runs the failures of earlier nights again: those that have a capsule, and of the last night those that
/// have only a command.
pub(super) fn run_again(
    directory: &Directory,
    runner: &Runner,
    night: &mut Night,
    tell: &mut dyn FnMut(Step<'_>),
) -> Result<(), String> {
    let (capsules, unread) = directory.capsules()?;
    for why in unread {
        tell(Step::Line(format!("not run again: {why}")));
        night.skipped.push(format!("a capsule: {why}"));
    }
    for mut capsule in capsules {
        let again = match capsule.run_again(&night.commit) {
            Ok(again) => again,
            Err(why) => {
                night
                    .skipped
                    .push(format!("failures/{}.json: {why}", capsule.id));
                continue;
            }
        };
        directory.save_capsule(&capsule)?;
        let met = Met::of(&capsule, again.name(), 0);
        tell(Step::Line(met.line()));
        night.failures.push(met);
    }
    let last = directory
        .numbers()?
        .into_iter()
        .rfind(|&number| number < night.number);
    let last = match last {
        Some(number) => directory.night(number)?,
        None => None,
    };
    let bare = last.into_iter().flat_map(|last| last.failures);
    for mut met in bare.filter(|met| met.capsule.is_none() && met.is_failure()) {
        let still_fails = runner.runs_wrong(&met)?;
        met.count = 0;
        met.status = match still_fails {
            true => "open".into(),
            false => {
                met.since = night.commit.clone();
                "fixed since".into()
            }
        };
        tell(Step::Line(met.line()));
        night.failures.push(met);
    }
    Ok(())
}

/// Takes in what those slices have found that were not looked into yet; one after the other is kept.
pub(super) fn look_into(
    directory: &Directory,
    night: &mut Night,
    dir: &Path,
    tell: &mut dyn FnMut(Step<'_>),
) -> Result<(), String> {
    for index in 0..night.slices.len() {
        if night.slices[index].is_looked_into {
            continue;
        }
        let slice = night.slices[index].clone();
        look_into_one(directory, night, &slice, dir, tell)?;
        night.slices[index].is_looked_into = true;
        directory.save_night(night)?;
    }
    Ok(())
}

fn look_into_one(
    directory: &Directory,
    night: &mut Night,
    slice: &Slice,
    dir: &Path,
    tell: &mut dyn FnMut(Step<'_>),
) -> Result<(), String> {
    let commit = night.commit.clone();
    match &slice.came {
        Came::Results { file } => match Saved::load(&dir.join(file))?.outcome {
            Outcome::Run(run) => {
                // The common ones first: others may show the same mistake.
                let mut all: Vec<_> = run.summary.failures.iter().collect();
                all.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
                for (_, found) in all {
                    scenario(directory, night, slice, found, tell)?;
                }
            }
            Outcome::Explore(exploration) => {
                if let Some((_, offence)) = &exploration.explored.offence {
                    let violation = &offence.violation;
                    let verdict = exploration.verdict();
                    let command = verdict.lines().last().unwrap_or_default();
                    let class = violation.property.class();
                    let name = violation.property.name();
                    note(
                        night,
                        Met::bare(class, name, &violation.story, command, &commit),
                    );
                }
            }
        },
        Came::Fuzz { target, crash, .. } => {
            if let Some(crash) = crash {
                input(directory, night, slice, target, Path::new(crash), tell)?;
            }
        }
        Came::Nothing { hangs, said } => {
            let (class, what) = match hangs {
                true => (Class::Liveness, "hang"),
                false => (Class::Panic, "died"),
            };
            let story = format!("{}: {said}", slice.arm);
            note(
                night,
                Met::bare(class, what, &story, &slice.command, &commit),
            );
        }
        Came::Mutants { tried } => {
            for mutant in tried.iter().filter(|mutant| mutant.is_wrong()) {
                let (name, state) = (&mutant.name, &mutant.state);
                let story = format!("the mutant {name} is {state}");
                let command = format!("cargo sim mutants {name}");
                note(
                    night,
                    Met::bare(Class::Vacuity, "gate", &story, &command, &commit),
                );
            }
        }
    }
    Ok(())
}

/// A failure that is a scenario: of a mistake that is known, or a new one.
fn scenario(
    directory: &Directory,
    night: &mut Night,
    slice: &Slice,
    found: &campaign::Found,
    tell: &mut dyn FnMut(Step<'_>),
) -> Result<(), String> {
    let (failure, violation) = (&found.failure, &found.failure.violation);
    let print = Fingerprint::of(violation).to_string();
    let (mut capsules, _) = directory.capsules()?;
    if let Some(known) = capsules.iter_mut().find(|capsule| capsule.has(&print)) {
        return count(directory, night, known, found.count);
    }
    let seed = failure.seed;
    let new = night.failures.iter().filter(|met| met.status == "new");
    if new.count() >= CAPSULES_MAX {
        let (class, name) = (violation.property.class(), violation.property.name());
        let command = format!("{} # seed {seed}", slice.command);
        let met = Met::bare(class, name, &violation.story, &command, &night.commit);
        note(night, met);
        return Ok(());
    }
    tell(Step::Line(format!(
        "seed {seed} fails, {}: {}",
        violation.property, violation.story
    )));
    let how = Found {
        night: Some(night.number),
        seed,
        count: found.count,
        by: slice.command.clone(),
    };
    let mut capsule = Capsule::of(failure, how, &night.commit, RUNS_MAX, &mut |_| {});
    // What is known may show in a new way.
    let known = capsules.iter_mut().find(|known| {
        // What lacks the same sync as something that is mended may be another mistake.
        let is_open = known.status.state != State::Fixed;
        known.id == capsule.id || is_open && known.is_like(&capsule)
    });
    if let Some(known) = known {
        known.also.extend([print, capsule.fingerprint]);
        known.also.extend(capsule.also);
        known.also.remove(&known.fingerprint);
        return count(directory, night, known, found.count);
    }
    capsule.also.insert(print);
    capsule.also.remove(&capsule.fingerprint);
    directory.save_capsule(&capsule)?;
    tell(Step::Line(format!(
        "failures/{}.json is new, {}: {}",
        capsule.id, capsule.size, capsule.verdict.story
    )));
    night.failures.push(Met::of(&capsule, "new", found.count));
    Ok(())
}

/// So many more seeds of this night have met a mistake that has a capsule.
fn count(
    directory: &Directory,
    night: &mut Night,
    capsule: &mut Capsule,
    seeds: u64,
) -> Result<(), String> {
    let status = match capsule.status.state {
        State::Fixed => {
            capsule.status.state = State::Open;
            capsule.status.since = night.commit.clone();
            "reopened"
        }
        State::Open | State::Differs => "open",
    };
    directory.save_capsule(capsule)?;
    let mut met = Met::of(capsule, status, seeds);
    match night.failures.iter_mut().find(|known| known.id == met.id) {
        None => night.failures.push(met),
        Some(known) => {
            met.count += known.count;
            // What was told of it this night stays told, unless that was that it passes.
            met.status = match known.is_failure() {
                true => known.status.clone(),
                false => "reopened".into(),
            };
            *known = met;
        }
    }
    Ok(())
}

/// Something without a capsule was met.
fn note(night: &mut Night, met: Met) {
    match night.failures.iter_mut().find(|known| known.id == met.id) {
        None => night.failures.push(met),
        Some(known) => known.count += met.count,
    }
}

/// An input that made a fuzz target fail. Those of `scenario` are scenarios.
fn input(
    directory: &Directory,
    night: &mut Night,
    slice: &Slice,
    target: &str,
    artifact: &Path,
    tell: &mut dyn FnMut(Step<'_>),
) -> Result<(), String> {
    let text = std::fs::read_to_string(artifact).unwrap_or_default();
    let scenario_of = || {
        let scenario = Scenario::parse(&text).ok()?;
        let violation = run(&scenario, false).violation?;
        Some(Failure {
            seed: scenario.seed,
            scenario,
            violation,
        })
    };
    if let Some(failure) = scenario_of() {
        let found = campaign::Found { failure, count: 1 };
        return scenario(directory, night, slice, &found, tell);
    }
    let command = format!("cargo fuzz run -s none {target} {}", artifact.display());
    let story = format!("the target {target} fails");
    let met = Met::bare(Class::Panic, "fuzz", &story, &command, &night.commit);
    note(night, met);
    Ok(())
}

#[cfg(test)]
mod tests;
