//! Names: made, moved, removed, asked about.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_char, c_int, c_uint};
use std::ptr;

use libc::{AT_FDCWD, mode_t, size_t, ssize_t};

use super::answer::{fail, int};
use super::paths;
use super::raw::{pass, real, set_errno};
use crate::sys;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(directory, path) } {
        Some(path) => int(path.and_then(|path| sys::create_dir(&path))),
        None if sys::is_simulated() => fail(libc::EROFS) as _,
        None => pass!(SYS_mkdirat, directory, path, mode),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { mkdirat(AT_FDCWD, path, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(directory, path) } {
        Some(path) => int(path.and_then(|path| match flags & libc::AT_REMOVEDIR {
            0 => sys::remove_file(&path),
            _ => sys::remove_dir(&path),
        })),
        None if sys::is_simulated() => fail(libc::EROFS) as _,
        None => pass!(SYS_unlinkat, directory, path, flags),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { unlinkat(AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { unlinkat(AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(AT_FDCWD, path) } {
        Some(path) => int(path.and_then(|path| match sys::stat(&path)?.is_dir {
            true => sys::remove_dir(&path),
            false => sys::remove_file(&path),
        })),
        None => real!(remove(path => *const c_char) -> c_int),
    }
}

// Flags are refused as by a file system that has none: to look first and to rename then would be
// two calls, with others between them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    // SAFETY: The caller's paths.
    let paths = unsafe {
        (
            paths::find(from_directory, from),
            paths::find(to_directory, to),
        )
    };
    match paths {
        (None, None) if sys::is_simulated() => fail(libc::EROFS) as c_int,
        (None, None) => pass!(SYS_renameat2, from_directory, from, to_directory, to, flags),
        (Some(_), Some(_)) if flags != 0 => fail(libc::EINVAL) as c_int,
        (Some(from), Some(to)) => {
            int(from.and_then(|from| to.and_then(|to| sys::rename(&from, &to))))
        }
        _ => fail(libc::EXDEV) as c_int,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { renameat2(from_directory, from, to_directory, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { renameat2(AT_FDCWD, from, AT_FDCWD, to, 0) }
}

// The simulated disk has one name for a file.
// Source: link(2), EPERM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: The caller's paths.
    let paths = unsafe {
        (
            paths::find(from_directory, from),
            paths::find(to_directory, to),
        )
    };
    match paths {
        (None, None) if sys::is_simulated() => fail(libc::EROFS) as c_int,
        (None, None) => pass!(SYS_linkat, from_directory, from, to_directory, to, flags),
        (Some(_), Some(_)) => fail(libc::EPERM) as c_int,
        _ => fail(libc::EXDEV) as c_int,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { linkat(AT_FDCWD, from, AT_FDCWD, to, 0) }
}

// The simulated disk has no symbolic links.
// Source: symlink(2), EPERM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlinkat(
    target: *const c_char,
    directory: c_int,
    path: *const c_char,
) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(directory, path) } {
        Some(_) => fail(libc::EPERM) as c_int,
        None if sys::is_simulated() => fail(libc::EROFS) as _,
        None => pass!(SYS_symlinkat, target, directory, path),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { symlinkat(target, AT_FDCWD, path) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlinkat(
    directory: c_int,
    path: *const c_char,
    buf: *mut c_char,
    size: size_t,
) -> ssize_t {
    // SAFETY: The caller's path.
    match unsafe { paths::find(directory, path) } {
        Some(path) => match path.and_then(|path| sys::stat(&path)) {
            Ok(_) => fail(libc::EINVAL),
            Err(errno) => fail(errno),
        },
        None => pass!(SYS_readlinkat, directory, path, buf, size),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(path: *const c_char, buf: *mut c_char, size: size_t) -> ssize_t {
    // SAFETY: The caller's promise.
    unsafe { readlinkat(AT_FDCWD, path, buf, size) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpath(path: *const c_char, resolved: *mut c_char) -> *mut c_char {
    // SAFETY: The caller's path.
    match unsafe { paths::find(AT_FDCWD, path) } {
        None => real!(realpath(path => *const c_char, resolved => *mut c_char) -> *mut c_char),
        Some(path) => match path.and_then(|path| sys::stat(&path).map(|_| path)) {
            // SAFETY: The caller's buffer has room for each path, or is null.
            Ok(path) => unsafe { put(&path, resolved) },
            Err(errno) => {
                set_errno(errno);
                ptr::null_mut()
            }
        },
    }
}

/// The path as a C string, in `resolved` or, where that is null, in memory that the caller frees.
///
/// # Safety
/// There is room for the path and a zero, or `resolved` is null.
pub(super) unsafe fn put(path: &[u8], resolved: *mut c_char) -> *mut c_char {
    let target = match resolved.is_null() {
        // SAFETY: As for anybody.
        true => unsafe { libc::malloc(path.len() + 1) }.cast(),
        false => resolved,
    };
    assert!(!target.is_null(), "no memory for a path");
    // SAFETY: There is room for the path and a zero.
    unsafe {
        ptr::copy_nonoverlapping(path.as_ptr().cast(), target, path.len());
        target.add(path.len()).write(0);
    }
    target
}

// Whoever may do anything may not execute a file that nobody may execute.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn faccessat(
    directory: c_int,
    path: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(directory, path) } {
        Some(path) => int(path.and_then(|path| match sys::stat(&path)?.is_dir {
            false if mode & libc::X_OK != 0 => Err(libc::EACCES),
            _ => Ok(()),
        })),
        None => real!(
            faccessat(directory => c_int, path => *const c_char, mode => c_int, flags => c_int)
                -> c_int
        ),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { faccessat(AT_FDCWD, path, mode, 0) }
}

// With _FORTIFY_SOURCE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __realpath_chk(
    path: *const c_char,
    resolved: *mut c_char,
    size: size_t,
) -> *mut c_char {
    assert!(size >= libc::PATH_MAX as usize, "a path beyond its buffer");
    // SAFETY: The caller's promise.
    unsafe { realpath(path, resolved) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __readlink_chk(
    path: *const c_char,
    buf: *mut c_char,
    size: size_t,
    room: size_t,
) -> ssize_t {
    assert!(size <= room, "a path beyond its buffer");
    // SAFETY: The caller's promise.
    unsafe { readlink(path, buf, size) }
}
