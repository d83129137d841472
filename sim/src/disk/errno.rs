//! The operating system's error numbers, as a kernel would return them.
//!
//! The log under test must see the errors that it would see from a kernel, so these become
//! `io::Error`s by number and not by kind.

use std::fmt;
use std::io;

/// An error number of Linux.
// Source: include/uapi/asm-generic/errno-base.h (1 to 34) and errno.h (from 35) of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(i32);

macro_rules! numbers {
    ($($name:ident = $number:literal, $meaning:literal;)+) => {
        impl Errno {
            $(#[doc = $meaning] pub const $name: Errno = Errno($number);)+

            /// The symbol, such as `EIO`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)+
                    _ => "unknown",
                }
            }
        }
    };
}

numbers! {
    ENOENT = 2, "No such file or directory.";
    EINTR = 4, "Interrupted; nothing was done.";
    EIO = 5, "Input/output error.";
    EBADF = 9, "The descriptor is not open for this.";
    EAGAIN = 11, "Would block (`EWOULDBLOCK`).";
    EACCES = 13, "Permission denied.";
    EBUSY = 16, "The directory is in use, such as the root.";
    EEXIST = 17, "The name exists.";
    ENOTDIR = 20, "Not a directory.";
    EISDIR = 21, "Is a directory.";
    EINVAL = 22, "Invalid argument.";
    ENFILE = 23, "Too many open files in the system.";
    EMFILE = 24, "Too many open files in the process.";
    EFBIG = 27, "The file would be too large.";
    ENOSPC = 28, "No space left on the device.";
    EROFS = 30, "The file system is read-only.";
    ENOLCK = 37, "There are no locks left.";
    ENOTEMPTY = 39, "The directory is not empty.";
    EOPNOTSUPP = 95, "The file system can't do this.";
    EDQUOT = 122, "The disk quota is used up.";
}

impl Errno {
    /// The number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.0)
    }
}
