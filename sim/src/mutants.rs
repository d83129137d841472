//! Mutants: known mistakes, planted into a copy of the log one at a time, each to be caught.
//!
//! A mutant is a patch in `sim/mutants`. The sources are copied aside once, so that nobody's
//! edits change them half-way; then each patch is applied to the copy, the simulator is built
//! there and run like in any campaign. A mutant that no check catches is a hole in the simulator.
//! The checks know nothing of mutants: they come from the contract.
//!
//! Where no campaign can catch a mutant, its patch names a test that has to, and that is built and
//! run in place of the simulator: like the simulator, first without any mutant.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::seed::Seed;

pub mod process;
pub mod table;
pub mod tree;

use process::{Built, Finding, Workshop};
use tree::{Patch, Test, Tree};

/// What is planted, and how hard it is looked for.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The mutants to run: the beginnings of their names. All of them where it is empty.
    pub names: Vec<String>,
    /// The first seed of each campaign.
    pub seed: Seed,
    /// How many seeds each mutant has to survive.
    pub seeds: u64,
    /// No seed of a mutant is begun after this time.
    pub time: Duration,
    /// How many processors a build may use; all for `None`.
    pub jobs: Option<usize>,
}

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A check caught it.
    Killed,
    /// No check did.
    Survived,
    /// Its patch does not apply, or what it makes does not compile.
    Stale,
}

impl State {
    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            State::Killed => "KILLED",
            State::Survived => "SURVIVED",
            State::Stale => "STALE",
        }
    }
}

/// A mutant that was tried.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: State,
    /// What its campaign found; nothing for one that is stale.
    pub finding: Option<Finding>,
    /// In a sentence: how it was caught, or why it is stale.
    pub story: String,
    /// How long its build took.
    pub build: Duration,
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
    /// What the log without a mutant did.
    pub original: Finding,
    /// One for each mutant, in the order of names.
    pub verdicts: Vec<Verdict>,
}

