//! Group commit: many threads append and wait, one at a time leads.
//!
//! A record gets its LSN and its place in the pending frame under one short lock. A thread that
//! wants durability finds its LSN durable, or the log failed, or a leader at work and waits, or
//! becomes the leader: it takes all that is pending, lets go of the lock, writes, syncs once,
//! takes the lock again, publishes what the sync covered, and wakes everyone. There is no thread
//! behind it: whoever needs the work done does it.
//!
//! The failure of a sync, or of a write for any reason but a full disk, is final. It is recorded
//! before any waiter wakes, and under the lock that gives out LSNs, so nothing is appended or
//! acknowledged behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::env::sync::{Condvar, Mutex, MutexGuard};
use crate::error::{Error, Result};
use crate::format::PAYLOAD_BYTES_MAX;
use crate::format::buffer::FrameBuffer;
use crate::format::frame::ENTRY_HEADER_BYTES;
use crate::recovery::Recovered;
use crate::segment::catalog::{Catalog, Entry, Segment};
use crate::segment::writer::Writer;
use crate::types::{Lsn, SegmentMeta, TenantId, VShardId, WalStats};

/// The state that all threads share. No scheduling point lies under this lock: it is held for
/// a few copies, never across I/O.
struct Queue {
    pending: FrameBuffer,
    next_lsn: Lsn,
    /// Covered by a sync that succeeded.
    durable: Lsn,
    /// The durable low-water mark. Raised only by truncation.
    low_water: Lsn,
    /// Where new readers begin: the mark that a truncation under way is about to make durable.
    readable_from: Lsn,
    is_led: bool,
    stage: Stage,
    failed: Option<Arc<Error>>,
    catalog: Catalog,
    stats: WalStats,
}

/// How far a close has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// A close is under way. It may fail for want of space, and then the log is open again: so
    /// others wait for its outcome.
    Closing,
    Closed,
}

impl Queue {
    fn check_failed(&self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(cause) => Err(Error::Poisoned {
                cause: Arc::clone(cause),
            }),
        }
    }

    /// Makes the first error final; a full disk is not.
    fn fail_unless_full(&mut self, error: Error) -> Error {
        if matches!(error, Error::Full { .. }) {
            return error;
        }
        let cause = self.failed.get_or_insert_with(|| Arc::new(error));
        Error::Poisoned {
            cause: Arc::clone(cause),
        }
    }

    fn check_open(&self) -> Result<()> {
        self.check_failed()?;
        match self.stage {
            Stage::Open | Stage::Closing => Ok(()),
            Stage::Closed => Err(Error::Closed),
        }
    }

    /// Takes over what the writer did in a turn.
    fn publish(&mut self, writer: &Writer) {
        assert!(writer.durable() >= self.durable);
        assert!(writer.durable() < self.next_lsn);
        self.durable = writer.durable();
        self.stats = writer.stats();
        if let (Some((sealed, file_bytes)), Some(last)) = (writer.sealed(), self.catalog.last_mut())
            && last.segment.header.segment_id == sealed
        {
            last.file_bytes = file_bytes;
        }
        let Some(active) = writer.active() else {
            return;
        };
        let header = *active.header();
        let known = self.catalog.last_mut();
        if known.is_none_or(|last| last.segment.header.segment_id != header.segment_id) {
            self.catalog.push(Entry {
                segment: Arc::new(Segment {
                    header,
                    path: active.path().clone(),
                }),
                end: active.end(),
                file_bytes: active.end(),
            });
        }
        let last = self
            .catalog
            .last_mut()
            .expect("it holds the active segment");
        last.end = active.end();
        last.file_bytes = active.end();
    }
}

type QueueGuard<'a> = MutexGuard<'a, Queue>;

/// What a reader may see: a durable, consistent part of the log.
pub(crate) struct Snapshot {
    /// The segments that hold it, pinned for as long as the snapshot lives.
    pub(crate) entries: Vec<Entry>,
    pub(crate) readable_from: Lsn,
    pub(crate) durable: Lsn,
}

/// The one place where records get their LSNs and become durable.
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    turn_ended: Condvar,
    /// Locked only by the thread that leads, so never waited for.
    writer: Mutex<Writer>,
    /// Segments that are no longer part of the log, but whose files are still there, oldest first.
    /// Held through a whole truncation, so that files go in this order.
    doomed: Mutex<VecDeque<Entry>>,
    buffer_bytes: usize,
}

