//! [`WalManager`]: the log as the database sees it.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use crate::commit::Committer;
use crate::config::{WalConfig, WalTuning};
use crate::crypto::KeyRing;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::follow::WalTail;
use crate::format::holds::Holds;
use crate::migration::{find_home, settle};
use crate::recovery::recover;
use crate::replay::{Unknown, WalReader};
use crate::segment::catalog::LogDir;
use crate::segment::direct;
use crate::segment::place::{create_directories, take_lock};
use crate::stats::WalStats;
use crate::truncation::truncate_before;
use crate::types::{
    Hold, Lsn, NewRecord, RecordType, SegmentMeta, TenantId, TruncateResult, VShardId, WalRecord,
};

mod keys;

/// The write-ahead log of a database node: the single source of truth for durability.
///
/// All methods may be called from many threads. An append only gives a record its place; it is
/// durable once [`WalManager::sync`], [`WalManager::wait_durable`] or an `append_durable`
/// returned `Ok`. Dropping the log does no I/O: what was not synced by then may be lost. Use
/// [`WalManager::close`] to end it in an orderly way.
pub struct WalManager {
    committer: Arc<Committer>,
    dir: Arc<LogDir>,
}

impl WalManager {
    /// Opens or creates the log in the directory `path` with default sizes.
    ///
    /// A log of the legacy format is migrated: segments in the directory where they are, and a single
    /// file at `path` into the directory `path.with_extension("d")`, where every later open of the
    /// same path finds it. The old files are only read, and may be removed afterwards; see
    /// [`mod@crate::migration`].
    ///
    /// When it returns, everything that replay will show is durable.
    ///
    /// # Errors
    /// [`Error::Locked`] when another handle has it open; [`Error::Corrupt`], [`Error::Foreign`],
    /// [`Error::Version`], [`Error::Encrypted`] or [`Error::Legacy`] when the directory does not
    /// hold an intact log that this version can read; what else stands in the way of a migration, as
    /// for [`crate::migrate`], and [`Error::LegacyChanged`] when an old file was written to after it;
    /// [`Error::DirectIoRefused`] when the file system can't bypass the page cache; [`Error::Io`] or [`Error::Full`] from the operating
    /// system. In all cases no record was changed or removed, and opening again is safe.
    pub fn open(path: &Path, use_direct_io: bool) -> Result<WalManager> {
        WalManager::open_with_segment_size(path, use_direct_io, 0)
    }

    /// As [`WalManager::open`], with a roll-over threshold in bytes; 0 stands for 64 MiB.
    ///
    /// # Errors
    /// As [`WalManager::open`].
    pub fn open_with_segment_size(
        path: &Path,
        use_direct_io: bool,
        segment_target_size: u64,
    ) -> Result<WalManager> {
        let tuning = WalTuning::default();
        WalManager::open_with_tuning(path, use_direct_io, segment_target_size, &tuning)
    }

    /// As [`WalManager::open_with_segment_size`], with the sizes of buffer and alignment.
    ///
    /// # Errors
    /// As [`WalManager::open`], and [`Error::Config`] for a size outside its limits.
    pub fn open_with_tuning(
        path: &Path,
        use_direct_io: bool,
        segment_target_size: u64,
        tuning: &WalTuning,
    ) -> Result<WalManager> {
        let config = WalConfig {
            use_direct_io,
            segment_target_size,
            tuning: *tuning,
        };
        WalManager::open_in(Env::os(), path, config, None)
    }

    /// As [`WalManager::open`] with buffered I/O, which works on every file system.
    ///
    /// # Errors
    /// As [`WalManager::open`].
    pub fn open_for_testing(path: &Path) -> Result<WalManager> {
        WalManager::open(path, false)
    }

    /// Opens or creates a log in any world: the simulator's as well as the real one. With keys it
    /// is encrypted from now on, as [`WalManager::open_encrypted`] says it.
    ///
    /// # Errors
    /// As [`WalManager::open_with_tuning`].
    pub fn open_in(
        env: Env,
        path: &Path,
        config: WalConfig,
        keys: Option<KeyRing>,
    ) -> Result<WalManager> {
        let config = config.checked()?;
        let home = find_home(&env, path, keys.as_ref())?;
        create_directories(&env, &home.dir)?;
        let lock = take_lock(&env, &home.dir)?;
        let dir = Arc::new(LogDir::new(env, &home.dir, keys, Some(lock)));
        let config = direct::fit(&dir, config)?;
        settle(&dir, &config, home.file.as_deref())?;
        let recovered = recover(&dir, &config)?;
        Ok(WalManager {
            committer: Arc::new(Committer::new(recovered, config.tuning.write_buffer_size)),
            dir,
        })
    }

