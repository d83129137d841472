//! Which syncs are needed: each place in the log that makes a sync or a rename, and a seed that fails
//! when what is called there has no effect.
//!
//! The sites are those that the seeds meet. A sync without effect says `Ok` and leaves everything
//! pending; a rename without effect is done for all readers, but no sync covers it, nor what needs it,
//! so that any power cut may lose it. The checkers that only ask whether a call was made
//! (`covered-names`, `covered-data`) count it as made: a witness is something that was really lost or
//! refused. A site without a witness is wasted, or the seeds never meet what it is for.
//!
//! A seed is run once with all in effect, which tells where it calls, and once for each of those sites
//! that have no witness yet. Seeds are taken in batches, and judged in their order: so the outcome
//! depends neither on the number of threads nor on their speed, but for a limit of time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::checker::Violation;
use crate::disk::CallKind;
use crate::run::{Wants, run, watch};
use crate::scenario::Scenario;
use crate::scenario::generate::{Setting, generate};
use crate::seed::Seed;
use crate::site::Site;
use crate::world::SiteCounts;

mod table;

pub use table::{Explained, Explanation, Standing, Table};

/// The first batch is small, since most sites have their witness there.
const BATCH_MIN: u64 = 32;
const BATCH_MAX: u64 = 2048;

/// What is searched: a program that makes calls to a disk.
pub trait Subject: Sync {
    /// Runs a seed with all calls in effect: where it made them, and what is wrong all the same.
    fn run_whole(&self, seed: Seed) -> (SiteCounts, Option<Violation>);
    /// Runs it without effect of what is called at a site.
    fn run_without(&self, seed: Seed, site: &Site) -> Option<Violation>;
}

/// The log, with scenarios from seeds. Their media keep their word: what damage leaves to be owed is
/// less than a sync is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    /// What is not left to the seed.
    pub setting: Setting,
}

impl Log {
    /// What a seed runs without effect of what is called at a site.
    pub fn scenario(&self, seed: Seed, without: Option<Site>) -> Scenario {
        Scenario {
            media: None,
            without,
            ..generate(seed, self.setting)
        }
    }
}

impl Subject for Log {
    fn run_whole(&self, seed: Seed) -> (SiteCounts, Option<Violation>) {
        let scenario = self.scenario(seed, None);
        let wants = Wants {
            sites: true,
            ..Wants::default()
        };
        let watched = watch(&scenario, wants);
        (watched.sites, watched.report.violation)
    }

    fn run_without(&self, seed: Seed, site: &Site) -> Option<Violation> {
        let scenario = self.scenario(seed, Some(site.clone()));
        run(&scenario, false).violation
    }
}

/// What to search for, and how long.
#[derive(Clone, Debug)]
pub struct Search {
    /// The first seed.
    pub seed: Seed,
    /// How many.
    pub seeds: u64,
    /// Begin no batch of seeds after this time.
    pub time: Option<Duration>,
    /// How many threads.
    pub jobs: usize,
    /// Only the sites in whose text this is.
    pub only: Option<String>,
}

/// A seed that fails without a site.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Which.
    pub seed: Seed,
    /// What was found.
    pub violation: Violation,
}

/// What is known of a site.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is called there.
    pub kind: CallKind,
    /// How often, with all in effect.
    pub calls: u64,
    /// How many seeds call there.
    pub seeds: u64,
    /// How many of them were run without it, the witness included.
    pub tried: u64,
    /// The processor time of that.
    pub cpu: Duration,
    /// The first seed that fails.
    pub witness: Option<Witness>,
}

/// What came of a search.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// By site.
    pub rows: BTreeMap<Site, Row>,
    /// How many seeds were run.
    pub seeds: u64,
    /// A seed that fails with all in effect: there is a mistake, and the search is over.
    pub failure: Option<Witness>,
    /// Time was over before all seeds were run.
    pub out_of_time: bool,
}

/// What became of one seed.
struct Tried {
    sites: SiteCounts,
    failure: Option<Violation>,
    without: BTreeMap<Site, (Duration, Option<Violation>)>,
}

