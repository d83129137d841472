//! nodedb-wal 0.0.0-beta.1 with direct I/O, its default.

use super::nodedb_wal_beta;
use crate::subject::{Open, Subject};

pub(super) const SUBJECT: Subject = Subject {
    name: "nodedb-wal-beta-direct",
    open: Open::Log(|path| nodedb_wal_beta::open(path, true)),
    ..nodedb_wal_beta::SUBJECT
};
