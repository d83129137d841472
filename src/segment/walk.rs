//! Walking over all frames of a segment, damage or not.
//!
//! A reader of the log stops at the first frame that it can't read; whoever looks for damage, or
//! for what it left, goes on behind it: at the next block boundary where a whole frame stands. A
//! frame's checksums cover its place, so what is found there is what was written there. Each
//! byte is read a bounded number of times, whatever the file holds.

use super::reader::{FrameReader, Promise, Stop};
use crate::error::Result;
use crate::format::frame::{FrameHeader, FrameKind, NotAFrame};
use crate::format::header::SegmentHeader;
use crate::types::Lsn;

/// A walk over one segment.
pub(crate) struct Walk {
    pub(crate) reader: FrameReader,
    header: SegmentHeader,
    // What begins here or behind is not looked at.
    end: u64,
    is_over: bool,
}

/// What stands at a block boundary.
pub(crate) enum Step {
    /// A whole frame; its body is the reader's.
    Frame { offset: u64, frame: FrameHeader },
    /// No frame, from here to the next step.
    Damage { offset: u64, why: NotAFrame },
}

impl Walk {
    /// A walk from the first frame up to `end`, with a reader that stands before that frame.
    pub(crate) fn new(reader: FrameReader, header: &SegmentHeader, end: u64) -> Walk {
        Walk {
            reader,
            header: *header,
            end,
            is_over: false,
        }
    }

    /// The next frame, or the next place without one; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Step>> {
        let offset = self.reader.offset();
        if self.is_over || offset >= self.end {
            return Ok(None);
        }
        Ok(Some(match self.reader.next()? {
            Ok(frame) => Step::Frame { offset, frame },
            Err(Stop { offset, why }) => {
                self.resume_behind(offset, why)?;
                Step::Damage { offset, why }
            }
        }))
    }

    /// Goes to the next whole frame behind a place without one.
    fn resume_behind(&mut self, mut offset: u64, mut why: NotAFrame) -> Result<()> {
        loop {
            offset += self.length_of_damage(offset, why)?;
            if offset >= self.end.min(self.reader.file_bytes()) {
                self.is_over = true;
                return Ok(());
            }
            self.reader.skip_to(offset);
            match self.reader.next()? {
                Ok(_) => {
                    self.reader.skip_to(offset);
                    return Ok(());
                }
                Err(stop) => why = stop.why,
            }
        }
    }

    /// How far to the next place where a frame may begin: behind the body where a header tells
    /// its length, so that a payload is not taken for frames.
    fn length_of_damage(&mut self, offset: u64, why: NotAFrame) -> Result<u64> {
        if matches!(
            why,
            NotAFrame::Body | NotAFrame::Contents | NotAFrame::Forged
        ) && let Ok(frame) = self.reader.header_at(offset)?
        {
            return Ok(frame.file_bytes(&self.header));
        }
        Ok(u64::from(self.header.block_bytes))
    }
}

/// Which frames of a segment are part of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// All: the next segment says where this one ends.
    Whole,
    /// Nobody says where it ends. What is valid from its beginning on is what an open would take;
    /// behind the first damage only what a promise in the same file covers, since what is above
    /// may have been cut and its LSNs given to other records.
    Proven { stop: u64, promise: Promise },
}

impl Extent {
    /// The extent of a segment of which nobody says where it ends.
    pub(crate) fn of_open_end(reader: FrameReader, header: &SegmentHeader) -> Result<Extent> {
        let mut reader = reader;
        let start = reader.offset();
        let promise = reader.rest_from(start)?.promise;
        let promise = promise.or(Promise::of_header(header));
        let mut last = header.first_lsn.before();
        loop {
            let stop = reader.offset();
            match reader.next()? {
                Ok(frame) if frame.follows(last) && frame.kind != FrameKind::Footer => {
                    last = frame.last_lsn();
                }
                _ => return Ok(Extent::Proven { stop, promise }),
            }
        }
    }

    /// Whether the frame at `offset` is part of the log. It was durable, or it was not, as a whole.
    pub(crate) fn holds(&self, offset: u64) -> bool {
        match self {
            Extent::Whole => true,
            Extent::Proven { stop, promise } => offset < *stop.max(&promise.end),
        }
    }

    /// The highest promise that was looked for.
    pub(crate) fn promise(&self) -> Promise {
        match self {
            Extent::Whole => Promise::default(),
            Extent::Proven { promise, .. } => *promise,
        }
    }
}

/// The highest low-water mark in the header and in the frames that are part of the log.
pub(crate) fn low_water(walk: &mut Walk, extent: &Extent) -> Result<Lsn> {
    let mut low_water = walk.header.low_water_lsn;
    while let Some(step) = walk.next()? {
        match step {
            Step::Frame { offset, frame } if extent.holds(offset) => {
                low_water = low_water.max(frame.low_water_lsn);
            }
            Step::Frame { .. } | Step::Damage { .. } => {}
        }
    }
    Ok(low_water)
}