/// A step that is told while a suite runs.
#[derive(Debug)]
pub enum Step<'a> {
    /// This one is built and run next; it is the first, second and so on of so many.
    Begins(&'a str, usize, usize),
    /// This one is done.
    Done(&'a Verdict),
}

impl Suite {
    /// Runs the original, then each mutant.
    ///
    /// # Errors
    /// When there is no such mutant, no workspace, no `git` or `cargo`, or when the original fails.
    pub fn run(self, mut tell: impl FnMut(Step<'_>)) -> Result<Outcome, Trouble> {
        let root = find_root().map_err(|error| usage("find the workspace", &error))?;
        let patches = Patch::all(&root.join("sim/mutants"));
        let patches = patches.map_err(|error| usage("list sim/mutants", &error))?;
        let chosen = self.choose(patches)?;
        let scratch = scratch_dir(&root);
        let copied = Tree::copy(&root, &scratch);
        let tree = copied.map_err(|error| usage("copy the sources", &error))?;
        let workshop = Workshop::new(&scratch, &tree);
        let steps = chosen.len() + 1;
        tell(Step::Begins("the original", 0, steps));
        let original = self.try_original(&workshop)?;
        let tests: BTreeSet<&Test> = chosen.iter().flat_map(|patch| &patch.test).collect();
        for test in tests {
            self.try_original_test(&workshop, test)?;
        }
        let mut verdicts = Vec::new();
        for (index, patch) in chosen.iter().enumerate() {
            tell(Step::Begins(&patch.name, index + 1, steps));
            let verdict = self.try_mutant(&workshop, &tree, patch);
            let verdict = verdict.map_err(|error| usage("run a mutant", &error))?;
            tell(Step::Done(&verdict));
            verdicts.push(verdict);
        }
        let restored = tree.restore();
        restored.map_err(|error| usage("restore the sources", &error))?;
        Ok(Outcome {
            suite: self,
            original,
            verdicts,
        })
    }

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
            self.names.is_empty() || self.names.iter().any(|name| is_meant(patch, name))
        };
        Ok(patches.into_iter().filter(is_chosen).collect())
    }

    fn try_original(&self, workshop: &Workshop) -> Result<Finding, Trouble> {
        let built = workshop.build(self.jobs);
        let built = built.map_err(|error| usage("run cargo", &error))?;
        let made = built
            .outcome
            .map_err(|why| Trouble::Usage(format!("the original does not compile: {why}")))?;
        let ran = workshop.run("original", &made, self);
        let finding = ran.map_err(|error| usage("run the simulator", &error))?;
        match finding.is_clean() {
            true => Ok(finding),
            false => Err(Trouble::Original(finding)),
        }
    }

    fn try_original_test(&self, workshop: &Workshop, test: &Test) -> Result<(), Trouble> {
        let built = workshop.build_test(test, self.jobs);
        let built = built.map_err(|error| usage("run cargo", &error))?;
        let made = built
            .outcome
            .map_err(|why| Trouble::Usage(format!("`{test}` does not compile: {why}")))?;
        let ran = workshop.run_test("original", test, &made);
        let finding = ran.map_err(|error| usage("run a test", &error))?;
        match finding.is_clean() {
            true => Ok(()),
            false => {
                let story = format!("without any mutant: {}", finding.story);
                Err(Trouble::Usage(story))
            }
        }
    }

    fn try_mutant(&self, workshop: &Workshop, tree: &Tree, patch: &Patch) -> io::Result<Verdict> {
        let stale = |story: String, build| Verdict {
            name: patch.name.clone(),
            state: State::Stale,
            finding: None,
            story,
            build,
        };
        tree.restore()?;
        if let Err(why) = workshop.apply(patch)? {
            let story = format!("its patch does not apply: {why}");
            return Ok(stale(story, Duration::ZERO));
        }
        if tree.differences()?.is_empty() {
            return Ok(stale("its patch changes nothing".into(), Duration::ZERO));
        }
        let Built { outcome, time } = match &patch.test {
            None => workshop.build(self.jobs)?,
            Some(test) => workshop.build_test(test, self.jobs)?,
        };
        let made = match outcome {
            Ok(made) => made,
            Err(why) => return Ok(stale(format!("it does not compile: {why}"), time)),
        };
        let finding = match &patch.test {
            None => workshop.run(&patch.name, &made, self)?,
            Some(test) => workshop.run_test(&patch.name, test, &made)?,
        };
        let state = match finding.is_caught() {
            true => State::Killed,
            false => State::Survived,
        };
        Ok(Verdict {
            name: patch.name.clone(),
            state,
            story: finding.story.clone(),
            finding: Some(finding),
            build: time,
        })
    }
}

impl Outcome {
    /// How many mutants are in this state.
    pub fn count(&self, state: State) -> usize {
        let is_in_it = |verdict: &&Verdict| verdict.state == state;
        self.verdicts.iter().filter(is_in_it).count()
    }

    /// 0 when all are killed, 16 when one survived, 2 when one is stale.
    pub fn exit_code(&self) -> u8 {
        match (self.count(State::Survived), self.count(State::Stale)) {
            (0, 0) => 0,
            (0, _) => 2,
            _ => 16,
        }
    }
}

fn usage(what: &str, error: &io::Error) -> Trouble {
    Trouble::Usage(format!("cannot {what}: {error}"))
}

/// The workspace that the current directory is in.
fn find_root() -> io::Result<PathBuf> {
    let here = std::env::current_dir()?.canonicalize()?;
    let root = here
        .ancestors()
        .find(|path| path.join("sim/mutants").is_dir());
    root.map(PathBuf::from).ok_or_else(|| {
        let story = "no directory from here up has sim/mutants in it";
        io::Error::new(io::ErrorKind::NotFound, story)
    })
}

/// A scratch folder within the workspace's target: Cargo leaves it alone, and so does git.
fn scratch_dir(root: &std::path::Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("mutants")
}
