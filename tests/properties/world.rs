//! What the properties share: configurations, records, and one way to open and to read.
//!
//! It checks of each log that it opens what every reader must agree on.

use std::path::Path;

use proptest::prelude::*;
use seawall::{Lsn, RecordType, Result, TenantId, VShardId, WalConfig, WalManager, WalTuning};

/// A record as a test knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub record_type: u16,
    pub tenant: u32,
    pub vshard: u16,
    pub payload: Vec<u8>,
}

/// So many random cases, or as many as `PROPTEST_CASES` says. A failure prints its smallest case,
/// which belongs into a test by name, so nothing is written beside the sources.
pub fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config.failure_persistence = None;
    config
}

/// Appends a record whose content follows from its LSN and length, and checks the LSN.
pub fn append(wal: &WalManager, length: usize) -> Appended {
    let lsn = wal.next_lsn().as_u64();
    let (tenant, vshard) = (lsn as u32 * 3, lsn as u16 * 5);
    let record_type = match lsn % 3 {
        0 => RecordType::LogBatch,
        _ => RecordType::Put,
    };
    let payload: Vec<u8> = (0..length as u64).map(|at| (at * 7 + lsn) as u8).collect();
    let given = wal.append(
        record_type,
        TenantId::new(tenant),
        VShardId::new(vshard),
        &payload,
    );
    assert_eq!(given.expect("appends").as_u64(), lsn);
    Appended {
        record_type: record_type as u16,
        tenant,
        vshard,
        payload,
    }
}

/// Small sizes of every kind, so that few records fill buffers and segments.
pub fn config() -> impl Strategy<Value = WalConfig> {
    let alignments = prop::sample::select(vec![512, 1024, 4096, 65536]);
    let buffers = prop::sample::select(vec![512, 700, 4096]);
    let targets = prop::sample::select(vec![1, 2048, 9000, 0]);
    (alignments, buffers, targets).prop_map(|(alignment, write_buffer_size, target)| WalConfig {
        use_direct_io: false,
        segment_target_size: target,
        tuning: WalTuning {
            write_buffer_size,
            alignment,
        },
    })
}

/// Opens the log in `path`.
pub fn open(path: &Path, config: &WalConfig) -> Result<WalManager> {
    let (direct, target) = (config.use_direct_io, config.segment_target_size);
    WalManager::open_with_tuning(path, direct, target, &config.tuning)
}

/// All that the log shows, from its low-water mark on. Every way to read must say the same.
pub fn read(wal: &WalManager) -> Result<Vec<Appended>> {
    let records = wal.replay()?;
    let low_water = wal.low_water_lsn().as_u64();
    for (record, lsn) in records.iter().zip(low_water..) {
        assert_eq!(record.header.lsn, lsn, "a gap or a duplicate");
    }
    let shown = low_water + records.len() as u64;
    assert_eq!(shown, wal.durable_lsn().as_u64() + 1);
    let middle = records.len() / 2;
    let later = wal.replay_from(Lsn::new(low_water + middle as u64))?;
    assert!(later == records[middle..], "one log, two truths");
    let streamed: Result<Vec<_>> = wal.reader()?.collect();
    assert!(streamed? == records, "one log, two truths");
    let appended = records.into_iter().map(|record| Appended {
        record_type: record.header.record_type,
        tenant: record.header.tenant_id,
        vshard: record.header.vshard_id,
        payload: record.payload,
    });
    Ok(appended.collect())
}
