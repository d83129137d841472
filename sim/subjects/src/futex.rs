//! Waiting for another process, past everything that is interposed.
#![allow(unsafe_code)] // Two system calls by number.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::interpose::raw::call;

/// Waits as long as `word` is `value`, and at most so long; may return early.
pub fn wait(word: &AtomicU32, value: u32, at_most: Duration) {
    let timeout = libc::timespec {
        tv_sec: at_most.as_secs() as _,
        tv_nsec: at_most.subsec_nanos() as _,
    };
    let (word, timeout) = (word.as_ptr() as usize, &raw const timeout as usize);
    let operation = libc::FUTEX_WAIT as usize;
    // SAFETY: both addresses are those of live values; the kernel only reads them.
    unsafe {
        call(
            libc::SYS_futex,
            [word, operation, value as usize, timeout, 0, 0],
        )
    };
}

/// Wakes who waits for `word`.
pub fn wake(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE as usize;
    // SAFETY: the kernel only looks for the address, and reads nothing.
    unsafe {
        call(
            libc::SYS_futex,
            [word.as_ptr() as usize, operation, 1, 0, 0, 0],
        )
    };
}
