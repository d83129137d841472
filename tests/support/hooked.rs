//! A real file system with a hook in front of syncs, and behind opens and reads.

#![allow(dead_code)] // Each test file uses its own part.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seawall::env::Env;
use seawall::env::os::OsVfs;
use seawall::env::vfs::{DirectAlignment, File, Metadata, OpenHow, Vfs};

/// What is about to happen, or has just happened, to the file at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is about to be synced.
    Sync,
    /// It was opened to read.
    Opened,
    /// So many bytes of it were read.
    Read(usize),
}

type Hook = dyn Fn(Event, &Path) -> io::Result<()> + Send + Sync;

/// The world with a hook: an error that it returns is the call's.
pub fn env(hook: impl Fn(Event, &Path) -> io::Result<()> + Send + Sync + 'static) -> Env {
    Env {
        vfs: Arc::new(Hooked {
            hook: Arc::new(hook),
        }),
        ..Env::os()
    }
}

struct Hooked {
    hook: Arc<Hook>,
}

struct HookedFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    hook: Arc<Hook>,
}

impl HookedFile {
    fn sync(&self) -> io::Result<()> {
        (self.hook)(Event::Sync, &self.path)
    }
}

impl Vfs for Hooked {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Arc<dyn File>> {
        let inner = OsVfs.open(path, how)?;
        if how == OpenHow::Read {
            (self.hook)(Event::Opened, path)?;
        }
        Ok(Arc::new(HookedFile {
            inner,
            path: path.to_owned(),
            hook: Arc::clone(&self.hook),
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        OsVfs.metadata(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        OsVfs.read_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsVfs.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsVfs.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsVfs.remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsVfs.sync_dir(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        OsVfs.canonicalize(path)
    }
}

impl File for HookedFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read_at(offset, buf)?;
        (self.hook)(Event::Read(count), &self.path)?;
        Ok(count)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.inner.write_at(offset, buf)
    }

    fn write_sync_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.sync()?;
        self.inner.write_sync_at(offset, buf)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()?;
        self.inner.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()?;
        self.inner.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.inner.allocate(offset, len)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn mode(&self) -> io::Result<u32> {
        self.inner.mode()
    }

    fn direct_alignment(&self) -> Option<DirectAlignment> {
        self.inner.direct_alignment()
    }

    fn try_lock(&self) -> io::Result<()> {
        self.inner.try_lock()
    }
}
