//! What the swept log was written with: every verb, four lives, and all that a format can have in
//! it, in as few sectors as possible.
//!
//! The first and the third life end in a crash, so that later segments begin with records that an
//! open has taken over, and an earlier file has a frame behind its end. An encrypted log changes its key
//! twice and is encrypted anew in between, so that two keys and copies of segments are there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use seawall::{
    Error, KeyRing, Lsn, NewRecord, RecordHeader, RecordType, TenantId, VShardId, WalConfig,
    WalManager, WalRecord, WalTuning,
};

use super::bench::{Recorder, env_of};
use crate::choice::{Choices, Purpose};
use crate::disk::{Disk, Entry, Gate, Image, Knobs, SimVfs, Strategy};
use crate::keyholder;
use crate::world::LOG_DIR;

/// What a disk writes whole, and the log's block.
pub(super) const SECTOR: usize = 512;
/// A segment is full after so many sectors.
const SEGMENT_SECTORS: u64 = 9;
/// The keys of the encrypted log, by their numbers.
const KEYS: [u32; 3] = [1, 2, 3];
/// A payload that takes several blocks.
const LONG: usize = 2 * SECTOR + 100;

/// A log that was written, and how.
pub(super) struct Written {
    /// The disk that it is on, with the power cut.
    pub(super) disk: Disk,
    /// Each write that it made.
    pub(super) recorder: Arc<Recorder>,
    /// All records that were appended, truncated ones included.
    pub(super) records: Vec<WalRecord>,
    /// Segment files that are gone, or were replaced, with what was in them.
    pub(super) gone: Vec<(String, Vec<u8>)>,
}

/// How these logs are opened.
pub(super) fn config() -> WalConfig {
    WalConfig {
        use_direct_io: false,
        segment_target_size: SEGMENT_SECTORS * SECTOR as u64,
        tuning: WalTuning {
            write_buffer_size: SECTOR,
            alignment: SECTOR,
        },
    }
}

/// All keys that the log has ever had, the last one as the current one.
pub(super) fn ring(is_encrypted: bool) -> Option<KeyRing> {
    is_encrypted.then(|| ring_of(KEYS[2]))
}

fn ring_of(current: u32) -> KeyRing {
    let others = KEYS.iter().filter(|&&key| key != current);
    let ring = KeyRing::new(keyholder::key(current));
    others.fold(ring, |ring, &key| ring.with_previous(keyholder::key(key)))
}

/// Writes the log on an empty disk.
///
/// # Errors
/// As the log's verbs: on a disk without faults there are none.
pub(super) fn write(is_encrypted: bool, is_closed: bool) -> Result<Written, Error> {
    let recorder = Arc::new(Recorder::default());
    let gate = Arc::clone(&recorder) as Arc<dyn Gate>;
    let choices = Choices::new(0);
    let disk = Disk::new(Knobs::default());
    let vfs = SimVfs::new(disk, gate, choices.stream(Purpose::Faults, 0));
    let mut scribe = Scribe {
        vfs,
        life: 0,
        key: is_encrypted.then_some(KEYS[0]),
        records: Vec::new(),
        seen: BTreeMap::new(),
    };
    scribe.first_life()?;
    scribe.second_life()?;
    scribe.third_life()?;
    scribe.fourth_life(is_closed)?;
    Ok(scribe.finish(recorder))
}

/// Who writes the log.
struct Scribe {
    vfs: Arc<SimVfs>,
    life: u64,
    key: Option<u32>,
    records: Vec<WalRecord>,
    /// Every segment file there ever was, by path and header, as it was seen last.
    seen: BTreeMap<(String, Vec<u8>), Vec<u8>>,
}

impl Scribe {
    fn first_life(&mut self) -> Result<(), Error> {
        let wal = self.open()?;
        self.append(&wal, RecordType::Put, b"the first record")?;
        wal.sync()?;
        self.append(&wal, RecordType::Delete, b"")?;
        wal.sync()?;
        self.append(&wal, RecordType::Put, b"two")?;
        self.append(&wal, RecordType::Put, b"of one frame")?;
        wal.sync()?;
        self.crash(wal);
        Ok(())
    }

