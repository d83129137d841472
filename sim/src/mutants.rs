//! Mutants: known mistakes, planted into a copy of the log one at a time, each to be caught.
//!
//! A mutant is a patch in `sim/mutants`. The sources are copied aside once, so that nobody's
//! edits change them half-way; then each patch is applied to a worker's copy, the simulator is built
//! there and run like in any campaign. A mutant that no check catches is a hole in the simulator.
//! The checks know nothing of mutants: they come from the contract.
//!
//! Where no campaign can catch a mutant, its patch names a test that has to, and that is built and
//! run in place of the simulator: like the simulator, first without any mutant.
//!
//! What came of each is compared with the [`Baseline`], and what can't have changed is not run again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::seed::Seed;

pub mod baseline;
pub mod process;
pub mod queue;
pub mod table;
pub mod tree;

use baseline::{Baseline, Change, Entry, Fingerprint, State};
use process::Finding;
use queue::{Job, Tried};
use tree::Patch;

/// The first seeds of two campaigns lie so far apart.
const SEEDS_APART: u64 = 1 << 32;

/// What is planted, and how hard it is looked for.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The mutants to run: the beginnings of their names. All of them where it is empty.
    pub names: Vec<String>,
    /// The first seed of the first campaign.
    pub seed: Seed,
    /// How many seeds each mutant has to survive in a campaign.
    pub seeds: u64,
    /// No seed of a campaign is begun after this time.
    pub time: Duration,
    /// How many campaigns each mutant has to survive, each with other seeds.
    pub repeat: u32,
    /// How many mutants are built and run at the same time.
    pub jobs: usize,
    /// Whether those are run, too, that can't have changed.
    pub all: bool,
    /// Whether what comes of it goes into the baseline.
    pub bless: bool,
    /// For a measurement in place of a comparison with the baseline: options of `cargo sim run`, all
    /// of which are tried on each mutant.
    pub columns: Vec<String>,
}

/// A mutant that was tried, or need not be.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub entry: Entry,
    /// How that compares with the baseline.
    pub change: Change,
    /// What was found, where it was run now.
    pub tried: Option<Tried>,
}

/// Why a suite could not be run.
#[derive(Debug)]
pub enum Trouble {
    /// Something is missing or was asked for in the wrong way.
    Usage(String),
    /// The log fails without any mutant.
    Original(Finding),
}

/// The outcome of a suite.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was asked for.
    pub suite: Suite,
    /// One for each mutant, in the order of names.
    pub verdicts: Vec<Verdict>,
    /// Entries of the baseline without a patch.
    pub orphans: Vec<String>,
}

