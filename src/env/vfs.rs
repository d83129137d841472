//! The seam between the log and its disk: the system calls that a log needs, and no more.
//!
//! No method has a default body, so an implementation can't leave one out by accident:
//! a directory sync that a fake forgets is a directory entry that it can't lose.
//! Errors are those of the operating system, unchanged. Paths are what the caller gave.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How [`Vfs::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenHow {
    /// An existing file, to read.
    Read,
    /// The same, but no symbolic link (`O_NOFOLLOW`), which is an invalid argument here, and without
    /// waiting for anybody (`O_NONBLOCK`), should it be a pipe.
    ReadNoFollow,
    /// An existing file, to read and write; `direct` bypasses the page cache.
    Write {
        /// Ask for `O_DIRECT`: offsets, lengths and buffers must then be aligned.
        direct: bool,
    },
    /// A file that must not exist yet, to read and write (`O_CREAT | O_EXCL`).
    CreateNew {
        /// Ask for `O_DIRECT`: offsets, lengths and buffers must then be aligned.
        direct: bool,
    },
}

/// What direct I/O on a file has to be aligned to: powers of two, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectAlignment {
    /// Offsets and lengths.
    pub offset_bytes: u32,
    /// The address of the caller's bytes.
    pub memory_bytes: u32,
}

/// What [`Vfs::metadata`] tells of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Whether the path is a directory; everything else counts as a file.
    pub is_dir: bool,
    /// The file's length in bytes; of no meaning for a directory.
    pub len: u64,
}

/// A file system.
pub trait Vfs: Send + Sync {
    /// Opens or creates a file.
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Arc<dyn File>>;
    /// Tells kind and length of what is at `path`.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// The names in a directory, in any order: callers sort.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>>;
    /// Creates one directory; its parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file. Atomic against readers; replaces what is at `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the entries of a directory durable: a name created, renamed or removed
    /// is sure to survive a power cut only after this.
    // Source: fsync(2): a sync of a file "does not necessarily ensure that the entry in
    // the directory containing the file has also reached disk".
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The one path, among all that lead to what is at `path`, that tells two of them apart: absolute,
    /// without `.`, `..` and symbolic links. Fails with `NotFound` where nothing is there.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;
}

/// An open file. All I/O is positional, so there is no hidden cursor to share.
#[allow(clippy::len_without_is_empty)] // An empty file is nothing special here.
pub trait File: Send + Sync {
    /// Reads at most `buf.len()` bytes; fewer is legal at any time, 0 is the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes at most `buf.len()` bytes; fewer is legal at any time.
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize>;
    /// The same, and what it has written is durable when it returns, with the length needed to read it
    /// back; of other writes it says nothing (`RWF_DSYNC`).
    fn write_sync_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize>;
    /// Makes data, and the length needed to read it back, durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;
    /// Makes data and all metadata durable (`fsync`); never the file's name.
    fn sync_all(&self) -> io::Result<()>;
    /// Cuts or extends the file; what is new reads as zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves space for a range and extends the file over it (`fallocate`).
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;
    /// The file's length in bytes. It is no evidence of durability.
    fn len(&self) -> io::Result<u64>;
    /// The file's type and permissions, as `st_mode` has them (inode(7)).
    fn mode(&self) -> io::Result<u32>;
    /// What direct I/O on this file has to be aligned to, where the system tells; else the first
    /// write does. It is advice, so that it can't be had is no error.
    fn direct_alignment(&self) -> Option<DirectAlignment>;
    /// Takes the file's exclusive lock, which dies with the handle or the process;
    /// `WouldBlock` when somebody else has it.
    fn try_lock(&self) -> io::Result<()>;
}
