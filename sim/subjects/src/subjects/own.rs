//! A file by the simulator's system calls, for crates that have a seam for them.

use std::io;
use std::path::Path;

use crate::sys;

/// An open file, closed when dropped. All its calls may be made by many threads at once.
#[derive(Debug)]
pub(super) struct File(i32);

impl File {
    /// `flags` are those of open(2).
    pub(super) fn open(path: &Path, flags: i32) -> io::Result<File> {
        told(sys::open(path.as_os_str().as_encoded_bytes(), flags)).map(File)
    }

    /// Fills `buf`, or reads up to the file's end.
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match told(sys::read(
                self.0,
                Some(offset + done as u64),
                &mut buf[done..],
            ))? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    /// Writes all of `bytes`.
    pub(super) fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            done += told(sys::write(
                self.0,
                Some(offset + done as u64),
                &bytes[done..],
            ))?;
        }
        Ok(())
    }

    pub(super) fn sync(&self, data_only: bool) -> io::Result<()> {
        told(sys::sync(self.0, data_only))
    }

    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(told(sys::fstat(self.0))?.len)
    }

    pub(super) fn resize(&self, len: u64) -> io::Result<()> {
        told(sys::set_len(self.0, len))
    }

    pub(super) fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        told(sys::allocate(self.0, 0, offset, len))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // As std does: what a close could tell, a sync has told.
        sys::close(self.0).unwrap_or(());
    }
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    told(sys::remove_file(path.as_os_str().as_encoded_bytes()))
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let [from, to] = [from, to].map(|path| path.as_os_str().as_encoded_bytes());
    told(sys::rename(from, to))
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path, libc::O_RDONLY | libc::O_DIRECTORY)?.sync(false)
}

fn told<T>(result: sys::Result<T>) -> io::Result<T> {
    result.map_err(io::Error::from_raw_os_error)
}
