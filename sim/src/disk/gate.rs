//! What stands between a call and the disk: the scheduler and the crash plan.
//!
//! The disk asks before each call, and does as it is told; it decides nothing itself.

use super::counts::CallKind;
use super::dir::Ino;

/// A call that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it does.
    pub kind: CallKind,
    /// The file or directory it is about. For a path this is what is there now, or else its
    /// parent, or else the root.
    pub ino: Ino,
    /// Where it begins, in bytes; 0 if that has no meaning. The new length of a cut.
    pub offset: u64,
    /// How many bytes it is about; 0 if that has no meaning.
    pub len: u64,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Run,
    /// The machine or the process dies before it.
    CutBefore,
    /// It dies within it: a write is done in part, a change of names is done and pending,
    /// everything else is not done.
    CutWithin,
    /// It dies after it, before the caller hears of it.
    CutAfter,
}

/// What stands between a call and the disk. Implemented by the world.
pub trait Gate: Send + Sync {
    /// Before each call: other tasks may run here. Returns what happens to this call.
    fn arrive(&self, call: Call) -> Fate;
    /// The power is cut or the process dies now; the calling task never runs again.
    fn cut(&self) -> !;
}

/// A gate that lets every call through, for a disk without a scheduler.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenGate;

impl Gate for OpenGate {
    fn arrive(&self, _: Call) -> Fate {
        Fate::Run
    }

    fn cut(&self) -> ! {
        panic!("an open gate never cuts");
    }
}
