//! Group commit: many threads append and wait, one at a time leads.
//!
//! A record gets its LSN and its place in the pending frame under one short lock. A thread that
//! wants durability finds its LSN durable, or the log failed, or a leader at work and waits, or
//! becomes the leader: it takes all that is pending, lets go of the lock, writes, syncs once, takes
//! the lock again, publishes what the sync covered, and wakes those it was for, and one of the
//! others to lead next. There is no thread behind it: whoever needs the work done does it.
//!
//! The failure of a sync, or of a write for any reason but a full disk, is final. It is recorded
//! before any waiter wakes, and under the lock that gives out LSNs, so nothing is appended or
//! acknowledged behind it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::env::sync::{Condvar, Mutex, MutexGuard};
use crate::error::{Error, Result};
use crate::format::buffer::FrameBuffer;
use crate::format::frame::ENTRY_HEADER_BYTES;
use crate::format::{BATCH_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::recovery::Recovered;
use crate::segment::catalog::Entry;
use crate::segment::writer::Writer;
use crate::stats::WalStats;
use crate::types::{Lsn, NewRecord, SegmentMeta};

mod keys;
mod queue;
mod retention;
mod turn;

pub(crate) use queue::Snapshot;
use queue::{Queue, Sleepers, Stage};

type QueueGuard<'a> = MutexGuard<'a, Queue>;

/// The one place where records get their LSNs and become durable.
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    /// Rung when a turn ends, by its number, even or odd: for those whose records it was to make
    /// durable. One of those for the next turn is woken to lead it, and the others sleep on.
    turn_ended: [Condvar; 2],
    /// Rung when any turn ends.
    any_turn_ended: Condvar,
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
            mut writer,
            doomed,
        } = recovered;
        Committer {
            queue: Mutex::new(Queue {
                pending: FrameBuffer::with_capacity(buffer_bytes),
                next_lsn: writer.durable().next(),
                durable: writer.durable(),
                low_water: writer.low_water(),
                readable_from: writer.low_water(),
                free: writer.unstage(),
                taken: writer.durable(),
                turn: 0,
                is_led: false,
                sleepers: Sleepers::default(),
                stage: Stage::Open,
                failed: None,
                catalog,
                holds: Arc::clone(writer.holds()),
                stats: writer.stats(),
                unknown_skipped: 0,
                tails: BTreeMap::new(),
                tails_started: 0,
            }),
            turn_ended: [Condvar::new(), Condvar::new()],
            any_turn_ended: Condvar::new(),
            writer: Mutex::new(writer),
            doomed: Mutex::new(doomed),
            buffer_bytes,
        }
    }

    /// Gives records their LSNs, one behind the other, and queues them for one frame; returns the
    /// first one's. When the queue is too full for them, it is written before.
    pub(crate) fn append(&self, records: &[NewRecord<'_>]) -> Result<Lsn> {
        let bytes = checked_bytes(records)?;
        let mut queue = self.lock_open()?;
        loop {
            if queue.pending.is_empty() || queue.pending.body_bytes() + bytes <= self.buffer_bytes {
                break;
            }
            queue = match queue.is_led {
                true => self.sleep(queue),
                false => {
                    self.lead(queue, Writer::write_staged, |_| {})?;
                    self.queue.lock()
                }
            };
            queue = self.until_open(queue)?;
        }
        let first = queue.next_lsn;
        for record in records {
            let lsn = queue.next_lsn;
            queue.pending.push(
                lsn,
                record.record_type as u16,
                record.tenant,
                record.vshard,
                record.payload,
            );
            queue.next_lsn = lsn.next();
        }
        Ok(first)
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

    /// Writes zeros ahead of the log's end, piece by piece, so that others can commit in between.
    pub(crate) fn prepare(&self, bytes: u64) -> Result<()> {
        let (mut is_more, mut goal) = (true, None);
        while is_more {
            let queue = self.lock_open_and_unled()?;
            let prepare = |writer: &mut Writer| {
                is_more = writer.prepare_piece(bytes, &mut goal)?;
                Ok(())
            };
            self.lead(queue, prepare, |_| {})?;
        }
        Ok(())
    }

    fn commit<'a>(&'a self, mut queue: QueueGuard<'a>, target: Lsn) -> Result<()> {
        loop {
            queue.check_failed()?;
            if queue.durable >= target {
                return Ok(());
            }
            if queue.stage == Stage::Closing {
                queue = self.sleep(queue);
                continue;
            }
            if queue.is_led {
                let turn = match target <= queue.taken {
                    true => queue.turn,
                    false => queue.turn + 1,
                };
                queue = self.sleep_until(queue, turn);
                continue;
            }
            queue.check_open()?;
            match self.lead_commit(queue, target) {
                Some(result) => return result,
                None => queue = self.queue.lock(),
            }
        }
    }

    /// The queue of a log that is open, once it is known whether it is.
    fn lock_open(&self) -> Result<QueueGuard<'_>> {
        self.until_open(self.queue.lock())
    }

    /// The same, once nobody leads. A wait for the one can end with the other no longer so: both
    /// have to hold at once.
    fn lock_open_and_unled(&self) -> Result<QueueGuard<'_>> {
        let mut queue = self.lock_open()?;
        while queue.is_led {
            queue = self.until_open(self.sleep(queue))?;
        }
        Ok(queue)
    }

    fn until_open<'a>(&'a self, mut queue: QueueGuard<'a>) -> Result<QueueGuard<'a>> {
        while queue.stage == Stage::Closing && queue.failed.is_none() {
            queue = self.sleep(queue);
        }
        queue.check_open()?;
        Ok(queue)
    }

    /// Waits until nobody leads.
    fn until_unled<'a>(&'a self, mut queue: QueueGuard<'a>) -> Result<QueueGuard<'a>> {
        while queue.is_led {
            queue = self.sleep(queue);
        }
        queue.check_failed()?;
        Ok(queue)
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
        self.wake_all();
        closed
    }

    fn commit_and_seal<'a>(&'a self, mut queue: QueueGuard<'a>) -> Result<()> {
        let target = queue.next_lsn.before();
        loop {
            queue = self.until_unled(queue)?;
            // More than one turn where an earlier one left its frame staged for want of space.
            if queue.durable >= target {
                self.lead(queue, Writer::start_to_seal, |_| {})?;
                queue = self.until_unled(self.queue.lock())?;
                return self.lead(queue, Writer::close, |_| {});
            }
            self.lead(queue, Writer::write_and_sync, |_| {})?;
            queue = self.queue.lock();
        }
    }

    /// Nobody is left who could append, sync or close.
    pub(crate) fn abandon(&self) {
        self.queue.lock().stage = Stage::Closed;
        self.wake_all();
    }

    /// Makes an error outside of a turn final.
    pub(crate) fn poison(&self, error: Error) -> Error {
        tracing::error!(%error, "the log is poisoned");
        let mut queue = self.queue.lock();
        let error = queue.fail_unless_full(error);
        drop(queue);
        self.wake_all();
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
        let queue = self.queue.lock();
        WalStats {
            unknown_skipped: queue.unknown_skipped,
            ..queue.stats
        }
    }

    /// Counts records that a replay has passed over.
    pub(crate) fn count_unknown(&self, skipped: u64) {
        self.queue.lock().unknown_skipped += skipped;
    }

    /// Starts a tail, and returns its number.
    pub(crate) fn start_tail(&self) -> u64 {
        let mut queue = self.queue.lock();
        let number = queue.tails_started;
        queue.tails_started += 1;
        queue.tails.insert(number, None);
        number
    }

    /// Waits until records behind `last` are durable, and pins them with the rest of the log.
    /// `None` when none will come any more: the log was closed, or the tail has come to where it
    /// was stopped.
    pub(crate) fn wait_beyond(&self, last: Lsn, tail: u64) -> Result<Option<Snapshot>> {
        let mut queue = self.queue.lock();
        loop {
            queue.check_failed()?;
            let stop = queue.tails[&tail];
            let durable = stop.unwrap_or(queue.durable);
            assert!(durable <= queue.durable, "what is durable stays so");
            if durable > last {
                let snapshot = queue.snapshot(last.next());
                return Ok(Some(Snapshot {
                    durable,
                    ..snapshot
                }));
            }
            if queue.stage == Stage::Closed || stop.is_some() {
                return Ok(None);
            }
            queue = self.sleep(queue);
        }
    }

    /// Lets a tail, if it still lives, end behind what is durable now. The first stop decides.
    pub(crate) fn stop_tail(&self, tail: u64) {
        let mut queue = self.queue.lock();
        let durable = queue.durable;
        if let Some(stop) = queue.tails.get_mut(&tail) {
            stop.get_or_insert(durable);
        }
        drop(queue);
        self.any_turn_ended.notify_all();
    }

    /// Forgets a tail.
    pub(crate) fn end_tail(&self, tail: u64) {
        self.queue.lock().tails.remove(&tail);
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
        Ok(queue.snapshot(from))
    }
}

/// The room that records take in a frame, once they are known to fit in one.
fn checked_bytes(records: &[NewRecord<'_>]) -> Result<usize> {
    let mut bytes = 0;
    for NewRecord { payload, .. } in records {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Error::RecordTooLarge {
                len: payload.len(),
                max: PAYLOAD_BYTES_MAX,
            });
        }
        bytes += ENTRY_HEADER_BYTES + payload.len();
    }
    match bytes {
        0 => Err(Error::EmptyBatch),
        _ if bytes > BATCH_BYTES_MAX => Err(Error::BatchTooLarge {
            bytes,
            max: BATCH_BYTES_MAX,
        }),
        _ => Ok(bytes),
    }
}
