//! Reading and writing whole ranges through calls that may fall short.
//!
//! A short count or an interruption is no error and is continued; everything else is handed on.
// Source: read(2), write(2): both may transfer fewer bytes than asked for, and fail with EINTR.

use std::io;

use crate::env::vfs::File;

/// Reads until `buf` is full or the file ends; returns how many bytes were read.
pub(crate) fn read_full(file: &dyn File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(offset + done as u64, &mut buf[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes`.
pub(crate) fn write_all(file: &dyn File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(offset + done as u64, &bytes[done..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes`, durably. An interruption may have been one of the sync, so it is a failure.
pub(crate) fn write_sync_all(file: &dyn File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_sync_at(offset + done as u64, &bytes[done..])? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => done += count,
        }
    }
    Ok(())
}

/// Repeats a call that was interrupted before it did anything.
///
/// Not for syncs: an interrupted sync is a failed one, and is never tried again as proof.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
