//! nodedb-wal 0.6.2 with direct I/O, its default, and so its double-write buffer.

use super::nodedb_wal;
use crate::subject::{Open, Subject};

pub(super) const SUBJECT: Subject = Subject {
    name: "nodedb-wal-direct",
    open: Open::Log(|path| nodedb_wal::open(path, true)),
    ..nodedb_wal::SUBJECT
};
