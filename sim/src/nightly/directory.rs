//! The directory in which all nights are kept, and what one night leaves to the next.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Nights are kept on the real file system.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::arms::Arm;
use super::record::Night;
use super::slice::Ran;
use super::summary::Summary;
use super::{Plan, seeds, within};
use crate::capsule::Capsule;
use crate::features::FeatureSet;
use crate::results::{Commit, Outcome, read, replace};

/// What one night leaves to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The features that were ever met.
    pub features: FeatureSet,
    /// What each arm has found lately, and where it stands.
    pub arms: BTreeMap<String, Learned>,
}

/// What is known of an arm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// What it found that was new, a second, of late.
    pub new_a_second: f64,
    /// How many pieces of its work were given away.
    pub given: u64,
    /// On this commit, where a new one makes it begin anew.
    pub commit: Option<Commit>,
}

impl State {
    /// Gives away the next piece of an arm's work, and says which.
    pub(super) fn give(&mut self, arm: &Arm) -> u64 {
        let learned = self.arms.entry(arm.name()).or_default();
        if arm.begins_anew() && learned.commit.as_ref() != Some(arm.commit()) {
            learned.commit = Some(arm.commit().clone());
            learned.given = 0;
        }
        learned.given += 1;
        learned.given - 1
    }

    /// Learns what a slice has found.
    pub(super) fn learn(&mut self, ran: &mut Ran) {
        let slice = &mut ran.slice;
        match ran.saved.as_ref().map(|saved| &saved.outcome) {
            Some(Outcome::Run(run)) => slice.new = self.features.join(&run.summary.features),
            Some(Outcome::Explore(explored)) => slice.new = explored.explored.judged_afresh,
            None => {}
        }
        let learned = self.arms.entry(slice.arm.clone()).or_default();
        let now = slice.new as f64 / slice.wall_seconds.max(0.001);
        // What was long ago counts ever less.
        learned.new_a_second = learned.new_a_second / 2.0 + now / 2.0;
    }
}

/// The directory, while nobody else uses it.
pub struct Directory {
    path: PathBuf,
    /// Held, so that it is nobody else's.
    _lock: File,
}

impl Directory {
    /// Makes it where it is missing, and keeps others out.
    ///
    /// # Errors
    /// Says in one line why that can't be.
    pub fn lock(path: &Path) -> Result<Directory, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        fs::create_dir_all(path).map_err(|error| told(&error))?;
        let lock = File::create(path.join("lock")).map_err(|error| told(&error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => told(&"another night is at work there"),
            TryLockError::Error(error) => told(&error),
        })?;
        Ok(Directory {
            // Commands are run in other directories.
            path: path.canonicalize().map_err(|error| told(&error))?,
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What earlier nights have left.
    pub(super) fn state(&self) -> Result<State, String> {
        Ok(load(&self.path.join("state.json"))?.unwrap_or_default())
    }

    pub(super) fn save_state(&self, state: &State) -> Result<(), String> {
        save(&self.path.join("state.json"), state)
    }

    /// The numbers of the nights, in their order.
    pub(super) fn numbers(&self) -> Result<Vec<u32>, String> {
        let nights = self.path.join("nights");
        fs::create_dir_all(&nights).map_err(|error| format!("{}: {error}", nights.display()))?;
        let names = names(&nights)?;
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The night of this number, if there is one.
    pub(super) fn night(&self, number: u32) -> Result<Option<Night>, String> {
        load(&within(&self.path, number).join("night.json"))
    }

    pub(super) fn save_night(&self, night: &Night) -> Result<(), String> {
        save(&within(&self.path, night.number).join("night.json"), night)
    }

    /// The night that is not over yet, or a new one; and whether it is new.
    pub(super) fn begin(&self, plan: &Plan) -> Result<(Night, bool), String> {
        let last = self.numbers()?.last().copied();
        let number = plan.number.unwrap_or(last.unwrap_or(0).max(1));
        let commit = Commit::here();
        let asked = plan.time.as_secs_f64();
        if let Some(mut night) = self.night(number)? {
            let goes_on = !night.is_over && night.commit == commit && night.shard == plan.shard;
            if goes_on {
                night.sittings += 1;
                night.asked_seconds = asked;
                return Ok((night, false));
            }
            if plan.number.is_some() {
                let (was, shard) = (&night.commit, night.shard);
                return Err(format!(
                    "night {number} is there: of commit {was}, shard {shard}, {}",
                    match night.is_over {
                        true => "and over",
                        false => "and not of this one",
                    }
                ));
            }
        }
        let number = plan.number.unwrap_or(last.map_or(1, |last| last + 1));
        if number >= seeds::NIGHTS_MAX || number == 0 {
            return Err(format!(
                "{number} is no night from 1 to {}",
                seeds::NIGHTS_MAX - 1
            ));
        }
        Ok((Night::begins(number, commit, plan.shard, asked), true))
    }

    /// All capsules, in the order of their names, and why others can't be read.
    pub(super) fn capsules(&self) -> Result<(Vec<Capsule>, Vec<String>), String> {
        let dir = self.path.join("failures");
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut names = names(&dir)?;
        names.retain(|name| name.ends_with(".json"));
        names.sort();
        let (mut capsules, mut unread) = (Vec::new(), Vec::new());
        for name in names {
            match Capsule::load(&dir.join(name)) {
                Ok(capsule) => capsules.push(capsule),
                Err(why) => unread.push(why),
            }
        }
        Ok((capsules, unread))
    }

    pub(super) fn save_capsule(&self, capsule: &Capsule) -> Result<(), String> {
        let path = self
            .path
            .join("failures")
            .join(format!("{}.json", capsule.id));
        let saved = capsule.save(&path);
        saved.map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes the summary of a night, in its three forms.
    pub(super) fn tell(&self, night: &Night, state: &State) -> Result<Summary, String> {
        let dir = within(&self.path, night.number);
        let summary = Summary::of(&dir, night, state)?;
        save(&dir.join("summary.json"), &summary)?;
        for (name, text) in [
            ("summary.md", summary.markdown()),
            ("junit.xml", summary.junit()?),
        ] {
            let path = dir.join(name);
            let written = replace(&path, text.as_bytes());
            written.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(summary)
    }
}

/// Now, in RFC 3339 with whole seconds.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn names(dir: &Path) -> Result<Vec<String>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", dir.display());
    let entries = fs::read_dir(dir).map_err(told)?;
    let names = entries.map(|entry| Ok(entry.map_err(told)?.file_name().to_string_lossy().into()));
    names.collect()
}

/// What is in a file, if it is there.
fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    match path.exists() {
        true => read(path).map(Some),
        false => Ok(None),
    }
}

pub(super) fn save(path: &Path, value: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_vec(value).expect("plain data");
    replace(path, &text).map_err(|error| format!("{}: {error}", path.display()))
}
