//! What the log keeps, and what it may drop: the low-water mark and the holds, each durable
//! before anything relies on it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Committer, QueueGuard};
use crate::error::{Error, Result};
use crate::format::holds::{HOLD_NAME_BYTES_MAX, HOLDS_MAX, Holds};
use crate::segment::catalog::Entry;
use crate::segment::writer::Writer;
use crate::types::Lsn;

impl Committer {
    /// Raises the low-water mark as far as `lsn`, the holds and the pinned segments allow, durably,
    /// and lets `remove` delete segments below the number that it is given: those below the mark,
    /// and what earlier removals have left. What it leaves is offered next time.
    pub(crate) fn truncate_before<T>(
        &self,
        lsn: Lsn,
        remove: impl FnOnce(u64, &mut VecDeque<Entry>) -> Result<T>,
    ) -> Result<T> {
        let mut doomed = self.doomed.lock();
        let mut queue = self.lock_open_and_unled()?;
        if lsn > queue.durable.next() {
            return Err(Error::NotDurable {
                asked: lsn,
                durable: queue.durable,
            });
        }
        let held = queue.holds.lowest().unwrap_or(lsn);
        if let Some(low_water) = queue.catalog.low_water_below(lsn.min(held)) {
            self.raise_low_water(queue, low_water)?;
            queue = self.queue.lock();
            doomed.extend(queue.catalog.take_below(low_water));
            let by_number = |entry: &Entry| entry.segment.header.segment_id;
            doomed.make_contiguous().sort_by_key(by_number);
        }
        let oldest = queue.catalog.oldest_id();
        drop(queue);
        remove(oldest, &mut doomed)
    }

    fn raise_low_water(&self, mut queue: QueueGuard<'_>, low_water: Lsn) -> Result<()> {
        if low_water <= queue.low_water {
            // Segments without records: the mark was beyond them already.
            return Ok(());
        }
        // Raised before the turn, so that no reader pins what is about to go.
        queue.readable_from = low_water;
        let mark = |writer: &mut Writer| writer.write_mark(low_water);
        let marked = self.lead(queue, mark, |queue| queue.low_water = low_water);
        if marked.is_err() {
            let mut queue = self.queue.lock();
            queue.readable_from = queue.low_water;
        }
        marked
    }

    /// Sets a hold, or moves it; it is durable on return, and so are all records before it.
    pub(crate) fn set_hold(&self, name: &str, lsn: Lsn) -> Result<()> {
        if name.is_empty() || name.len() > HOLD_NAME_BYTES_MAX {
            return Err(Error::BadHold {
                why: "its name is not of 1 to 255 bytes",
            });
        }
        // LSNs begin with 1: from 0 on is from the beginning on, as for a reader.
        let lsn = lsn.max(Lsn::ZERO.next());
        // Else a crash could leave a hold behind the end of the log.
        self.wait_durable(lsn.before())?;
        let queue = self.lock_open_and_unled()?;
        if lsn < queue.readable_from {
            return Err(Error::BelowLowWater {
                asked: lsn,
                low_water: queue.readable_from,
            });
        }
        let mut holds = Holds::clone(&queue.holds);
        holds.set(name, lsn);
        if holds.len() > HOLDS_MAX {
            return Err(Error::BadHold {
                why: "there are 1000 already",
            });
        }
        self.change_holds(queue, holds)
    }

    /// Takes a hold away, durably; `false` when there was none of this name.
    pub(crate) fn release_hold(&self, name: &str) -> Result<bool> {
        let queue = self.lock_open_and_unled()?;
        let mut holds = Holds::clone(&queue.holds);
        if !holds.release(name) {
            return Ok(false);
        }
        self.change_holds(queue, holds)?;
        Ok(true)
    }

    fn change_holds(&self, queue: QueueGuard<'_>, holds: Holds) -> Result<()> {
        if holds == *queue.holds {
            return Ok(());
        }
        let holds = Arc::new(holds);
        let written = Arc::clone(&holds);
        let write = |writer: &mut Writer| writer.write_holds(written);
        self.lead(queue, write, |queue| queue.holds = holds)
    }

    pub(crate) fn holds(&self) -> Arc<Holds> {
        Arc::clone(&self.queue.lock().holds)
    }
}
