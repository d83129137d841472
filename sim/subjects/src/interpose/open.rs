//! Opening, closing and doubling of descriptors.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{CStr, c_char, c_int, c_uint};

use super::answer::{fail, int};
use super::paths::{self, RANDOM_FD, is_file, is_random};
use super::raw::{also, pass};
use super::{ranges, surroundings};
use crate::sys;

// `open` and `openat` have a last argument only with some flags; both conventions of calls put a
// variable argument where a fixed one is.
// Source: System V ABI, AMD64 supplement, 3.2.3; Procedure Call Standard for the Arm 64-bit
// architecture, 6.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mode: c_uint,
) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(directory, path) } {
        Some(path) => int(path.and_then(|path| open_file(&path, flags))),
        // SAFETY: The caller's path.
        None if sys::is_simulated() && !path.is_null() => match unsafe { outside(path, flags) } {
            Ok(Some(fd)) => fd,
            Ok(None) => pass!(SYS_openat, directory, path, flags, mode),
            Err(errno) => fail(errno) as c_int,
        },
        None => pass!(SYS_openat, directory, path, flags, mode),
    }
}

fn open_file(path: &[u8], flags: c_int) -> sys::Result<c_int> {
    if flags & libc::O_TMPFILE == libc::O_TMPFILE {
        return Err(libc::EOPNOTSUPP); // As on a file system without; whoever asks has another way.
    }
    sys::open(path, flags)
}

/// A file of the real machine, asked for by a simulated thread: a device may be simulated, some
/// files are hidden, and none is written, so that a life leaves nothing behind but on its disk.
///
/// # Safety
/// `path` ends with a zero.
unsafe fn outside(path: *const c_char, flags: c_int) -> sys::Result<Option<c_int>> {
    // SAFETY: The caller's promise.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    if path == b"/dev/urandom" || path == b"/dev/random" {
        return Ok(Some(RANDOM_FD));
    }
    if surroundings::is_hidden(path) {
        return Err(libc::ENOENT);
    }
    let is_written = flags & libc::O_ACCMODE != libc::O_RDONLY
        || flags & (libc::O_CREAT | libc::O_TRUNC) != 0
        || flags & libc::O_TMPFILE == libc::O_TMPFILE;
    if is_written && !path.starts_with(b"/dev/") {
        return Err(libc::EROFS);
    }
    Ok(None)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { openat(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn creat(path: *const c_char, mode: c_uint) -> c_int {
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
    // SAFETY: The caller's promise.
    unsafe { openat(libc::AT_FDCWD, path, flags, mode) }
}

// With _FORTIFY_SOURCE, and flags that need no mode.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __open_2(path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { openat(libc::AT_FDCWD, path, flags, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __openat_2(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { openat(directory, path, flags, 0) }
}

also! {
    open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int = open;
    openat64(directory: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int = openat;
    creat64(path: *const c_char, mode: c_uint) -> c_int = creat;
    __open64_2(path: *const c_char, flags: c_int) -> c_int = __open_2;
    __openat64_2(directory: c_int, path: *const c_char, flags: c_int) -> c_int = __openat_2;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    if is_random(fd) {
        return 0;
    }
    if is_file(fd) {
        ranges::closed(fd);
        return int(sys::close(fd));
    }
    pass!(SYS_close, fd)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup(fd: c_int) -> c_int {
    if is_random(fd) {
        return fd;
    }
    if is_file(fd) {
        return int(sys::dup(fd));
    }
    pass!(SYS_dup, fd)
}
