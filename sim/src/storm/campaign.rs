//! Many seeds of a storm, on many threads, into one sum.
//!
//! Each thread has a storm of its own, and all share the next number: so what a seed does depends on no
//! other one. It ends at the first failure, unless it is to go on, after the last seed, or when its time
//! is over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use super::{Body, Figures, Named, Storm, cpu};
use crate::checker::Violation;
use crate::disk::Profile;
use crate::seed::Seed;
use crate::shrink::Fingerprint;

/// A seed that takes longer than this hangs without a scheduling point: no run is that long.
const HANG: Duration = Duration::from_secs(120);

/// What to run.
#[derive(Clone, Copy)]
pub(super) struct Campaign<'a> {
    pub(super) named: &'a Named,
    pub(super) profile: Profile,
    /// The first seed.
    pub(super) seed: Seed,
    /// How many; without an end for `None`.
    pub(super) seeds: Option<u64>,
    /// Begin no seed after this time.
    pub(super) time: Option<Duration>,
    /// How many threads.
    pub(super) jobs: usize,
    /// Whether it goes on after a failure.
    pub(super) keeps_going: bool,
    /// One seed in so many is run twice, to see that it does the same; none for `None`.
    pub(super) twice_every: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) seeds: u64,
    /// Seeds that were run twice, and were the same.
    pub(super) twice: u64,
    pub(super) figures: Figures,
    /// A hash over the traces of all seeds, whoever ran them.
    pub(super) traces: u64,
    /// What failed: one of each kind.
    pub(super) kinds: BTreeMap<String, Kind>,
    /// Whether time ran out before all seeds were run.
    pub(super) is_out_of_time: bool,
    /// Processor time in seconds, with that of child processes.
    pub(super) cpu: f64,
}

/// A kind of failure.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    /// How many seeds after the first one it came first.
    pub(super) index: u64,
    /// How it failed there.
    pub(super) violation: Violation,
    /// How many seeds failed so.
    pub(super) count: u64,
}

impl Sum {
    /// All kinds with their fingerprints, in the order in which they came.
    pub(super) fn in_order(&self) -> Vec<(&str, &Kind)> {
        let mut kinds: Vec<(&str, &Kind)> = self
            .kinds
            .iter()
            .map(|(print, kind)| (print.as_str(), kind))
            .collect();
        kinds.sort_by_key(|(_, kind)| kind.index);
        kinds
    }

    /// Whether nothing was tried that could have failed.
    pub(super) fn is_vacuous(&self) -> bool {
        self.figures.cuts == 0 || self.figures.steps == 0
    }

    /// Lives in a second of a processor.
    pub(super) fn lives_per_second(&self) -> f64 {
        self.figures.lives as f64 / self.cpu.max(0.01)
    }

    fn merge(&mut self, other: Sum) {
        self.seeds += other.seeds;
        self.twice += other.twice;
        self.figures.add(other.figures);
        self.traces = self.traces.wrapping_add(other.traces);
        for (print, kind) in other.kinds {
            self.note(print, kind);
        }
    }

    fn note(&mut self, print: String, found: Kind) {
        match self.kinds.get_mut(&print) {
            None => drop(self.kinds.insert(print, found)),
            Some(known) => {
                known.count += found.count;
                if found.index < known.index {
                    (known.index, known.violation) = (found.index, found.violation);
                }
            }
        }
    }
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    next: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

impl Campaign<'_> {
    /// Runs all seeds. `progress` hears now and then how many are done.
    pub(super) fn run(&self, progress: &mut dyn FnMut(u64)) -> Sum {
        let before = cpu::seconds();
        #[allow(clippy::disallowed_methods)] // The limit is in real time.
        let start = Instant::now();
        let shared = Shared::default();
        let mut sum = Sum::default();
        let (send, receive) = channel();
        std::thread::scope(|scope| {
            for worker in 0..self.jobs {
                let (send, shared) = (send.clone(), &shared);
                scope.spawn(move || {
                    let part = self.work(worker, shared, start);
                    send.send(part).expect("somebody listens to the end");
                });
            }
            drop(send);
            let tick = Duration::from_millis(200);
            let (mut last_done, mut quiet) = (0, Duration::ZERO);
            loop {
                match receive.recv_timeout(tick) {
                    Ok(part) => sum.merge(part),
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => quiet += tick,
                }
                let done = shared.done.load(Ordering::Relaxed);
                if done != last_done {
                    (last_done, quiet) = (done, Duration::ZERO);
                }
                progress(done);
                if quiet >= HANG {
                    // Its threads can't be stopped: the process has to end.
                    let begun = shared.next.load(Ordering::Relaxed);
                    let seed = self.seed.plus(begun.saturating_sub(1));
                    eprintln!("a seed up to {seed} hangs without a scheduling point");
                    std::process::exit(124);
                }
            }
        });
        sum.is_out_of_time = sum.kinds.is_empty() && sum.seeds < self.seeds.unwrap_or(0);
        sum.cpu = cpu::seconds() - before;
        sum
    }

