//! flock(2) and fcntl(2).
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::c_int;

use libc::flock as Lock;

use super::answer::{fail, int};
use super::paths::{is_file, is_random};
use super::ranges;
use super::raw::{also, pass};
use crate::sys;

/// What `F_SETFL` can change; the rest of the flags is decided when a file is opened.
const CHANGEABLE: c_int = libc::O_APPEND | libc::O_DIRECT | libc::O_NOATIME | libc::O_NONBLOCK;

/// What `F_GETFL` does not tell.
const FORGOTTEN: c_int = libc::O_CREAT
    | libc::O_EXCL
    | libc::O_NOCTTY
    | libc::O_TRUNC
    | libc::O_CLOEXEC
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn flock(fd: c_int, operation: c_int) -> c_int {
    if is_file(fd) {
        return int(sys::lock(fd, operation));
    }
    pass!(SYS_flock, fd, operation)
}

// The last argument is there only with some commands; see `open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    if is_random(fd) {
        return match command {
            libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => fd,
            libc::F_GETFD => libc::FD_CLOEXEC,
            libc::F_GETFL | libc::F_SETFD | libc::F_SETFL => 0,
            _ => fail(libc::EINVAL) as c_int,
        };
    }
    if is_file(fd) {
        // SAFETY: The caller's argument, which is a lock if the command asks for one.
        return int(unsafe { control(fd, command, argument) });
    }
    pass!(SYS_fcntl, fd, command, argument)
}

/// # Safety
/// `argument` is a lock where `command` asks for one.
unsafe fn control(fd: c_int, command: c_int, argument: usize) -> sys::Result<c_int> {
    let lock = argument as *mut Lock;
    match command {
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => sys::dup(fd),
        libc::F_GETFD => Ok(libc::FD_CLOEXEC),
        libc::F_SETFD => Ok(0),
        libc::F_GETFL => Ok(sys::flags(fd)? & !FORGOTTEN),
        libc::F_SETFL => match (sys::flags(fd)? ^ argument as c_int) & CHANGEABLE {
            0 => Ok(0),
            _ => Err(libc::EINVAL),
        },
        // These are a process's, and there is no other one.
        libc::F_SETLK | libc::F_SETLKW => Ok(0),
        libc::F_GETLK => {
            // SAFETY: The caller's promise.
            unsafe { (*lock).l_type = libc::F_UNLCK as _ };
            Ok(0)
        }
        // SAFETY: The caller's promise.
        libc::F_OFD_SETLK => ranges::set(fd, unsafe { &*lock }).map(|()| 0),
        // SAFETY: The caller's promise.
        libc::F_OFD_SETLKW => ranges::wait(fd, unsafe { &*lock }).map(|()| 0),
        // SAFETY: The caller's promise.
        libc::F_OFD_GETLK => ranges::get(fd, unsafe { &mut *lock }).map(|()| 0),
        _ => Err(libc::EINVAL),
    }
}

also! {
    fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int = fcntl;
}
