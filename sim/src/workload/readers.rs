//! What clients do that reads: at once, or through a reader that is held while others go on.

use seawall::{Error, Lsn, WalReader};

use super::{Client, Flow};
use crate::checker::reading::{self, Expectation, Snapshot};
use crate::checker::{Property, Violation, ensure};

/// A reader that a client keeps between its operations.
pub(super) struct Held {
    reader: WalReader,
    snapshot: Snapshot,
    /// How many truncations had succeeded when it was made.
    truncations: u64,
}

impl Client<'_> {
    /// The LSN that lies so many eighths of the way from the low-water mark to the end.
    pub(super) fn place(&self, eighths: u32) -> u64 {
        let low = self.wal.low_water_lsn().as_u64();
        let next = self.wal.next_lsn().as_u64();
        low + next.saturating_sub(low) * u64::from(eighths) / 8
    }

    pub(super) fn replay(&self, from: Option<u64>) -> Result<Flow, Violation> {
        let expectation = self.expect(from);
        let result = self.call_unless("replay", is_refusal_of(from), || match from {
            None => self.wal.replay(),
            Some(from) => self.wal.replay_from(Lsn::new(from)),
        })?;
        match result {
            Ok(records) => {
                let durable = self.wal.durable_lsn().as_u64();
                let (mut model, mut tally) = (
                    self.session.model.borrow_mut(),
                    self.session.tally.borrow_mut(),
                );
                let snapshot = Snapshot::new(&model, expectation, durable);
                reading::check(&mut model, snapshot, &records, &mut tally)?;
                Ok(Flow::GoOn)
            }
            Err(error) => self.not_read(from, &error),
        }
    }

    /// Makes a reader and keeps it in place of the one before.
    pub(super) fn stream(&self, from: Option<u64>) -> Result<Flow, Violation> {
        let mut expectation = self.expect(from);
        // A watermark that the log reports is its word.
        let durable = self.wal.durable_lsn().as_u64();
        expectation.settled = expectation.settled.max(durable);
        let result = self.call_unless("reader", is_refusal_of(from), || match from {
            None => self.wal.reader(),
            Some(from) => self.wal.reader_from(Lsn::new(from)),
        })?;
        match result {
            Ok(reader) => {
                let durable = self.wal.durable_lsn().as_u64();
                let snapshot = self.model(|model| Snapshot::new(model, expectation, durable));
                *self.seat.held.borrow_mut() = Some(Held {
                    reader,
                    snapshot,
                    truncations: self.session.truncations.get(),
                });
                Ok(Flow::GoOn)
            }
            Err(error) => self.not_read(from, &error),
        }
    }

    /// Reads on, up to `count` records. What the reader shows was durable when it was made, so
    /// neither the log's poison nor its close has to end it; it may, with that error.
    pub(super) fn read(&self, count: u32) -> Result<Flow, Violation> {
        let mut place = self.seat.held.borrow_mut();
        let Some(held) = place.as_mut() else {
            return Ok(Flow::GoOn);
        };
        self.tally(|tally| tally.evaluated(Property::Reading));
        if held.truncations < self.session.truncations.get() {
            let reads = &self.session.reads_over_truncation;
            reads.set(reads.get() + 1);
        }
        for _ in 0..count {
            match held.reader.next() {
                Some(Ok(record)) => self.model(|model| held.snapshot.see(model, &record))?,
                None => {
                    held.snapshot.end()?;
                    *place = None;
                    break;
                }
                Some(Err(error)) => {
                    *place = None;
                    drop(place);
                    self.excuse("reading on", &error)?;
                    self.remember(&error);
                    return self.after_error(&error);
                }
            }
        }
        Ok(Flow::GoOn)
    }

    pub(super) fn read_too_early(&self) -> Result<Flow, Violation> {
        let low = self.model(|model| model.low_water.certain);
        if low == 1 {
            return Ok(Flow::GoOn);
        }
        let is_refusal = |error: &Error| matches!(error, Error::BelowLowWater { .. });
        let result = self.call_unless("replay_from", is_refusal, || {
            self.wal.replay_from(Lsn::new(low - 1))
        })?;
        self.refused(Property::Reading, result.map(drop), is_refusal)
    }

    fn expect(&self, from: Option<u64>) -> Expectation {
        self.model(|model| Expectation {
            from,
            low_water: model.low_water.certain,
            settled: model.settled(),
        })
    }

    /// Judges why there was nothing to read.
    pub(super) fn not_read(&self, from: Option<u64>, error: &Error) -> Result<Flow, Violation> {
        if !matches!(error, Error::BelowLowWater { .. }) {
            return self.after_error(error);
        }
        let possible = self.model(|model| model.low_water.possible);
        self.tally(|tally| tally.evaluated(Property::Reading));
        let is_truncated = from.is_some_and(|from| from < possible);
        ensure(Property::Reading, is_truncated, || {
            format!("reading from {from:?} was refused, but nothing above {possible} was truncated")
        })?;
        Ok(Flow::GoOn)
    }
}

/// Whether an error refuses to read from there, since it was truncated.
fn is_refusal_of(from: Option<u64>) -> impl FnOnce(&Error) -> bool {
    move |error| from.is_some() && matches!(error, Error::BelowLowWater { .. })
}