impl Search {
    /// Searches. `progress` hears how many seeds are done, and how many sites have no witness yet.
    pub fn run(&self, subject: &dyn Subject, mut progress: impl FnMut(u64, usize)) -> Findings {
        #[allow(clippy::disallowed_methods)] // The limit is in real time.
        let start = Instant::now();
        let mut findings = Findings::default();
        let mut batch = BATCH_MIN;
        while findings.seeds < self.seeds && findings.failure.is_none() {
            if self.time.is_some_and(|time| start.elapsed() >= time) {
                findings.out_of_time = true;
                break;
            }
            let end = self.seeds.min(findings.seeds + batch);
            for (index, tried) in self.run_batch(subject, &findings, end) {
                findings.seeds = index + 1;
                self.judge(self.seed.plus(index), tried, &mut findings);
                if findings.failure.is_some() {
                    break;
                }
            }
            batch = BATCH_MAX.min(batch * 2);
            progress(findings.seeds, findings.open().count());
        }
        findings
    }

    /// Runs the seeds from the last one on, up to `end`.
    fn run_batch(
        &self,
        subject: &dyn Subject,
        findings: &Findings,
        end: u64,
    ) -> BTreeMap<u64, Tried> {
        let next = AtomicU64::new(findings.seeds);
        let work = || {
            let mut done = Vec::new();
            let mut closed = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= end {
                    return done;
                }
                let seed = self.seed.plus(index);
                done.push((index, self.try_seed(subject, seed, findings, &mut closed)));
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs).map(|_| scope.spawn(work)).collect();
            let done = threads.into_iter().map(|thread| thread.join());
            let done = done.map(|done| done.expect("what a seed panics with is caught"));
            done.flatten().collect()
        })
    }

    /// Runs a seed, and runs it without each of its sites that are not `closed` yet.
    fn try_seed(
        &self,
        subject: &dyn Subject,
        seed: Seed,
        findings: &Findings,
        closed: &mut Vec<Site>,
    ) -> Tried {
        let (sites, failure) = subject.run_whole(seed);
        let mut without = BTreeMap::new();
        let is_open = |site: &&Site| {
            let row = findings.rows.get(site);
            self.is_wanted(site) && row.is_none_or(|row| row.witness.is_none())
        };
        for site in sites.keys().map(|(site, _)| site).filter(is_open) {
            if failure.is_some() || closed.contains(site) {
                continue;
            }
            let before = thread_time();
            let violation = subject.run_without(seed, site);
            if violation.is_some() {
                closed.push(site.clone());
            }
            let cpu = thread_time().saturating_sub(before);
            without.insert(site.clone(), (cpu, violation));
        }
        Tried {
            sites,
            failure,
            without,
        }
    }

    fn is_wanted(&self, site: &Site) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| site.to_string().contains(only))
    }

    /// Adds what became of a seed, after all seeds before it.
    fn judge(&self, seed: Seed, mut tried: Tried, findings: &mut Findings) {
        findings.failure = tried.failure.map(|violation| Witness { seed, violation });
        for ((site, kind), calls) in tried.sites {
            if !self.is_wanted(&site) {
                continue;
            }
            let run = tried.without.remove(&site);
            let row = findings.rows.entry(site).or_insert(Row {
                kind,
                calls: 0,
                seeds: 0,
                tried: 0,
                cpu: Duration::ZERO,
                witness: None,
            });
            row.calls += calls;
            row.seeds += 1;
            if let Some((cpu, violation)) = run.filter(|_| row.witness.is_none()) {
                row.tried += 1;
                row.cpu += cpu;
                row.witness = violation.map(|violation| Witness { seed, violation });
            }
        }
    }
}

impl Findings {
    /// The sites without a witness.
    pub fn open(&self) -> impl Iterator<Item = (&Site, &Row)> {
        self.rows.iter().filter(|(_, row)| row.witness.is_none())
    }
}

/// Processor time of this thread so far.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
