//! What is checked: one property a file, each with what it verifies and what it does not.
//!
//! A checker judges what a caller could see, by the contract, never by how the log works. It
//! counts each time that it could have failed, so that a run can show that its checks were not
//! empty.

use seawall::{Hold, SegmentMeta, WalManager, WalRecord};
use serde::{Deserialize, Serialize};

use crate::model::Model;
use crate::named::{ByName, named_enum};
use unchecked::Unchecked;

pub mod acknowledged;
pub mod atomic;
pub mod closed;
pub mod covered;
pub mod errors;
pub mod evidence;
pub mod final_failure;
pub mod forgery;
pub mod guarantee;
pub mod hidden_work;
pub mod holds;
pub mod keys;
pub mod listing;
pub mod lsn;
pub mod one_truth;
pub mod one_writer;
pub mod prefix;
pub mod progress;
pub mod reading;
pub mod structure;
pub mod truncation;
pub mod unchecked;
pub mod unknown_types;

named_enum! {
    /// A property that is checked.
    pub enum Property {
        /// Recovered records are those accepted, in order, byte for byte. Contract 1.
        Prefix = "prefix",
        /// What was acknowledged is recovered. Contract 1, 5, 7, 8.
        Acknowledged = "acknowledged",
        /// What was shown once is shown again. Contract 2.
        Stability = "stability",
        /// What a recovery did not have never comes back. Contract 2, 4.
        Resurrection = "resurrection",
        /// Of a batch all records are recovered, or none. Contract 1.
        Atomic = "atomic",
        /// An append that was refused is never there. Contract 6.
        Refused = "refused",
        /// Each append gets an LSN of its own. Contract 3, 8.
        OwnLsn = "own-lsn",
        /// LSNs go up by one and go on after a recovery. Contract 3.
        NextLsn = "next-lsn",
        /// The log opens after every legal crash. Contract 4, 13, 14, 15.
        Opens = "opens",
        /// After the log said that it is poisoned, nothing succeeds. Contract 5.
        FinalFailure = "final-failure",
        /// After a close returned `Ok`, every call says that the log is closed. Contract, section 1.
        Closed = "closed",
        /// An error has a cause, and is of a type that says what it means. Contract 6.
        Errors = "errors",
        /// A record that was acknowledged counts as durable. Contract 7, 8.
        Watermark = "watermark",
        /// A sync of its directory has covered each name that leads to what is durable. Contract 13.
        CoveredNames = "covered-names",
        /// A sync of its file has covered what is durable, and no failed one before. Contract 5, 7.
        CoveredData = "covered-data",
        /// Damage is an error, or cuts what nothing proves. Contract 9.
        Evidence = "evidence",
        /// Where the medium broke its word, what is left of the contract holds. Fault model, C.7.
        Guarantee = "guarantee",
        /// All readers give the same verdict. Contract 10.
        OneTruth = "one-truth",
        /// Files that don't belong, and those that are missing, are noticed. Contract 11, 17.
        Structure = "structure",
        /// Records of types that only a later version knows are counted, or refused. Contract 12.
        UnknownTypes = "unknown-types",
        /// Segments are listed in order and begin where the log begins. Contract 14.
        Listing = "listing",
        /// Truncation drops what it may, oldest first. Contract 15.
        Truncation = "truncation",
        /// Holds outlive crashes, and truncation does not pass them. Contract 15.
        Holds = "holds",
        /// A log needs the keys that it names, and no others. Contract 20.
        Keys = "keys",
        /// A derived key and a nonce never meet two messages; all is sealed as documented, under a
        /// salt that is durable. Contract 18, 19.
        Nonces = "nonces",
        /// No byte of an encrypted log has a canary in it. Contract 20.
        Plaintext = "plaintext",
        /// What somebody forged is an error, or changes nothing. Contract 18, 19, 20.
        Forgery = "forgery",
        /// A second opener is refused and changes nothing. Contract 23.
        OneWriter = "one-writer",
        /// A reader beside the writer sees a durable, consistent snapshot. Contract 24.
        Reading = "reading",
        /// A tail shows what becomes durable, in order, and is woken for it. Contract 8, 24.
        Following = "following",
        /// Dropping the log makes no calls. Contract 25.
        HiddenWork = "hidden-work",
        /// Every call returns, and without faults the log goes on. Contract 8.
        Progress = "progress",
        /// Nothing panics. Contract 21.
        Panic = "panic",
        /// Two runs of the same scenario are the same.
        Determinism = "determinism",
        /// What the scenario promised has happened.
        Vacuity = "vacuity",
        /// The simulator keeps its own rules.
        Simulator = "simulator",
    }
}

