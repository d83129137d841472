//! What came of a campaign or an exploration, as a file: so that the parts that were done on several
//! machines, or on several days, can be added up.
//!
//! Parts belong together where they were asked for the same, but for the shard and the number of threads.
//! What is counted of the work adds up to what one machine would have counted; what depends on which
//! thread did which piece (how many recoveries an exploration really ran) adds up to what was done.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Results are on the real file system.

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::explored::Exploration;
use crate::report::summary;
use crate::shard::Shard;

mod commit;

pub use commit::Commit;

/// The version of the files.
const FORMAT: u32 = 1;

/// What came of one command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Outcome {
    /// Of a campaign.
    Run(Box<summary::Outcome>),
    /// Of an exploration.
    Explore(Box<Exploration>),
}

/// A file of results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    format: u32,
    /// What was built.
    pub commit: Commit,
    /// What came of it.
    pub outcome: Outcome,
}

impl Outcome {
    /// 0, the class of the worst that was found, or 124.
    pub fn exit_code(&self) -> u8 {
        match self {
            Outcome::Run(run) => run.exit_code(),
            Outcome::Explore(exploration) => exploration.exit_code(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        match self {
            Outcome::Run(run) => run.text(),
            Outcome::Explore(exploration) => exploration.text(),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        match self {
            Outcome::Run(run) => run.json(),
            Outcome::Explore(exploration) => exploration.json(),
        }
    }

    /// Writes it into a file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self, path: &Path, commit: &Commit) -> std::io::Result<()> {
        let saved = Saved {
            format: FORMAT,
            commit: commit.clone(),
            outcome: self.clone(),
        };
        replace(path, &serde_json::to_vec(&saved)?)
    }

    fn shard(&mut self) -> &mut Shard {
        match self {
            Outcome::Run(run) => &mut run.campaign.shard,
            Outcome::Explore(exploration) => &mut exploration.explore.shard,
        }
    }

    /// What was asked for, but for what parts may differ in.
    fn question(&self) -> Question {
        match self {
            Outcome::Run(run) => {
                let mut campaign = run.campaign;
                campaign.shard = Shard::WHOLE;
                campaign.jobs = 1;
                Question::Run(Box::new(campaign))
            }
            Outcome::Explore(exploration) => {
                let mut explore = exploration.explore.clone();
                explore.shard = Shard::WHOLE;
                explore.jobs = 1;
                Question::Explore(Box::new(explore))
            }
        }
    }

    fn add(&mut self, other: Outcome) {
        match (self, other) {
            (Outcome::Run(one), Outcome::Run(other)) => {
                one.summary.merge(other.summary);
                one.campaign.jobs += other.campaign.jobs;
                one.cpu += other.cpu;
                one.wall = one.wall.max(other.wall);
            }
            (Outcome::Explore(one), Outcome::Explore(other)) => {
                one.explored.merge(other.explored);
                one.explore.jobs += other.explore.jobs;
                one.cpu += other.cpu;
                one.wall = one.wall.max(other.wall);
            }
            _ => unreachable!("they answer the same question"),
        }
    }
}

#[derive(PartialEq)]
enum Question {
    Run(Box<crate::campaign::Campaign>),
    Explore(Box<crate::explore::Explore>),
}

impl Saved {
    /// Reads a file of results.
    ///
    /// # Errors
    /// Says in one line what is wrong with it.
    pub fn load(path: &Path) -> Result<Saved, String> {
        let saved: Saved = read(path)?;
        match saved.format {
            FORMAT => Ok(saved),
            other => Err(format!(
                "{}: format {other} is not {FORMAT}",
                path.display()
            )),
        }
    }
}

/// Reads a file of JSON.
///
/// # Errors
/// Says in one line what is wrong with which file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read(path).map_err(|error| told(&error))?;
    serde_json::from_slice(&text).map_err(|error| told(&error))
}

/// Writes a file as a whole: it is there as it was, or as it is now. Its directory is made where it is
/// missing.
///
/// # Errors
/// When it can't be written.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", std::process::id()));
    std::fs::write(&new, bytes)?;
    std::fs::File::open(&new)?.sync_all()?;
    std::fs::rename(new, path)
}

/// Adds parts of one work up.
///
/// # Errors
/// When there are none, or they are not all the different shards of one work: says which.
pub fn merge(parts: Vec<(String, Saved)>) -> Result<Saved, String> {
    let mut parts = parts.into_iter();
    let (first_name, mut whole) = parts.next().ok_or("there is nothing to merge")?;
    let question = whole.outcome.question();
    let first = *whole.outcome.shard();
    let mut seen = BTreeSet::from([first]);
    for (name, mut part) in parts {
        if part.outcome.question() != question {
            return Err(format!(
                "{name} is no part of the same work as {first_name}"
            ));
        }
        if part.commit != whole.commit {
            let (one, other) = (&whole.commit, &part.commit);
            return Err(format!(
                "{first_name} is of commit {one}, {name} of {other}"
            ));
        }
        let shard = *part.outcome.shard();
        if shard.of() != first.of() || !seen.insert(shard) {
            return Err(format!(
                "{name} is shard {shard} beside {first}, or is there twice"
            ));
        }
        whole.outcome.add(part.outcome);
    }
    if (seen.len() as u64) < first.of() {
        let here: Vec<String> = seen.iter().map(Shard::to_string).collect();
        return Err(format!(
            "of {} shards there are only {}",
            first.of(),
            here.join(", ")
        ));
    }
    *whole.outcome.shard() = Shard::WHOLE;
    Ok(whole)
}
