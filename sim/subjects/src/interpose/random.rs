//! Randomness is the seed's.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_int, c_uint, c_void};
use std::slice;

use libc::{size_t, ssize_t};

use super::answer::fail;
use super::raw::{pass, real};
use crate::sys;

/// Fills the caller's buffer.
///
/// # Safety
/// It is the caller's.
unsafe fn fill(buf: *mut c_void, count: size_t) {
    if count > 0 {
        // SAFETY: The caller's promise.
        sys::random(unsafe { slice::from_raw_parts_mut(buf.cast(), count) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buf: *mut c_void, count: size_t, flags: c_uint) -> ssize_t {
    if !sys::is_simulated() {
        return pass!(SYS_getrandom, buf, count, flags);
    }
    // SAFETY: The caller's buffer.
    unsafe { fill(buf, count) };
    count as ssize_t
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getentropy(buf: *mut c_void, count: size_t) -> c_int {
    if !sys::is_simulated() {
        return real!(getentropy(buf => *mut c_void, count => size_t) -> c_int);
    }
    // Source: getentropy(3), EIO.
    if count > 256 {
        return fail(libc::EIO) as c_int;
    }
    // SAFETY: The caller's buffer.
    unsafe { fill(buf, count) };
    0
}
