//! Many seeds, on many threads, into one summary.
//!
//! Each thread has its own worlds and shares nothing with the others but the next number, so a
//! seed's run does not depend on how many threads there are. The campaign ends at the first
//! failure, unless it is to go on, after the last seed, or when its time is over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::checker::{Property, Violation};
use crate::choice::{Choices, Purpose};
use crate::disk::{Fault, Lie};
use crate::features::FeatureSet;
use crate::figures::Figures;
use crate::guided::Search;
use crate::run::{Wants, Watched, run, watch};
use crate::scenario::Scenario;
use crate::scenario::generate::{Setting, generate};
use crate::seed::Seed;
use crate::shard::Shard;

mod failures;

pub use failures::{Failure, Failures, Found};

/// One seed in so many is run twice, to see that nothing differs.
const TWICE_ONE_IN: u64 = 64;
/// One in so many tells its features, where they are wanted: to find them costs a sixth of a run.
const FEATURES_ONE_IN: u64 = 4;
/// A seed that takes longer than this hangs without a scheduling point: no run is that long.
const HANG: Duration = Duration::from_secs(120);

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// The first seed.
    pub seed: Seed,
    /// How many, in all shards together; without an end for `None`.
    pub seeds: Option<u64>,
    /// Which of them are run here.
    pub shard: Shard,
    /// Begin no seed after this time.
    pub time: Option<Duration>,
    /// How many threads.
    pub jobs: usize,
    /// What is not left to the seed.
    pub setting: Setting,
    /// Whether each thread goes on from what was new, and takes only a share of its scenarios from
    /// the seeds.
    pub guided: bool,
    /// Whether a share of the seeds tells which features it had.
    pub notes_features: bool,
    /// Whether it goes on after a failure, and keeps one of each kind.
    pub keeps_going: bool,
    /// Whether every seed is run twice, not only a share.
    pub twice: bool,
    /// Plants a lie into every disk: a canary.
    pub lie: Option<Lie>,
    /// A fault that never happens on any disk: a canary.
    pub mute: Option<Fault>,
    /// Whether empty cells of the coverage table count as broken promises.
    pub coverage: bool,
    /// Leaves out all crashes: a canary.
    pub without_crashes: bool,
}

/// The sum over all seeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Seeds run twice, their traces the same.
    pub twice: u64,
    /// What they did.
    pub figures: Figures,
    /// What failed.
    pub failures: Failures,
    /// The features that were noted.
    pub features: FeatureSet,
    /// Features that were met by a guided search, and scenarios that were kept for them; summed up over the threads.
    pub search: (u64, u64),
    /// Whether time ran out before all seeds were run.
    pub out_of_time: bool,
}

impl Summary {
    /// The failure of the lowest seed, if there is one.
    pub fn failure(&self) -> Option<&Failure> {
        self.failures.first()
    }

    /// Adds what was done elsewhere.
    pub fn merge(&mut self, other: Summary) {
        self.seeds += other.seeds;
        self.twice += other.twice;
        self.figures.add(&other.figures);
        self.features.join(&other.features);
        self.search.0 += other.search.0;
        self.search.1 += other.search.1;
        self.failures.merge(other.failures);
        self.out_of_time |= other.out_of_time;
    }
}

/// What the campaign's threads share.
struct Shared {
    next: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

impl Campaign {
    /// A campaign from this seed on: on one thread, without an end, with all else left to the seeds.
    pub fn of(seed: Seed) -> Campaign {
        Campaign {
            seed,
            seeds: None,
            shard: Shard::WHOLE,
            time: None,
            jobs: 1,
            setting: Setting::default(),
            guided: false,
            notes_features: false,
            keeps_going: false,
            twice: false,
            lie: None,
            mute: None,
            coverage: false,
            without_crashes: false,
        }
    }

    /// How many seeds are to be run here.
    pub fn share(&self) -> Option<u64> {
        self.seeds.map(|seeds| self.shard.share(seeds))
    }

    /// The scenario of the campaign's seed number `index`.
    pub fn scenario(&self, index: u64) -> Scenario {
        let mut scenario = generate(self.seed.plus(index), self.setting);
        if self.lie.is_some() {
            scenario.disk.lie = self.lie;
            scenario.media = None;
        }
        if self.mute.is_some() {
            scenario.disk.mute = self.mute;
        }
        scenario.without_crashes = self.without_crashes;
        scenario
    }

