//! Every crash state: all that power cuts may leave of small workloads, at every call that changes the
//! disk, and again at every such call of the recoveries that follow.
//!
//! A workload is done once. From the disk before each of its calls all legal images are listed, in
//! groups that the recovery cannot tell apart; one of each is recovered and judged, and stands
//! for its group at that moment. Each such recovery, and one record that is appended after it, is a
//! small workload in its turn. The same seeds of randomness are used throughout, one for each number of
//! recoveries before: so a recovery depends on nothing but what it finds.
//!
//! *Enumerated*, by the rules of the strict disk: which names are there, which files are forgotten; the
//! length of each file, those between two included; the version of each sector. *Not enumerated*: torn
//! sectors, stale bytes, syncs that cover names, and all that calls and the medium may do wrong;
//! more than one client.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod counts;
mod cut;
mod digest;
mod files;
mod life;
#[cfg(test)]
mod one_by_one;
mod outcomes;
mod recovery;
mod replay;
mod search;
mod trie;
mod workload;

use crate::checker::{Tally, Violation};
use crate::disk::Knobs;
use crate::shard::Shard;

pub use counts::{Counts, DEPTH_MAX, Level};
pub use replay::{Address, replay};
pub use search::{Offence, Turn};
pub use workload::{ALPHABET, Longer, Step, Workload};

use search::{Search, Space};

/// What the disk may do: nothing but what a power cut may leave of it.
pub fn knobs() -> Knobs {
    Knobs {
        len_intermediate: true,
        ..Knobs::default()
    }
}

/// Which workloads are explored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// All of up to so many steps. Of each the last step is explored, since what comes before it is another
    /// one's.
    All(u32),
    /// These, from the first open to the end.
    These(Vec<Workload>),
}

impl Which {
    /// How many there are.
    pub fn count(&self) -> u64 {
        match self {
            Which::All(steps_max) => Workload::count(*steps_max),
            Which::These(these) => these.len() as u64,
        }
    }

    /// One of them.
    pub fn get(&self, number: u64) -> Workload {
        match self {
            Which::All(_) => Workload::numbered(number),
            Which::These(these) => these[number as usize].clone(),
        }
    }
}

/// What is to be explored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explore {
    /// The workloads.
    pub workloads: Which,
    /// Which of them are explored here.
    pub shard: Shard,
    /// How many power cuts, each but the first in the recovery from the one before: 1 to [`DEPTH_MAX`].
    pub depth: usize,
    /// How many groups of images are done of one moment with one set of names.
    pub groups_max: u64,
    /// What the disk may do. Calls never fail: all chances have to be zero.
    pub knobs: Knobs,
    /// How many threads.
    pub jobs: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explored {
    /// How many workloads were done.
    pub done: u64,
    /// What there was in all of them.
    pub counts: Counts,
    /// And in each, by its number, where there are few.
    pub each: BTreeMap<u64, Counts>,
    /// How many recoveries were really run. It depends on how the workloads fell to the threads.
    pub recoveries: u64,
    /// How many groups were judged, and not known with all that follows from before. It depends on that
    /// as well.
    pub judged_afresh: u64,
    /// What was checked.
    pub tally: Tally,
    /// The first workload in which something is wrong, and what.
    pub offence: Option<(u64, Offence)>,
    /// Whether time was over before all was done.
    pub gave_up: bool,
}

impl Explored {
    /// Adds what was done elsewhere.
    pub fn merge(&mut self, other: Explored) {
        self.done += other.done;
        self.counts.add(&other.counts);
        self.each.extend(other.each);
        self.recoveries += other.recoveries;
        self.judged_afresh += other.judged_afresh;
        self.tally.add(&other.tally);
        let offences = self.offence.take().into_iter().chain(other.offence);
        self.offence = offences.min_by_key(|(place, _)| *place);
        self.gave_up |= other.gave_up;
    }
}

/// What a thread and those who started it share.
struct Shared<'a> {
    explore: &'a Explore,
    next: AtomicU64,
    done: AtomicU64,
    /// Workloads from this one on need not be done: something is wrong in it.
    end: AtomicU64,
    is_over: AtomicBool,
}

impl Explore {
    /// How many workloads are to be explored here.
    pub fn share(&self) -> u64 {
        self.shard.share(self.workloads.count())
    }

    /// Explores. `goes_on` hears now and then how many workloads are done, and says whether to go on.
    pub fn run(&self, mut goes_on: impl FnMut(u64) -> bool) -> Explored {
        let shared = Shared {
            explore: self,
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            end: AtomicU64::new(self.workloads.count()),
            is_over: AtomicBool::new(false),
        };
        let (send, receive) = channel();
        let mut all = Explored::default();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                let (send, shared) = (send.clone(), &shared);
                scope.spawn(move || {
                    let share = shared.work();
                    send.send(share).expect("the collector listens to the end");
                });
            }
            drop(send);
            loop {
                match receive.recv_timeout(Duration::from_millis(100)) {
                    Ok(share) => all.merge(share),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                if !goes_on(shared.done.load(Ordering::Relaxed)) {
                    shared.is_over.store(true, Ordering::Relaxed);
                }
            }
        });
        all
    }
}

impl Shared<'_> {
    fn work(&self) -> Explored {
        let explore = self.explore;
        let mut share = Explored::default();
        let number = Cell::new(0);
        let is_needless = || self.end.load(Ordering::Relaxed) <= number.get();
        let is_over = || self.is_over.load(Ordering::Relaxed) || is_needless();
        let mut search = Search::new(explore.depth, explore.groups_max, &is_over);
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            number.set(explore.shard.place(index));
            if is_needless() {
                break;
            }
            let workload = explore.workloads.get(number.get());
            let from = match explore.workloads {
                Which::All(_) => workload.steps.len(),
                Which::These(_) => 0,
            };
            let explored = match self.is_over.load(Ordering::Relaxed) {
                true => {
                    search.gave_up = true;
                    break;
                }
                false => explore_one(&mut search, &workload, from, &explore.knobs),
            };
            match explored {
                Ok(counts) => {
                    share.done += u64::from(!search.gave_up);
                    share.counts.add(&counts);
                    if matches!(explore.workloads, Which::These(_)) {
                        share.each.insert(number.get(), counts);
                    }
                }
                Err(offence) => {
                    self.end.fetch_min(number.get(), Ordering::Relaxed);
                    share.offence.get_or_insert((number.get(), offence));
                    break;
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        share.recoveries = search.recoveries;
        share.judged_afresh = search.judged_afresh;
        share.gave_up = search.gave_up;
        share.tally = search.tally;
        share
    }
}

fn explore_one(
    search: &mut Search,
    workload: &Workload,
    from: usize,
    knobs: &Knobs,
) -> Result<Counts, Offence> {
    let without_cut = |violation: Violation| Offence {
        violation,
        turns: Vec::new(),
    };
    let moments = life::record(workload, knobs).map_err(without_cut)?;
    search.open_as(workload.shape);
    let mut counts = Counts::default();
    for (number, moment) in moments.iter().enumerate() {
        if moment.step < from || search.gave_up {
            continue;
        }
        let space = Space {
            disk: &moment.disk,
            open: &[],
            known: &moment.known,
            moment: number,
        };
        counts.add(&search.explore(&space, &[])?);
    }
    Ok(counts)
}
