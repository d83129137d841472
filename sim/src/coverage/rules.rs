//! Which cells of the coverage table stay empty, and why: each by a rule that says so for all of its
//! cells. A rule is a claim that can fail: one of whose cells is not empty is reported as stale.

use super::{LifePhase, Operation};
use crate::disk::Fault;

/// A claim that some faults never hit some operations in some phases; an empty list means all.
pub struct Rule {
    /// The faults.
    pub faults: &'static [Fault],
    /// The operations.
    pub operations: &'static [Operation],
    /// The phases in which they begin.
    pub phases: &'static [LifePhase],
    /// Why, in one sentence.
    pub why: &'static str,
}

impl Rule {
    /// Whether it speaks of this cell.
    pub fn covers(&self, fault: Fault, operation: Operation, phase: LifePhase) -> bool {
        fn is_in<T: PartialEq>(all: &[T], one: &T) -> bool {
            all.is_empty() || all.contains(one)
        }
        is_in(self.faults, &fault)
            && is_in(self.operations, &operation)
            && is_in(self.phases, &phase)
    }
}

const READS: &[Fault] = &[Fault::ShortRead, Fault::ReadError, Fault::Eviction];
/// What a call that changes a file may meet, or a sync of one.
const CHANGES: &[Fault] = &[
    Fault::ShortWrite,
    Fault::WriteError,
    Fault::WriteErrorPartial,
    Fault::NoSpace,
    Fault::SpaceRefused,
    Fault::SpaceRefusedPartial,
    Fault::SyncCleanKeepCache,
    Fault::SyncCleanRevertCache,
    Fault::SyncKeepDirty,
    Fault::SyncFlushErr,
    Fault::SyncAbortRo,
    Fault::SyncShutDown,
    Fault::SyncReportedLater,
    Fault::DirectRefused,
    Fault::Misaligned,
];
/// What a change of names may meet, or a sync of a directory.
const NAMES: &[Fault] = &[
    Fault::MetadataErrorApplied,
    Fault::DirSyncPending,
    Fault::DirSyncDurable,
];

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        faults: &[
            Fault::ReadOnlyAtOpen,
            Fault::ListingDenied,
            Fault::OpenDenied,
        ],
        operations: &[Operation::Rest],
        phases: &[LifePhase::Working],
        why: "only an open is refused so",
    },
    Rule {
        faults: &[Fault::SyncOutrun],
        operations: &[Operation::Rest],
        phases: &[LifePhase::AfterPowerCut],
        why: "who opens a log is alone with it",
    },
    Rule {
        faults: &[],
        operations: &[
            Operation::Append,
            Operation::Sync,
            Operation::Roll,
            Operation::Truncate,
            Operation::Hold,
            Operation::Rotate,
            Operation::Reencrypt,
            Operation::Close,
        ],
        phases: &[LifePhase::Poisoned],
        why: "a poisoned log refuses before it makes a call",
    },
    Rule {
        faults: &[],
        operations: &[
            Operation::Append,
            Operation::Sync,
            Operation::Roll,
            Operation::Truncate,
            Operation::Hold,
            Operation::Rotate,
            Operation::Reencrypt,
        ],
        phases: &[LifePhase::Closing],
        why: "a closed log refuses before it makes a call",
    },
    Rule {
        faults: &[],
        operations: &[Operation::Retire],
        phases: &[],
        why: "letting a key go is done in memory",
    },
    Rule {
        faults: &[],
        operations: &[Operation::Migrate],
        phases: &[LifePhase::AfterClose],
        why: "who has closed a log had opened it, and so migrated it",
    },
    Rule {
        faults: READS,
        operations: &[
            Operation::Append,
            Operation::Sync,
            Operation::Roll,
            Operation::Truncate,
            Operation::Hold,
            Operation::Rotate,
            Operation::Close,
            Operation::SecondOpen,
        ],
        phases: &[],
        why: "it reads nothing",
    },
    Rule {
        faults: READS,
        operations: &[Operation::Open],
        phases: &[LifePhase::First],
        why: "there is nothing to read yet",
    },
    Rule {
        faults: CHANGES,
        operations: &[Operation::Read, Operation::Tail, Operation::SecondOpen],
        phases: &[],
        why: "it changes nothing",
    },
    Rule {
        faults: NAMES,
        operations: &[Operation::Read, Operation::Tail, Operation::SecondOpen],
        phases: &[],
        why: "it changes no name",
    },
    Rule {
        faults: NAMES,
        operations: &[
            Operation::Append,
            Operation::Sync,
            Operation::Hold,
            Operation::Rotate,
        ],
        phases: &[],
        why: "it changes no name: that is the roll",
    },
    Rule {
        faults: &[Fault::MetadataError],
        operations: &[
            Operation::Append,
            Operation::Sync,
            Operation::Hold,
            Operation::Rotate,
        ],
        phases: &[],
        why: "it opens no file: that is the roll",
    },
    Rule {
        faults: &[Fault::SpaceRefused, Fault::SpaceRefusedPartial],
        operations: &[Operation::Open, Operation::Migrate],
        phases: &[],
        why: "space is refused by a client, and a life begins with what there is",
    },
    Rule {
        faults: &[Fault::NoSpace],
        operations: &[Operation::Open],
        phases: &[LifePhase::First],
        why: "a new log takes one block, and no disk is too small for that",
    },
    Rule {
        faults: &[Fault::Eviction],
        operations: &[Operation::Open],
        phases: &[LifePhase::AfterPowerCut, LifePhase::AfterClose],
        why: "nothing is in a cache after a power cut",
    },
    Rule {
        faults: &[Fault::Eviction],
        operations: &[Operation::Migrate],
        phases: &[],
        why: "it reads old files, to which nobody writes, and removes what is half there",
    },
    Rule {
        faults: &[Fault::Eviction],
        operations: &[Operation::Reencrypt],
        phases: &[],
        why: "it reads sealed segments, and the sync that would have lost a page poisons the log",
    },
    Rule {
        faults: &[Fault::DirectRefused, Fault::Misaligned],
        operations: &[
            Operation::Append,
            Operation::Sync,
            Operation::Roll,
            Operation::Truncate,
            Operation::Hold,
            Operation::Rotate,
            Operation::Close,
        ],
        phases: &[],
        why: "an open finds out what direct I/O needs",
    },
    Rule {
        faults: &[Fault::DirectRefused],
        operations: &[Operation::Reencrypt],
        phases: &[],
        why: "an open fails that is refused direct I/O",
    },
];
