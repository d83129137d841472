//! The failures of a campaign: one of each kind, with how often it came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checker::Violation;
use crate::scenario::Scenario;
use crate::seed::Seed;
use crate::shrink::Fingerprint;

/// A seed that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub seed: Seed,
    /// What it ran.
    pub scenario: Scenario,
    /// What is wrong.
    pub violation: Violation,
}

/// A kind of failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The one with the lowest seed.
    pub failure: Failure,
    /// How many seeds failed so.
    pub count: u64,
}

/// One failure of each kind, by its fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Failures(BTreeMap<String, Found>);

impl Failures {
    /// The failure of the lowest seed.
    pub fn first(&self) -> Option<&Failure> {
        let failures = self.0.values().map(|found| &found.failure);
        failures.min_by_key(|failure| failure.seed.0)
    }

    /// Each kind, by its fingerprint.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Found)> {
        self.0.iter().map(|(print, found)| (print.as_str(), found))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many seeds failed.
    pub fn count(&self) -> u64 {
        self.0.values().map(|found| found.count).sum()
    }

    /// Another seed failed.
    pub fn add(&mut self, failure: Failure) {
        let print = Fingerprint::of(&failure.violation).to_string();
        self.join(print, Found { failure, count: 1 });
    }

    /// Adds what was found elsewhere.
    pub fn merge(&mut self, other: Failures) {
        for (print, found) in other.0 {
            self.join(print, found);
        }
    }

    fn join(&mut self, print: String, found: Found) {
        match self.0.get_mut(&print) {
            None => drop(self.0.insert(print, found)),
            Some(known) => {
                known.count += found.count;
                if found.failure.seed.0 < known.failure.seed.0 {
                    known.failure = found.failure;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::Property;
    use crate::scenario::generate::{Setting, generate};

    fn failure(seed: u64, story: &str) -> Failure {
        Failure {
            seed: Seed(seed),
            scenario: generate(Seed(seed), Setting::default()),
            violation: Violation::new(Property::Prefix, story),
        }
    }

    #[test]
    fn of_each_kind_the_lowest_seed_stays_wherever_it_was_found() {
        let mut here = Failures::default();
        here.add(failure(9, "lsn 4 is gone"));
        here.add(failure(7, "lsn 12 is gone"));
        let mut there = Failures::default();
        there.add(failure(8, "lsn 2 is gone"));
        there.add(failure(3, "lsn 2 is wrong"));
        here.merge(there);
        assert_eq!(here.count(), 4);
        let told: Vec<(u64, u64)> = here
            .iter()
            .map(|(_, found)| (found.failure.seed.0, found.count))
            .collect();
        assert_eq!(told, [(7, 3), (3, 1)]);
        assert_eq!(here.first().map(|failure| failure.seed), Some(Seed(3)));
        let text = serde_json::to_string(&here).unwrap();
        assert_eq!(serde_json::from_str::<Failures>(&text).unwrap(), here);
    }
}
