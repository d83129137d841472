//! Locks of ranges of a file that belong to an open file, not to a process (`F_OFD_SETLK`).
//!
//! They live in the process that holds them, as no other one opens its files, and end with it. A
//! doubled descriptor counts as an open file of its own here, which in the kernel it is not: whoever
//! locks through two of them would see a conflict too many.

use std::ffi::c_int;

use libc::flock as Lock;

use super::answer::Kept;
use super::waiting;
use crate::sys;

/// Bytes that are locked.
#[derive(Clone, Copy)]
struct Range {
    ino: u64,
    fd: c_int,
    start: i64,
    /// The first byte behind it.
    end: i64,
    is_exclusive: bool,
}

static HELD: Kept<Vec<Range>> = Kept::new(Vec::new());

fn range(fd: c_int, lock: &Lock) -> sys::Result<Range> {
    let whence = c_int::from(lock.l_whence);
    if whence != libc::SEEK_SET || lock.l_start < 0 || lock.l_len < 0 {
        return Err(libc::EINVAL);
    }
    let end = match lock.l_len {
        0 => i64::MAX,
        len => lock.l_start.checked_add(len).ok_or(libc::EOVERFLOW)?,
    };
    Ok(Range {
        ino: sys::fstat(fd)?.ino,
        fd,
        start: lock.l_start,
        end,
        is_exclusive: c_int::from(lock.l_type) == libc::F_WRLCK,
    })
}

impl Range {
    fn overlaps(&self, other: &Self) -> bool {
        self.ino == other.ino && self.start < other.end && other.start < self.end
    }

    fn conflicts(&self, other: &Self) -> bool {
        self.fd != other.fd && (self.is_exclusive || other.is_exclusive) && self.overlaps(other)
    }
}

/// Takes a lock or gives it back; `EAGAIN` where another open file has one in its way.
pub fn set(fd: c_int, lock: &Lock) -> sys::Result<()> {
    let range = range(fd, lock)?;
    try_set(range, lock)
}

/// As [`set`], when it can be.
pub fn wait(fd: c_int, lock: &Lock) -> sys::Result<()> {
    let range = range(fd, lock)?;
    waiting::until(address(), || match try_set(range, lock) {
        Err(libc::EAGAIN) => None,
        done => Some(done),
    })
}

fn try_set(range: Range, lock: &Lock) -> sys::Result<()> {
    let is_taken = c_int::from(lock.l_type) != libc::F_UNLCK;
    HELD.with(|held| {
        if is_taken && held.iter().any(|other| range.conflicts(other)) {
            return Err(libc::EAGAIN);
        }
        *held = without(held, &range);
        held.extend(is_taken.then_some(range));
        Ok(())
    })?;
    // A lock that was given back, or is weaker now.
    waiting::wake(address(), u32::MAX);
    Ok(())
}

/// Tells a lock that is in this one's way, or `F_UNLCK`.
pub fn get(fd: c_int, lock: &mut Lock) -> sys::Result<()> {
    let range = range(fd, lock)?;
    let found = HELD.with(|held| held.iter().copied().find(|other| range.conflicts(other)));
    let Some(found) = found else {
        lock.l_type = libc::F_UNLCK as _;
        return Ok(());
    };
    lock.l_type = match found.is_exclusive {
        true => libc::F_WRLCK as _,
        false => libc::F_RDLCK as _,
    };
    lock.l_start = found.start;
    lock.l_len = match found.end {
        i64::MAX => 0,
        end => end - found.start,
    };
    lock.l_pid = -1; // Source: fcntl(2), "Open file description locks".
    Ok(())
}

/// A descriptor is closed: its locks end.
pub fn closed(fd: c_int) {
    let were_held = HELD.with(|held| {
        let before = held.len();
        held.retain(|range| range.fd != fd);
        held.len() < before
    });
    if were_held {
        waiting::wake(address(), u32::MAX);
    }
}

/// The locks but for that range of that open file.
fn without(held: &[Range], gone: &Range) -> Vec<Range> {
    let mut left = Vec::with_capacity(held.len() + 1);
    for range in held {
        if range.fd != gone.fd || !range.overlaps(gone) {
            left.push(*range);
            continue;
        }
        let before = Range {
            end: gone.start,
            ..*range
        };
        let behind = Range {
            start: gone.end,
            ..*range
        };
        left.extend([before, behind].iter().filter(|part| part.start < part.end));
    }
    left
}

fn address() -> usize {
    (&raw const HELD) as usize
}

#[cfg(test)]
mod tests {
    use super::{Range, without};

    #[test]
    fn a_range_in_the_middle_leaves_two() {
        let range = |start, end| Range {
            ino: 1,
            fd: 1,
            start,
            end,
            is_exclusive: true,
        };
        let left = without(&[range(0, 10), range(20, 30)], &range(3, 5));
        let left: Vec<_> = left.iter().map(|range| (range.start, range.end)).collect();
        assert_eq!(left, [(0, 3), (5, 10), (20, 30)]);
        assert!(without(&[range(3, 5)], &range(0, 10)).is_empty());
        assert!(
            !Range {
                fd: 2,
                ..range(0, 3)
            }
            .conflicts(&range(3, 5))
        );
        assert!(
            Range {
                fd: 2,
                ..range(0, 4)
            }
            .conflicts(&range(3, 5))
        );
        assert!(!range(0, 4).conflicts(&range(3, 5)));
    }
}
