//! A log in a mapped file, which a second mapping and plain reads show as well.
#![allow(unsafe_code)] // It maps files.

use std::fs::{File, OpenOptions};
use std::io::Error;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{ptr, slice};

use seawall_subjects::subject::{Log, Outcome};

use super::files::{entries, frame};

/// Enough for a storm's entries.
const BYTES: usize = 1 << 20;

/// A mapping of the whole file.
struct Shown(usize);

impl Shown {
    fn new(file: &File, protection: i32) -> std::io::Result<Self> {
        let (fd, how) = (file.as_raw_fd(), libc::MAP_SHARED);
        // SAFETY: A new mapping, wherever there is room.
        let start = unsafe { libc::mmap(ptr::null_mut(), BYTES, protection, how, fd, 0) };
        match start {
            libc::MAP_FAILED => Err(Error::last_os_error()),
            start => Ok(Shown(start as usize)),
        }
    }

    fn bytes(&self) -> &'static mut [u8] {
        // SAFETY: It is as long as that; whoever stores holds the log's lock.
        unsafe { slice::from_raw_parts_mut(self.0 as *mut u8, BYTES) }
    }

    fn sync(&self) -> std::io::Result<()> {
        // SAFETY: It is this mapping.
        match unsafe { libc::msync(self.0 as *mut _, BYTES, libc::MS_SYNC) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // SAFETY: Nobody looks at it any more.
        unsafe { libc::munmap(self.0 as *mut _, BYTES) };
    }
}

struct Mapped {
    path: PathBuf,
    syncs: bool,
    shown: Shown,
    /// `None` after an error: nobody knows what is there.
    end: Mutex<Option<usize>>,
}

pub fn open(dir: &Path, syncs: bool) -> Outcome<Box<dyn Log>> {
    let path = dir.join("log");
    // For appending, which a mapping does not care about.
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).open(&path)?;
    if file.metadata()?.len() < BYTES as u64 {
        file.set_len(BYTES as u64)?;
    }
    file.sync_all()?;
    File::open(dir)?.sync_all()?;
    let shown = Shown::new(&file, libc::PROT_READ | libc::PROT_WRITE)?;
    let end = entries(shown.bytes()).1;
    shown.bytes()[end..].fill(0);
    shown.sync()?;
    Ok(Box::new(Mapped {
        path,
        syncs,
        shown,
        end: Mutex::new(Some(end)),
    }))
}

impl Log for Mapped {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let mut end = self.end.lock().map_err(|_| "poisoned")?;
        let at = end.ok_or("broken")?;
        let frame = frame(entry);
        let place = self.shown.bytes()[at..]
            .get_mut(..frame.len())
            .ok_or("it is full")?;
        place.copy_from_slice(&frame);
        *end = Some(at + frame.len());
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        let mut end = self.end.lock().map_err(|_| "poisoned")?;
        end.ok_or("broken")?;
        if self.syncs {
            let synced = self.shown.sync();
            *end = end.filter(|_| synced.is_ok());
            synced?;
        }
        Ok(())
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        let end = self.end.lock().map_err(|_| "poisoned")?;
        end.ok_or("broken")?;
        let file = File::open(&self.path)?;
        let second = Shown::new(&file, libc::PROT_READ)?;
        let found = entries(self.shown.bytes());
        assert_eq!(found, entries(second.bytes()), "two mappings of a file");
        // With an error in between, a store may not have come to the file.
        assert_eq!(
            found,
            entries(&std::fs::read(&self.path)?),
            "a mapping and its file"
        );
        Ok(found.0)
    }
}
