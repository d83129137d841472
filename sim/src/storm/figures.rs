//! What runs of a storm did, in numbers.

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Lives that began.
    pub lives: u64,
    /// Those that ended at a call to the disk.
    pub cuts: u64,
    /// Those that ended in a power cut.
    pub power_cuts: u64,
    /// Those that ended in a kill.
    pub kills: u64,
    /// Steps that were taken.
    pub steps: u64,
    /// Scheduling points that were passed.
    pub points: u64,
}

impl Figures {
    pub(super) fn add(&mut self, other: Figures) {
        self.lives += other.lives;
        self.cuts += other.cuts;
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.steps += other.steps;
        self.points += other.points;
    }
}
