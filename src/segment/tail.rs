//! The end of the last segment: how far its records are proven, valid, torn.
//!
//! It only reads. The rules are in the format's description, "The end of the log".

use std::collections::VecDeque;
use std::sync::Arc;

use super::catalog::{Entry, LogDir};
use super::reader::{FrameReader, Promise, Stop};
use super::writer::Kept;
use crate::error::{Error, Result};
use crate::format::NUMBER_LIMIT;
use crate::format::frame::{FrameHeader, FrameKind, NotAFrame, Records};
use crate::format::holds::Holds;
use crate::format::required::RequiredTypes;
use crate::types::{Lsn, RecordHeader, RecordType};

/// The end of the last segment, told apart into proven, valid and torn.
pub(crate) struct Tail {
    /// The last LSN that something says was durable.
    pub(crate) proven: Lsn,
    /// The offset behind the last frame that was durable.
    pub(crate) proven_end: u64,
    /// The last LSN in a valid frame.
    pub(crate) valid: Lsn,
    /// The offset behind that frame.
    pub(crate) end: u64,
    /// The offset behind whatever else was written, torn or a footer: zeros follow, if anything.
    pub(crate) written_end: u64,
    /// The highest low-water mark in a valid frame, and the last holds.
    pub(crate) kept: Kept,
    /// The same, up to `proven_end`.
    pub(crate) proven_kept: Kept,
    /// The types up to the end that a reader must understand, those that this version knows.
    pub(crate) required: RequiredTypes,
    /// One that it does not know.
    pub(crate) unknown_type: Option<u16>,
    /// Whether a footer stands at the end.
    pub(crate) is_sealed: bool,
}

impl Kept {
    /// Takes over what a valid frame says.
    pub(crate) fn see(&mut self, frame: &FrameHeader, body: &[u8]) {
        self.low_water = self.low_water.max(frame.low_water_lsn);
        if frame.kind == FrameKind::Holds {
            self.holds = Arc::new(Holds::decode(body).expect("the frame was checked"));
        }
    }
}

/// A valid frame that nothing has proven so far.
struct Unproven {
    last_lsn: Lsn,
    end: u64,
    kept: Kept,
}

impl Tail {
    /// Reads the last segment to its end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when something proves records that can't be read.
    pub(crate) fn scan(dir: &LogDir, last: &Entry) -> Result<Tail> {
        let header = &last.segment.header;
        let mut reader = FrameReader::open(dir, &last.segment)?;
        let kept = Kept {
            low_water: header.low_water_lsn,
            holds: Arc::default(),
        };
        let mut tail = Tail {
            // What the header promises is held against the frames first, as every promise is.
            proven: header.first_lsn.before(),
            proven_end: reader.offset(),
            valid: header.first_lsn.before(),
            end: reader.offset(),
            written_end: reader.offset(),
            proven_kept: kept.clone(),
            kept,
            required: header.required,
            unknown_type: header.required.unknown(),
            is_sealed: false,
        };
        let corrupt = |tail: &Tail, offset, why: NotAFrame| Error::Corrupt {
            segment: last.segment.path.clone(),
            offset,
            lsn: tail.valid.next(),
            why: why.why(),
        };
        let mut promise = Promise::of_header(header);
        let mut unproven = VecDeque::new();
        let stop = loop {
            let offset = reader.offset();
            let frame = match reader.next()? {
                Ok(frame) if frame.follows(tail.valid) => frame,
                Ok(_) => return Err(corrupt(&tail, offset, NotAFrame::Contents)),
                Err(stop) => break stop,
            };
            promise = promise.or(Promise::of_frame(&frame));
            tail.settle(promise, &mut unproven);
            let body = reader.body(&frame);
            tail.kept.see(&frame, body);
            if frame.kind == FrameKind::Footer {
                tail.is_sealed = frame.durable_end == offset;
                let why = NotAFrame::Short;
                break Stop { offset, why };
            }
            tail.see_types(&frame, body);
            tail.valid = frame.last_lsn();
            tail.end = reader.offset();
            unproven.push_back(Unproven {
                last_lsn: tail.valid,
                end: tail.end,
                kept: tail.kept.clone(),
            });
        };
        // From the stop on: there may be a header whose body is torn. Where frames start is known, so
        // each block is looked at once.
        let rest = reader.rest_from(stop.offset)?;
        promise = promise.or(rest.promise);
        tail.written_end = rest.end;
        if promise.lsn > tail.valid || promise.end > stop.offset || !stop.why.can_be_torn() {
            return Err(corrupt(&tail, stop.offset, stop.why));
        }
        tail.settle(promise, &mut unproven);
        // The two promises of a frame, or of the header, speak of the same sync. Otherwise the next
        // segment would start between two records of a frame that it leaves behind as unproven.
        match tail.proven < promise.lsn {
            true => Err(corrupt(&tail, tail.proven_end, NotAFrame::Contents)),
            false => Ok(tail),
        }
    }

    fn see_types(&mut self, frame: &FrameHeader, body: &[u8]) {
        let mut records = Records::of(frame);
        while let Some((RecordHeader { record_type, .. }, _)) = records.next(body) {
            match RecordType::from_number(record_type) {
                // With an unknown one the set is of no use any more.
                Some(_) if self.unknown_type.is_none() => self.required.add(record_type),
                None if RecordType::is_required(record_type) => {
                    self.unknown_type = Some(record_type);
                }
                _ => {}
            }
        }
    }

    /// Moves the proven end over the frames that are proven by now.
    fn settle(&mut self, promise: Promise, unproven: &mut VecDeque<Unproven>) {
        while unproven
            .front()
            .is_some_and(|frame| frame.end <= promise.end)
        {
            let frame = unproven.pop_front().expect("it was just looked at");
            self.proven = frame.last_lsn;
            self.proven_end = frame.end;
            self.proven_kept = frame.kept;
        }
    }

    /// Whether nothing was written to the last segment since it was made, behind one that was sealed.
    pub(crate) fn is_fresh(&self, last: &Entry) -> bool {
        let header = &last.segment.header;
        header.previous.is_sealed && self.end == header.durable_end && self.written_end == self.end
    }

    /// How many bytes an open cuts off: what was written behind the end, and is no footer.
    pub(crate) fn torn_bytes(&self, last: &Entry) -> u64 {
        let footer = match self.is_sealed {
            true => u64::from(last.segment.header.block_bytes),
            false => 0,
        };
        self.written_end.saturating_sub(self.end + footer)
    }

    /// Whether a log with this end may be written to.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when its numbers are beyond those of any log, and [`Error::UnknownType`].
    pub(crate) fn check_writable(&self, last: &Entry) -> Result<()> {
        // No log gets this far; one that seems to must not be led beyond what its files can say.
        let highest = self.valid.as_u64().max(last.segment.header.segment_id);
        if highest >= NUMBER_LIMIT / 2 {
            return Err(Error::Corrupt {
                segment: last.segment.path.clone(),
                offset: 0,
                lsn: self.valid.next(),
                why: "its numbers have run out",
            });
        }
        match self.unknown_type {
            None => Ok(()),
            Some(record_type) => Err(Error::UnknownType {
                segment: last.segment.path.clone(),
                record_type,
            }),
        }
    }
}
