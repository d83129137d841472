//! Where a fault can hit the log: in which operation, in which phase of its life.
//!
//! The world knows both for each task and tells them to the disk as a [`Place`], which counts calls
//! and faults by it. What those counts leave out is in `report/coverage.rs`.

mod rules;

pub use rules::{RULES, Rule};

use crate::classes;
use crate::disk::{Counts, Fault, Place};
use crate::named::named_enum;
use crate::scenario::Op;

named_enum! {
    /// What a task does with the log.
    pub enum Operation {
        /// Nothing: a life is over, or nobody uses the log just now.
        Rest = "rest",
        /// Opens it, and reads it once.
        Open = "open",
        /// An open that finds a log in the legacy format, which is not migrated yet.
        Migrate = "migrate",
        /// Opens it a second time, while it is open.
        SecondOpen = "second-open",
        /// Appends a record, or a batch.
        Append = "append",
        /// Waits until something is durable; leads, maybe.
        Sync = "sync",
        /// Makes the next segment, within an operation that appends, or writes for another reason.
        Roll = "roll",
        /// Truncates.
        Truncate = "truncate",
        /// Sets a hold, or releases it.
        Hold = "hold",
        /// Replays, or reads from a reader.
        Read = "read",
        /// Follows.
        Tail = "tail",
        /// Rotates to another key.
        Rotate = "rotate",
        /// Encrypts old segments anew.
        Reencrypt = "reencrypt",
        /// Lets keys go.
        Retire = "retire",
        /// Closes.
        Close = "close",
    }
}

named_enum! {
    /// Where in a life of the log an operation begins.
    pub enum LifePhase {
        /// Its first open ever.
        First = "first open",
        /// An open after the power was cut.
        AfterPowerCut = "after power cut",
        /// An open after the process was killed.
        AfterKill = "after kill",
        /// An open after the log was closed.
        AfterClose = "after close",
        /// At work.
        Working = "working",
        /// After a call has said that the log is poisoned.
        Poisoned = "poisoned",
        /// In a close, and after one.
        Closing = "closing",
    }
}

impl Operation {
    /// What a client does to the log with an operation of a scenario; nothing where that only
    /// asks, or changes the disk.
    pub fn of(op: Op) -> Operation {
        match op {
            Op::Append(_) | Op::Decoy(_) | Op::Batch { .. } => Operation::Append,
            Op::Durable(_) | Op::Sync | Op::Wait | Op::Prepare(_) => Operation::Sync,
            Op::Replay | Op::ReplayFrom(_) | Op::ReadTooEarly => Operation::Read,
            Op::Stream | Op::StreamFrom(_) | Op::Read(_) => Operation::Read,
            Op::Follow(_) => Operation::Tail,
            Op::Hold(_) | Op::Release => Operation::Hold,
            Op::Truncate(_) | Op::TruncateTooFar => Operation::Truncate,
            Op::Rotate(_) => Operation::Rotate,
            Op::Reencrypt => Operation::Reencrypt,
            Op::Retire => Operation::Retire,
            Op::SecondOpen => Operation::SecondOpen,
            Op::Close => Operation::Close,
            Op::Stop | Op::NoSpace(_) | Op::FillUp(_) | Op::MakeRoom | Op::Look => Operation::Rest,
        }
    }

    /// The phases in which it may begin.
    pub fn phases(self) -> &'static [LifePhase] {
        match self {
            Operation::Open | Operation::Migrate => &LifePhase::ALL[..LifePhase::BEGINNINGS],
            // Who opens a log a second time, or reads what was pinned before, hears nothing of how
            // it fares.
            Operation::SecondOpen | Operation::Read | Operation::Tail => &[LifePhase::Working],
            Operation::Close => &[LifePhase::Poisoned, LifePhase::Closing],
            // Of what the log hears nothing, it is only told apart whether it was being opened.
            Operation::Rest => &[LifePhase::AfterPowerCut, LifePhase::Working],
            _ => &LifePhase::ALL[LifePhase::BEGINNINGS..],
        }
    }

    /// Whether a segment that is made within it is a roll.
    pub fn may_roll(self) -> bool {
        matches!(
            self,
            Operation::Append
                | Operation::Sync
                | Operation::Hold
                | Operation::Truncate
                | Operation::Rotate
        )
    }
}

impl LifePhase {
    /// So many are those of an open.
    pub const BEGINNINGS: usize = LifePhase::Working as usize;
}

/// The number of an operation in a phase.
pub fn place(operation: Operation, phase: LifePhase) -> Place {
    Place((operation as usize * LifePhase::COUNT + phase as usize) as u16)
}

/// Whether the log hears nothing of a fault when it happens: it shows in what is lost later, so that
/// it means nothing who was at work. What befalls a medium does so once in a run.
fn is_unheard(fault: Fault) -> bool {
    classes::of_medium(fault).is_some()
        || matches!(
            fault,
            Fault::ByteTear
                | Fault::LenIntermediate
                | Fault::GarbageTail
                | Fault::FileForgotten
                | Fault::SyncOutrun
                | Fault::WritebackError
                | Fault::WritebackErrorForgotten
                | Fault::MisalignedBuffered
                | Fault::FlushLost
        )
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The fault.
    pub fault: Fault,
    /// In which operation; at rest stands for all of them.
    pub operation: Operation,
    /// In which phase.
    pub phase: LifePhase,
}

impl Cell {
    /// The cells of some faults, each where it could be.
    pub fn all(faults: &[Fault]) -> impl Iterator<Item = Cell> {
        let places = Operation::ALL.iter().flat_map(|&operation| {
            let phases = operation.phases().iter();
            phases.map(move |&phase| (operation, phase))
        });
        let cells = faults.iter().flat_map(move |&fault| {
            places.clone().map(move |(operation, phase)| Cell {
                fault,
                operation,
                phase,
            })
        });
        // Copying needs space as anything else does, and the log hears the same.
        let cells = cells.filter(|cell| cell.fault != Fault::NoSpaceToCopy);
        cells.filter(|cell| (cell.operation == Operation::Rest) == is_unheard(cell.fault))
    }

    /// How often it happened.
    pub fn count(&self, counts: &Counts) -> u64 {
        let at = |operation, phase| match self.fault {
            Fault::NoSpace => {
                let place = place(operation, phase);
                counts.faults_at(place, Fault::NoSpace)
                    + counts.faults_at(place, Fault::NoSpaceToCopy)
            }
            fault => counts.faults_at(place(operation, phase), fault),
        };
        if self.operation != Operation::Rest {
            return at(self.operation, self.phase);
        }
        let (beginnings, others) = LifePhase::ALL.split_at(LifePhase::BEGINNINGS);
        let phases = match self.phase {
            LifePhase::Working => others,
            _ => beginnings,
        };
        let of = |phase| {
            Operation::ALL
                .iter()
                .map(move |&operation| at(operation, phase))
        };
        phases.iter().flat_map(|&phase| of(phase)).sum()
    }

    /// The rule that says that it stays empty.
    pub fn rule(&self) -> Option<&'static Rule> {
        let mut rules = RULES.iter();
        rules.find(|rule| rule.covers(self.fault, self.operation, self.phase))
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}, {}", self.fault, self.operation, self.phase)
    }
}