    fn work(&self, worker: usize, shared: &Shared, start: Instant) -> Sum {
        let storm = self.named.storm(self.profile, worker);
        let mut sum = Sum::default();
        while !shared.stop.load(Ordering::Relaxed) {
            if self.time.is_some_and(|time| start.elapsed() >= time) {
                break;
            }
            let index = shared.next.fetch_add(1, Ordering::Relaxed);
            if self.seeds.is_some_and(|seeds| index >= seeds) {
                break;
            }
            self.run_one(&storm, index, &mut sum);
            shared.done.fetch_add(1, Ordering::Relaxed);
            if !self.keeps_going && !sum.kinds.is_empty() {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
        sum
    }

    fn run_one(&self, storm: &Storm<Body>, index: u64, sum: &mut Sum) {
        let trial = storm.trial(self.seed.plus(index));
        let report = trial.run(false);
        sum.seeds += 1;
        sum.figures.add(report.figures);
        let mut told = [0; 16];
        told[..8].copy_from_slice(&index.to_le_bytes());
        told[8..].copy_from_slice(&report.trace.hash.to_le_bytes());
        sum.traces = sum.traces.wrapping_add(xxh3_64(&told));
        let is_twice = self
            .twice_every
            .is_some_and(|every| index.is_multiple_of(every));
        let violation = match is_twice {
            false => report.violation,
            true => match trial.run_again(report) {
                Ok(report) => {
                    sum.twice += 1;
                    report.violation
                }
                Err(differs) => Some(differs),
            },
        };
        if let Some(violation) = violation {
            let print = Fingerprint::of(&violation).to_string();
            let count = 1;
            sum.note(
                print,
                Kind {
                    index,
                    violation,
                    count,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use seawall::env::vfs::OpenHow;

    use super::*;
    use crate::checker::Property;
    use crate::storm::Sky;

    /// A file that is said to be there, though nobody has synced its directory. Where it is gone, that is
    /// a violation with a number of its own, or of the second kind after a while.
    fn careless() -> Named {
        Named::new("careless", "1", |_| {
            Storm::new(file!(), |sky: &Sky| {
                let made = Cell::new(0);
                sky.lives(3, |life| {
                    let path = |number: u64| format!("/{number}");
                    let is_there = |number| life.vfs().metadata(Path::new(&path(number))).is_ok();
                    if let Some(lost) = (1..=made.get()).find(|&number| !is_there(number)) {
                        let property = match made.get() > 2 {
                            true => Property::Prefix,
                            false => Property::Acknowledged,
                        };
                        return Err(Violation::new(property, format!("{lost} is lost")).into());
                    }
                    life.tasks(1, |task| {
                        for _ in task.steps(2) {
                            let new = OpenHow::CreateNew { direct: false };
                            life.vfs().open(Path::new(&path(made.get() + 1)), new)?;
                            made.set(made.get() + 1);
                        }
                        Ok(())
                    })
                })
            })
        })
    }

    fn campaign(named: &Named) -> Campaign<'_> {
        Campaign {
            named,
            profile: Profile::Strict,
            seed: Seed(1),
            seeds: Some(400),
            time: None,
            jobs: 1,
            keeps_going: true,
            twice_every: Some(8),
        }
    }

    #[test]
    fn what_comes_of_seeds_does_not_depend_on_the_number_of_threads() {
        let named = careless();
        let one = campaign(&named);
        let three = Campaign { jobs: 3, ..one };
        let (one, three) = (one.run(&mut |_| {}), three.run(&mut |_| {}));
        let told = |sum: &Sum| {
            let kinds = sum.in_order().into_iter();
            let kinds = kinds.map(|(print, kind)| (print.to_owned(), kind.index, kind.count));
            let kinds: Vec<_> = kinds.collect();
            (sum.seeds, sum.twice, sum.figures, sum.traces, kinds)
        };
        assert_eq!(told(&one), told(&three));
        assert_eq!((one.seeds, one.twice), (400, 50));
        let kinds: Vec<&str> = one.kinds.keys().map(String::as_str).collect();
        // The last file was made, and its making was not heard of.
        let again = "acknowledged: File exists (os error #) File exists (os error #)";
        let (lost, late) = (
            "acknowledged: # is lost # is lost",
            "prefix: # is lost # is lost",
        );
        assert_eq!(kinds, [lost, again, late]);
        assert!(!one.is_vacuous() && !one.is_out_of_time);
    }

    #[test]
    fn a_search_ends_at_the_first_seed_that_fails() {
        let named = careless();
        let all = campaign(&named).run(&mut |_| {});
        let first = Campaign {
            keeps_going: false,
            jobs: 2,
            ..campaign(&named)
        };
        let found = first.run(&mut |_| {});
        let (_, kind) = found.in_order()[0];
        assert_eq!(kind.index, all.in_order()[0].1.index);
        assert!(found.seeds < 400);
    }

    #[test]
    fn time_is_kept() {
        let named = careless();
        let late = Campaign {
            time: Some(Duration::ZERO),
            ..campaign(&named)
        };
        assert!(late.run(&mut |_| {}).is_out_of_time);
    }
}
