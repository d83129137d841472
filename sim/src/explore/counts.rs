//! How much there was, and how much of it was done.

/// More power cuts than this in one story are too many for anybody.
pub const DEPTH_MAX: usize = 3;

/// What comes after the same number of power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Level {
    /// Moments at which the power was cut.
    pub moments: u64,
    /// Images that a power cut may leave there, by the choices that it has. What is open of an earlier
    /// cut is counted by what differs.
    pub legal: u128,
    /// The same, those of one moment with the same names and bytes counted once.
    pub distinct: u128,
    /// How many of the latter were judged.
    pub judged: u128,
    /// Groups of images that the recovery cannot tell apart.
    pub groups: u64,
}

/// What was done, by the number of power cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
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