/// The class of a failure, which is the exit code of a run that found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// Something durable is lost.
    Durability = 10,
    /// Something is there that should not be, or not as it should.
    Integrity = 11,
    /// Something never ends.
    Liveness = 12,
    /// Something secret got out, or a key is misused or lost.
    Crypto = 13,
    /// Something panicked.
    Panic = 14,
    /// Two runs differ.
    Determinism = 15,
    /// Something promised never happened.
    Vacuity = 16,
    /// The simulator itself is wrong.
    Simulator = 17,
}

impl Class {
    /// All, from the worst on.
    pub const WORST_FIRST: [Class; 8] = [
        Class::Durability,
        Class::Integrity,
        Class::Crypto,
        Class::Panic,
        Class::Liveness,
        Class::Determinism,
        Class::Simulator,
        Class::Vacuity,
    ];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Class::Durability => "durability",
            Class::Integrity => "integrity",
            Class::Liveness => "liveness",
            Class::Crypto => "crypto",
            Class::Panic => "panic",
            Class::Determinism => "determinism",
            Class::Vacuity => "vacuity",
            Class::Simulator => "simulator",
        }
    }
}

impl Property {
    /// What kind of failure its violation is.
    pub fn class(self) -> Class {
        match self {
            Property::Acknowledged
            | Property::Stability
            | Property::Opens
            | Property::FinalFailure
            | Property::Holds
            | Property::Watermark
            | Property::CoveredNames
            | Property::CoveredData
            | Property::Evidence
            | Property::Guarantee => Class::Durability,
            Property::Progress => Class::Liveness,
            Property::Keys | Property::Nonces | Property::Plaintext | Property::Forgery => {
                Class::Crypto
            }
            Property::Panic => Class::Panic,
            Property::Determinism => Class::Determinism,
            Property::Vacuity => Class::Vacuity,
            Property::Simulator => Class::Simulator,
            _ => Class::Integrity,
        }
    }
}

/// A property that does not hold, and how that showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// In one sentence, for a person.
    pub story: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.story)
    }
}

/// So that who judges somebody else's code can hand it on.
impl std::error::Error for Violation {}

impl Violation {
    /// A violation of `property`.
    pub fn new(property: Property, story: impl Into<String>) -> Violation {
        Violation {
            property,
            story: story.into(),
        }
    }
}

/// `Err` where `holds` is false.
pub(crate) fn ensure(
    property: Property,
    holds: bool,
    story: impl FnOnce() -> String,
) -> Result<(), Violation> {
    match holds {
        true => Ok(()),
        false => Err(Violation::new(property, story())),
    }
}

/// How often each check was made where it could have failed, and in how many runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    #[serde(with = "ByName::<Property>")]
    evaluated: [u64; Property::COUNT],
    /// Runs that have ended and evaluated it at all: a check that one run in ten thousand makes a
    /// million times is as good as none.
    #[serde(with = "ByName::<Property>")]
    runs: [u64; Property::COUNT],
    /// Checks that are not made, and how often each would have been.
    unchecked: Unchecked,
    #[serde(with = "ByName::<Property>")]
    left_out: [u64; Property::COUNT],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            evaluated: [0; Property::COUNT],
            runs: [0; Property::COUNT],
            unchecked: Unchecked::default(),
            left_out: [0; Property::COUNT],
        }
    }
}

