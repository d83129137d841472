//! What a run did, in numbers that add up over runs.

use serde::{Deserialize, Serialize};

use crate::checker::Tally;
use crate::checker::guarantee::Remainder;
use crate::classes;
use crate::disk::{Counts, FaultClass, Profile};
use crate::ledger;
use crate::named::{ByName, named_enum};
use crate::scenario::Damage;

named_enum! {
    /// What a log made of damage.
    pub enum Verdict {
        /// An error.
        Refused = "refused",
        /// It has a beginning of its records.
        Shortened = "shortened",
        /// It has all of them.
        Unharmed = "unharmed",
    }
}

/// What one run did, or many together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Runs on a disk of each profile.
    #[serde(with = "ByName::<Profile>")]
    pub profiles: [u64; Profile::COUNT],
    /// Lives begun.
    pub lives: u64,
    /// Opens that succeeded and were judged.
    pub recoveries: u64,
    /// Those of them that were a run's first, and found no log or one in the legacy format.
    pub first_opens: u64,
    /// Opens of undamaged forks that succeeded and were judged, too.
    pub repeated: u64,
    /// Forks that were damaged, by kind of damage.
    #[serde(with = "ByName::<Damage>")]
    pub probes: [u64; Damage::COUNT],
    /// What became of them.
    #[serde(with = "ByName::<Verdict>")]
    pub verdicts: [u64; Verdict::COUNT],
    /// Recoveries that showed everything after something of each class had struck.
    #[serde(with = "ByName::<classes::WholeClass>")]
    pub whole: classes::Fired,
    /// What became of logs whose medium broke its word, by class.
    #[serde(with = "ByName::<FaultClass>")]
    pub media: [[u64; Remainder::COUNT]; FaultClass::COUNT],
    /// Lives that began with an older disk.
    pub restored: u64,
    /// Crashes within an open.
    pub crashes_in_recovery: u64,
    /// Opens that failed for a reason.
    pub failed_opens: u64,
    /// Opens that were judged with records and another configuration than the one before.
    pub reshaped: u64,
    /// Crashes at a call: before it, within it, after it.
    pub cuts: [u64; 3],
    /// Segments that truncations deleted.
    pub segments_truncated: u64,
    /// Appends with the image of another log in them.
    pub decoys: u64,
    /// Reads from a reader since the making of which a truncation has succeeded.
    pub reads_over_truncation: u64,
    /// Tails that were stopped while others were at work.
    pub tails_stopped: u64,
    /// Those of them that ended beside somebody who was still at work.
    pub tails_ended_under_load: u64,
    /// Opens of an encrypted log that were judged.
    pub encrypted: u64,
    /// Logs in the legacy format that were there before the first life.
    pub migrations: u64,
    /// Rotations of keys that succeeded.
    pub rotations: u64,
    /// Segments encrypted anew.
    pub segments_reencrypted: u64,
    /// Keys that the log let go.
    pub keys_retired: u64,
    /// What the ledger has in it.
    pub ledger: ledger::Size,
    /// Append calls made.
    pub appends: u64,
    /// Records whose durability was acknowledged.
    pub acked: u64,
    /// Scheduling points passed by clients.
    pub steps: u64,
    /// Checks that could have failed.
    pub tally: Tally,
    /// Calls, faults and crashes.
    pub disk: Counts,
}

impl Figures {
    /// Adds another's.
    pub fn add(&mut self, other: &Figures) {
        self.lives += other.lives;
        self.recoveries += other.recoveries;
        self.first_opens += other.first_opens;
        self.repeated += other.repeated;
        let pairs = self.probes.iter_mut().zip(other.probes);
        for (into, from) in pairs.chain(self.verdicts.iter_mut().zip(other.verdicts)) {
            *into += from;
        }
        let pairs = self.media.as_flattened_mut().iter_mut();
        for (into, from) in pairs.zip(other.media.as_flattened()) {
            *into += from;
        }
        self.restored += other.restored;
        self.crashes_in_recovery += other.crashes_in_recovery;
        self.failed_opens += other.failed_opens;
        self.reshaped += other.reshaped;
        for (into, from) in self.profiles.iter_mut().zip(other.profiles) {
            *into += from;
        }
        for (into, from) in self.whole.iter_mut().zip(other.whole) {
            *into += from;
        }
        for (into, from) in self.cuts.iter_mut().zip(other.cuts) {
            *into += from;
        }
        self.segments_truncated += other.segments_truncated;
        self.decoys += other.decoys;
        self.reads_over_truncation += other.reads_over_truncation;
        self.tails_stopped += other.tails_stopped;
        self.tails_ended_under_load += other.tails_ended_under_load;
        self.encrypted += other.encrypted;
        self.migrations += other.migrations;
        self.rotations += other.rotations;
        self.segments_reencrypted += other.segments_reencrypted;
        self.keys_retired += other.keys_retired;
        self.ledger.add(&other.ledger);
        self.appends += other.appends;
        self.acked += other.acked;
        self.steps += other.steps;
        self.tally.add(&other.tally);
        self.disk.add(&other.disk);
    }
}
