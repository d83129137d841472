//! The double-write buffer of a legacy file: copies of records that were about to be written.
//!
//! A copy is taken for a damaged record only when it provably is the record of that place: the
//! buffer is a ring, and holds what was written long before, or never where it was meant to be.

use std::io::ErrorKind;
use std::path::Path;

use crate::env::vfs::OpenHow;
use crate::error::{Error, Result};
use crate::format::array_at;
use crate::format::legacy::{
    LEGACY_HEADER_BYTES, LegacyHeader, SLOT_BYTES, SLOT_HEADER_BYTES, SLOTS_AT, SLOTS_MAX,
    slot_header,
};
use crate::segment::catalog::LogDir;
use crate::segment::transfer::uninterrupted;
use crate::segment::window::Window;

/// The copies that are whole. Their payloads are read when they are needed.
pub(super) struct Copies {
    window: Window,
    slots: Vec<(u64, LegacyHeader)>,
}

/// The place of a damaged record.
pub(super) struct Damage<'a> {
    /// The file.
    pub(super) window: &'a mut Window,
    /// Where the record should begin, in bytes.
    pub(super) offset: u64,
    /// The record's LSN is above this one.
    pub(super) last: u64,
}

impl Copies {
    /// The copies beside the file at `path`, if there are any.
    pub(super) fn beside(dir: &LogDir, path: &Path) -> Result<Option<Copies>> {
        let path = path.with_extension("dwb");
        let file = match uninterrupted(|| dir.env.vfs.open(&path, OpenHow::Read)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Error::io("open", &path))?,
        };
        let mut copies = Copies {
            window: Window::new(file, &path)?,
            slots: Vec::new(),
        };
        for slot in 0..SLOTS_MAX {
            let offset = SLOTS_AT + slot * SLOT_BYTES;
            let bytes = copies.window.at(offset, SLOT_HEADER_BYTES as u64)?;
            if bytes.len() < SLOT_HEADER_BYTES {
                break;
            }
            let Some(header) = slot_header(&array_at(bytes, 0)) else {
                continue;
            };
            if header.check(copies.payload(offset, &header)?).is_ok() {
                copies.slots.push((offset, header));
            }
        }
        Ok(Some(copies))
    }

    fn payload(&mut self, slot_offset: u64, header: &LegacyHeader) -> Result<&[u8]> {
        let offset = slot_offset + SLOT_HEADER_BYTES as u64;
        self.window.at(offset, header.payload_bytes() as u64)
    }

    /// The copy of the damaged record, with its payload in `payload`.
    pub(super) fn find(
        &mut self,
        mut damage: Damage<'_>,
        payload: &mut Vec<u8>,
    ) -> Result<Option<LegacyHeader>> {
        // Copies of different records may look alike as far as the file goes: then none counts.
        let mut shown: Option<(u64, LegacyHeader)> = None;
        let mut fitting: Option<(u64, LegacyHeader)> = None;
        let mut is_ambiguous = false;
        for at in 0..self.slots.len() {
            let (offset, header) = self.slots[at];
            if header.lsn() <= damage.last {
                continue;
            }
            let copy = self.payload(offset, &header)?;
            if damage.shows(&header, copy)? {
                if shown.is_some_and(|(_, other)| other != header) {
                    return Ok(None);
                }
                shown = Some((offset, header));
                continue;
            }
            if damage.has_room_for(&header)? {
                is_ambiguous |= fitting.is_some_and(|(_, other)| other != header);
                fitting = Some((offset, header));
            }
        }
        let found = shown.or(fitting.filter(|_| !is_ambiguous));
        let Some((offset, header)) = found else {
            return Ok(None);
        };
        payload.clear();
        payload.extend_from_slice(self.payload(offset, &header)?);
        Ok(Some(header))
    }
}

impl Damage<'_> {
    /// Whether what is left at the place is this record's, or the beginning of its header where
    /// the file ends within it.
    fn shows(&mut self, header: &LegacyHeader, copy: &[u8]) -> Result<bool> {
        let found = self.window.at(self.offset, LEGACY_HEADER_BYTES as u64)?;
        let Some(&found) = found.first_chunk::<LEGACY_HEADER_BYTES>() else {
            // Up to there the headers of neighbours are the same.
            let tells_lsn = found.len() >= 16 || header.lsn() == self.last + 1;
            return Ok(tells_lsn && header.raw().starts_with(found));
        };
        let behind = self.offset + LEGACY_HEADER_BYTES as u64;
        let payload = self.window.at(behind, copy.len() as u64)?;
        Ok(header.was(&found, copy, payload))
    }

    /// Whether the header at the place can't be one, and the record fits between its neighbours: a
    /// whole one with a higher LSN behind it, or the end of the file behind the very next one.
    fn has_room_for(&mut self, header: &LegacyHeader) -> Result<bool> {
        let found = self.window.at(self.offset, LEGACY_HEADER_BYTES as u64)?;
        if found.len() < LEGACY_HEADER_BYTES {
            return Ok(false);
        }
        let is_blank = found.iter().all(|&byte| byte == 0);
        let last = self.last;
        if LegacyHeader::decode(found).is_ok_and(|found| found.lsn() > last) {
            return Ok(false);
        }
        let behind = self.offset + header.record_bytes();
        if behind > self.window.file_bytes() {
            return Ok(false);
        }
        let next = self.window.at(behind, LEGACY_HEADER_BYTES as u64)?;
        if let Ok(next) = LegacyHeader::decode(next) {
            let offset = behind + LEGACY_HEADER_BYTES as u64;
            let payload = self.window.at(offset, next.payload_bytes() as u64)?;
            return Ok(next.lsn() > header.lsn() && next.check(payload).is_ok());
        }
        // Zeros from here on are the ordinary end of a file.
        let is_end = !is_blank && header.lsn() == last + 1;
        Ok(is_end && self.window.nonzero_within(behind, u64::MAX)?.is_none())
    }
}
