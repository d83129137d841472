//! Which paths and descriptors are the simulated disk's.
#![allow(unsafe_code)] // Paths come as C strings.

use std::ffi::{CStr, c_char, c_int};

use super::working;
use crate::sys;

/// The descriptor of a source of random bytes.
pub const RANDOM_FD: c_int = sys::FIRST_FD - 1;

/// Whether a simulated thread asks for one of its files.
pub fn is_file(fd: c_int) -> bool {
    fd >= sys::FIRST_FD && sys::is_simulated()
}

/// Whether a simulated thread asks for random bytes.
pub fn is_random(fd: c_int) -> bool {
    fd == RANDOM_FD && sys::is_simulated()
}

/// The absolute path without `.` and `..`, if a simulated thread asks for one of the simulated disk;
/// a relative one is relative to `directory`.
///
/// # Safety
/// `path` is null or ends with a zero.
pub unsafe fn find(directory: c_int, path: *const c_char) -> Option<sys::Result<Vec<u8>>> {
    if !sys::is_simulated() || path.is_null() {
        return None;
    }
    // SAFETY: The caller's promise.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    if path.first() == Some(&b'/') {
        return inside(&normal(path)).map(Ok);
    }
    let start = match directory {
        libc::AT_FDCWD => Ok(working::directory()?),
        sys::FIRST_FD.. => sys::path_of(directory),
        _ => return None,
    };
    if path.is_empty() {
        return Some(Err(libc::ENOENT));
    }
    let found = start.map(|mut whole| {
        whole.push(b'/');
        whole.extend_from_slice(path);
        normal(&whole)
    });
    Some(found)
}

/// The path, if it is the mount point or below it.
fn inside(path: &[u8]) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(sys::ROOT.as_bytes())?;
    (rest.is_empty() || rest.starts_with(b"/")).then(|| path.to_vec())
}

/// Without `.`, `..` and empty parts. The simulated disk has no symbolic links, so this is what Linux finds
/// where all parts are there.
fn normal(path: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = whole.iter().rposition(|byte| *byte == b'/');
                whole.truncate(parent.unwrap_or(0));
            }
            part => {
                whole.push(b'/');
                whole.extend_from_slice(part);
            }
        }
    }
    if whole.is_empty() {
        whole.push(b'/');
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::{inside, normal};

    #[test]
    fn a_path_loses_its_dots() {
        let check = |path: &str, expect: &str| {
            assert_eq!(String::from_utf8(normal(path.as_bytes())).unwrap(), expect);
        };
        check("/simfs", "/simfs");
        check("/simfs//a/./b/", "/simfs/a/b");
        check("/simfs/a/../b", "/simfs/b");
        check("/simfs/../../..", "/");
        check("/../simfs/a", "/simfs/a");
        check("/", "/");
    }

    #[test]
    fn only_what_is_below_the_mount_point_is_inside() {
        assert!(inside(b"/simfs").is_some());
        assert!(inside(b"/simfs/a").is_some());
        assert!(inside(b"/simfsa").is_none());
        assert!(inside(b"/tmp").is_none());
    }
}
