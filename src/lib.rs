//! A write-ahead log manager for a database node.
//!
//! [`WalManager`] is the log: records go in through `append_*`, become durable through
//! [`WalManager::sync`] or [`WalManager::wait_durable`], and come back through
//! [`WalManager::replay`] after any crash: all that were acknowledged, in order, and at most a
//! few more that were not. The crate `seawall-sim` beside it proves that.
//!
//! ```
//! use seawall::{TenantId, VShardId, WalManager};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let path = scratch.path().join("log");
//! let wal = WalManager::open(&path, false)?;
//! let lsn = wal.append_put(TenantId::new(1), VShardId::new(0), b"key=value")?;
//! wal.wait_durable(lsn)?;
//! assert_eq!(wal.replay()?[0].payload, b"key=value");
//! wal.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! | word | meaning |
//! | --- | --- |
//! | record | what a caller appends: a type, a tenant, a shard, a payload |
//! | LSN | a record's number; the first is 1, each next one is one more |
//! | frame | the records of one write, valid as a whole or not at all |
//! | segment | a file of frames; the last one is *active*, the others are *sealed* |
//! | group commit | one thread, the *leader*, writes and syncs for all that wait |
//! | durable | covered by a sync that succeeded |
//! | acknowledged | durable, and a caller was told so |
//! | promise | the durable LSN that a frame or header carries as evidence for recovery |
//! | torn tail | bytes at the end of the log that no successful sync covered |
//! | low-water mark | the LSN below which records were truncated |
//! | sealed with a key | encrypted and authenticated, bound to its place; see [`mod@crypto`] |
//! | poisoned | stopped for good by a failed sync or write; open again to go on |
//!
//! # Map
//!
//! [`WalManager`] (`manager.rs`) speaks to group commit (`commit.rs`), which drives the segment
//! writer (`segment/`); `recovery.rs` finds the end of the log at open; `replay.rs` reads;
//! `truncation.rs` drops, `rotation.rs` encrypts anew. Without opening a log, [`mod@verify`] checks
//! it, [`mod@dump`] shows its records, and [`mod@salvage`] copies what is left of a damaged one.
//! [`mod@migration`] makes a log of one of the legacy format. [`mod@format`] is the bytes,
//! [`mod@crypto`] what seals them, [`mod@env`] the one door to files, locks, clock and randomness.

pub mod config;
pub mod crypto;
pub mod dump;
pub mod env;
pub mod error;
pub mod format;
pub mod migration;
pub mod salvage;
pub mod stats;
pub mod types;
pub mod verify;

mod commit;
mod follow;
mod key_file;
mod manager;
mod recovery;
mod replay;
mod rotation;
mod segment;
mod truncation;

pub use config::{WalConfig, WalTuning};
pub use crypto::{KeyId, KeyRing, WalEncryptionKey};
pub use dump::{Dump, dump, dump_in};
pub use error::{Error, Result};
pub use follow::{TailStopper, WalTail};
pub use manager::WalManager;
pub use migration::{Migrated, migrate, migrate_dry_run, migrate_in};
pub use replay::WalReader;
pub use rotation::Reencrypted;
pub use salvage::{Salvaged, salvage, salvage_in};
pub use stats::{Histogram, WalStats};
pub use types::{
    BorrowedRecord, Hold, Lsn, NewRecord, RecordHeader, RecordType, SegmentMeta, TenantId,
    TruncateResult, VShardId, WalRecord,
};
pub use verify::{Finding, Report, Verdict, verify, verify_in};
