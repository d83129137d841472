//! What stands between a call and the disk: the scheduler and the crash plan.
//!
//! The disk asks before each call, and does as it is told; it decides nothing itself.

use super::Disk;
use super::counts::{CallKind, Place};
use super::dir::Ino;
use super::errno::Errno;

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

/// Bytes that were handed to the disk, whatever became of them.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// For this file.
    pub ino: Ino,
    /// The name under which it was opened, for people.
    pub name: &'a str,
    /// Where they belong in it.
    pub offset: u64,
    /// All of them.
    pub bytes: &'a [u8],
    /// How many the disk took; `None` where the call failed.
    pub count: Option<usize>,
}

/// A call that was made.
pub struct Performed<'a> {
    /// Which.
    pub call: Call,
    /// The file's name, or the path.
    pub name: &'a dyn Fn() -> String,
    /// What became of it; `None` where it was not done.
    pub result: Option<Result<u64, Errno>>,
    /// Whether the life ends there.
    pub fate: Fate,
}

/// What stands between a call and the disk. Implemented by the world.
pub trait Gate: Send + Sync {
    /// Before each call: other tasks may run here. Returns what happens to this call.
    fn arrive(&self, call: Call) -> Fate;
    /// On the caller's stack, before each sync and each rename arrives: whether it has the effect that
    /// it should have. See [`Fault::LieAtSite`](super::Fault::LieAtSite).
    fn has_effect(&self, _: CallKind) -> bool {
        true
    }
    /// What the calling task does, for the counts. Asked once for each call that has arrived.
    fn place(&self) -> Place {
        Place::default()
    }
    /// After each call, done or not: its name and result are for people. The disk is at hand, and only
    /// through this reference.
    fn performed(&self, _: &mut Disk, _: Performed<'_>) {}
    /// The power is cut or the process dies now; the calling task never runs again.
    fn cut(&self) -> !;
    /// After each write. The disk is at hand, and only through this reference.
    fn wrote(&self, _: &Disk, _: Written<'_>) {}
    /// After each sync of a file that returned `Ok`, in the same way.
    fn synced(&self, _: &Disk, _: Ino) {}
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
