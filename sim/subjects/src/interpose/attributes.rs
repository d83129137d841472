//! Modes, owners and times: the simulated disk keeps none, so whoever sets them is told that it's done.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_char, c_int, c_ulong};

use libc::{AT_FDCWD, gid_t, mode_t, timespec, timeval, uid_t};

use super::answer::{fail, int};
use super::paths::{self, is_file};
use super::raw::{pass, real};
use crate::sys;

/// Done, if the file is there; `None` if it is a real one's turn.
///
/// # Safety
/// `path` is null or ends with a zero.
unsafe fn done(directory: c_int, path: *const c_char) -> Option<c_int> {
    // SAFETY: The caller's promise.
    let path = unsafe { paths::find(directory, path) }?;
    Some(int(path.and_then(|path| sys::stat(&path).map(|_| ()))))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchmod(fd: c_int, mode: mode_t) -> c_int {
    if is_file(fd) {
        return 0;
    }
    pass!(SYS_fchmod, fd, mode)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchmodat(
    directory: c_int,
    path: *const c_char,
    mode: mode_t,
    flags: c_int,
) -> c_int {
    // SAFETY: The caller's path.
    unsafe { done(directory, path) }.unwrap_or_else(|| {
        real!(
            fchmodat(directory => c_int, path => *const c_char, mode => mode_t, flags => c_int)
                -> c_int
        )
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn chmod(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { fchmodat(AT_FDCWD, path, mode, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchown(fd: c_int, owner: uid_t, group: gid_t) -> c_int {
    if is_file(fd) {
        return 0;
    }
    pass!(SYS_fchown, fd, owner, group)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchownat(
    directory: c_int,
    path: *const c_char,
    owner: uid_t,
    group: gid_t,
    flags: c_int,
) -> c_int {
    // SAFETY: The caller's path.
    unsafe { done(directory, path) }
        .unwrap_or_else(|| pass!(SYS_fchownat, directory, path, owner, group, flags))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn chown(path: *const c_char, owner: uid_t, group: gid_t) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { fchownat(AT_FDCWD, path, owner, group, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lchown(path: *const c_char, owner: uid_t, group: gid_t) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { fchownat(AT_FDCWD, path, owner, group, libc::AT_SYMLINK_NOFOLLOW) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn futimens(fd: c_int, times: *const timespec) -> c_int {
    if is_file(fd) {
        return 0;
    }
    real!(futimens(fd => c_int, times => *const timespec) -> c_int)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn utimensat(
    directory: c_int,
    path: *const c_char,
    times: *const timespec,
    flags: c_int,
) -> c_int {
    // SAFETY: The caller's path.
    unsafe { done(directory, path) }
        .unwrap_or_else(|| pass!(SYS_utimensat, directory, path, times, flags))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn utimes(path: *const c_char, times: *const timeval) -> c_int {
    // SAFETY: The caller's path.
    unsafe { done(AT_FDCWD, path) }
        .unwrap_or_else(|| real!(utimes(path => *const c_char, times => *const timeval) -> c_int))
}

// No request is known to a simulated file: it is no terminal and shares no blocks with another.
// Source: ioctl(2), ENOTTY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, argument: usize) -> c_int {
    if is_file(fd) {
        return fail(libc::ENOTTY) as c_int;
    }
    pass!(SYS_ioctl, fd, request, argument)
}
