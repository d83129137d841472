//! Where a fault can hit the log: in which operation, in which phase of its life.
//!
//! The world knows both for each task and tells them to the disk as a [`Place`], which counts calls
//! and faults by it. What those counts leave out is in `report/coverage.rs`.

use crate::disk::Place;
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
        /// Appends a record.
        Append = "append",
        /// Appends a batch.
        Batch = "batch",
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
            Op::Append(_) | Op::Decoy(_) => Operation::Append,
            Op::Batch { .. } => Operation::Batch,
            Op::Durable(_) | Op::Sync | Op::Wait => Operation::Sync,
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

    /// Whether it makes the log's life begin, so that it has the phases of a beginning.
    pub fn begins_a_life(self) -> bool {
        matches!(self, Operation::Open | Operation::Migrate)
    }

    /// Whether a segment that is made within it is a roll.
    pub fn may_roll(self) -> bool {
        matches!(self, Operation::Append | Operation::Batch | Operation::Sync)
    }
}

impl LifePhase {
    /// Whether it is one of an open.
    pub fn is_beginning(self) -> bool {
        self < LifePhase::Working
    }
}

/// The number of an operation in a phase.
pub fn place(operation: Operation, phase: LifePhase) -> Place {
    Place((operation as usize * LifePhase::COUNT + phase as usize) as u16)
}
