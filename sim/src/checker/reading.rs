//! Contract 24: a reader beside the writer sees a consistent, durable snapshot, or a typed error.
//!
//! *Verified:* what it returns has no gap, begins where it was asked to, holds every record that
//! was settled when it began, byte for byte, and nothing that was not durable, by the log's own
//! word, once it was made; what it showed counts as shown from then on. So it is for a reader
//! that is read at once, and for one that is held while others append, roll, truncate and close.
//! What was truncated is refused.
//! *Not verified:* how much memory it takes; that files which it needs no longer are given back.

use seawall::WalRecord;

use super::{Property, Tally, Violation, ensure};
use crate::model::Model;

/// What a reader could expect when it began.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// Where it was asked to begin; the low-water mark for `None`.
    pub from: Option<u64>,
    /// The low-water mark that was certain when it began.
    pub low_water: u64,
    /// What was acknowledged or shown when it began.
    pub settled: u64,
}

/// A reader and what it has to show.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    expectation: Expectation,
    /// The highest low-water mark that was possible when the reader was there.
    low_water_possible: u64,
    /// What the log called durable when the reader was there: its snapshot holds no more.
    durable: u64,
    /// The LSN that has to come next, once something has come.
    next: Option<u64>,
}

impl Snapshot {
    /// A reader has been made; `durable` is what the log called durable afterwards.
    pub fn new(model: &Model, expectation: Expectation, durable: u64) -> Snapshot {
        Snapshot {
            expectation,
            low_water_possible: model.low_water.possible,
            durable,
            next: None,
        }
    }

    /// Checks the next record that the reader returned.
    ///
    /// # Errors
    /// [`Property::Reading`], or what [`Model::see`] finds.
    pub fn see(&mut self, model: &mut Model, record: &WalRecord) -> Result<(), Violation> {
        let (lsn, expectation) = (record.header.lsn, self.expectation);
        let is_next = match (self.next, expectation.from) {
            (Some(next), _) => lsn == next,
            (None, Some(from)) => lsn == from,
            (None, None) => (expectation.low_water..=self.low_water_possible).contains(&lsn),
        };
        ensure(Property::Reading, is_next, || {
            format!("a reader saw lsn {lsn}: {self:?}")
        })?;
        ensure(Property::Reading, lsn <= self.durable, || {
            let durable = self.durable;
            format!("a reader saw lsn {lsn}, but only {durable} was durable when it was made")
        })?;
        model.see(record)?;
        model.shown = model.shown.max(lsn);
        self.next = Some(lsn + 1);
        Ok(())
    }

    /// Checks that the reader, which says that it has shown everything, has.
    ///
    /// # Errors
    /// [`Property::Reading`].
    pub fn end(&self) -> Result<(), Violation> {
        let begin = self.expectation.from.unwrap_or(self.low_water_possible);
        let next = self.next.unwrap_or(begin);
        ensure(Property::Reading, self.expectation.settled < next, || {
            format!("a reader ended before lsn {next}: {self:?}")
        })
    }
}

/// Checks what a reader returned that was read at once, to its end.
///
/// # Errors
/// As [`Snapshot::see`] and [`Snapshot::end`].
pub fn check(
    model: &mut Model,
    mut snapshot: Snapshot,
    records: &[WalRecord],
    tally: &mut Tally,
) -> Result<(), Violation> {
    tally.evaluated(Property::Reading);
    for record in records {
        snapshot.see(model, record)?;
    }
    snapshot.end()
}
