//! SQLite on its own seam, a virtual file system, which becomes the process's default: in both
//! journal modes.

use std::path::Path;

use super::{sqlite, sqlite_modes};
use crate::subject::{Open, Outcome, Store, Subject};

mod vfs;

pub(super) const DELETE: Subject = Subject {
    name: "sqlite-own-delete",
    open: Open::Store(|path| open(path, "journal_mode=DELETE; PRAGMA synchronous=FULL")),
    ..sqlite_modes::DELETE
};

pub(super) const DELETE_EXTRA: Subject = Subject {
    name: "sqlite-own-delete-extra",
    open: Open::Store(|path| open(path, "journal_mode=DELETE; PRAGMA synchronous=EXTRA")),
    ..sqlite_modes::DELETE_EXTRA
};

pub(super) const WAL: Subject = Subject {
    name: "sqlite-own-wal",
    open: Open::Store(|path| {
        let alone = "locking_mode=EXCLUSIVE";
        open(
            path,
            &format!("{alone}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"),
        )
    }),
    ..sqlite::WAL
};

fn open(path: &Path, pragmas: &str) -> Outcome<Box<dyn Store>> {
    vfs::register();
    sqlite::open(path, pragmas)
}
