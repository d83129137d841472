//! All subjects: an adapter each, in a file of its own, with what its documentation promises.
//!
//! A promise is a paraphrase in short of the page that the file names; where a page says nothing,
//! nothing is checked. Options are the defaults, but for sizes: small ones, so that a few entries
//! fill a file.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::subject::Subject;

mod commitlog;
mod fjall;
#[cfg(feature = "nodedb")]
mod nodedb_wal;
mod nodedb_wal_beta;
mod nodedb_wal_beta_direct;
mod nodedb_wal_beta_group;
#[cfg(feature = "nodedb")]
mod nodedb_wal_direct;
mod okaywal;
mod own;
mod raft_engine;
mod raft_engine_own;
mod raft_engine_sync;
mod redb;
mod redb_own;
mod seawall;
mod sled;
mod sqlite;
mod sqlite_modes;
mod sqlite_own;
mod walrus;

/// All of them.
pub const ALL: &[Subject] = &[
    commitlog::SUBJECT,
    fjall::SUBJECT,
    nodedb_wal_beta::SUBJECT,
    nodedb_wal_beta_direct::SUBJECT,
    nodedb_wal_beta_group::SUBJECT,
    #[cfg(feature = "nodedb")]
    nodedb_wal::SUBJECT,
    #[cfg(feature = "nodedb")]
    nodedb_wal_direct::SUBJECT,
    okaywal::SUBJECT,
    raft_engine::SUBJECT,
    raft_engine_own::SUBJECT,
    raft_engine_sync::SUBJECT,
    redb::SUBJECT,
    redb_own::SUBJECT,
    seawall::SUBJECT,
    sled::SUBJECT,
    sqlite::WAL,
    sqlite_modes::DELETE,
    sqlite_modes::DELETE_EXTRA,
    sqlite_modes::WAL_NORMAL,
    sqlite_own::DELETE,
    sqlite_own::DELETE_EXTRA,
    sqlite_own::WAL,
    walrus::SUBJECT,
];

/// A panic under the lock is told where it happened; whoever comes later goes on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
