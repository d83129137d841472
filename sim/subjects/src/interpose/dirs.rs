//! Reading directories: libc's own way of doing it is within libc, so it is replaced as a whole.
#![allow(unsafe_code)] // Functions of libc, which hand out pointers.

use std::ffi::{c_char, c_int};
use std::{mem, ptr};

use libc::{AT_FDCWD, DIR, dirent as Entry};

use super::answer::int;
use super::paths::{self, is_file};
use super::raw::{also, real, set_errno};
use crate::sys;

/// The mark of an open directory of ours. libc's begins with its descriptor, which is no negative one.
const MARK: u64 = 0x5ea_u64 << 52 | 0xffff_ffff;

/// An open directory: what a caller's `DIR*` leads to.
#[repr(C)]
struct Directory {
    mark: u64,
    fd: c_int,
    /// The names as they were at the first read since it was opened or rewound.
    names: Option<Vec<sys::DirEntry>>,
    /// How many have been read.
    read: usize,
    /// The one that was handed out last.
    current: Entry,
}

impl Directory {
    fn open(fd: c_int) -> *mut DIR {
        let directory = Box::new(Directory {
            mark: MARK,
            fd,
            names: None,
            read: 0,
            // SAFETY: It is made of numbers.
            current: unsafe { mem::zeroed() },
        });
        Box::into_raw(directory).cast()
    }

    /// Ours, if it is ours.
    ///
    /// # Safety
    /// `dir` is an open directory, ours or libc's, that nobody else uses now.
    unsafe fn of<'a>(dir: *mut DIR) -> Option<&'a mut Self> {
        // SAFETY: Either kind begins with eight bytes that can be read.
        let is_ours = unsafe { dir.cast::<u64>().read() } == MARK;
        // SAFETY: It was made above.
        is_ours.then(|| unsafe { &mut *dir.cast() })
    }

    fn next(&mut self) -> sys::Result<Option<&mut Entry>> {
        if self.names.is_none() {
            self.names = Some(names(self.fd)?);
        }
        let names = self.names.as_deref().unwrap_or_default();
        let Some(found) = names.get(self.read) else {
            return Ok(None);
        };
        self.read += 1;
        let entry = &mut self.current;
        entry.d_ino = found.ino;
        entry.d_off = self.read as i64;
        entry.d_reclen = mem::size_of::<Entry>() as u16;
        entry.d_type = if found.is_dir {
            libc::DT_DIR
        } else {
            libc::DT_REG
        };
        assert!(found.name.len() < entry.d_name.len(), "a name too long");
        let bytes = found.name.iter().chain(&[0]);
        for (to, from) in entry.d_name.iter_mut().zip(bytes) {
            *to = *from as c_char;
        }
        Ok(Some(entry))
    }
}

/// All names, with `.` and `..`.
fn names(fd: c_int) -> sys::Result<Vec<sys::DirEntry>> {
    let own = |name: &[u8], ino| sys::DirEntry {
        name: name.to_vec(),
        ino,
        is_dir: true,
    };
    let ino = sys::fstat(fd)?.ino;
    let mut names = vec![own(b".", ino), own(b"..", ino)];
    names.extend(sys::read_dir(&sys::path_of(fd)?)?);
    Ok(names)
}

fn or_null(opened: sys::Result<*mut DIR>) -> *mut DIR {
    opened.unwrap_or_else(|errno| {
        set_errno(errno);
        ptr::null_mut()
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut DIR {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: The caller's path.
    match unsafe { paths::find(AT_FDCWD, path) } {
        Some(path) => or_null(path.and_then(|path| sys::open(&path, flags).map(Directory::open))),
        None => real!(opendir(path => *const c_char) -> *mut DIR),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdopendir(fd: c_int) -> *mut DIR {
    if !is_file(fd) {
        return real!(fdopendir(fd => c_int) -> *mut DIR);
    }
    or_null(sys::fstat(fd).and_then(|known| match known.is_dir {
        true => Ok(Directory::open(fd)),
        false => Err(libc::ENOTDIR),
    }))
}

// At the end it returns null and leaves `errno` as it was.
// Source: readdir(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir(dir: *mut DIR) -> *mut Entry {
    // SAFETY: The caller's directory.
    match unsafe { Directory::of(dir) }.map(Directory::next) {
        None => real!(readdir(dir => *mut DIR) -> *mut Entry),
        Some(Ok(entry)) => entry.map_or(ptr::null_mut(), ptr::from_mut),
        Some(Err(errno)) => {
            set_errno(errno);
            ptr::null_mut()
        }
    }
}

// It returns the error.
// Source: readdir_r(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir_r(
    dir: *mut DIR,
    entry: *mut Entry,
    result: *mut *mut Entry,
) -> c_int {
    // SAFETY: The caller's directory.
    let Some(directory) = (unsafe { Directory::of(dir) }) else {
        return real!(
            readdir_r(dir => *mut DIR, entry => *mut Entry, result => *mut *mut Entry) -> c_int
        );
    };
    let (found, errno) = match directory.next() {
        Ok(found) => (found, 0),
        Err(errno) => (None, errno),
    };
    // SAFETY: The caller's structures.
    unsafe {
        result.write(ptr::null_mut());
        if let Some(found) = found {
            ptr::copy_nonoverlapping(found, entry, 1);
            result.write(entry);
        }
    }
    errno
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(dir: *mut DIR) -> c_int {
    // SAFETY: The caller's directory.
    let Some(directory) = (unsafe { Directory::of(dir) }) else {
        return real!(closedir(dir => *mut DIR) -> c_int);
    };
    let fd = directory.fd;
    // SAFETY: It was made by `Directory::open`, and the caller does not use it again.
    drop(unsafe { Box::from_raw(dir.cast::<Directory>()) });
    int(sys::close(fd))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn dirfd(dir: *mut DIR) -> c_int {
    // SAFETY: The caller's directory.
    match unsafe { Directory::of(dir) } {
        Some(directory) => directory.fd,
        None => real!(dirfd(dir => *mut DIR) -> c_int),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rewinddir(dir: *mut DIR) {
    // SAFETY: The caller's directory.
    match unsafe { Directory::of(dir) } {
        Some(directory) => {
            directory.names = None;
            directory.read = 0;
        }
        None => real!(rewinddir(dir => *mut DIR) -> ()),
    }
}

// Numbers have 64 bits either way, and the structures are the same.
also! {
    readdir64(dir: *mut DIR) -> *mut Entry = readdir;
    readdir64_r(dir: *mut DIR, entry: *mut Entry, result: *mut *mut Entry) -> c_int = readdir_r;
}
