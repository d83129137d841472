//! The length of files, their room, and hints about their use.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_char, c_int};

use libc::off_t;

use super::answer::{fail, int};
use super::pages;
use super::paths::{self, is_file};
use super::raw::{also, pass};
use crate::sys;

fn set_len(fd: c_int, len: off_t) -> sys::Result<()> {
    let len = u64::try_from(len).or(Err(libc::EINVAL))?;
    sys::set_len(fd, len)?;
    pages::resized(fd, len);
    Ok(())
}

fn allocate(fd: c_int, mode: c_int, offset: off_t, len: off_t) -> sys::Result<()> {
    let offset = u64::try_from(offset).or(Err(libc::EINVAL))?;
    match u64::try_from(len) {
        Ok(len @ 1..) => sys::allocate(fd, mode, offset, len),
        _ => Err(libc::EINVAL),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, len: off_t) -> c_int {
    if is_file(fd) {
        return int(set_len(fd, len));
    }
    pass!(SYS_ftruncate, fd, len)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn truncate(path: *const c_char, len: off_t) -> c_int {
    let truncate = |path: Vec<u8>| {
        let fd = sys::open(&path, libc::O_WRONLY | libc::O_CLOEXEC)?;
        let done = set_len(fd, len);
        sys::close(fd)?;
        done
    };
    // SAFETY: The caller's path.
    match unsafe { paths::find(libc::AT_FDCWD, path) } {
        Some(path) => int(path.and_then(truncate)),
        None if sys::is_simulated() => fail(libc::EROFS) as _,
        None => pass!(SYS_truncate, path, len),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate(fd: c_int, mode: c_int, offset: off_t, len: off_t) -> c_int {
    if is_file(fd) {
        return int(allocate(fd, mode, offset, len));
    }
    pass!(SYS_fallocate, fd, mode, offset, len)
}

// It returns the error and leaves `errno` alone.
// Source: posix_fallocate(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate(fd: c_int, offset: off_t, len: off_t) -> c_int {
    if is_file(fd) {
        return allocate(fd, 0, offset, len).err().unwrap_or(0);
    }
    super::raw::real!(posix_fallocate(fd => c_int, offset => off_t, len => off_t) -> c_int)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fadvise(
    fd: c_int,
    offset: off_t,
    len: off_t,
    advice: c_int,
) -> c_int {
    if is_file(fd) {
        return 0;
    }
    super::raw::real!(
        posix_fadvise(fd => c_int, offset => off_t, len => off_t, advice => c_int) -> c_int
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readahead(fd: c_int, offset: off_t, count: usize) -> isize {
    if is_file(fd) {
        return 0;
    }
    pass!(SYS_readahead, fd, offset, count)
}

also! {
    ftruncate64(fd: c_int, len: off_t) -> c_int = ftruncate;
    truncate64(path: *const c_char, len: off_t) -> c_int = truncate;
    fallocate64(fd: c_int, mode: c_int, offset: off_t, len: off_t) -> c_int = fallocate;
    posix_fallocate64(fd: c_int, offset: off_t, len: off_t) -> c_int = posix_fallocate;
    posix_fadvise64(fd: c_int, offset: off_t, len: off_t, advice: c_int) -> c_int = posix_fadvise;
}