    /// Runs all seeds. `progress` hears now and then how many are done.
    pub fn run(&self, mut progress: impl FnMut(u64)) -> Summary {
        #[allow(clippy::disallowed_methods)] // The campaign's limit is in real time.
        let start = Instant::now();
        let shared = Shared {
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        };
        let (send, receive) = channel();
        let mut summary = Summary::default();
        std::thread::scope(|scope| {
            let jobs = self.jobs as u64;
            for job in 0..self.share().map_or(jobs, |seeds| seeds.min(jobs)) {
                let (send, shared) = (send.clone(), &shared);
                scope.spawn(move || self.work(job, shared, start, &send));
            }
            drop(send);
            self.collect(&receive, &shared, &mut summary, &mut progress);
        });
        let promised = self.share().unwrap_or(0);
        summary.out_of_time = summary.failures.is_empty() && summary.seeds < promised;
        summary
    }

    fn collect(
        &self,
        receive: &Receiver<Summary>,
        shared: &Shared,
        summary: &mut Summary,
        progress: &mut impl FnMut(u64),
    ) {
        let mut last_done = 0;
        let mut quiet = Duration::ZERO;
        let tick = Duration::from_millis(200);
        loop {
            match receive.recv_timeout(tick) {
                Ok(part) => summary.merge(part),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => quiet += tick,
            }
            let done = shared.done.load(Ordering::Relaxed);
            if done != last_done {
                quiet = Duration::ZERO;
            }
            last_done = done;
            progress(done);
            if quiet >= HANG {
                // Its threads can't be stopped: the process has to end.
                let begun = shared.next.load(Ordering::Relaxed);
                let seed = self.seed.plus(self.shard.place(begun - 1));
                eprintln!("a seed up to {seed} hangs without a scheduling point");
                std::process::exit(124);
            }
        }
    }

    fn work(&self, job: u64, shared: &Shared, start: Instant, send: &Sender<Summary>) {
        let mut summary = Summary::default();
        let choices = Choices::new(self.seed.0);
        let mut search = self
            .guided
            .then(|| Search::new(choices.stream(Purpose::Mutation, job)));
        while !shared.stop.load(Ordering::Relaxed) {
            if self.time.is_some_and(|time| start.elapsed() >= time) {
                break;
            }
            let index = shared.next.fetch_add(1, Ordering::Relaxed);
            let index = self.shard.place(index);
            if self.seeds.is_some_and(|seeds| index >= seeds) {
                break;
            }
            self.run_one(index, search.as_mut(), &mut summary);
            shared.done.fetch_add(1, Ordering::Relaxed);
            if !self.keeps_going && !summary.failures.is_empty() {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
        summary.search = search.map_or((0, 0), |search| search.size());
        send.send(summary)
            .expect("the collector listens to the end");
    }

    fn run_one(&self, index: u64, mut search: Option<&mut Search>, summary: &mut Summary) {
        let mutant = search.as_mut().and_then(|search| search.propose());
        let scenario = mutant.unwrap_or_else(|| self.scenario(index));
        let is_noted = self.notes_features && index.is_multiple_of(FEATURES_ONE_IN);
        let wants = Wants {
            features: search.is_some() || is_noted,
            ..Wants::default()
        };
        let Watched {
            mut report,
            features,
            ..
        } = watch(&scenario, wants);
        summary.seeds += 1;
        if is_noted {
            summary.features.extend(&features);
        }
        if let Some(search) = search {
            search.learn(&scenario, &features, &report.figures);
        }
        let mut violation = report.violation.take();
        if violation.is_none() && (self.twice || index.is_multiple_of(TWICE_ONE_IN)) {
            report.figures.tally.evaluated(Property::Determinism);
            let again = run(&scenario, false);
            match again.trace.hash == report.trace.hash {
                true => summary.twice += 1,
                false => {
                    let (one, other) = (report.trace.hash, again.trace.hash);
                    let story = format!("two runs have the traces {one:016x} and {other:016x}");
                    violation = Some(Violation::new(Property::Determinism, story));
                }
            }
        }
        report.figures.tally.end_run();
        summary.figures.add(&report.figures);
        if let Some(violation) = violation {
            summary.failures.add(Failure {
                seed: scenario.seed,
                scenario,
                violation,
            });
        }
    }
}
