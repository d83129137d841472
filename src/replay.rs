//! Reading the log back, one frame at a time.
//!
//! A reader sees the durable records of the moment it was made, each exactly once and in order,
//! or an error that says where the first one that it can't read would be. It holds one frame of
//! memory, whatever the log's length, and pins its segments: none is deleted under it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::commit::Snapshot;
use crate::error::{Error, Result};
use crate::format::FILLER;
use crate::format::frame::{FrameHeader, NotAFrame, Records};
use crate::segment::catalog::{Catalog, Entry, LogDir};
use crate::segment::chain::live_chain;
use crate::segment::reader::{ENDS_EARLY, FrameReader, Stop};
use crate::segment::tail::Tail;
use crate::types::{BorrowedRecord, Lsn, RecordHeader, RecordType, WalRecord};

/// An iterator over the durable records of a log, from [`crate::WalManager::reader`].
///
/// After an error it ends: nothing behind a record that can't be read is returned.
pub struct WalReader {
    dir: Arc<LogDir>,
    // The segments still to be read, the one being read included; each is pinned.
    entries: VecDeque<Entry>,
    segment: Option<FrameReader>,
    frame: Option<(FrameHeader, Records)>,
    // The last record that was read, wanted or not.
    last: Lsn,
    from: Lsn,
    until: Lsn,
    unknown: Unknown,
    unknown_skipped: u64,
}

/// What a reader does with records of types that this version does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Pass over those that need not be understood, and count them.
    Skip,
    /// Show them all.
    Show,
}

impl WalReader {
    /// A reader of a snapshot from `from` on; records of it below are skipped.
    pub(crate) fn new(
        dir: Arc<LogDir>,
        snapshot: Snapshot,
        from: Option<Lsn>,
        unknown: Unknown,
    ) -> WalReader {
        let first = snapshot
            .entries
            .first()
            .map(|entry| entry.segment.header.first_lsn);
        WalReader {
            dir,
            last: first.unwrap_or(snapshot.readable_from).before(),
            entries: snapshot.entries.into(),
            segment: None,
            frame: None,
            from: from.unwrap_or(snapshot.readable_from),
            until: snapshot.durable,
            unknown,
            unknown_skipped: 0,
        }
    }

    /// A reader of a log that nobody has opened, by the segments in its directory, over the records
    /// that an open would show, those of unknown types included.
    ///
    /// # Errors
    /// Whatever an open would refuse, but for unknown types; [`Error::NoLog`] where there is none;
    /// [`Error::BelowLowWater`] when `from` was truncated.
    pub(crate) fn of_unopened(
        dir: Arc<LogDir>,
        found: &[Entry],
        from: Option<Lsn>,
    ) -> Result<WalReader> {
        let Some(last) = found.last() else {
            return Err(Error::NoLog {
                path: dir.path.clone(),
            });
        };
        let tail = Tail::scan(&dir, last)?;
        let low_water = tail.kept.low_water;
        let mut live = live_chain(found, low_water)?;
        live.push_back(Entry {
            end: tail.end,
            ..last.clone()
        });
        let first = from.unwrap_or(low_water);
        // Below the very first LSN nothing was ever truncated.
        if first < low_water && low_water > Lsn::ZERO.next() {
            return Err(Error::BelowLowWater {
                asked: first,
                low_water,
            });
        }
        let snapshot = Snapshot {
            entries: Catalog::new(live).entries_from(first).cloned().collect(),
            readable_from: low_water,
            durable: tail.valid,
        };
        Ok(WalReader::new(dir, snapshot, from, Unknown::Show))
    }

    /// The last record that it will read.
    pub(crate) fn until(&self) -> Lsn {
        self.until
    }

    /// How many records were passed over so far, since this version does not know their types
    /// and need not (bit 15 is clear).
    pub fn unknown_skipped(&self) -> u64 {
        self.unknown_skipped
    }

    /// The last record that was read, wanted or not.
    pub(crate) fn position(&self) -> Lsn {
        self.last
    }

    /// Goes on where it has ended, up to the end of a later snapshot, which begins with the
    /// segment of the record to come.
    pub(crate) fn go_on(&mut self, snapshot: Snapshot) -> Result<()> {
        assert!(self.frame.is_none());
        assert!(snapshot.durable > self.last);
        let id_of = |entry: Option<&Entry>| entry.map(|entry| entry.segment.header.segment_id);
        if id_of(self.entries.front()) != id_of(snapshot.entries.first()) {
            self.segment = None;
        }
        self.entries = snapshot.entries.into();
        self.until = snapshot.durable;
        match &mut self.segment {
            Some(segment) => segment.refresh(),
            None => Ok(()),
        }
    }