/// A step that is told while a suite runs.
#[derive(Debug)]
pub enum Step<'a> {
    /// So many mutants need not be run again, and so many are to be.
    Begins(usize, usize),
    /// The log without a mutant is fine, with what it cost.
    Original(&'a str, Duration),
    /// This one is done.
    Done(&'a Verdict),
}

impl Suite {
    /// Runs the original, then each mutant that may have changed.
    ///
    /// # Errors
    /// When there is no such mutant, no workspace, no `git` or `cargo`, or when the original fails.
    pub fn run(self, mut tell: impl FnMut(Step<'_>)) -> Result<Outcome, Trouble> {
        let root = find_root().map_err(|error| usage("find the workspace", &error))?;
        let dir = root.join("sim/mutants");
        let patches = Patch::all(&dir).map_err(|error| usage("list sim/mutants", &error))?;
        let mut baseline =
            Baseline::load(&dir).map_err(|error| usage("read the baseline", &error))?;
        let mut orphans = match self.names.is_empty() && self.columns.is_empty() {
            true => baseline.orphans(&patches),
            false => Vec::new(),
        };
        let chosen = self.choose(patches)?;
        let prints = Fingerprint::of(&root).map_err(|error| usage("read the sources", &error))?;
        let mut verdicts = Vec::new();
        let mut jobs = Vec::new();
        for patch in chosen {
            let hash = prints.with(&patch);
            let hash = hash.map_err(|error| usage("read a patch", &error))?;
            let known = baseline.unchanged(&patch.name, &hash, self.repeat);
            match known.filter(|_| self.may_skip()) {
                Some(entry) => verdicts.push(Verdict {
                    name: patch.name,
                    entry: entry.clone(),
                    change: Change::None,
                    tried: None,
                }),
                None => jobs.push(Job { patch, hash }),
            }
        }
        tell(Step::Begins(verdicts.len(), jobs.len()));
        if self.bless {
            for name in orphans.drain(..) {
                baseline.mutant.remove(&name);
            }
            self.save(&baseline, &dir)?;
        }
        queue::run(&self, &root, &jobs, |step| match step {
            queue::Step::Original(name, time) => {
                tell(Step::Original(&name, time));
                Ok(())
            }
            queue::Step::Tried(job, tried) => {
                let name = jobs[job].patch.name.clone();
                let entry = Entry::new(tried.state, &tried.findings, jobs[job].hash.clone());
                let verdict = Verdict {
                    change: baseline.compare(&name, entry.state),
                    name,
                    entry,
                    tried: Some(tried),
                };
                tell(Step::Done(&verdict));
                // Saved one by one: a suite that is interrupted goes on where it was.
                let entry = (verdict.name.clone(), verdict.entry.clone());
                verdicts.push(verdict);
                if !self.bless {
                    return Ok(());
                }
                baseline.mutant.extend([entry]);
                self.save(&baseline, &dir)
            }
        })?;
        verdicts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Outcome {
            suite: self,
            verdicts,
            orphans,
        })
    }

    /// Whoever names a mutant wants to see it run.
    fn may_skip(&self) -> bool {
        !self.all && self.names.is_empty() && self.columns.is_empty()
    }

    fn save(&self, baseline: &Baseline, dir: &Path) -> Result<(), Trouble> {
        let saved = baseline.save(dir);
        saved.map_err(|error| usage("write the baseline", &error))
    }

    /// Those that are meant. What a test has to catch has no campaign to be measured.
    fn choose(&self, patches: Vec<Patch>) -> Result<Vec<Patch>, Trouble> {
        let is_meant = |patch: &Patch, name: &String| patch.name.starts_with(name.as_str());
        let nobody = self
            .names
            .iter()
            .find(|name| !patches.iter().any(|patch| is_meant(patch, name)));
        if let Some(name) = nobody {
            let story = format!("there is no mutant whose name begins with `{name}`");
            return Err(Trouble::Usage(story));
        }
        let is_chosen = |patch: &Patch| {
            let is_named =
                self.names.is_empty() || self.names.iter().any(|name| is_meant(patch, name));
            is_named && (self.columns.is_empty() || patch.test.is_none())
        };
        Ok(patches.into_iter().filter(is_chosen).collect())
    }

    /// The options of each campaign, with its first seed: for each column all that are repeated.
    fn campaigns(&self) -> impl Iterator<Item = (&str, Seed)> {
        let columns = self.columns.iter().map(String::as_str);
        let plain = self.columns.is_empty().then_some("");
        let first = |number| self.seed.plus(u64::from(number) * SEEDS_APART);
        let seeds = move |column| (0..self.repeat).map(move |number| (column, first(number)));
        columns.chain(plain).flat_map(seeds)
    }
}

impl Outcome {
    /// How many mutants are in this state.
    pub fn count(&self, state: State) -> usize {
        let is_in_it = |verdict: &&Verdict| verdict.entry.state == state;
        self.verdicts.iter().filter(is_in_it).count()
    }

    /// How many compare so with the baseline.
    pub fn changed(&self, change: Change) -> usize {
        let is_it = |verdict: &&Verdict| verdict.change == change;
        self.verdicts.iter().filter(is_it).count()
    }

    /// 16 when one that was killed survives, 2 when one is stale, or has only a patch or only an entry,
    /// and 0 else, or when this was what the baseline is to be, or a measurement.
    pub fn exit_code(&self) -> u8 {
        let is_measured = !self.suite.columns.is_empty();
        let missing = self.changed(Change::Missing) + self.orphans.len();
        match (
            self.changed(Change::Regression),
            self.changed(Change::Stale),
        ) {
            _ if self.suite.bless || is_measured => 0,
            (0, 0) if missing == 0 => 0,
            (0, _) => 2,
            _ => 16,
        }
    }
}

fn usage(what: &str, error: &std::io::Error) -> Trouble {
    Trouble::Usage(format!("cannot {what}: {error}"))
}

/// The workspace that the current directory is in.
fn find_root() -> std::io::Result<PathBuf> {
    let here = std::env::current_dir()?.canonicalize()?;
    let root = here
        .ancestors()
        .find(|path| path.join("sim/mutants").is_dir());
    root.map(PathBuf::from).ok_or_else(|| {
        let story = "no directory from here up has sim/mutants in it";
        std::io::Error::new(std::io::ErrorKind::NotFound, story)
    })
}
