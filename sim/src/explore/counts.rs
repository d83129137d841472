//! How much there was, and how much of it was done.

use serde::{Deserialize, Serialize};

/// More power cuts than this in one story are too many for anybody.
pub const DEPTH_MAX: usize = 3;

/// What comes after the same number of power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Level {
    /// Moments at which the power was cut.
    pub moments: u64,
    /// Images that a power cut may leave there, by the choices that it has. What is open of an earlier
    /// cut is counted by what differs.
    #[serde(with = "big")]
    pub legal: u128,
    /// The same, those of one moment with the same names and bytes counted once.
    #[serde(with = "big")]
    pub distinct: u128,
    /// How many of the latter were judged.
    #[serde(with = "big")]
    pub judged: u128,
    /// Groups of images that the recovery cannot tell apart.
    pub groups: u64,
}

/// What was done, by the number of power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// After the first one, the second one, and so on.
    pub levels: [Level; DEPTH_MAX],
}

impl Counts {
    /// Adds what was done elsewhere.
    pub fn add(&mut self, other: &Counts) {
        for (into, from) in self.levels.iter_mut().zip(&other.levels) {
            into.moments += from.moments;
            into.legal = into.legal.saturating_add(from.legal);
            into.distinct = into.distinct.saturating_add(from.distinct);
            into.judged = into.judged.saturating_add(from.judged);
            into.groups += from.groups;
        }
    }

    /// All levels together.
    pub fn sum(&self) -> Level {
        let mut sum = Counts::default();
        for level in self.levels {
            let mut one = Counts::default();
            one.levels[0] = level;
            sum.add(&one);
        }
        sum.levels[0]
    }
}

/// A number that may be more than one of JSON holds, as text.
mod big {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
