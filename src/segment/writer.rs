//! Turning frames into durable bytes: which segment they go to, when the next one starts.
//!
//! The writer is used by one thread at a time, the leader of a group commit. After an
//! [`Error::Full`] it is as good as before: the frame that found no space stays staged, and is
//! written again, in the same place, by the next attempt. After any other error it must not be
//! used again; the committer sees to that.

use std::sync::Arc;
use std::time::Duration;

use super::active::{ActiveSegment, Draft, full_if_for_space};
use super::catalog::{LogDir, TEMPORARY};
use crate::config::WalConfig;
use crate::crypto::KeyRing;
use crate::error::{Error, Result};
use crate::format::NUMBER_LIMIT;
use crate::format::aligned::AlignedBytes;
use crate::format::buffer::{FrameBuffer, Place};
use crate::format::frame::FrameKind;
use crate::format::header::{LogId, Previous, SegmentHeader};
use crate::format::holds::Holds;
use crate::format::required::RequiredTypes;
use crate::stats::WalStats;
use crate::types::Lsn;

mod ahead;

/// Everything that the next segment's header is made from.
#[derive(Clone, Copy)]
pub(crate) struct NextSegment {
    pub(crate) log_id: LogId,
    pub(crate) segment_id: u64,
    pub(crate) previous: Previous,
    /// The types of all records before it that a reader must understand.
    pub(crate) required: RequiredTypes,
}

impl NextSegment {
    /// The first segment of a new log, with a fresh log id.
    pub(crate) fn of_new_log(dir: &LogDir) -> Result<NextSegment> {
        let mut log_id = LogId::default();
        let filled = dir.env.entropy.fill(&mut log_id);
        filled.map_err(Error::final_io("get randomness for", &dir.path))?;
        Ok(NextSegment {
            log_id,
            segment_id: 1,
            previous: Previous::default(),
            required: RequiredTypes::default(),
        })
    }

    /// The next segment's header, with a fresh salt and the current key.
    pub(crate) fn header(
        &self,
        dir: &LogDir,
        config: &WalConfig,
        first_lsn: Lsn,
        durable_lsn: Lsn,
        low_water_lsn: Lsn,
    ) -> Result<SegmentHeader> {
        let mut salt = [0; 16];
        let filled = dir.env.entropy.fill(&mut salt);
        filled.map_err(Error::final_io("get randomness for", &dir.path))?;
        Ok(SegmentHeader {
            log_id: self.log_id,
            segment_id: self.segment_id,
            first_lsn,
            durable_lsn,
            low_water_lsn,
            previous: self.previous,
            block_bytes: u32::try_from(config.tuning.alignment).expect("at most 65536"),
            salt,
            key_id: dir.keys.current(),
            // Written with the header, when the rest of it is known.
            key_check: [0; 16],
            original: None,
            durable_end: 0,
            required: self.required,
        })
    }
}

/// What a log keeps beside its records.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) low_water: Lsn,
    pub(crate) holds: Arc<Holds>,
}

/// The writer of the log's frames.
pub(crate) struct Writer {
    dir: Arc<LogDir>,
    config: WalConfig,
    // `None` between the seal of a segment and the making of the next.
    active: Option<ActiveSegment>,
    next: NextSegment,
    /// The frame to be written next. It stays here until it is written.
    pub(crate) staged: FrameBuffer,
    // The number and file size in bytes of the segment that was sealed last.
    sealed: Option<(u64, u64)>,
    // Records below this may be missing; goes into every frame.
    low_water: Lsn,
    // Goes into a frame whenever it changes, and into every new segment.
    holds: Arc<Holds>,
    // Frames up to here were written.
    written: Lsn,
    // Frames up to here were covered by a sync. Never above `written`.
    durable: Lsn,
    // Nothing was written behind what the last close has sealed.
    is_as_closed: bool,
    // Nobody writes to them.
    zeros: AlignedBytes,
    stats: WalStats,
}

impl Writer {
    /// A writer after recovery: everything up to `durable` is in segments, all else is new.
    /// Without an active segment it makes one when it needs it.
    pub(crate) fn new(
        dir: Arc<LogDir>,
        config: WalConfig,
        active: Option<ActiveSegment>,
        next: NextSegment,
        durable: Lsn,
        kept: Kept,
    ) -> Writer {
        let segments_created = u64::from(active.is_some());
        Writer {
            dir,
            config,
            active,
            next,
            staged: FrameBuffer::with_capacity(config.tuning.write_buffer_size),
            sealed: None,
            low_water: kept.low_water,
            holds: kept.holds,
            written: durable,
            durable,
            is_as_closed: false,
            zeros: AlignedBytes::empty(),
            stats: WalStats {
                segments_created,
                ..WalStats::default()
            },
        }
    }

    pub(crate) fn active(&self) -> Option<&ActiveSegment> {
        self.active.as_ref()
    }

    /// The last LSN that a sync has covered.
    pub(crate) fn durable(&self) -> Lsn {
        self.durable
    }

    pub(crate) fn low_water(&self) -> Lsn {
        self.low_water
    }

