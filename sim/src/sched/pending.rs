//! What a task does when it runs next, and which of two such steps make a difference to each other.
//!
//! Objects are compared by identity and never ordered, so nothing depends on where one lies in memory.

/// The next step of a task, up to its next scheduling point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It begins.
    Begin,
    /// It takes this lock.
    Lock(usize),
    /// It reads this atomic.
    Load(usize),
    /// It writes this atomic.
    Store(usize),
    /// It is woken.
    Wait,
    /// It makes an I/O call that changes the disk.
    Change,
    /// It makes an I/O call that changes nothing.
    Look,
}

impl Act {
    /// Whether the two lead to another state when they come in the other order. All calls are to one
    /// disk: names lead from each file to others, and a crash sees the order of all changes.
    pub fn races_with(self, other: Act) -> bool {
        match (self, other) {
            (Act::Lock(one), Act::Lock(other)) => one == other,
            (Act::Store(one), Act::Load(other) | Act::Store(other))
            | (Act::Load(one), Act::Store(other)) => one == other,
            (Act::Change, Act::Change | Act::Look) | (Act::Look, Act::Change) => true,
            _ => false,
        }
    }
}

/// A next step that a task has arrived at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// How many scheduling points the run had passed then: no two of a task are the same.
    pub since: u64,
    /// What it is.
    pub act: Act,
}

impl Pending {
    /// That of a task that did not run yet.
    pub const BEGIN: Pending = Pending {
        since: 0,
        act: Act::Begin,
    };
}
