//! Real logs in real directories, to be damaged.

use std::path::{Path, PathBuf};

use seawall::env::Env;
use seawall::{
    KeyRing, Lsn, RecordType, TenantId, VShardId, WalConfig, WalEncryptionKey, WalManager,
    WalTuning,
};

/// In every payload, and in the name of the hold.
pub const CANARY: &str = "the user's own words";
pub const BLOCK: usize = 512;

pub fn ring(number: u8) -> KeyRing {
    KeyRing::new(WalEncryptionKey::from_bytes(&[number; 32]))
}

pub fn open(dir: &Path, keys: Option<KeyRing>) -> WalManager {
    let config = WalConfig {
        segment_target_size: 8 << 10,
        tuning: WalTuning {
            write_buffer_size: 4096,
            alignment: BLOCK,
        },
        ..WalConfig::default()
    };
    WalManager::open_in(Env::os(), dir, config, keys).expect("opens")
}

/// Appends records, durable in threes: the frames of them are longer than a sector.
pub fn append(wal: &WalManager, count: u64) {
    for number in 0..count {
        let payload = format!("{number}: {CANARY}, {}", "again and again, ".repeat(12));
        let (tenant, vshard) = (TenantId::new(7), VShardId::new(3));
        let lsn = wal.append(RecordType::Put, tenant, vshard, payload.as_bytes());
        if number % 3 == 2 {
            wal.wait_durable(lsn.expect("appends")).expect("syncs");
        }
    }
}

/// A log of several segments, with a hold, that ended without a close.
pub fn crashed(dir: &Path, keys: Option<KeyRing>) {
    let wal = open(dir, keys);
    wal.set_hold(CANARY, Lsn::new(1)).expect("holds");
    append(&wal, 60);
}

pub fn closed(dir: &Path) {
    let wal = open(dir, None);
    append(&wal, 60);
    wal.close().expect("closes");
}

/// The segment files, oldest first.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(dir).expect("lists");
    let paths = names.map(|name| name.expect("lists").path());
    let is_segment = |path: &PathBuf| path.to_string_lossy().contains("/seg-");
    let mut paths: Vec<PathBuf> = paths.filter(is_segment).collect();
    paths.sort();
    paths
}

pub fn last(dir: &Path) -> PathBuf {
    segments(dir).pop().expect("there is one")
}

pub fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("reads");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("writes");
}

/// Where the frames of a segment begin.
pub fn frames(path: &Path) -> Vec<usize> {
    let bytes = std::fs::read(path).expect("reads");
    let starts = (BLOCK..bytes.len()).step_by(BLOCK);
    starts
        .filter(|&at| bytes[at..].starts_with(b"WALf"))
        .collect()
}
