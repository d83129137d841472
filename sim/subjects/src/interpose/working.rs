//! The working directory, where it is one of the simulated disk.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_char, c_int};
use std::ptr;

use libc::{AT_FDCWD, size_t};

use super::answer::{Kept, int};
use super::names::put;
use super::paths::{self, is_file};
use super::raw::{pass, real, set_errno};
use crate::sys;

/// Its path; `None` while it is a real one, as at first.
static DIRECTORY: Kept<Option<Vec<u8>>> = Kept::new(None);

/// Its path, for a simulated thread.
pub fn directory() -> Option<Vec<u8>> {
    DIRECTORY.with(|directory| directory.clone())
}

fn change(path: Vec<u8>) -> sys::Result<()> {
    if !sys::stat(&path)?.is_dir {
        return Err(libc::ENOTDIR);
    }
    DIRECTORY.with(|directory| *directory = Some(path));
    Ok(())
}

/// A real directory is the process's again, if that is so.
fn left(result: c_int) -> c_int {
    if result == 0 && sys::is_simulated() {
        DIRECTORY.with(|directory| *directory = None);
    }
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn chdir(path: *const c_char) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(AT_FDCWD, path) } {
        Some(path) => int(path.and_then(change)),
        None => left(pass!(SYS_chdir, path)),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchdir(fd: c_int) -> c_int {
    if is_file(fd) {
        return int(sys::path_of(fd).and_then(change));
    }
    left(pass!(SYS_fchdir, fd))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getcwd(buf: *mut c_char, size: size_t) -> *mut c_char {
    let simulated = if sys::is_simulated() {
        directory()
    } else {
        None
    };
    match simulated {
        None => real!(getcwd(buf => *mut c_char, size => size_t) -> *mut c_char),
        Some(path) if !buf.is_null() && path.len() >= size => {
            set_errno(libc::ERANGE);
            ptr::null_mut()
        }
        // SAFETY: There is room for the path, or memory is made for it.
        Some(path) => unsafe { put(&path, buf) },
    }
}
