//! One sync at a time, and none after one that failed.
//!
//! A device that could not keep what it was given may say so once, to whoever syncs just then, and
//! say `Ok` to everybody else from there on. So a sync that ends beside a failing one proves
//! nothing, whichever file it was of: all syncs of a log that several threads use go through one
//! lock, and the first failure is noted before the lock is let go.
// Source: Rebello et al., "Can Applications Recover from fsync Failures?", ATC'20, section 3; the
// kernel's vfs.rst, "Handling errors during writeback": each error is reported once a description.

use std::io;
use std::path::{Path, PathBuf};

use crate::env::sync::Mutex;
use crate::error::{Error, Result};

/// The way to every sync.
#[derive(Default)]
pub(crate) struct SyncGate {
    failed: Mutex<Option<Failure>>,
}

/// The first sync that failed, for those that come later.
struct Failure {
    operation: &'static str,
    path: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl SyncGate {
    /// Does a sync of the file at `path`, alone.
    ///
    /// # Errors
    /// What the sync says; once one has failed, the same again, without another one. One that found
    /// no space loses nothing of other files, and is for its caller alone.
    pub(crate) fn pass<T>(
        &self,
        operation: &'static str,
        path: &Path,
        sync: impl FnOnce() -> io::Result<T>,
    ) -> Result<T> {
        self.pass_unless(is_for_space, operation, path, sync)
    }

    /// The same for a directory, which all share: no failure is for one caller alone.
    pub(crate) fn pass_directory(
        &self,
        path: &Path,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> Result<()> {
        self.pass_unless(|_| false, "sync directory", path, sync)
    }

    /// Whether a sync has failed for all.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.lock().is_some()
    }

    fn pass_unless<T>(
        &self,
        is_own: impl FnOnce(&io::Error) -> bool,
        operation: &'static str,
        path: &Path,
        sync: impl FnOnce() -> io::Result<T>,
    ) -> Result<T> {
        let mut failed = self.failed.lock();
        if let Some(failure) = &*failed {
            return Err(failure.error());
        }
        sync().map_err(|error| {
            if !is_own(&error) {
                *failed = Some(Failure {
                    operation,
                    path: path.to_owned(),
                    kind: error.kind(),
                    code: error.raw_os_error(),
                });
            }
            Error::final_io(operation, path)(error)
        })
    }
}

impl Failure {
    fn error(&self) -> Error {
        let source = match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => self.kind.into(),
        };
        Error::final_io(self.operation, &self.path)(source)
    }
}

/// Whether a call failed for want of space, or of quota.
pub(crate) fn is_for_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_sync_there_is_none() {
        let gate = SyncGate::default();
        let path = Path::new("a.wal");
        let full = || Err::<(), _>(io::ErrorKind::StorageFull.into());
        assert!(gate.pass("sync", path, full).is_err());
        assert!(gate.pass("sync", path, || Ok(())).is_ok());
        let lost = || Err::<(), _>(io::Error::from_raw_os_error(5));
        assert!(gate.pass("sync", path, lost).is_err());
        let not_called = || -> io::Result<()> { panic!("it is not called") };
        let refused = gate.pass("sync", Path::new("b.wal"), not_called);
        let refused = refused.expect_err("one has failed");
        assert_eq!(refused.to_string(), "cannot sync a.wal");
    }
}
