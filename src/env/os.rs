//! The real world: the operating system's files, clock and randomness.
//!
//! The only file of the crate that names `std::fs`, a clock or a source of randomness.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The one door.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::entropy::Entropy;
#[cfg(target_os = "linux")]
use super::sync::AtomicU64;
use super::time::Clock;
use super::vfs::{DirectAlignment, File, Metadata, OpenHow, Vfs};

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsVfs;

impl Vfs for OsVfs {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        let direct = match how {
            OpenHow::Read => false,
            OpenHow::ReadNoFollow => {
                let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
                options.custom_flags(flags.bits() as i32);
                false
            }
            OpenHow::Write { direct } => {
                options.write(true);
                direct
            }
            OpenHow::CreateNew { direct } => {
                options.write(true).create_new(true);
                direct
            }
        };
        let inner = match direct {
            true => open_direct(&mut options, path)?,
            false => options
                .open(path)
                .map_err(|error| match error.raw_os_error() {
                    // Source: open(2), ERRORS, ELOOP: O_NOFOLLOW, and the path is a symbolic link.
                    Some(code)
                        if how == OpenHow::ReadNoFollow && code == Errno::LOOP.raw_os_error() =>
                    {
                        io::ErrorKind::InvalidInput.into()
                    }
                    _ => error,
                })?,
        };
        Ok(Arc::new(OsFile {
            inner,
            #[cfg(target_os = "linux")]
            dsync: AtomicU64::new(UNTRIED),
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let metadata = fs::metadata(path)?;
        Ok(Metadata {
            is_dir: metadata.is_dir(),
            len: metadata.len(),
        })
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        sync_all(&fs::File::open(path)?)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }
}

#[cfg(target_os = "linux")]
fn open_direct(options: &mut fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flag = rustix::fs::OFlags::DIRECT.bits().cast_signed();
    options.custom_flags(flag).open(path)
}

// Nothing has to be aligned for it, and what readers see stays coherent with what was written.
// Source: fcntl(2) of macOS, F_NOCACHE: "Turns data caching off/on".
#[cfg(target_vendor = "apple")]
fn open_direct(options: &mut fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
    let file = options.open(path)?;
    rustix::fs::fcntl_nocache(&file, true)?;
    Ok(file)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn open_direct(_: &mut fs::OpenOptions, _: &Path) -> io::Result<fs::File> {
    Err(io::ErrorKind::Unsupported.into())
}

// Linux tells since 6.1, and only of some file systems. Zero stands for a file that has no direct
// I/O of its own: opened for it all the same, its calls go through the page cache, unaligned.
// Source: statx(2), STATX_DIOALIGN; ext4_dio_alignment and ext4_should_use_dio in fs/ext4 of Linux.
#[cfg(target_os = "linux")]
fn direct_alignment(file: &fs::File) -> Option<DirectAlignment> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let found = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN).ok()?;
    let is_told = found.stx_mask & StatxFlags::DIOALIGN.bits() != 0;
    (is_told && found.stx_dio_offset_align > 0).then_some(DirectAlignment {
        offset_bytes: found.stx_dio_offset_align,
        memory_bytes: found.stx_dio_mem_align,
    })
}

#[cfg(not(target_os = "linux"))]
fn direct_alignment(_: &fs::File) -> Option<DirectAlignment> {
    None
}

// std repeats an interrupted sync until it succeeds; here an interrupted sync is a failed one, and
// whoever asked for it has to hear of that.
#[cfg(target_os = "linux")]
fn sync_data(file: &fs::File) -> io::Result<()> {
    rustix::fs::fdatasync(file).map_err(io::Error::from)
}

#[cfg(target_os = "linux")]
fn sync_all(file: &fs::File) -> io::Result<()> {
    rustix::fs::fsync(file).map_err(io::Error::from)
}

// On macOS std's syncs, of files and of directories, are `F_FULLFSYNC`, which is worth more than
// its patience costs.
// Source: `File::fsync` and `File::datasync` in std's `sys/fs/unix.rs`, for `target_vendor =
// "apple"`.
#[cfg(not(target_os = "linux"))]
fn sync_data(file: &fs::File) -> io::Result<()> {
    file.sync_data()
}

#[cfg(not(target_os = "linux"))]
fn sync_all(file: &fs::File) -> io::Result<()> {
    file.sync_all()
}

/// A file of the operating system.
struct OsFile {
    inner: fs::File,
    // Whether a write can sync itself: one of the three below.
    #[cfg(target_os = "linux")]
    dsync: AtomicU64,
}

#[cfg(target_os = "linux")]
const UNTRIED: u64 = 0;
#[cfg(target_os = "linux")]
const WORKS: u64 = 1;
#[cfg(target_os = "linux")]
const LACKING: u64 = 2;

impl OsFile {
    // Here an interruption of the write can be told from one of the sync.
    fn write_then_sync(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let count = loop {
            match self.inner.write_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => break written?,
            }
        };
        sync_data(&self.inner)?;
        Ok(count)
    }
}

