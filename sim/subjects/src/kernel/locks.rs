//! Locks of files: those of flock(2), which belong to open files.

use std::cell::RefCell;

use seawall::env::sync::{Park, Scheduler as Hook};
use seawall_sim::disk::Ino;
use seawall_sim::sched::Scheduler;

/// What waits for locks waits for this: far from the threads' numbers, and below any address.
const LOCKS: usize = 2000;

/// Who has locked what.
#[derive(Default)]
pub(super) struct Locks {
    held: RefCell<Vec<Held>>,
}

struct Held {
    ino: Ino,
    /// The open file.
    owner: u64,
    is_exclusive: bool,
}

impl Locks {
    /// flock(2): `operation` for `owner`.
    pub(super) fn flock(&self, ino: Ino, owner: u64, operation: i32) -> Result<(), i32> {
        let is_exclusive = match operation & !libc::LOCK_NB {
            libc::LOCK_UN => {
                self.release(owner);
                return Ok(());
            }
            libc::LOCK_EX => true,
            libc::LOCK_SH => false,
            _ => return Err(libc::EINVAL),
        };
        // Source: flock(2): a lock is converted by giving it up first.
        self.release(owner);
        while self.is_refused(ino, is_exclusive) {
            if operation & libc::LOCK_NB != 0 {
                return Err(libc::EWOULDBLOCK);
            }
            Scheduler::of_this_thread().park(LOCKS, Park::Lock);
        }
        self.held.borrow_mut().push(Held {
            ino,
            owner,
            is_exclusive,
        });
        Ok(())
    }

    fn is_refused(&self, ino: Ino, is_exclusive: bool) -> bool {
        let held = self.held.borrow();
        let mut others = held.iter().filter(|held| held.ino == ino);
        others.any(|held| held.is_exclusive || is_exclusive)
    }

    /// Gives up what an open file has locked.
    pub(super) fn release(&self, owner: u64) {
        self.held.borrow_mut().retain(|held| held.owner != owner);
        Scheduler::of_this_thread().wake_all(LOCKS);
    }
}