    /// Appends a record of any type. It is durable once a later sync has covered its LSN.
    ///
    /// # Errors
    /// [`Error::RecordTooLarge`] above 64 MiB, [`Error::Full`] when the buffer is full and can't
    /// be written: in both cases no LSN was given. [`Error::Poisoned`] and [`Error::Closed`].
    pub fn append(
        &self,
        record_type: RecordType,
        tenant: TenantId,
        vshard: VShardId,
        payload: &[u8],
    ) -> Result<Lsn> {
        self.committer.append(&[NewRecord {
            record_type,
            tenant,
            vshard,
            payload,
        }])
    }

    /// Appends several records as one: after any crash all of them are there or none. They get
    /// LSNs one behind the other, which are returned, first and last; they are durable once a
    /// later sync has covered the last one. A batch may be larger than the write buffer, and needs
    /// its size in memory.
    ///
    /// # Errors
    /// As [`WalManager::append`], [`Error::EmptyBatch`], and [`Error::BatchTooLarge`] above 64 MiB
    /// and 12 bytes, of which each record takes its payload and 12 bytes.
    pub fn append_batch(&self, records: &[NewRecord<'_>]) -> Result<RangeInclusive<Lsn>> {
        let first = self.committer.append(records)?;
        let last = first.as_u64() + records.len() as u64 - 1;
        Ok(first..=Lsn::new(last))
    }

    /// Appends a record and makes it durable, sharing the sync with whoever else waits.
    ///
    /// # Errors
    /// As [`WalManager::append`] and [`WalManager::wait_durable`]. After an error the record may
    /// be there after the next open, or not.
    pub fn append_durable(
        &self,
        record_type: RecordType,
        tenant: TenantId,
        vshard: VShardId,
        payload: &[u8],
    ) -> Result<Lsn> {
        let lsn = self.append(record_type, tenant, vshard, payload)?;
        self.wait_durable(lsn)?;
        Ok(lsn)
    }

    /// Makes everything appended before the call durable.
    ///
    /// # Errors
    /// [`Error::Full`]: nothing is lost, the records wait in memory, call again once there is
    /// space. [`Error::Poisoned`]: what was not acknowledged before is indeterminate.
    /// [`Error::Closed`].
    pub fn sync(&self) -> Result<()> {
        self.committer.sync()
    }

    /// Makes everything up to `lsn` durable; returns at once when it is.
    ///
    /// # Errors
    /// As [`WalManager::sync`], and [`Error::NotAppended`] for an LSN that no record has yet.
    pub fn wait_durable(&self, lsn: Lsn) -> Result<()> {
        self.committer.wait_durable(lsn)
    }

    /// Writes zeros ahead of the log's end, so that the next `bytes` of it, or as many as the segment may still
    /// have, change neither the file's length nor its blocks: each commit there is one write and one flush.
    ///
    /// The log prepares a little by itself. Who wants none of that in a commit calls this now and
    /// then, from a thread with time: others commit between its pieces of 256 KiB. What is prepared
    /// and not used is given back when the segment is sealed, but not after a crash or a drop without
    /// a close: the next open looks through it once, and it goes with its segment.
    ///
    /// # Errors
    /// [`Error::Full`]: no space for all of it; nothing is lost. [`Error::Poisoned`], [`Error::Closed`].
    pub fn prepare(&self, bytes: u64) -> Result<()> {
        self.committer.prepare(bytes)
    }

    /// The next LSN to be given; the first is 1.
    pub fn next_lsn(&self) -> Lsn {
        self.committer.next_lsn()
    }

    /// The last LSN known to be durable.
    pub fn durable_lsn(&self) -> Lsn {
        self.committer.durable_lsn()
    }

    /// The durable low-water mark: what was before this LSN was truncated.
    pub fn low_water_lsn(&self) -> Lsn {
        self.committer.low_water()
    }

    /// All durable records, in LSN order. It needs memory for all of them: see
    /// [`WalManager::reader`]. Records of types that this version neither knows nor has to
    /// understand are left out, and counted in [`WalStats::unknown_skipped`].
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`], [`Error::Poisoned`], [`Error::Closed`].
    pub fn replay(&self) -> Result<Vec<WalRecord>> {
        self.collect(self.reader()?)
    }

    /// All durable records from `lsn` on. Segments before it are not opened.
    ///
    /// # Errors
    /// As [`WalManager::replay`], and [`Error::BelowLowWater`] when `lsn` was truncated.
    pub fn replay_from(&self, lsn: Lsn) -> Result<Vec<WalRecord>> {
        self.collect(self.reader_from(lsn)?)
    }

    fn collect(&self, mut reader: WalReader) -> Result<Vec<WalRecord>> {
        let records = reader.by_ref().collect();
        self.committer.count_unknown(reader.unknown_skipped());
        records
    }

    /// A streaming reader over all durable records, with one frame in memory. It shows the log
    /// as it is now: what becomes durable later is not in it, and while a truncation is under way
    /// it begins at the mark that is being written, though [`WalManager::low_water_lsn`] tells that
    /// only once it is durable. Segments that it still needs are not deleted while it lives, and the
    /// log stays locked, even if it is dropped meanwhile.
    ///
    /// # Errors
    /// [`Error::Poisoned`], [`Error::Closed`].
    pub fn reader(&self) -> Result<WalReader> {
        self.reader_of(None)
    }

    /// As [`WalManager::reader`], from `lsn` on. Segments before it are not opened.
    ///
    /// # Errors
    /// As [`WalManager::reader`], and [`Error::BelowLowWater`] when `lsn` was truncated.
    pub fn reader_from(&self, lsn: Lsn) -> Result<WalReader> {
        self.reader_of(Some(lsn))
    }

    fn reader_of(&self, from: Option<Lsn>) -> Result<WalReader> {
        let snapshot = self.committer.snapshot(from)?;
        let dir = Arc::clone(&self.dir);
        Ok(WalReader::new(dir, snapshot, from, Unknown::Skip))
    }

    /// Follows the log from `lsn` on, which may be the next one: an iterator that returns each
    /// record once it is durable, and waits for those to come. It ends when the log is closed, or
    /// when it is stopped ([`WalTail::stopper`]). Nothing is polled: the commit that makes records
    /// durable wakes it. Records that it still has to return are not truncated while it lives; set
    /// a hold for those that a replica has not confirmed. As with a reader, the log stays locked
    /// while it lives, even if it has ended and the log is dropped.
    ///
    /// # Errors
    /// As [`WalManager::reader_from`], and [`Error::NotAppended`] for an LSN behind the next.
    pub fn tail(&self, lsn: Lsn) -> Result<WalTail> {
        let next = self.next_lsn();
        if lsn > next {
            return Err(Error::NotAppended { asked: lsn, next });
        }
        let reader = self.reader_from(lsn)?;
        Ok(WalTail::new(Arc::clone(&self.committer), reader))
    }

    /// Holds all records from `lsn` on under a name, for a replica or a backup: truncation does not
    /// pass the lowest hold. Setting a hold again moves it, forward or back. Holds stay until they
    /// are released, also over crashes; at most 1000. LSN 0 stands for 1, the first one. The hold,
    /// and all records before it, are durable on return.
    ///
    /// # Errors
    /// [`Error::BelowLowWater`] when records from `lsn` on are gone already, [`Error::NotAppended`]
    /// behind the next LSN, [`Error::BadHold`] for a name that is not of 1 to 255 bytes, or one hold
    /// too many; and as [`WalManager::sync`]. After an error the hold is what it was; where a crash
    /// follows [`Error::Full`], and after [`Error::Poisoned`], the next open shows one of the two.
    pub fn set_hold(&self, name: &str, lsn: Lsn) -> Result<()> {
        self.committer.set_hold(name, lsn)
    }

    /// Releases a hold; `false` when there is none of this name. Durable on return.
    ///
    /// # Errors
    /// As [`WalManager::sync`]; then the hold is still there; where a crash follows [`Error::Full`],
    /// and after [`Error::Poisoned`], the next open may or may not show it.
    pub fn release_hold(&self, name: &str) -> Result<bool> {
        self.committer.release_hold(name)
    }

    /// The holds, by name.
    pub fn holds(&self) -> Vec<Hold> {
        listed(&self.committer.holds())
    }

    /// Deletes sealed segments wholly below `lsn`, oldest first, up to the first that a reader
    /// or a hold still needs; never the active one. When it returns, the mark below which records may be
    /// missing is durable.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when records below `lsn` are not durable; [`Error::Full`] when there
    /// is no space for the mark: nothing was deleted. [`Error::Io`] when a file can't be removed:
    /// the next truncation or open will try again. [`Error::Poisoned`], [`Error::Closed`].
    pub fn truncate_before(&self, lsn: Lsn) -> Result<TruncateResult> {
        truncate_before(&self.dir, &self.committer, lsn)
    }

    /// The segment files, oldest first.
    pub fn list_segments(&self) -> Vec<SegmentMeta> {
        self.committer.metas()
    }

    /// The size of all segment files in bytes.
    pub fn total_size_bytes(&self) -> u64 {
        self.committer.total_bytes()
    }

    /// The log's directory.
    pub fn wal_dir(&self) -> &Path {
        &self.dir.path
    }

    /// Counters since the log was opened.
    pub fn stats(&self) -> WalStats {
        self.committer.stats()
    }

    /// Makes everything durable and seals the log, so that the next open has proof of every
    /// record. All later calls that read or write fail with [`Error::Closed`]; calls that come
    /// while it is being closed wait for the outcome.
    ///
    /// # Errors
    /// As [`WalManager::sync`]; after [`Error::Full`] the log is still open.
    pub fn close(&self) -> Result<()> {
        self.committer.close()
    }
}

impl Drop for WalManager {
    /// Wakes the tails, which would wait for ever. No I/O: what was not synced may be lost.
    fn drop(&mut self) {
        self.committer.abandon();
    }
}

/// Defines the appends that the database calls, one a record type.
macro_rules! appends {
    ($($verb:ident => $record_type:ident),+ $(,)?) => {
        impl WalManager {$(
            #[doc = concat!("Appends a [`RecordType::", stringify!($record_type), "`] record and returns its own LSN.")]
            ///
            /// It is durable once a later sync has covered that LSN.
            ///
            /// # Errors
            /// As [`WalManager::append`].
            pub fn $verb(&self, tenant: TenantId, vshard: VShardId, payload: &[u8]) -> Result<Lsn> {
                self.append(RecordType::$record_type, tenant, vshard, payload)
            }
        )+}
    };
}

appends! {
    append_put => Put,
    append_delete => Delete,
    append_vector_put => VectorPut,
    append_vector_delete => VectorDelete,
    append_vector_params => VectorParams,
    append_transaction => Transaction,
    append_crdt_delta => CrdtDelta,
    append_timeseries_batch => TimeseriesBatch,
    append_log_batch => LogBatch,
}

impl WalManager {
    /// Appends a checkpoint marker; its payload is `checkpoint_lsn` in MessagePack. Returns the
    /// marker's own LSN, which is durable once a later sync has covered it.
    ///
    /// # Errors
    /// As [`WalManager::append`].
    pub fn append_checkpoint(
        &self,
        tenant: TenantId,
        vshard: VShardId,
        checkpoint_lsn: u64,
    ) -> Result<Lsn> {
        let payload = rmp_serde::to_vec(&checkpoint_lsn).expect("a number can be encoded");
        self.append(RecordType::Checkpoint, tenant, vshard, &payload)
    }
}

/// The holds as callers know them.
pub(crate) fn listed(holds: &Holds) -> Vec<Hold> {
    let to_hold = |(name, lsn): (&str, Lsn)| Hold {
        name: name.to_owned(),
        lsn,
    };
    holds.iter().map(to_hold).collect()
}

/// The directory of a log for somebody who only looks, as [`LogDir::to_read`]; a path where nothing
/// is holds no log.
pub(crate) fn look_into(env: Env, path: &Path, keys: Option<KeyRing>) -> Result<LogDir> {
    match LogDir::to_read(env, path, keys) {
        // That the lock file is missing is no error, so this is about the directory.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NoLog {
                path: path.to_owned(),
            })
        }
        found => found,
    }
}
