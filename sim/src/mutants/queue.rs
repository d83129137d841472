//! Several mutants at a time: each worker has a copy of the sources, and what its builds have made.
//!
//! A build is mostly one processor's work, and so is a campaign; so workers share nothing. What tests
//! have to catch is left to the first one, since the others then need not build what tests need.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::baseline::State;
use super::process::{Built, Finding, Look, Workshop};
use super::tree::{Patch, Test, copy_sources};
use super::{Suite, Trouble, usage};

/// A mutant to be tried.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its patch.
    pub patch: Patch,
    /// The hash of that on the sources.
    pub hash: String,
}

/// What came of a mutant.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What became of it.
    pub state: State,
    /// One for each campaign, in their order, or one for the test; none where it is stale.
    pub findings: Vec<Finding>,
    /// In a sentence: how it was caught first, or why it is stale.
    pub story: String,
    /// How long its build took.
    pub build: Duration,
}

/// What a worker has done.
pub enum Step {
    /// The original was run by this name, after a build that took so long.
    Original(String, Duration),
    /// The job of this number was.
    Tried(usize, Tried),
}

/// What a worker does next.
#[derive(Clone, Copy)]
enum Task<'a> {
    /// The log without a mutant, in a campaign or a test.
    Original(Option<&'a Test>),
    /// The job of this number.
    Mutant(usize),
}

/// Tasks that are taken one after the other, by whoever comes.
struct Line<'a> {
    tasks: Vec<Task<'a>>,
    next: AtomicUsize,
}

impl<'a> Line<'a> {
    fn new(tasks: Vec<Task<'a>>) -> Line<'a> {
        let next = AtomicUsize::new(0);
        Line { tasks, next }
    }

    fn take(&self) -> Option<Task<'a>> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.tasks.get(next).copied()
    }
}

/// Runs all jobs, and before them what they need of the original. `tell` hears of each step.
///
/// # Errors
/// When sources can't be copied, a program can't be run, the original fails, or `tell` says so.
pub fn run(
    suite: &Suite,
    root: &Path,
    jobs: &[Job],
    mut tell: impl FnMut(Step) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    if jobs.is_empty() {
        return Ok(());
    }
    let scratch = scratch_dir(root);
    let original = scratch.join("original");
    let copied = copy_sources(root, &original);
    copied.map_err(|error| usage("copy the sources", &error))?;
    let campaigns = Line::new(of_campaigns(jobs));
    let tests = Line::new(of_tests(jobs));
    let stop = AtomicBool::new(false);
    let builders = processors().div_ceil(suite.jobs);
    let (send, receive) = channel();
    std::thread::scope(|scope| {
        for worker in 0..suite.jobs {
            let dir = scratch.join(format!("worker-{}", worker + 1));
            let (original, stop, campaigns) = (&original, &stop, &campaigns);
            let tests = (worker == 0).then_some(&tests);
            let send: Sender<Result<Step, Trouble>> = send.clone();
            scope.spawn(move || {
                let workshop = match Workshop::new(dir, original, builders) {
                    Ok(workshop) => workshop,
                    Err(error) => return drop(send.send(Err(usage("copy the sources", &error)))),
                };
                let next = || tests.and_then(Line::take).or_else(|| campaigns.take());
                while let Some(task) = next().filter(|_| !stop.load(Ordering::Relaxed)) {
                    // Nobody listens any more once something is wrong.
                    drop(send.send(do_task(suite, &workshop, jobs, task)));
                }
            });
        }
        drop(send);
        let mut result = Ok(());
        for step in receive {
            let told = step.and_then(|step| match result {
                Ok(()) => tell(step),
                Err(_) => Ok(()),
            });
            if told.is_err() && result.is_ok() {
                stop.store(true, Ordering::Relaxed);
                result = told;
            }
        }
        result
    })
}

/// The original first: without it nothing counts.
fn of_campaigns(jobs: &[Job]) -> Vec<Task<'_>> {
    let numbers = (0..jobs.len()).filter(|&job| jobs[job].patch.test.is_none());
    let mutants: Vec<Task<'_>> = numbers.map(Task::Mutant).collect();
    let original = (!mutants.is_empty()).then_some(Task::Original(None));
    original.into_iter().chain(mutants).collect()
}

/// Test by test, the original of each first.
fn of_tests(jobs: &[Job]) -> Vec<Task<'_>> {
    let mut numbers: Vec<usize> = (0..jobs.len())
        .filter(|&job| jobs[job].patch.test.is_some())
        .collect();
    let test = |job: usize| jobs[job].patch.test.as_ref();
    numbers.sort_by_key(|&job| test(job));
    let mut tasks = Vec::new();
    let mut last = None;
    for job in numbers {
        if last != test(job) {
            last = test(job);
            tasks.push(Task::Original(last));
        }
        tasks.push(Task::Mutant(job));
    }
    tasks
}

