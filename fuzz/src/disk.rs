//! A disk in memory: names and bytes, always durable, with a limit of space.
//!
//! It has no faults and no crashes: those are the simulator's. What it adds is a watch over
//! greed: a read into a buffer that is larger than the file means that a length was believed
//! before anything covered it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seawall::env::Env;
use seawall::env::entropy::Entropy;
use seawall::env::sync::Mutex;
use seawall::env::time::Clock;
use seawall::env::vfs::{DirectAlignment, File, Metadata, OpenHow, Vfs};
use seawall::format::header::HEADER_BYTES;
use seawall::{KeyRing, Result, WalConfig, WalManager, WalTuning};

type Content = Arc<Mutex<Vec<u8>>>;

/// Files by their paths; every other path is an existing directory.
#[derive(Clone, Default)]
pub struct Disk {
    files: Arc<Mutex<BTreeMap<PathBuf, Content>>>,
    space: Arc<Mutex<u64>>,
}

impl Disk {
    /// An empty disk on which writes may extend files by `space` bytes in all.
    pub fn with_space(space: u64) -> Disk {
        Disk {
            files: Arc::default(),
            space: Arc::new(Mutex::new(space)),
        }
    }

    /// Puts a file there, at no cost of space.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let content = Arc::new(Mutex::new(bytes));
        self.files.lock().insert(path.to_owned(), content);
    }

    /// How many files there are.
    pub fn count(&self) -> usize {
        self.files.lock().len()
    }

    /// Makes room.
    pub fn add_space(&self, bytes: u64) {
        *self.space.lock() += bytes;
    }

    /// The segment files in a directory with their contents.
    pub fn segments(&self, dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let files = self.files.lock();
        let segments = files.iter().filter(|(path, _)| {
            path.parent() == Some(dir) && path.extension().is_some_and(|suffix| suffix == "wal")
        });
        segments
            .map(|(path, content)| (path.clone(), content.lock().clone()))
            .collect()
    }

    /// What a file holds, if it is there.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let files = self.files.lock();
        files.get(path).map(|content| content.lock().clone())
    }

    /// The world with this disk; randomness is a count, and time stands still.
    pub fn env(&self) -> Env {
        Env {
            vfs: Arc::new(self.clone()),
            clock: Arc::new(NoTime),
            entropy: Arc::new(Counted::default()),
        }
    }

    /// Opens a log here, with small segments and the smallest blocks.
    ///
    /// # Errors
    /// As any open.
    pub fn open_log(&self, dir: &Path, keys: Option<KeyRing>) -> Result<WalManager> {
        let config = WalConfig {
            use_direct_io: false,
            segment_target_size: 2048,
            tuning: WalTuning {
                write_buffer_size: 512,
                alignment: 512,
            },
        };
        WalManager::open_in(self.env(), dir, config, keys)
    }

    fn file(&self, path: &Path) -> io::Result<Content> {
        let files = self.files.lock();
        files
            .get(path)
            .cloned()
            .ok_or(io::ErrorKind::NotFound.into())
    }
}

impl Vfs for Disk {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Arc<dyn File>> {
        if let OpenHow::CreateNew { .. } = how {
            let mut files = self.files.lock();
            if files.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            files.insert(path.to_owned(), Content::default());
        }
        Ok(Arc::new(Handle {
            content: self.file(path)?,
            space: Arc::clone(&self.space),
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        if let Ok(content) = self.file(path) {
            let len = content.lock().len() as u64;
            return Ok(Metadata { is_dir: false, len });
        }
        // A directory is what has a file in it.
        match self.files.lock().keys().any(|file| file.starts_with(path)) {
            true => Ok(Metadata {
                is_dir: true,
                len: 0,
            }),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let files = self.files.lock();
        let inside = files.keys().filter(|file| file.parent() == Some(path));
        Ok(inside
            .filter_map(|file| file.file_name())
            .map(Into::into)
            .collect())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files.lock();
        // Guarantee 14: never over a live path. A segment that was encrypted anew stands for the
        // one that it replaces.
        let is_copy = from.ends_with("copy.wal.tmp");
        assert!(
            is_copy || !files.contains_key(to),
            "{} is replaced",
            to.display()
        );
        let content = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let removed = self
            .files
            .lock()
            .remove(path)
            .ok_or(io::ErrorKind::NotFound)?;
        *self.space.lock() += removed.lock().len() as u64;
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    /// There are no links here.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
}

struct Handle {
    content: Content,
    space: Arc<Mutex<u64>>,
}

impl File for Handle {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let content = self.content.lock();
        assert!(
            buf.len() <= content.len().max(HEADER_BYTES),
            "room for {} bytes of a file of {}",
            buf.len(),
            content.len()
        );
        let start = usize::try_from(offset).map_or(content.len(), |at| at.min(content.len()));
        let count = buf.len().min(content.len() - start);
        buf[..count].copy_from_slice(&content[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let end = usize::try_from(offset).expect("offsets are small") + buf.len();
        let mut content = self.content.lock();
        if end > content.len() {
            let mut space = self.space.lock();
            let left = space.checked_sub((end - content.len()) as u64);
            *space = left.ok_or(io::ErrorKind::StorageFull)?;
            content.resize(end, 0);
        }
        content[end - buf.len()..end].copy_from_slice(buf);
        Ok(buf.len())
    }

    fn write_sync_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.write_at(offset, buf)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).expect("lengths are small");
        self.content.lock().resize(len, 0);
        Ok(())
    }

    fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().len() as u64)
    }

    fn mode(&self) -> io::Result<u32> {
        Ok(0o100_600)
    }

    fn direct_alignment(&self) -> Option<DirectAlignment> {
        None
    }

    // One log at a time has the disk.
    fn try_lock(&self) -> io::Result<()> {
        Ok(())
    }
}

struct NoTime;

impl Clock for NoTime {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Default)]
struct Counted {
    calls: Mutex<u8>,
}

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut calls = self.calls.lock();
        *calls = calls.wrapping_add(1);
        // High values, which the inputs' own salts do not have.
        bytes.fill(!*calls);
        Ok(())
    }
}