    fn second_life(&mut self) -> Result<(), Error> {
        let wal = self.open()?;
        self.append(&wal, RecordType::Transaction, b"begin")?;
        wal.sync()?;
        wal.set_hold("replica", Lsn::new(5))?;
        wal.close()?;
        self.crash(wal);
        Ok(())
    }

    fn third_life(&mut self) -> Result<(), Error> {
        let wal = self.open()?;
        self.append(&wal, RecordType::VectorPut, b"0.5 0.25")?;
        wal.sync()?;
        self.rotate(&wal, KEYS[1])?;
        if self.key.is_some() {
            self.note();
            wal.reencrypt()?;
        }
        self.truncate(&wal, 3)?;
        self.append(&wal, RecordType::VectorDelete, b"0.5")?;
        wal.sync()?;
        self.append(&wal, RecordType::Noop, b"nothing to do")?;
        wal.sync()?;
        self.crash(wal);
        Ok(())
    }

    fn fourth_life(&mut self, is_closed: bool) -> Result<(), Error> {
        let wal = self.open()?;
        self.append(&wal, RecordType::VectorParams, b"cosine")?;
        wal.sync()?;
        self.append(&wal, RecordType::CrdtDelta, &[0xc5; LONG])?;
        wal.sync()?;
        self.append(&wal, RecordType::Transaction, b"begin, change, end")?;
        self.append(&wal, RecordType::LogBatch, b"line")?;
        wal.sync()?;
        let (tenant, vshard) = place_of(self.records.len() as u64 + 1);
        wal.append_checkpoint(tenant, vshard, 4)?;
        let payload = rmp_serde::to_vec(&4u64).expect("a number can be encoded");
        self.keep(RecordType::Checkpoint, &payload);
        wal.sync()?;
        self.append(&wal, RecordType::TimeseriesBatch, &[7; 3 * SECTOR])?;
        wal.sync()?;
        wal.set_hold("replica", Lsn::new(6))?;
        wal.set_hold("backup", Lsn::new(8))?;
        self.rotate(&wal, KEYS[2])?;
        self.append(&wal, RecordType::Put, &[b'p'; SECTOR])?;
        wal.sync()?;
        self.truncate(&wal, 6)?;
        self.append(&wal, RecordType::Delete, b"key")?;
        wal.sync()?;
        self.append_last_batch(&wal)?;
        wal.sync()?;
        if is_closed {
            wal.close()?;
        }
        self.crash(wal);
        Ok(())
    }

    /// A batch with an empty payload, and one that takes several blocks.
    fn append_last_batch(&mut self, wal: &WalManager) -> Result<(), Error> {
        let payloads: [&[u8]; 3] = [b"all", b"", &[b'l'; LONG]];
        let next = self.records.len() as u64 + 1;
        let records = (next..).zip(payloads).map(|(lsn, payload)| {
            let (tenant, vshard) = place_of(lsn);
            NewRecord {
                record_type: RecordType::Put,
                tenant,
                vshard,
                payload,
            }
        });
        let records: Vec<_> = records.collect();
        wal.append_batch(&records)?;
        for record in &records {
            self.keep(record.record_type, record.payload);
        }
        Ok(())
    }

    fn open(&mut self) -> Result<WalManager, Error> {
        self.life += 1;
        let env = env_of(
            &self.vfs,
            Choices::new(0).stream(Purpose::Entropy, self.life),
        );
        let keys = self.key.map(ring_of);
        WalManager::open_in(env, Path::new(LOG_DIR), config(), keys)
    }