fn do_task(
    suite: &Suite,
    workshop: &Workshop,
    jobs: &[Job],
    task: Task<'_>,
) -> Result<Step, Trouble> {
    match task {
        Task::Original(test) => try_original(suite, workshop, test),
        Task::Mutant(job) => {
            let tried = try_mutant(suite, workshop, &jobs[job].patch);
            let tried = tried.map_err(|error| usage("run a mutant", &error))?;
            Ok(Step::Tried(job, tried))
        }
    }
}

fn try_original(suite: &Suite, workshop: &Workshop, test: Option<&Test>) -> Result<Step, Trouble> {
    let trouble = |error| usage("run the original", &error);
    workshop.tree.restore().map_err(trouble)?;
    let built = match test {
        None => workshop.build(),
        Some(test) => workshop.build_test(test),
    };
    let Built { outcome, time } = built.map_err(trouble)?;
    let made =
        outcome.map_err(|why| Trouble::Usage(format!("the original does not compile: {why}")))?;
    if let Some(test) = test {
        let finding = workshop
            .run_test("original", test, &made)
            .map_err(trouble)?;
        return match finding.is_clean() {
            true => Ok(Step::Original(test.to_string(), time)),
            false => Err(Trouble::Usage(format!(
                "without any mutant: {}",
                finding.story
            ))),
        };
    }
    // Once with the options of each column, from the first seed on.
    for (options, seed) in suite.campaigns().filter(|&(_, seed)| seed == suite.seed) {
        let ran = workshop.run("original", &made, look(suite, options, seed));
        let finding = ran.map_err(trouble)?;
        if !finding.is_clean() {
            return Err(Trouble::Original(finding));
        }
    }
    Ok(Step::Original("the original".into(), time))
}

fn look<'a>(suite: &Suite, options: &'a str, seed: crate::seed::Seed) -> Look<'a> {
    Look {
        seed,
        seeds: suite.seeds,
        time: suite.time,
        options,
    }
}

fn try_mutant(suite: &Suite, workshop: &Workshop, patch: &Patch) -> io::Result<Tried> {
    let stale = |story: String, build| Tried {
        state: State::Stale,
        findings: Vec::new(),
        story,
        build,
    };
    workshop.tree.restore()?;
    if let Err(why) = workshop.apply(patch)? {
        let story = format!("its patch does not apply: {why}");
        return Ok(stale(story, Duration::ZERO));
    }
    if workshop.tree.differences()?.is_empty() {
        return Ok(stale("its patch changes nothing".into(), Duration::ZERO));
    }
    let Built { outcome, time } = match &patch.test {
        None => workshop.build()?,
        Some(test) => workshop.build_test(test)?,
    };
    let made = match outcome {
        Ok(made) => made,
        Err(why) => return Ok(stale(format!("it does not compile: {why}"), time)),
    };
    let mut findings = Vec::new();
    match &patch.test {
        Some(test) => findings.push(workshop.run_test(&patch.name, test, &made)?),
        None => {
            for (options, seed) in suite.campaigns() {
                findings.push(workshop.run(&patch.name, &made, look(suite, options, seed))?);
            }
        }
    }
    // What tells most is a campaign that has caught nothing.
    let is_missed = |finding: &&Finding| !finding.is_caught();
    let missed = findings.iter().find(is_missed);
    Ok(Tried {
        state: match missed {
            None => State::Killed,
            Some(_) => State::Survived,
        },
        story: missed.unwrap_or(&findings[0]).story.clone(),
        findings,
        build: time,
    })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A scratch folder within the workspace's target: Cargo leaves it alone, and so does git.
fn scratch_dir(root: &Path) -> std::path::PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("mutants")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, test: Option<&str>) -> Job {
        Job {
            patch: Patch {
                name: name.into(),
                path: name.into(),
                test: test.map(|name| Test {
                    package: "seawall".into(),
                    name: name.into(),
                }),
            },
            hash: String::new(),
        }
    }

    fn told(tasks: &[Task<'_>], jobs: &[Job]) -> Vec<String> {
        let told = tasks.iter().map(|task| match task {
            Task::Original(None) => "original".into(),
            Task::Original(Some(test)) => format!("original {}", test.name),
            Task::Mutant(job) => jobs[*job].patch.name.clone(),
        });
        told.collect()
    }

    #[test]
    fn the_original_comes_first_in_a_campaign_and_in_each_test() {
        let jobs = [
            job("a", None),
            job("b", Some("follow")),
            job("c", Some("log")),
            job("d", Some("follow")),
            job("e", None),
        ];
        assert_eq!(told(&of_campaigns(&jobs), &jobs), ["original", "a", "e"]);
        let tests = ["original follow", "b", "d", "original log", "c"];
        assert_eq!(told(&of_tests(&jobs), &jobs), tests);
        assert!(of_campaigns(&jobs[1..2]).is_empty());
    }
}
