//! SQLite in its other modes, as far as they promise consistency.

use super::sqlite::{WAL, open};
use crate::subject::{Open, Promises, Subject};

// Source: https://www.sqlite.org/pragma.html, synchronous.

/// FULL lets a power loss undo a commit here: only EXTRA syncs the directory after the unlink.
pub(super) const DELETE: Subject = Subject {
    name: "sqlite-delete",
    open: Open::Store(|path| open(path, "journal_mode=DELETE; PRAGMA synchronous=FULL")),
    promises: Promises {
        durable: None,
        ..WAL.promises
    },
    ..WAL
};

pub(super) const DELETE_EXTRA: Subject = Subject {
    name: "sqlite-delete-extra",
    open: Open::Store(|path| open(path, "journal_mode=DELETE; PRAGMA synchronous=EXTRA")),
    ..WAL
};

/// Consistent, but what was committed may be undone by a power loss.
pub(super) const WAL_NORMAL: Subject = Subject {
    name: "sqlite-wal-normal",
    open: Open::Store(|path| open(path, "journal_mode=WAL; PRAGMA synchronous=NORMAL")),
    ..DELETE
};
