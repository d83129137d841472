//! The end of the last segment: how far its records are proven, valid, torn.
//!
//! It only reads. The rules are in the format's description, "The end of the log".

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::format::frame::{FrameKind, NotAFrame};
use crate::segment::catalog::{Entry, LogDir};
use crate::segment::reader::{FrameReader, Stop};
use crate::types::Lsn;

/// The end of the last segment, told apart into proven, valid and torn.
pub(super) struct Tail {
    /// The last LSN that something says was durable.
    pub(super) proven: Lsn,
    /// The offset behind the last frame of proven records.
    pub(super) proven_end: u64,
    /// The last LSN in a valid frame.
    pub(super) valid: Lsn,
    /// The offset behind that frame.
    pub(super) end: u64,
    /// The highest low-water mark in a valid frame.
    pub(super) low_water: Lsn,
    /// The same, up to `proven_end`.
    pub(super) proven_low_water: Lsn,
}

/// A valid frame that nothing has proven so far.
struct Unproven {
    first_lsn: Lsn,
    last_lsn: Lsn,
    end: u64,
    low_water: Lsn,
}

impl Tail {
    /// Reads the last segment to its end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when something proves records that can't be read.
    pub(super) fn scan(dir: &LogDir, last: &Entry) -> Result<Tail> {
        let header = &last.segment.header;
        let mut reader = FrameReader::open(dir, &last.segment.path, header)?;
        let mut tail = Tail {
            proven: header.durable_lsn,
            proven_end: reader.offset(),
            valid: header.first_lsn.before(),
            end: reader.offset(),
            low_water: header.low_water_lsn,
            proven_low_water: header.low_water_lsn,
        };
        let corrupt = |tail: &Tail, offset, why: NotAFrame| Error::Corrupt {
            segment: last.segment.path.clone(),
            offset,
            lsn: tail.valid.next(),
            why: why.why(),
        };
        let mut unproven = VecDeque::new();
        let stop = loop {
            let offset = reader.offset();
            let frame = match reader.next()? {
                Ok(frame) if frame.first_lsn == tail.valid.next() => frame,
                Ok(_) => return Err(corrupt(&tail, offset, NotAFrame::Contents)),
                Err(stop) => break stop,
            };
            tail.proven = tail.proven.max(frame.durable_lsn);
            tail.low_water = tail.low_water.max(frame.low_water_lsn);
            if frame.kind == FrameKind::Footer {
                let why = NotAFrame::Short;
                break Stop { offset, why };
            }
            tail.valid = frame.last_lsn();
            tail.end = reader.offset();
            // A frame without records has no LSN of its own that could be proven: it counts as
            // proven only with a later one that has.
            if frame.record_count > 0 {
                unproven.push_back(Unproven {
                    first_lsn: frame.first_lsn,
                    last_lsn: tail.valid,
                    end: tail.end,
                    low_water: tail.low_water,
                });
                tail.settle(&mut unproven);
            }
        };
        tail.look_beyond(&mut reader, u64::from(header.block_bytes), stop.offset)?;
        if tail.proven > tail.valid || stop.why == NotAFrame::Contents {
            return Err(corrupt(&tail, stop.offset, stop.why));
        }
        tail.settle(&mut unproven);
        // Syncs cover whole frames, so no promise ends within one.
        match unproven.front() {
            Some(frame) if frame.first_lsn <= tail.proven => {
                Err(corrupt(&tail, tail.proven_end, NotAFrame::Contents))
            }
            _ => Ok(tail),
        }
    }

    /// Moves `proven_end` over the frames that are proven by now.
    fn settle(&mut self, unproven: &mut VecDeque<Unproven>) {
        while let Some(frame) = unproven.front() {
            if frame.last_lsn > self.proven {
                break;
            }
            self.proven_end = frame.end;
            self.proven_low_water = frame.low_water;
            unproven.pop_front();
        }
    }

    /// Looks for promises behind the place where the valid frames end. Where frames start is
    /// known, so each block is looked at once.
    fn look_beyond(&mut self, reader: &mut FrameReader, block: u64, stop: u64) -> Result<()> {
        let mut offset = stop + block;
        while offset < reader.file_bytes() {
            if let Ok(frame) = reader.header_at(offset)? {
                self.proven = self.proven.max(frame.durable_lsn);
            }
            offset += block;
        }
        Ok(())
    }
}
