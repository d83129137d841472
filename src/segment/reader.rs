//! Reading a segment frame by frame, until a stop whose reason is known.
//!
//! A read error is an error, never the end of the segment.

use std::path::Path;
use std::sync::Arc;

use super::catalog::{LogDir, Segment};
use super::transfer::read_full;
use super::window::Window;
use crate::crypto::SegmentKey;
use crate::env::vfs::File;
use crate::error::{Error, Result};
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, NotAFrame};
use crate::format::header::{HEADER_BYTES, NotAHeader, SegmentHeader};
use crate::types::Lsn;

/// What is wrong with a segment whose frames end before they should.
pub(crate) const ENDS_EARLY: &str = "the segment ends early";

/// Reads and checks the header of the segment file at `path`.
///
/// # Errors
/// [`Error::Foreign`], [`Error::Version`], [`Error::Corrupt`] or [`Error::Io`].
pub(crate) fn read_header(file: &dyn File, path: &Path, first_lsn: Lsn) -> Result<SegmentHeader> {
    let mut bytes = [0; HEADER_BYTES];
    let count = read_full(file, 0, &mut bytes).map_err(Error::io("read", path))?;
    SegmentHeader::decode(&bytes[..count]).map_err(|not| match not {
        NotAHeader::Magic => Error::Foreign {
            path: path.to_owned(),
            why: "it does not begin as a segment does",
        },
        NotAHeader::Version(version) => Error::Version {
            path: path.to_owned(),
            version,
        },
        NotAHeader::Damaged(why) => Error::Corrupt {
            segment: path.to_owned(),
            offset: 0,
            lsn: first_lsn,
            why,
        },
    })
}

/// Where and why a segment could not be read on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) offset: u64,
    pub(crate) why: NotAFrame,
}

/// What was durable, by the word of something that was written later.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Promise {
    /// Every record up to this one.
    pub(crate) lsn: Lsn,
    /// Every frame of the segment that ends at or before this offset.
    pub(crate) end: u64,
}

impl Promise {
    pub(crate) fn of_header(header: &SegmentHeader) -> Promise {
        Promise {
            lsn: header.durable_lsn,
            end: header.durable_end,
        }
    }

    pub(crate) fn of_frame(frame: &FrameHeader) -> Promise {
        Promise {
            lsn: frame.durable_lsn,
            end: frame.durable_end,
        }
    }

    /// Both promises together.
    pub(crate) fn or(self, other: Promise) -> Promise {
        Promise {
            lsn: self.lsn.max(other.lsn),
            end: self.end.max(other.end),
        }
    }
}

/// What there is at the end of a segment.
pub(crate) struct Rest {
    /// What the headers of frames at any block boundary there promise: true wherever they stand.
    pub(crate) promise: Promise,
    /// The offset behind the last block that is not all zeros: those behind it were only prepared.
    pub(crate) end: u64,
}

/// A cursor over the frames of one segment.
pub(crate) struct FrameReader {
    window: Window,
    header: SegmentHeader,
    key: Option<Arc<SegmentKey>>,
    offset: u64,
    // Where the last frame begins.
    last: u64,
    // The body of the last frame, where it is sealed in the file.
    opened: Vec<u8>,
}

impl FrameReader {
    /// A reader before the first frame of a segment, or of a copy that was encrypted anew since the
    /// segment was last looked at.
    ///
    /// # Errors
    /// When the file can't be opened, has another header, or needs a key that is not there.
    pub(crate) fn open(dir: &LogDir, segment: &Segment) -> Result<FrameReader> {
        FrameReader::try_open(dir, segment).or_else(|error| match error {
            // Meanwhile a copy may have been made of the copy, and the key between retired.
            Error::Encrypted { .. } => FrameReader::try_open(dir, segment),
            error => Err(error),
        })
    }

    fn try_open(dir: &LogDir, segment: &Segment) -> Result<FrameReader> {
        let path = &segment.path;
        let file = dir.open_to_read(path)?;
        let header = read_header(&*file, path, segment.header.first_lsn)?;
        let key = if header == segment.header {
            segment.key()?.cloned()
        } else if header.is_copy_of(&segment.header) {
            let access = dir.keys.unlock(&header, path)?;
            access.key(path)?.cloned()
        } else {
            return Err(Error::Foreign {
                path: path.to_owned(),
                why: "its header is not the one that was there at open",
            });
        };
        FrameReader::new(file, path, &header, key)
    }

