//! What the threads of a log share, under one short lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::buffer::FrameBuffer;
use crate::format::holds::Holds;
use crate::segment::catalog::{Catalog, Entry, Segment};
use crate::segment::keys::Access;
use crate::segment::writer::Writer;
use crate::stats::WalStats;
use crate::types::Lsn;

/// The state that all threads share. No scheduling point lies under this lock: it is held for
/// a few copies, never across I/O.
pub(super) struct Queue {
    pub(super) pending: FrameBuffer,
    pub(super) next_lsn: Lsn,
    /// Covered by a sync that succeeded.
    pub(super) durable: Lsn,
    /// The durable low-water mark. Raised only by truncation.
    pub(super) low_water: Lsn,
    /// Where new readers begin: the mark that a truncation under way is about to make durable.
    pub(super) readable_from: Lsn,
    /// What `pending` becomes when a leader takes it; `None` while the writer still has a frame
    /// that found no space.
    pub(super) free: Option<FrameBuffer>,
    /// Records up to here are not pending any more: a leader has taken them.
    pub(super) taken: Lsn,
    /// The number of the turn under way, or of the last one.
    pub(super) turn: u64,
    pub(super) is_led: bool,
    pub(super) sleepers: Sleepers,
    pub(super) stage: Stage,
    pub(super) failed: Option<Arc<Error>>,
    pub(super) catalog: Catalog,
    /// The durable holds.
    pub(super) holds: Arc<Holds>,
    /// What the writer counted, up to its last turn.
    pub(super) stats: WalStats,
    /// Records of unknown optional types that replays have passed over.
    pub(super) unknown_skipped: u64,
    /// The tails that live, by number, and the last record that each still returns, once it was
    /// stopped: what was durable then.
    pub(super) tails: BTreeMap<u64, Option<Lsn>>,
    /// How many there ever were: their numbers are not used twice.
    pub(super) tails_started: u64,
}

/// Which of two bells rings for a turn.
pub(super) fn side(turn: u64) -> usize {
    (turn % 2) as usize
}

/// How many threads sleep until a turn has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sleepers {
    /// A turn with an even number, or with an odd one.
    pub(super) of_turn: [usize; 2],
    /// Whichever turn.
    pub(super) any: usize,
}

/// How far a close has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    /// A close is under way. It may fail for want of space, and then the log is open again: so
    /// others wait for its outcome.
    Closing,
    Closed,
}

impl Queue {
    pub(super) fn check_failed(&self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(cause) => Err(Error::Poisoned {
                cause: Arc::clone(cause),
            }),
        }
    }

    /// Makes the first error final; a full disk is not.
    pub(super) fn fail_unless_full(&mut self, error: Error) -> Error {
        if matches!(error, Error::Full { .. }) {
            return error;
        }
        let cause = self.failed.get_or_insert_with(|| Arc::new(error));
        Error::Poisoned {
            cause: Arc::clone(cause),
        }
    }

    pub(super) fn check_open(&self) -> Result<()> {
        self.check_failed()?;
        match self.stage {
            Stage::Open | Stage::Closing => Ok(()),
            Stage::Closed => Err(Error::Closed),
        }
    }

    /// How many threads wait for the turn behind the present one.
    pub(super) fn waiting_for_next(&self) -> usize {
        self.sleepers.of_turn[side(self.turn + 1)]
    }

    /// Begins a turn: takes what is pending, unless an earlier frame is to be written first.
    pub(super) fn begin_turn(&mut self) -> Option<FrameBuffer> {
        self.turn += 1;
        let free = self.free.take()?;
        self.taken = self.next_lsn.before();
        Some(std::mem::replace(&mut self.pending, free))
    }

    /// Takes over what the writer did in a turn.
    pub(super) fn publish(&mut self, writer: &mut Writer) {
        assert!(writer.durable() >= self.durable);
        assert!(writer.durable() < self.next_lsn);
        self.durable = writer.durable();
        self.free = writer.unstage();
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
                    access: Access::of_new(active.key()),
                    pin: Arc::default(),
                }),
                end: active.end(),
                file_bytes: active.file_bytes(),
            });
        }
        let last = self
            .catalog
            .last_mut()
            .expect("it holds the active segment");
        last.end = active.end();
        last.file_bytes = active.file_bytes();
    }

    /// Pins the durable part of the log from the segment with `from` on.
    pub(super) fn snapshot(&self, from: Lsn) -> Snapshot {
        Snapshot {
            entries: self.catalog.entries_from(from).cloned().collect(),
            readable_from: self.readable_from,
            durable: self.durable,
        }
    }
}

/// What a reader may see: a durable, consistent part of the log.
pub(crate) struct Snapshot {
    /// The segments that hold it, pinned for as long as the snapshot lives.
    pub(crate) entries: Vec<Entry>,
    pub(crate) readable_from: Lsn,
    pub(crate) durable: Lsn,
}