    /// The next record, with its payload where it was read: valid until the next call, and copied
    /// by nobody. The iterator's records are the same, each with a copy of its own.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::UnknownType`], [`Error::Io`]; the reader has ended then.
    pub fn next_borrowed(&mut self) -> Result<Option<BorrowedRecord<'_>>> {
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some((header, place))) => {
                let (frame, _) = self.frame.as_ref().expect("the record is from a frame");
                let segment = self.segment.as_ref().expect("a frame is from a segment");
                let payload = &segment.body(frame)[place];
                Ok(Some(BorrowedRecord { header, payload }))
            }
            Err(error) => {
                self.until = Lsn::ZERO;
                self.frame = None;
                Err(error)
            }
        }
    }

    /// Goes to the next wanted record; its payload is at this place of the body of the frame at
    /// hand.
    fn advance(&mut self) -> Result<Option<(RecordHeader, Range<usize>)>> {
        loop {
            if let Some(record) = self.next_in_frame()? {
                return Ok(Some(record));
            }
            if self.last >= self.until {
                return Ok(None);
            }
            self.read_frame()?;
        }
    }

    /// The next wanted record of the frame at hand.
    fn next_in_frame(&mut self) -> Result<Option<(RecordHeader, Range<usize>)>> {
        let Some((frame, records)) = self.frame.as_mut() else {
            return Ok(None);
        };
        let segment = self.segment.as_ref().expect("a frame is from a segment");
        let body = segment.body(frame);
        while let Some((header, place)) = records.next_place(body) {
            self.last = Lsn::new(header.lsn);
            if self.last < self.from || header.record_type == FILLER {
                continue;
            }
            let is_known = RecordType::from_number(header.record_type).is_some();
            if is_known || self.unknown == Unknown::Show {
                return Ok(Some((header, place)));
            }
            if RecordType::is_required(header.record_type) {
                return Err(Error::UnknownType {
                    segment: segment.path().to_owned(),
                    record_type: header.record_type,
                });
            }
            self.unknown_skipped += 1;
        }
        self.frame = None;
        Ok(None)
    }

    /// Moves to the next frame, in the next segment where this one has ended. There must be one:
    /// records that are durable are still to come.
    fn read_frame(&mut self) -> Result<()> {
        // What a sealed segment holds behind its last record, no reader needs.
        while let Some(next) = self.entries.get(1) {
            if next.segment.header.first_lsn != self.last.next() {
                break;
            }
            self.segment = None;
            self.entries.pop_front();
        }
        let entry = self.entries.front();
        let entry = entry.expect("the snapshot holds all its records");
        let segment = match &mut self.segment {
            Some(segment) => segment,
            None => {
                let reader = FrameReader::open(&self.dir, &entry.segment)?;
                self.segment.insert(reader)
            }
        };
        // The entry may be from when the segment was the active one, and shorter; in a copy, made
        // since, its end has no meaning.
        let end = match segment.header().original {
            Some(_) => segment.header().durable_end,
            None => entry.end,
        };
        segment.read_ahead_up_to(end);
        if segment.offset() >= end {
            return Err(self.corrupt(end, ENDS_EARLY));
        }
        let offset = segment.offset();
        match segment.next()? {
            Ok(frame) if frame.follows(self.last) => {
                self.frame = Some((frame, Records::of(&frame)));
                Ok(())
            }
            Ok(_) => Err(self.corrupt(offset, NotAFrame::Contents.why())),
            Err(Stop { offset, why }) => Err(self.corrupt(offset, why.why())),
        }
    }

    /// Below the durable LSN nothing is torn: what can't be read is damaged.
    fn corrupt(&self, offset: u64, why: &'static str) -> Error {
        let segment = match &self.segment {
            Some(segment) => segment.path().to_owned(),
            None => self.entries[0].segment.path.clone(),
        };
        Error::Corrupt {
            segment,
            offset,
            lsn: self.last.next(),
            why,
        }
    }
}

impl Iterator for WalReader {
    type Item = Result<WalRecord>;

    fn next(&mut self) -> Option<Result<WalRecord>> {
        let record = self.next_borrowed().transpose()?;
        Some(record.map(|record| record.to_record()))
    }
}
