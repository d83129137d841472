//! The working directory of a simulated process: what relative paths begin with.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_char, c_int};
use std::ptr;

use libc::{AT_FDCWD, size_t};

use super::answer::{Kept, int};
use super::paths;
use super::raw::{pass, real, set_errno};
use crate::sys;

/// Empty where it is a real one.
static WORKING: Kept<Vec<u8>> = Kept::new(Vec::new());

/// It, if it is one of the simulated disk. A simulated thread asks.
pub fn directory() -> Option<Vec<u8>> {
    let path = WORKING.with(|path| path.clone());
    (!path.is_empty()).then_some(path)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn chdir(path: *const c_char) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(AT_FDCWD, path) } {
        Some(path) => int(path.and_then(|path| match sys::stat(&path)?.is_dir {
            true => {
                WORKING.with(|working| *working = path);
                Ok(())
            }
            false => Err(libc::ENOTDIR),
        })),
        None => {
            if sys::is_simulated() {
                WORKING.with(Vec::clear);
            }
            pass!(SYS_chdir, path)
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getcwd(buf: *mut c_char, size: size_t) -> *mut c_char {
    let working = if sys::is_simulated() {
        directory()
    } else {
        None
    };
    let Some(path) = working else {
        return real!(getcwd(buf => *mut c_char, size => size_t) -> *mut c_char);
    };
    if buf.is_null() || path.len() >= size {
        set_errno(if buf.is_null() {
            libc::EINVAL
        } else {
            libc::ERANGE
        });
        return ptr::null_mut();
    }
    // SAFETY: There is room for the path and a zero.
    unsafe {
        ptr::copy_nonoverlapping(path.as_ptr().cast(), buf, path.len());
        buf.add(path.len()).write(0);
    }
    buf
}