impl File for OsFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.inner.write_at(buf, offset)
    }

    // One call in place of two; the device gets the same write and the same flush, or, where it
    // can, one write that forces itself through its cache.
    // Source: preadv2(2), RWF_DSYNC, since Linux 4.7: "a per-write equivalent of the O_DSYNC
    // open(2) flag", whose "effect applies only to the data range written by the system call".
    #[cfg(target_os = "linux")]
    fn write_sync_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        use rustix::io::{ReadWriteFlags, pwritev2};
        // To this call alone it is no negative offset, but the file's own position.
        // Source: preadv2(2): "if the offset argument is -1, then the current file offset is used".
        if offset == u64::MAX {
            return Err(Errno::INVAL.into());
        }
        let dsync = self.dsync.load();
        if dsync != LACKING {
            let slices = [io::IoSlice::new(buf)];
            match pwritev2(&self.inner, &slices, offset, ReadWriteFlags::DSYNC) {
                // Not every kernel and file system knows the call, which then has done nothing.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) if dsync == UNTRIED => {
                    self.dsync.store(LACKING);
                }
                written => {
                    self.dsync.store(WORKS);
                    return written.map_err(io::Error::from);
                }
            }
        }
        self.write_then_sync(offset, buf)
    }

    #[cfg(not(target_os = "linux"))]
    fn write_sync_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.write_then_sync(offset, buf)
    }

    fn sync_data(&self) -> io::Result<()> {
        sync_data(&self.inner)
    }

    fn sync_all(&self) -> io::Result<()> {
        sync_all(&self.inner)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    #[cfg(target_os = "linux")]
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        rustix::fs::fallocate(
            &self.inner,
            rustix::fs::FallocateFlags::empty(),
            offset,
            len,
        )
        .map_err(io::Error::from)
    }

    #[cfg(not(target_os = "linux"))]
    fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.metadata().map(|metadata| metadata.len())
    }

    fn mode(&self) -> io::Result<u32> {
        self.inner.metadata().map(|metadata| metadata.mode())
    }

    fn direct_alignment(&self) -> Option<DirectAlignment> {
        direct_alignment(&self.inner)
    }

    fn try_lock(&self) -> io::Result<()> {
        self.inner.try_lock().map_err(io::Error::from)
    }
}

/// The operating system's monotonic clock, from its creation on.
#[derive(Clone, Copy, Debug)]
pub struct OsClock {
    start: Instant,
}

impl OsClock {
    /// A clock that starts now.
    pub fn new() -> OsClock {
        OsClock {
            start: Instant::now(),
        }
    }
}

impl Default for OsClock {
    fn default() -> OsClock {
        OsClock::new()
    }
}

impl Clock for OsClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        // Source: random(4): reads of /dev/urandom are not cut short up to 256 bytes, and
        // are fit for keys and salts once the system has started.
        fs::File::open("/dev/urandom")?.read_exact(bytes)
    }
}
