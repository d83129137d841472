//! What the tests of the log on a real directory share.

#![allow(dead_code)] // Each test file uses its own part.

use std::path::Path;

use seawall::env::Env;
use seawall::{Lsn, NewRecord, RecordType, TenantId, VShardId, WalConfig, WalManager, WalTuning};

pub const TENANT: TenantId = TenantId::new(7);
pub const SHARD: VShardId = VShardId::new(3);

pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Small sizes, so that a few records fill buffers and segments.
pub fn small() -> WalConfig {
    WalConfig {
        segment_target_size: 4096,
        tuning: WalTuning {
            write_buffer_size: 512,
            alignment: 512,
        },
        ..WalConfig::default()
    }
}

/// A log with these sizes.
pub fn open_small(path: &Path) -> WalManager {
    WalManager::open_in(Env::os(), path, small(), None).expect("an intact log opens")
}

pub fn put(payload: &[u8]) -> NewRecord<'_> {
    NewRecord {
        record_type: RecordType::Put,
        tenant: TENANT,
        vshard: SHARD,
        payload,
    }
}

/// Appends `count` records of 100 bytes, durably; returns the last LSN.
pub fn fill(wal: &WalManager, count: u64) -> Lsn {
    for index in 0..count {
        wal.append_put(TENANT, SHARD, &[index as u8; 100])
            .expect("appends");
        wal.sync().expect("syncs");
    }
    wal.durable_lsn()
}

pub fn lsns(wal: &WalManager) -> Vec<u64> {
    let records = wal.replay().expect("an intact log replays");
    records.iter().map(|record| record.header.lsn).collect()
}
