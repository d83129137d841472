//! What makes bytes and names durable.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_int, c_uint};

use libc::off_t;

use super::answer::{fail, int};
use super::paths::is_file;
use super::raw::pass;
use crate::sys;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    if is_file(fd) {
        return int(sys::sync(fd, false));
    }
    pass!(SYS_fsync, fd)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    if is_file(fd) {
        return int(sys::sync(fd, true));
    }
    pass!(SYS_fdatasync, fd)
}

// It makes nothing durable: a drive may keep what it was sent in its cache, and no length or place
// of a block is written.
// Source: sync_file_range(2), Warning.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sync_file_range(
    fd: c_int,
    offset: off_t,
    count: off_t,
    flags: c_uint,
) -> c_int {
    if is_file(fd) {
        return 0;
    }
    pass!(SYS_sync_file_range, fd, offset, count, flags)
}

// The simulated disk can't make all files durable at once, and does not say that it did.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syncfs(fd: c_int) -> c_int {
    if is_file(fd) {
        return fail(libc::ENOSYS) as c_int;
    }
    pass!(SYS_syncfs, fd)
}
