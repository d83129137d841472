//! The rows of the table, in their order.

use crate::peer::Peer;

mod commitlog;
mod fjall;
#[cfg(feature = "nodedb")]
mod nodedb;
mod okaywal;
mod raft_engine;
mod raw;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod seawall;
mod sqlite;
mod walrus;

/// All that were built in.
pub const ALL: &[&dyn Peer] = &[
    &raw::Raw::BUFFERED,
    &raw::Raw::DIRECT,
    &seawall::Seawall::Buffered,
    &seawall::Seawall::Direct,
    &seawall::Seawall::Prepared,
    &okaywal::OkayWal,
    &raft_engine::RaftEngine,
    &fjall::Fjall,
    &walrus::Walrus,
    &commitlog::Commitlog,
    #[cfg(feature = "rocksdb")]
    &rocksdb::RocksDb,
    &sqlite::Sqlite,
    #[cfg(feature = "nodedb")]
    &nodedb::NodedbWal { writes_twice: true },
    #[cfg(feature = "nodedb")]
    &nodedb::NodedbWal {
        writes_twice: false,
    },
];
