//! What clients drop of the log, and what they must not drop.

use seawall::{Error, Lsn};

use super::{Client, Flow};
use crate::checker::{Property, Violation, holds, truncation};

impl Client<'_> {
    pub(super) fn truncate(&self, eighths: u32) -> Result<Flow, Violation> {
        let low = self.wal.low_water_lsn().as_u64();
        let end = self.wal.durable_lsn().as_u64() + 1;
        let asked = low + end.saturating_sub(low) * u64::from(eighths) / 8;
        let before = self.model(|model| {
            model.low_water.possible = model.low_water.possible.max(asked);
            model.low_water.certain
        });
        let listed = self.wal.list_segments();
        let result = self.call("truncate_before", || {
            self.world
                .watch_truncation(|| self.wal.truncate_before(Lsn::new(asked)))
        })?;
        match result {
            Ok(result) => {
                let deleted = &self.session.segments_truncated;
                deleted.set(deleted.get() + result.segments_deleted);
                let truncations = &self.session.truncations;
                truncations.set(truncations.get() + 1);
                let after = self.wal.low_water_lsn().as_u64();
                let possible = self.model(|model| model.low_water.possible);
                self.tally(|tally| {
                    truncation::check_truncated(asked, before, after, possible, tally)
                })?;
                let lowest_hold = self.model(|model| {
                    model.low_water.certain = model.low_water.certain.max(after);
                    holds::check_mark(model, after).map(|()| model.lowest_hold())
                })?;
                let due = asked.min(lowest_hold.unwrap_or(asked));
                // A reader, here or beside others, may have held something back.
                if self.is_alone && self.seat.held.borrow().is_none() {
                    let segments = self.wal.list_segments();
                    self.tally(|tally| truncation::check_complete(due, &listed, &segments, tally))?;
                }
                Ok(Flow::GoOn)
            }
            Err(error) => self.after_error(&error),
        }
    }

    pub(super) fn truncate_too_far(&self) -> Result<Flow, Violation> {
        let durable = self.wal.durable_lsn().as_u64();
        let next = self.wal.next_lsn().as_u64();
        // Beside others the watermark may move meanwhile, so only something far off is sure.
        let far = match self.is_alone {
            true => durable + 2,
            false => next + 1000,
        };
        let is_refusal = |error: &Error| matches!(error, Error::NotDurable { .. });
        let result = self.call_unless("truncate_before", is_refusal, || {
            self.wal.truncate_before(Lsn::new(far))
        })?;
        self.refused(Property::Truncation, result.map(drop), is_refusal)
    }
}