    pub(crate) fn holds(&self) -> &Arc<Holds> {
        &self.holds
    }

    pub(crate) fn sealed(&self) -> Option<(u64, u64)> {
        self.sealed
    }

    pub(crate) fn stats(&self) -> WalStats {
        self.stats
    }

    /// Tells it that the log is as a close has left it, though there is no space for a segment.
    pub(crate) fn leave_as_closed(&mut self) {
        self.is_as_closed = true;
    }

    /// Puts a frame where it is written next.
    pub(crate) fn stage(&mut self, frame: FrameBuffer) {
        assert!(self.staged.is_empty(), "one frame is staged at a time");
        self.staged = frame;
    }

    /// Gives the buffer of the staged frame back, once that is written.
    pub(crate) fn unstage(&mut self) -> Option<FrameBuffer> {
        let is_written = self.staged.is_empty();
        is_written.then(|| std::mem::replace(&mut self.staged, FrameBuffer::without_memory()))
    }

    /// Writes the staged frame, in a new segment where the active one is full. Afterwards it is
    /// written, not durable.
    pub(crate) fn write_staged(&mut self) -> Result<()> {
        self.write_frame(false)
    }

    /// Writes the staged frame, durably where one call can do it and `with_sync` asks for it.
    fn write_frame(&mut self, with_sync: bool) -> Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        self.make_room()?;
        let active = self.active.as_mut().expect("room was made in it");
        let seal = active.next_seal();
        let last_lsn = self.staged.last_lsn();
        assert!(last_lsn > self.written);
        let place = Place {
            segment: active.header(),
            offset: active.end(),
            last_lsn: self.written,
            durable_lsn: self.durable,
            durable_end: active.synced_end(),
            low_water_lsn: self.low_water,
        };
        let frame = self.staged.encode(&place, seal);
        let bytes = frame.len() as u64;
        let is_synced = with_sync && active.is_prepared_for(bytes);
        match is_synced {
            true => {
                let start = self.dir.env.clock.now();
                active.append_synced(&self.dir.gate, frame)?;
                self.count_sync(start);
            }
            false => active.append(&self.dir.gate, frame)?,
        }
        self.stats.bytes_written += bytes;
        self.stats.frames_written += 1;
        let records = u64::from(self.staged.record_count());
        self.stats.records_written += records;
        self.stats.records_per_frame.count(records);
        self.next.required.add_all(self.staged.required());
        self.written = last_lsn;
        if is_synced {
            self.durable = last_lsn;
        }
        self.staged.clear();
        self.staged.shrink(self.config.tuning.write_buffer_size);
        match is_synced {
            true => Ok(()),
            false => self.prepare_behind(bytes),
        }
    }

    /// Writes the staged frame and makes everything written durable: even where the staged frame
    /// finds no space, what was written before it.
    pub(crate) fn write_and_sync(&mut self) -> Result<()> {
        let written = self.write_frame(true);
        if matches!(written, Ok(()) | Err(Error::Full { .. })) && self.durable < self.written {
            self.sync()?;
        }
        written
    }

    /// Makes everything written so far durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        // Captured before the sync: what is written while it runs is not covered by it.
        let covered = self.written;
        if let Some(active) = &mut self.active {
            let start = self.dir.env.clock.now();
            active.sync(&self.dir.gate)?;
            self.count_sync(start);
        }
        self.durable = covered;
        Ok(())
    }

    fn count_sync(&mut self, start: Duration) {
        let time = self.dir.env.clock.now().saturating_sub(start);
        self.stats.sync_time += time;
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.stats.sync_micros.count(micros);
        self.stats.syncs += 1;
    }

    /// Makes a new low-water mark durable, in a frame of its own. What is staged stays so: it may
    /// need space that the mark is to make. The frame may exceed the segment's target: a mark needs
    /// no new segment.
    pub(crate) fn write_mark(&mut self, low_water: Lsn) -> Result<()> {
        assert!(low_water > self.low_water);
        self.see_to_active()?;
        let before = std::mem::replace(&mut self.low_water, low_water);
        if let Err(error) = self.append_bare(FrameKind::Records, &[]) {
            self.low_water = before;
            return Err(error);
        }
        self.sync()
    }

    /// Makes the log's holds durable as they are from now on, as [`Writer::write_mark`] does it.
    pub(crate) fn write_holds(&mut self, holds: Arc<Holds>) -> Result<()> {
        self.see_to_active()?;
        self.append_bare(FrameKind::Holds, &holds.encode())?;
        self.holds = holds;
        self.sync()
    }

    /// Starts a segment, where there is none and nothing speaks for the records before: recovery
    /// had to leave them where they were, on a full disk.
    pub(crate) fn start_to_seal(&mut self) -> Result<()> {
        self.leave_given_up();
        let is_sealed = self.next.previous.is_sealed || self.is_as_closed;
        match self.active.is_some() || is_sealed {
            true => Ok(()),
            false => self.start_segment(),
        }
    }

    /// Seals the active segment, if there is one, with a footer: everything in it is durable, and
    /// says so. After [`Error::Full`] it is durable, but not sealed.
    pub(crate) fn seal(&mut self) -> Result<()> {
        self.leave_given_up();
        let Some(active) = &self.active else {
            return Ok(());
        };
        let (end, is_synced) = (active.end(), active.is_synced());
        if !is_synced {
            self.sync()?;
        }
        // The footer takes the last block, which needs no space any more.
        self.active.as_mut().expect("it was just there").trim()?;
        self.append_bare(FrameKind::Footer, &[])?;
        self.sync()?;
        self.retire(end, true);
        Ok(())
    }

    /// Seals the active segment, and starts the next one where that has records: an open looks for
    /// the end of the log in the last segment only, and so need not read this one.
    pub(crate) fn close(&mut self) -> Result<()> {
        let has_records = match &self.active {
            Some(active) => self.written >= active.header().first_lsn,
            // It was sealed before: the keys were changed, for one thing.
            None => self.next.previous.is_sealed,
        };
        self.seal()?;
        if !has_records {
            return Ok(());
        }
        match self.start_segment().map_err(full_if_for_space) {
            // The footer says as much, to an open that reads more.
            Err(Error::Full { .. }) if self.next.previous.is_sealed => Ok(()),
            started => started,
        }
    }

    /// Leaves a segment that was given up as it is: the header of the next one tells where it ends.
    fn leave_given_up(&mut self) {
        if let Some(active) = self.active.as_ref().filter(|active| active.is_given_up()) {
            let end = active.end();
            self.retire(end, false);
        }
    }

    /// Writes no more to the active segment, whose frames of the log end at `end`, where a footer
    /// stands if it `is_sealed`.
    fn retire(&mut self, end: u64, is_sealed: bool) {
        let retired = self.active.take().expect("callers have seen it");
        let header = retired.header();
        self.next.previous = Previous {
            segment_id: header.segment_id,
            end,
            salt: header.salt,
            is_sealed,
            is_encrypted: header.key_id.is_some(),
        };
        self.sealed = Some((header.segment_id, retired.file_bytes()));
    }

    fn append_bare(&mut self, kind: FrameKind, body: &[u8]) -> Result<()> {
        let active = self.active.as_mut().expect("callers make sure of it");
        let mut buffer = FrameBuffer::with_capacity(body.len());
        let seal = active.next_seal();
        let place = Place {
            segment: active.header(),
            offset: active.end(),
            last_lsn: self.written,
            durable_lsn: self.durable,
            durable_end: active.synced_end(),
            low_water_lsn: self.low_water,
        };
        let frame = buffer.encode_bare(kind, body, &place, seal);
        active.append(&self.dir.gate, frame)?;
        self.stats.bytes_written += frame.len() as u64;
        self.stats.frames_written += 1;
        Ok(())
    }

    /// Sees to it that there is an active segment with room for the staged frame.
    fn make_room(&mut self) -> Result<()> {
        if let Some(active) = &self.active {
            let bytes = self.staged.file_bytes(active.header());
            let fits = active.end() + bytes <= self.config.segment_target_size;
            let is_without_records = self.written < active.header().first_lsn;
            if (fits || is_without_records) && !active.is_spent() {
                return Ok(());
            }
            self.end_segment()?;
        }
        self.start_segment()
    }

    /// Sees to it that there is an active segment, whose key is good for more frames.
    pub(crate) fn see_to_active(&mut self) -> Result<()> {
        match &self.active {
            Some(active) if !active.is_spent() => return Ok(()),
            Some(_) => self.end_segment()?,
            None => {}
        }
        self.start_segment()
    }

    /// Writes no more to the active segment, on a full disk, too: the next segment's header says
    /// all that the footer says.
    fn end_segment(&mut self) -> Result<()> {
        let Some(active) = &self.active else {
            return Ok(());
        };
        let end = active.end();
        match self.seal() {
            Err(Error::Full { .. }) => {
                self.retire(end, false);
                Ok(())
            }
            sealed => sealed,
        }
    }

    /// Replaces the keys. What is written from now on is sealed with the new current one, in a
    /// segment of its own; it needs no space yet.
    pub(crate) fn replace_keys(&mut self, ring: KeyRing) -> Result<()> {
        if self.dir.keys.current() != Some(ring.current().id()) {
            self.end_segment()?;
        }
        self.dir.keys.replace(ring);
        Ok(())
    }

    fn start_segment(&mut self) -> Result<()> {
        // The seal made everything written durable, so the new header may promise it.
        assert_eq!(self.written, self.durable);
        assert!(self.next.segment_id < NUMBER_LIMIT);
        let header = self.next.header(
            &self.dir,
            &self.config,
            self.written.next(),
            self.durable,
            self.low_water,
        )?;
        let mut draft = Draft::begin(&self.dir, &self.config, TEMPORARY, header)?;
        draft.append_holds(&self.holds)?;
        self.active = Some(draft.publish(self.durable)?);
        self.next.segment_id += 1;
        self.stats.segments_created += 1;
        tracing::info!(
            segment = header.segment_id,
            first_lsn = header.first_lsn.as_u64(),
            "started a segment"
        );
        Ok(())
    }
}
