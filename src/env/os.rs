//! The real world: the operating system's files, clock and randomness.
//!
//! The only file of the crate that names `std::fs`, a clock or a source of randomness.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The one door.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entropy::Entropy;
use super::time::Clock;
use super::vfs::{File, Metadata, OpenHow, Vfs};

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsVfs;

impl Vfs for OsVfs {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match how {
            OpenHow::Read => {}
            OpenHow::Write { direct } => {
                options.write(true);
                ask_direct(&mut options, direct)?;
            }
            OpenHow::CreateNew { direct } => {
                options.write(true).create_new(true);
                ask_direct(&mut options, direct)?;
            }
        }
        Ok(Arc::new(OsFile {
            inner: options.open(path)?,
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
}

#[cfg(target_os = "linux")]
fn ask_direct(options: &mut fs::OpenOptions, direct: bool) -> io::Result<()> {
    if direct {
        options.custom_flags(rustix::fs::OFlags::DIRECT.bits().cast_signed());
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn ask_direct(_: &mut fs::OpenOptions, direct: bool) -> io::Result<()> {
    match direct {
        true => Err(io::ErrorKind::Unsupported.into()),
        false => Ok(()),
    }
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

// On macOS std's syncs are `F_FULLFSYNC`, which is worth more than its patience costs.
// Source: the standard library's documentation of `File::sync_all`, "Platform-specific behavior".
#[cfg(not(target_os = "linux"))]
fn sync_data(file: &fs::File) -> io::Result<()> {
    file.sync_data()
}

#[cfg(not(target_os = "linux"))]
fn sync_all(file: &fs::File) -> io::Result<()> {
    file.sync_all()
}

/// A file of the operating system.
#[derive(Debug)]
struct OsFile {
    inner: fs::File,
}

impl File for OsFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.inner.write_at(buf, offset)
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