impl Committer {
    pub(crate) fn new(recovered: Recovered, buffer_bytes: usize) -> Committer {
        let Recovered {
            catalog,
            writer,
            doomed,
        } = recovered;
        Committer {
            queue: Mutex::new(Queue {
                pending: FrameBuffer::with_capacity(buffer_bytes),
                next_lsn: writer.durable().next(),
                durable: writer.durable(),
                low_water: writer.low_water(),
                readable_from: writer.low_water(),
                is_led: false,
                stage: Stage::Open,
                failed: None,
                catalog,
                stats: writer.stats(),
            }),
            turn_ended: Condvar::new(),
            writer: Mutex::new(writer),
            doomed: Mutex::new(doomed),
            buffer_bytes,
        }
    }

    /// Gives a record its LSN and queues it. When the queue is full, it is written first.
    pub(crate) fn append(
        &self,
        record_type: u16,
        tenant: TenantId,
        vshard: VShardId,
        payload: &[u8],
    ) -> Result<Lsn> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Error::RecordTooLarge {
                len: payload.len(),
                max: PAYLOAD_BYTES_MAX,
            });
        }
        let bytes = ENTRY_HEADER_BYTES + payload.len();
        let mut queue = self.lock_open()?;
        loop {
            if queue.pending.is_empty() || queue.pending.body_bytes() + bytes <= self.buffer_bytes {
                break;
            }
            queue = match queue.is_led {
                true => self.turn_ended.wait(queue),
                false => self.lead(queue, Writer::write_staged)?,
            };
            queue = self.until_open(queue)?;
        }
        let lsn = queue.next_lsn;
        queue
            .pending
            .push(lsn, record_type, tenant, vshard, payload);
        queue.next_lsn = lsn.next();
        Ok(lsn)
    }

    /// Makes everything appended before the call durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let queue = self.lock_open()?;
        let target = queue.next_lsn.before();
        self.commit(queue, target)
    }

    /// Makes everything up to `lsn` durable.
    pub(crate) fn wait_durable(&self, lsn: Lsn) -> Result<()> {
        let queue = self.lock_open()?;
        if lsn >= queue.next_lsn {
            return Err(Error::NotAppended {
                asked: lsn,
                next: queue.next_lsn,
            });
        }
        self.commit(queue, lsn)
    }

    fn commit<'a>(&'a self, mut queue: QueueGuard<'a>, target: Lsn) -> Result<()> {
        loop {
            queue.check_failed()?;
            if queue.durable >= target {
                return Ok(());
            }
            if queue.is_led || queue.stage == Stage::Closing {
                queue = self.turn_ended.wait(queue);
                continue;
            }
            queue.check_open()?;
            queue = match self.lead(queue, Writer::write_and_sync) {
                Ok(queue) => queue,
                // Those whose records were written before the disk was full are not concerned.
                Err(error @ Error::Full { .. }) => {
                    let queue = self.queue.lock();
                    return match queue.durable >= target {
                        true => queue.check_failed(),
                        false => Err(error),
                    };
                }
                Err(error) => return Err(error),
            };
        }
    }

    /// The queue of a log that is open, once it is known whether it is.
    fn lock_open(&self) -> Result<QueueGuard<'_>> {
        self.until_open(self.queue.lock())
    }

    fn until_open<'a>(&'a self, mut queue: QueueGuard<'a>) -> Result<QueueGuard<'a>> {
        while queue.stage == Stage::Closing && queue.failed.is_none() {
            queue = self.turn_ended.wait(queue);
        }
        queue.check_open()?;
        Ok(queue)
    }

    /// Takes a turn as the leader: stages the pending frame, does `work` without the lock, then
    /// publishes the outcome and wakes everyone.
    fn lead<'a>(
        &'a self,
        mut queue: QueueGuard<'a>,
        work: impl FnOnce(&mut Writer) -> Result<()>,
    ) -> Result<QueueGuard<'a>> {
        assert!(!queue.is_led, "there is one leader at a time");
        queue.is_led = true;
        drop(queue);
        let mut turn = Turn {
            committer: self,
            is_over: false,
        };
        let mut writer = self.writer.lock();
        let mut queue = self.queue.lock();
        if writer.staged.is_empty() {
            std::mem::swap(&mut queue.pending, &mut writer.staged);
        }
        drop(queue);

        let result = work(&mut writer);

        let mut queue = self.queue.lock();
        queue.publish(&writer);
        queue.is_led = false;
        turn.is_over = true;
        drop(writer);
        let result = result.map_err(|error| queue.fail_unless_full(error));
        self.turn_ended.notify_all();
        result.map(|()| queue)
    }

    /// Waits until nobody leads.
    fn until_unled<'a>(&'a self, mut queue: QueueGuard<'a>) -> Result<QueueGuard<'a>> {
        while queue.is_led {
            queue = self.turn_ended.wait(queue);
        }
        queue.check_failed()?;
        Ok(queue)
    }

    /// Raises the low-water mark as far as `lsn` and the pinned segments allow, durably, and
    /// lets `remove` delete segments below the number that it is given: those below the mark, and
    /// what earlier removals have left. What it leaves is offered next time.
    pub(crate) fn truncate_before<T>(
        &self,
        lsn: Lsn,
        remove: impl FnOnce(u64, &mut VecDeque<Entry>) -> Result<T>,
    ) -> Result<T> {
        let mut doomed = self.doomed.lock();
        let mut queue = self.lock_open()?;
        // A wait for the one can end with the other no longer so: both have to hold at once.
        while queue.is_led {
            queue = self.until_open(self.turn_ended.wait(queue))?;
        }
        if lsn > queue.durable.next() {
            return Err(Error::NotDurable {
                asked: lsn,
                durable: queue.durable,
            });
        }
        if let Some(low_water) = queue.catalog.low_water_below(lsn) {
            queue = self.raise_low_water(queue, low_water)?;
            doomed.extend(queue.catalog.take_below(low_water));
            let by_number = |entry: &Entry| entry.segment.header.segment_id;
            doomed.make_contiguous().sort_by_key(by_number);
        }
        let oldest = queue.catalog.oldest_id();
        drop(queue);
        remove(oldest, &mut doomed)
    }

    fn raise_low_water<'a>(
        &'a self,
        mut queue: QueueGuard<'a>,
        low_water: Lsn,
    ) -> Result<QueueGuard<'a>> {
        if low_water <= queue.low_water {
            // Segments without records: the mark was beyond them already.
            return Ok(queue);
        }
        // Raised before the turn, so that no reader pins what is about to go.
        queue.readable_from = low_water;
        let marked = self.lead(queue, |writer| {
            writer.write_staged()?;
            writer.write_mark(low_water)
        });
        match marked {
            Ok(mut queue) => {
                queue.low_water = low_water;
                Ok(queue)
            }
            Err(error) => {
                let mut queue = self.queue.lock();
                queue.readable_from = queue.low_water;
                Err(error)
            }
        }
    }

    /// Commits everything, seals the active segment and refuses all later calls.
    pub(crate) fn close(&self) -> Result<()> {
        let mut queue = self.lock_open()?;
        queue.stage = Stage::Closing;
        let closed = self.commit_and_seal(queue);
        let mut queue = self.queue.lock();
        queue.stage = match closed {
            Ok(()) => Stage::Closed,
            Err(_) => Stage::Open,
        };
        drop(queue);
        self.turn_ended.notify_all();
        closed
    }

    fn commit_and_seal<'a>(&'a self, mut queue: QueueGuard<'a>) -> Result<()> {
        let target = queue.next_lsn.before();
        loop {
            queue = self.until_unled(queue)?;
            // More than one turn where an earlier one left its frame staged for want of space.
            if queue.durable >= target {
                return self.lead(queue, Writer::seal).map(drop);
            }
            queue = self.lead(queue, Writer::write_and_sync)?;
        }
    }

    /// Makes an error outside of a turn final.
    pub(crate) fn poison(&self, error: Error) -> Error {
        let mut queue = self.queue.lock();
        let error = queue.fail_unless_full(error);
        self.turn_ended.notify_all();
        error
    }

    pub(crate) fn next_lsn(&self) -> Lsn {
        self.queue.lock().next_lsn
    }

    pub(crate) fn durable_lsn(&self) -> Lsn {
        self.queue.lock().durable
    }

    pub(crate) fn low_water(&self) -> Lsn {
        self.queue.lock().low_water
    }

    pub(crate) fn metas(&self) -> Vec<SegmentMeta> {
        self.queue.lock().catalog.metas()
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.queue.lock().catalog.total_bytes()
    }

    pub(crate) fn stats(&self) -> WalStats {
        self.queue.lock().stats
    }

    /// Pins the durable part of the log from `from` on; from its beginning for `None`.
    pub(crate) fn snapshot(&self, from: Option<Lsn>) -> Result<Snapshot> {
        let queue = self.lock_open()?;
        let from = from.unwrap_or(queue.readable_from);
        // Below the very first LSN nothing was ever truncated.
        if from < queue.readable_from && queue.readable_from > Lsn::ZERO.next() {
            return Err(Error::BelowLowWater {
                asked: from,
                low_water: queue.readable_from,
            });
        }
        Ok(Snapshot {
            entries: queue.catalog.entries_from(from).cloned().collect(),
            readable_from: queue.readable_from,
            durable: queue.durable,
        })
    }
}

/// A leader's turn. One that ends in a panic fails the log: its waiters must not wait for ever.
struct Turn<'a> {
    committer: &'a Committer,
    is_over: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = self.committer.queue.lock();
            queue.fail_unless_full(Error::LeaderPanicked);
            queue.is_led = false;
            drop(queue);
            self.committer.turn_ended.notify_all();
        }
    }
}
