//! A simulated call's result in the form of libc: the value, or -1 and `errno`.
#![allow(unsafe_code)] // A state without a lock, as said there.

use std::cell::UnsafeCell;
use std::ffi::c_int;

use super::raw::set_errno;
use crate::sys;

/// For functions that return an `int`: what the call returned, or 0.
pub fn int<T: Value>(result: sys::Result<T>) -> c_int {
    number(result) as c_int
}

/// For functions that return a length or an offset.
pub fn number<T: Value>(result: sys::Result<T>) -> isize {
    match result {
        Ok(value) => value.number(),
        Err(errno) => fail(errno),
    }
}

/// Sets `errno` and returns -1.
pub fn fail(errno: c_int) -> isize {
    set_errno(errno);
    -1
}

/// What a call can return.
pub trait Value {
    /// As libc returns it.
    fn number(self) -> isize;
}

impl Value for () {
    fn number(self) -> isize {
        0
    }
}

impl Value for i32 {
    fn number(self) -> isize {
        self as isize
    }
}

impl Value for u32 {
    fn number(self) -> isize {
        self as isize
    }
}

impl Value for u64 {
    fn number(self) -> isize {
        self as isize
    }
}

impl Value for usize {
    fn number(self) -> isize {
        self as isize
    }
}

/// What is kept between the calls of simulated threads.
pub struct Kept<T>(UnsafeCell<T>);

// SAFETY: Only simulated threads look at it, of which one runs at a time; and whoever looks makes no
// call of `sys` while it does, so that no other one's turn comes.
unsafe impl<T> Sync for Kept<T> {}

impl<T> Kept<T> {
    /// At first.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Looks at it, or changes it. `look` makes no call of `sys`, and does not come back here.
    pub fn with<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: See above: this is the only reference.
        look(unsafe { &mut *self.0.get() })
    }
}
