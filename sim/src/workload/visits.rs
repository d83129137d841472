//! Who only looks: at what the log tells of itself, and a second opener, who has to be refused.

use std::path::Path;

use seawall::{WalConfig, WalManager};

use super::{Client, Flow};
use crate::checker::{Property, Violation, ensure, listing, one_writer};
use crate::events::{self, Event};
use crate::world::LOG_DIR;

impl Client<'_> {
    pub(super) fn second_open(&self) -> Result<Flow, Violation> {
        // Whether a closed log still holds its lock is its own business.
        if self.model(|model| model.closing > 0) {
            return Ok(Flow::GoOn);
        }
        let (opened, changes) = self.world.watch_intruder(|| {
            WalManager::open_in(
                self.world.env(),
                Path::new(LOG_DIR),
                WalConfig::default(),
                None,
            )
        });
        let to_blame = self.world.disk_is_to_blame();
        self.tally(|tally| one_writer::check(opened.as_ref().err(), changes, to_blame, tally))?;
        Ok(Flow::GoOn)
    }

    pub(super) fn look(&self) -> Result<Flow, Violation> {
        let durable = self.wal.durable_lsn().as_u64();
        // A watermark that the log reports is its word.
        self.check_covered(durable)?;
        events::keep(|| Event::Promised(durable));
        self.model(|model| model.acknowledge(durable));
        let segments = self.wal.list_segments();
        let low_water = self.wal.low_water_lsn().as_u64();
        self.tally(|tally| listing::check(&segments, low_water, tally))?;
        let next = self.wal.next_lsn().as_u64();
        ensure(Property::Watermark, durable < next, || {
            format!("lsn {durable} is durable, but the next is only {next}")
        })?;
        // What this life made durable, it has written, and counted.
        let new = self.model(|model| durable.saturating_sub(model.shown_at_open()));
        let written = self.wal.stats().records_written;
        ensure(Property::Watermark, written >= new, || {
            format!("{new} new records are durable, but only {written} were counted as written")
        })?;
        let total = self.wal.total_size_bytes();
        let sum: u64 = self
            .wal
            .list_segments()
            .iter()
            .map(|one| one.file_size)
            .sum();
        ensure(Property::Listing, !self.is_alone || total == sum, || {
            format!("the segments have {sum} bytes, but {total} are told")
        })?;
        ensure(
            Property::Listing,
            self.wal.wal_dir() == Path::new(LOG_DIR),
            || format!("the log is said to be in {}", self.wal.wal_dir().display()),
        )?;
        Ok(Flow::GoOn)
    }
}