    /// Every append has a verb of its own, and they are all taken; only one type has none.
    fn append(
        &mut self,
        wal: &WalManager,
        record_type: RecordType,
        payload: &[u8],
    ) -> Result<(), Error> {
        let (tenant, vshard) = place_of(self.records.len() as u64 + 1);
        let lsn = match record_type {
            RecordType::Put => wal.append_put(tenant, vshard, payload),
            RecordType::Delete => wal.append_delete(tenant, vshard, payload),
            RecordType::VectorPut => wal.append_vector_put(tenant, vshard, payload),
            RecordType::VectorDelete => wal.append_vector_delete(tenant, vshard, payload),
            RecordType::VectorParams => wal.append_vector_params(tenant, vshard, payload),
            RecordType::Transaction => wal.append_transaction(tenant, vshard, payload),
            RecordType::CrdtDelta => wal.append_crdt_delta(tenant, vshard, payload),
            RecordType::TimeseriesBatch => wal.append_timeseries_batch(tenant, vshard, payload),
            RecordType::LogBatch => wal.append_log_batch(tenant, vshard, payload),
            RecordType::Noop | RecordType::Checkpoint => {
                wal.append(record_type, tenant, vshard, payload)
            }
        }?;
        assert_eq!(lsn.as_u64(), self.records.len() as u64 + 1);
        self.keep(record_type, payload);
        Ok(())
    }

    fn keep(&mut self, record_type: RecordType, payload: &[u8]) {
        let lsn = self.records.len() as u64 + 1;
        let (tenant, vshard) = place_of(lsn);
        self.records.push(WalRecord {
            header: RecordHeader {
                record_type: record_type as u16,
                lsn,
                tenant_id: tenant.as_u32(),
                vshard_id: vshard.as_u16(),
            },
            payload: payload.to_vec(),
        });
    }

    fn rotate(&mut self, wal: &WalManager, number: u32) -> Result<(), Error> {
        if let Some(key) = &mut self.key {
            *key = number;
            wal.rotate_key_to(keyholder::key(number))?;
        }
        Ok(())
    }

    fn truncate(&mut self, wal: &WalManager, lsn: u64) -> Result<(), Error> {
        self.note();
        let truncated = wal.truncate_before(Lsn::new(lsn))?;
        assert!(truncated.segments_deleted > 0, "there is one to go");
        Ok(())
    }

    /// Only synced bytes and names stay.
    fn crash(&mut self, wal: WalManager) {
        drop(wal);
        let mut stream = Choices::new(0).stream(Purpose::Crash, self.life);
        self.vfs
            .with_disk(|disk| disk.power_cut_with(Strategy::LoseAll, &mut stream));
    }

    /// Remembers all segment files.
    fn note(&mut self) {
        let image = self.vfs.with_disk(|disk| disk.image());
        for (path, bytes) in segment_files(&image) {
            let header = bytes[..SECTOR].to_vec();
            self.seen.insert((path, header), bytes);
        }
    }

    fn finish(self, recorder: Arc<Recorder>) -> Written {
        let disk = self.vfs.with_disk(|disk| disk.clone());
        let now = segment_files(&disk.image());
        let is_there = |path: &String, bytes: &Vec<u8>| {
            now.iter()
                .any(|(other, found)| other == path && found.starts_with(&bytes[..SECTOR]))
        };
        let seen = self.seen.into_iter();
        let gone = seen.filter(|((path, _), bytes)| !is_there(path, bytes));
        Written {
            gone: gone.map(|((path, _), bytes)| (path, bytes)).collect(),
            disk,
            recorder,
            records: self.records,
        }
    }
}

/// The segment files of an image, by name: the only files of a log with bytes in them.
pub(super) fn segment_files(image: &Image) -> Vec<(String, Vec<u8>)> {
    let files = image
        .entries
        .iter()
        .filter_map(|(path, entry)| match entry {
            Entry::File(bytes) if !bytes.is_empty() => Some((path.clone(), bytes.clone())),
            Entry::File(_) | Entry::Dir => None,
        });
    files.collect()
}

/// The tenant and the shard of a record: others for each.
fn place_of(lsn: u64) -> (TenantId, VShardId) {
    let number = lsn as u32;
    (TenantId::new(number * 1000), VShardId::new(number as u16))
}
