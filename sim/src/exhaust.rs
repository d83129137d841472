//! Every schedule of a few clients with a few operations each, up to a number of preemptions, and
//! each of them with every crash and every failure of a call.
//!
//! Nothing is drawn: a walk makes each schedule from the record of the one before. So what passes is
//! known, not only likely, and what fails comes with as few preemptions as it needs: all workloads
//! are walked with none first, then with one, and so on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::campaign::Failure;
use crate::disk::Lie;

mod odometer;
mod walk;
mod workload;

pub use walk::Walked;
pub use workload::Workload;

/// What to walk.
#[derive(Clone, Debug)]
pub struct Exhaust {
    /// Of these workloads, all schedules.
    pub workloads: Vec<Workload>,
    /// With at most so many preemptions.
    pub preemptions_max: u32,
    /// Begin no run after this time.
    pub time: Option<Duration>,
    /// How many threads.
    pub jobs: usize,
    /// Plants a lie into the disk: a canary.
    pub lie: Option<Lie>,
}

/// What came of a workload.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The largest number of preemptions up to which all schedules were walked, and the walk.
    pub complete: Option<(u32, Walked)>,
    /// A walk with one more that did not come to its end, if there is one.
    pub partial: Option<Walked>,
}

/// What came of all.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One for each workload.
    pub rows: Vec<Row>,
    /// All runs.
    pub runs: u64,
    /// The failure that came first in the order of the walks, of those that were found.
    pub failure: Option<Failure>,
}

impl Outcome {
    /// Whether every workload was walked with up to so many preemptions.
    pub fn is_complete(&self, preemptions_max: u32) -> bool {
        let is_complete = |row: &Row| {
            let complete = row.complete.as_ref();
            complete.is_some_and(|(preemptions, _)| *preemptions == preemptions_max)
        };
        self.rows.iter().all(is_complete)
    }
}

impl Exhaust {
    /// How many walks that is.
    pub fn walks(&self) -> usize {
        self.workloads.len() * (self.preemptions_max as usize + 1)
    }

    /// Walks all of them. `progress` hears after each walk how many there were, and what came of it.
    pub fn run(&self, mut progress: impl FnMut(usize, &Workload, u32, &Walked)) -> Outcome {
        #[allow(clippy::disallowed_methods)] // The limit is in real time.
        let start = Instant::now();
        // Walks before one that failed go on: the first failure is the same with any number of threads.
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let is_wanted = |number: usize| {
            number < failed.load(Ordering::Relaxed)
                && self.time.is_none_or(|time| start.elapsed() < time)
        };
        let (send, receive) = channel();
        let mut walks: Vec<Option<Walked>> = vec![None; self.walks()];
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(self.walks()) {
                let (send, next, failed, is_wanted) = (send.clone(), &next, &failed, &is_wanted);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.walks() || !is_wanted(number) {
                            break;
                        }
                        let (workload, preemptions) = self.walk(number);
                        let may_go_on = || is_wanted(number);
                        let walked = walk::walk(workload, preemptions, self.lie, &may_go_on);
                        if walked.failure.is_some() {
                            failed.fetch_min(number, Ordering::Relaxed);
                        }
                        send.send((number, walked)).expect("the collector listens");
                    }
                });
            }
            drop(send);
            for (done, (number, walked)) in (1..).zip(receive) {
                let (workload, preemptions) = self.walk(number);
                progress(done, workload, preemptions, &walked);
                walks[number] = Some(walked);
            }
        });
        self.outcome(walks)
    }

    /// The walk with this number: all workloads without a preemption come first.
    fn walk(&self, number: usize) -> (&Workload, u32) {
        let (preemptions, workload) =
            (number / self.workloads.len(), number % self.workloads.len());
        (&self.workloads[workload], preemptions as u32)
    }

    fn outcome(&self, walks: Vec<Option<Walked>>) -> Outcome {
        let mut outcome = Outcome {
            rows: vec![Row::default(); self.workloads.len()],
            ..Outcome::default()
        };
        for (number, walked) in walks.into_iter().enumerate() {
            let Some(mut walked) = walked else {
                continue;
            };
            outcome.runs += walked.runs;
            if outcome.failure.is_none() {
                outcome.failure = walked.failure.take();
            }
            let row = &mut outcome.rows[number % self.workloads.len()];
            match walked.is_complete {
                true => row.complete = Some((self.walk(number).1, walked)),
                false => row.partial = Some(walked),
            }
        }
        outcome
    }
}