    /// A reader before the first frame of a file whose header was just read.
    pub(crate) fn new(
        file: Arc<dyn File>,
        path: &Path,
        header: &SegmentHeader,
        key: Option<Arc<SegmentKey>>,
    ) -> Result<FrameReader> {
        Ok(FrameReader {
            window: Window::new(file, path)?,
            header: *header,
            key,
            offset: u64::from(header.block_bytes),
            last: 0,
            opened: Vec::new(),
        })
    }

    /// Looks at the file anew: it may have grown, and what was read of its end, while it was
    /// being written, may be of no worth.
    ///
    /// # Errors
    /// When the file can't be measured.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        self.window.refresh()
    }

    /// Reads nothing ahead from this offset on.
    pub(crate) fn read_ahead_up_to(&mut self, limit: u64) {
        self.window.read_ahead_up_to(limit);
    }

    /// The offset of the next frame in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves the cursor to the start of a frame.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        assert_eq!(offset % u64::from(self.header.block_bytes), 0);
        self.offset = offset;
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.window.file_bytes()
    }

    /// The header of the file that is being read.
    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    pub(crate) fn path(&self) -> &Path {
        self.window.path()
    }

    /// Reads the frame at the cursor and moves behind it; its body is then [`FrameReader::body`].
    pub(crate) fn next(&mut self) -> Result<std::result::Result<FrameHeader, Stop>> {
        let offset = self.offset;
        let frame = match self.header_at(offset)? {
            Ok(frame) => frame,
            Err(why) => return Ok(Err(Stop { offset, why })),
        };
        let bytes = FRAME_HEADER_BYTES as u64 + u64::from(frame.body_bytes);
        let padded = frame.file_bytes(&self.header);
        // A frame without all of its padding is not whole: the next one could not follow it.
        if padded > self.file_bytes() - offset || !self.window.fill(offset, bytes)? {
            let why = NotAFrame::Short;
            return Ok(Err(Stop { offset, why }));
        }
        let stored = self.window.held(offset, bytes);
        let key = self.key.as_deref();
        match frame.open_body(stored, &self.header, key, &mut self.opened) {
            Ok(_) => {
                self.last = offset;
                self.offset += padded;
                Ok(Ok(frame))
            }
            Err(why) => Ok(Err(Stop { offset, why })),
        }
    }

    /// The body of the frame that [`FrameReader::next`] returned last.
    pub(crate) fn body(&self, frame: &FrameHeader) -> &[u8] {
        match self.key {
            None => &self.stored(frame)[FRAME_HEADER_BYTES..],
            Some(_) => &self.opened,
        }
    }

    /// That frame as it stands in the file, header and all, without its padding.
    pub(crate) fn stored(&self, frame: &FrameHeader) -> &[u8] {
        let bytes = FRAME_HEADER_BYTES as u64 + u64::from(frame.body_bytes);
        self.window.held(self.last, bytes)
    }

    /// The header of a frame at `offset`, its body unread. A header in the page or sector that
    /// a torn write left is a header all the same: it was written, and what it says is true.
    pub(crate) fn header_at(
        &mut self,
        offset: u64,
    ) -> Result<std::result::Result<FrameHeader, NotAFrame>> {
        let bytes = FRAME_HEADER_BYTES as u64;
        if !self.window.fill(offset, bytes)? {
            return Ok(Err(NotAFrame::Short));
        }
        let held = self.window.held(offset, bytes);
        Ok(FrameHeader::decode(held, &self.header, offset))
    }

    /// What there is from `offset` on, of which nobody knows whether it is part of the log.
    pub(crate) fn rest_from(&mut self, mut offset: u64) -> Result<Rest> {
        let mut rest = Rest {
            promise: Promise::default(),
            end: offset,
        };
        let block = u64::from(self.header.block_bytes);
        while offset < self.file_bytes() {
            if let Ok(frame) = self.header_at(offset)? {
                rest.promise = rest.promise.or(Promise::of_frame(&frame));
            }
            if self.window.at(offset, block)?.iter().any(|&byte| byte != 0) {
                rest.end = self.file_bytes().min(offset + block);
            }
            offset += block;
        }
        Ok(rest)
    }

    /// The first byte in `from..to` that is not zero, if the file has one there.
    pub(crate) fn nonzero_within(&mut self, from: u64, to: u64) -> Result<Option<u64>> {
        self.window.nonzero_within(from, to)
    }
}