impl Tally {
    /// A tally of checks without these.
    pub fn leaving_out(unchecked: Unchecked) -> Tally {
        Tally {
            unchecked,
            ..Tally::default()
        }
    }

    /// A check was made that could have failed.
    pub fn evaluated(&mut self, property: Property) {
        self.evaluated[property as usize] += 1;
    }

    /// A check could fail now: counts it. Whether it is to be made.
    pub fn evaluates(&mut self, property: Property) -> bool {
        let is_made = !self.unchecked.has(property);
        match is_made {
            true => self.evaluated(property),
            false => self.left_out[property as usize] += 1,
        }
        is_made
    }

    /// How often this one was left out.
    pub fn left_out(&self, property: Property) -> u64 {
        self.left_out[property as usize]
    }

    /// How often this one was.
    pub fn of(&self, property: Property) -> u64 {
        self.evaluated[property as usize]
    }

    /// In how many runs it was.
    pub fn runs_with(&self, property: Property) -> u64 {
        self.runs[property as usize]
    }

    /// The run whose tally this is has ended: what was evaluated in it counts as one run.
    pub fn end_run(&mut self) {
        for (runs, evaluated) in self.runs.iter_mut().zip(self.evaluated) {
            *runs = u64::from(evaluated > 0);
        }
    }

    /// Adds another one: of the same run, before it has ended, or of other runs that have.
    pub fn add(&mut self, other: &Tally) {
        for (into, from) in self.evaluated.iter_mut().zip(other.evaluated) {
            *into += from;
        }
        for (into, from) in self.runs.iter_mut().zip(other.runs) {
            *into += from;
        }
        for (into, from) in self.left_out.iter_mut().zip(other.left_out) {
            *into += from;
        }
    }
}

/// What an open showed.
pub struct Recovered {
    /// What replay returned.
    pub records: Vec<WalRecord>,
    /// The log's low-water mark, next and durable LSN.
    pub low_water: u64,
    /// The next LSN to be given.
    pub next_lsn: u64,
    /// The last durable LSN.
    pub durable_lsn: u64,
    /// What the log lists as its segments.
    pub segments: Vec<SegmentMeta>,
    /// What the log says is their size in bytes.
    pub total_bytes: u64,
    /// The log's holds.
    pub holds: Vec<Hold>,
}

impl Recovered {
    /// All that an open log shows.
    ///
    /// # Errors
    /// Those of a replay.
    pub fn of(wal: &WalManager) -> Result<Recovered, seawall::Error> {
        Ok(Recovered {
            records: wal.replay()?,
            low_water: wal.low_water_lsn().as_u64(),
            next_lsn: wal.next_lsn().as_u64(),
            durable_lsn: wal.durable_lsn().as_u64(),
            segments: wal.list_segments(),
            total_bytes: wal.total_size_bytes(),
            holds: wal.holds(),
        })
    }
}

/// Judges a recovery by all the properties that speak of one; the model then knows the log's end.
///
/// # Errors
/// The first property that does not hold.
pub fn judge_recovery(
    model: &mut Model,
    recovered: &Recovered,
    tally: &mut Tally,
) -> Result<(), Violation> {
    truncation::check_recovered(model, recovered, tally)?;
    lsn::check_recovered(recovered, tally)?;
    acknowledged::check_recovered(model, recovered, tally)?;
    prefix::check_recovered(model, recovered, tally)?;
    atomic::check_recovered(model, recovered, tally)?;
    holds::check_recovered(model, recovered, tally)?;
    listing::check(&recovered.segments, recovered.low_water, tally)?;
    model.low_water.certain = recovered.low_water;
    model.low_water.possible = recovered.low_water;
    model.settle(recovered.next_lsn - 1);
    Ok(())
}
