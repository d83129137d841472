//! A search that goes on from what was new: it keeps scenarios that had a feature first, or have it
//! at less cost, and changes those whose features are rare.
//!
//! It belongs to one thread. From the same stream and the same answers it makes the same scenarios,
//! so a campaign on one thread can be repeated; what it finds is a scenario, and needs no repetition.

use crate::choice::{Ratio, Stream};
use crate::features::{Feature, SPACE};
use crate::figures::Figures;
use crate::mutate::mutate;
use crate::scenario::{Life, Scenario};

/// So many features compete for the next mutant: one that is rare, and cheap to have, gets it.
const RIVALS: usize = 6;
/// This share of the scenarios is the swarm's, whatever was found: what needs no more than a rare
/// scenario is found by them, and so it takes at most about twice as long.
const FRESH: Ratio = Ratio::new(1, 2);

/// Larger buffers are those of production, which cost far more time than they find.
const BUFFER_MAX: u32 = 1 << 16;

/// No entry.
const NOBODY: u32 = u32::MAX;

/// What a search knows.
pub struct Search {
    stream: Stream,
    /// In how many runs each feature was.
    runs: Vec<u32>,
    /// The entry that has it at the least cost.
    owners: Vec<u32>,
    /// Those that were ever met, in that order.
    met: Vec<Feature>,
    entries: Vec<Entry>,
}

/// A scenario that is kept.
struct Entry {
    /// `None` when it owns no feature any more.
    scenario: Option<Scenario>,
    cost: u64,
    /// How many features it owns.
    owned: u32,
}

impl Search {
    /// A search that knows nothing yet, and chooses by this stream.
    pub fn new(stream: Stream) -> Search {
        Search {
            stream,
            runs: vec![0; SPACE],
            owners: vec![NOBODY; SPACE],
            met: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// The next scenario to run; `None` for a fresh one of the swarm.
    pub fn propose(&mut self) -> Option<Scenario> {
        if self.met.is_empty() || self.stream.happens(FRESH) {
            return None;
        }
        let mut scenario = self.choose().clone();
        let other = self.choose().clone();
        mutate(&mut scenario, Some(&other), &mut self.stream);
        Some(scenario)
    }

    /// An entry with a rare feature.
    fn choose(&mut self) -> &Scenario {
        let rivals = (0..RIVALS).map(|_| *self.stream.pick(&self.met));
        let rarest = rivals.min_by_key(|&feature| {
            let index = usize::from(feature);
            let owner = &self.entries[self.owners[index] as usize];
            u64::from(self.runs[index]) * owner.cost
        });
        let owner = self.owners[usize::from(rarest.expect("there are some"))];
        let entry = &self.entries[owner as usize];
        entry.scenario.as_ref().expect("it owns a feature")
    }

    /// A scenario was run, and had these features.
    pub fn learn(&mut self, scenario: &Scenario, features: &[Feature], figures: &Figures) {
        let is_small = |life: &Life| life.log.buffer <= BUFFER_MAX;
        if !scenario.lives.iter().all(is_small) {
            return;
        }
        let cost = cost_of(figures);
        let mut owned = 0;
        let number = self.entries.len() as u32;
        for &feature in features {
            let index = usize::from(feature);
            self.runs[index] += 1;
            let owner = self.owners[index];
            if owner == NOBODY {
                self.met.push(feature);
            } else {
                let before = &mut self.entries[owner as usize];
                // A little less is not worth it.
                if cost * 8 > before.cost * 7 {
                    continue;
                }
                before.owned -= 1;
                if before.owned == 0 {
                    before.scenario = None;
                }
            }
            self.owners[index] = number;
            owned += 1;
        }
        if owned > 0 {
            self.entries.push(Entry {
                scenario: Some(scenario.clone()),
                cost,
                owned,
            });
        }
    }

    /// How many features were met, and how many scenarios are kept.
    pub fn size(&self) -> (u64, u64) {
        let kept = self.entries.iter().filter(|entry| entry.owned > 0);
        (self.met.len() as u64, kept.count() as u64)
    }
}

/// What a run costs, in something that is the same on each machine.
fn cost_of(figures: &Figures) -> u64 {
    figures.steps + 8 * figures.disk.all_calls()
}
