//! The legacy log: its files, and a streaming reader over its records, with one of them in memory.
//!
//! What ends a file is its length, or zeros behind its last record; anything else that is no record
//! is a torn tail in the last file, and damage in an earlier one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::copies::{Copies, Damage};
use crate::crypto::KeyRing;
use crate::crypto::legacy::open_legacy;
use crate::error::{Error, Result};
use crate::format::NUMBER_LIMIT;
use crate::format::legacy::{LEGACY_HEADER_BYTES, LegacyHeader, NotALegacyRecord};
use crate::segment::catalog::{LogDir, Name};
use crate::segment::window::Window;
use crate::types::{Lsn, RecordHeader, RecordType};

/// No log gets this far, and one that did could not be appended to.
const LSN_LIMIT: u64 = NUMBER_LIMIT / 2 - 1;

/// The files of a legacy log.
pub(super) struct Source {
    /// In the order of their records; never empty.
    pub(super) files: Vec<SourceFile>,
}

/// A file of a legacy log.
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    /// The first LSN that its name tells; `None` for a log that is a single file.
    pub(super) first_lsn: Option<u64>,
}

impl Source {
    /// A log that is a single file.
    pub(super) fn of_file(path: &Path) -> Source {
        let file = SourceFile {
            path: path.to_owned(),
            first_lsn: None,
        };
        Source { files: vec![file] }
    }

    /// The segments in a directory; `None` where there is none.
    pub(super) fn of_directory(dir: &LogDir, names: &[OsString]) -> Option<Source> {
        let file = |name: &OsString| match Name::of(name) {
            Name::LegacySegment { first_lsn } => Some(SourceFile {
                path: dir.path.join(name),
                first_lsn: Some(first_lsn.as_u64()),
            }),
            _ => None,
        };
        let mut files: Vec<SourceFile> = names.iter().filter_map(file).collect();
        // As numbers: a name may have more digits than usual.
        files.sort_by_key(|file| file.first_lsn);
        (!files.is_empty()).then_some(Source { files })
    }

    /// The first LSN that the log may have: those below were truncated.
    pub(super) fn first_lsn(&self) -> Lsn {
        Lsn::new(self.files[0].first_lsn.unwrap_or(1).max(1))
    }
}

/// What a reader has come across.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) noops: u64,
    pub(super) repaired: u64,
    pub(super) cut_bytes: u64,
    pub(super) first_lsn: Option<Lsn>,
    pub(super) last_lsn: Option<Lsn>,
    /// The last LSN that was given out, with or without a record that is left.
    pub(super) given: u64,
    /// The bytes of the files that were gone through.
    pub(super) done_bytes: u64,
}

/// A reader of the records of a legacy log, but for those that no replay has ever shown.
pub(super) struct SourceReader<'a> {
    dir: &'a LogDir,
    source: &'a Source,
    keys: Option<&'a KeyRing>,
    // The file at hand, and how many were opened.
    window: Option<Window>,
    opened: usize,
    copies: Option<Option<Copies>>,
    offset: u64,
    payload: Vec<u8>,
    /// The lengths of the files that were opened, in bytes, as they were then.
    pub(super) lengths: Vec<u64>,
    pub(super) tally: Tally,
}

impl<'a> SourceReader<'a> {
    /// A reader before the first record.
    pub(super) fn new(
        dir: &'a LogDir,
        source: &'a Source,
        keys: Option<&'a KeyRing>,
    ) -> SourceReader<'a> {
        SourceReader {
            dir,
            source,
            keys,
            window: None,
            opened: 0,
            copies: None,
            offset: 0,
            payload: Vec::new(),
            lengths: Vec::new(),
            tally: Tally {
                given: source.first_lsn().as_u64() - 1,
                ..Tally::default()
            },
        }
    }

    /// The payload of the record that [`SourceReader::next`] returned last, decrypted.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The file that it came from.
    pub(super) fn path(&self) -> &'a Path {
        let source: &'a Source = self.source;
        &source.files[self.opened - 1].path
    }

    /// The next record; `None` behind the last one.
    pub(super) fn next(&mut self) -> Result<Option<RecordHeader>> {
        loop {
            if self.window.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let offset = self.offset;
            let Some(header) = self.next_in_file()? else {
                self.end_file()?;
                continue;
            };
            self.tally.done_bytes += self.offset - offset;
            self.check_lsn(offset, header.lsn())?;
            self.tally.given = header.lsn();
            if header.record_type() == RecordType::Noop as u16 {
                self.tally.noops += 1;
                continue;
            }
            self.decrypt(offset, &header)?;
            let record_type = header.record_type();
            if RecordType::is_required(record_type)
                && RecordType::from_number(record_type).is_none()
            {
                return Err(Error::UnknownType {
                    segment: self.path().to_owned(),
                    record_type,
                });
            }
            self.tally.records += 1;
            let lsn = Lsn::new(header.lsn());
            self.tally.first_lsn.get_or_insert(lsn);
            self.tally.last_lsn = Some(lsn);
            return Ok(Some(RecordHeader {
                record_type,
                lsn: header.lsn(),
                tenant_id: header.tenant_id(),
                vshard_id: header.vshard_id(),
            }));
        }
    }

    /// Goes to the next file, which must begin where the one before it ended.
    fn open_next(&mut self) -> Result<bool> {
        let source: &'a Source = self.source;
        let Some(next) = source.files.get(self.opened) else {
            return Ok(false);
        };
        let first = next.first_lsn.unwrap_or(1).max(1);
        let given = self.tally.given;
        if first >= LSN_LIMIT {
            return Err(corrupt(&next.path, 0, first, "its numbers have run out"));
        }
        if first <= given {
            let why = "it begins below the end of the file before it";
            return Err(corrupt(&next.path, 0, first, why));
        }
        if first > given + 1 {
            let why = "the next file begins later: one is missing, or the end of this one";
            return Err(corrupt(self.path(), self.offset, given + 1, why));
        }
        let window = Window::new(self.dir.open_to_read(&next.path)?, &next.path)?;
        self.lengths.push(window.file_bytes());
        self.window = Some(window);
        self.copies = None;
        self.offset = 0;
        self.opened += 1;
        Ok(true)
    }

    /// The next record of the file at hand, whole; `None` at its end, be it a good one or not.
    fn next_in_file(&mut self) -> Result<Option<LegacyHeader>> {
        let window = self.window.as_mut().expect("a file is open");
        if let Ok(header) = read_record(window, self.offset, &mut self.payload)? {
            self.offset += header.record_bytes();
            return Ok(Some(header));
        }
        if self.offset == window.file_bytes() {
            return Ok(None);
        }
        if self.copies.is_none() {
            self.copies = Some(Copies::beside(self.dir, window.path())?);
        }
        let Some(Some(copies)) = &mut self.copies else {
            return Ok(None);
        };
        let damage = Damage {
            window,
            offset: self.offset,
            last: self.tally.given,
        };
        let Some(header) = copies.find(damage, &mut self.payload)? else {
            return Ok(None);
        };
        let end = self.offset + header.record_bytes();
        self.offset = end.min(window.file_bytes());
        self.tally.repaired += 1;
        Ok(Some(header))
    }

    /// Judges the end of the file at hand.
    fn end_file(&mut self) -> Result<()> {
        let is_last = self.opened == self.source.files.len();
        let is_named = self.source.files[0].first_lsn.is_some();
        let (offset, lsn) = (self.offset, self.tally.given + 1);
        let mut window = self.window.take().expect("a file is open");
        let left = window.file_bytes() - offset;
        self.tally.done_bytes += left;
        if window.nonzero_within(offset, u64::MAX)?.is_none() {
            return Ok(());
        }
        let why = match read_record(&mut window, offset, &mut self.payload)? {
            Ok(_) => "it changes while it is read",
            Err(why) => {
                check_format(&mut window, offset, why, is_named)?;
                why.why()
            }
        };
        if !is_last {
            return Err(corrupt(window.path(), offset, lsn, why));
        }
        self.tally.cut_bytes = left;
        Ok(())
    }

    fn check_lsn(&self, offset: u64, lsn: u64) -> Result<()> {
        let given = self.tally.given;
        let why = match lsn {
            _ if lsn <= given => "the record's lsn does not follow the one before it",
            _ if lsn >= LSN_LIMIT => "its numbers have run out",
            _ => return Ok(()),
        };
        Err(corrupt(self.path(), offset, given + 1, why))
    }

    /// Opens the payload, if it is encrypted. There is no number of a key: each one is tried.
    fn decrypt(&mut self, offset: u64, header: &LegacyHeader) -> Result<()> {
        let path = self.path();
        if !header.is_encrypted() {
            return match self.keys.is_some_and(KeyRing::is_only_encrypted) {
                false => Ok(()),
                true => Err(Error::Plaintext {
                    path: path.to_owned(),
                }),
            };
        }
        let (nonce, bound) = (header.nonce(), header.bound());
        let payload = &mut self.payload;
        let mut keys = self.keys.into_iter().flat_map(KeyRing::keys);
        match keys.any(|key| open_legacy(key, &nonce, &bound, payload)) {
            true => Ok(()),
            false => Err(Error::NoKeyOpens {
                path: path.to_owned(),
                offset,
                lsn: Lsn::new(header.lsn()),
            }),
        }
    }
}

/// Reads the record at `offset`, with its payload as it is stored.
fn read_record(
    window: &mut Window,
    offset: u64,
    payload: &mut Vec<u8>,
) -> Result<std::result::Result<LegacyHeader, NotALegacyRecord>> {
    let bytes = window.at(offset, LEGACY_HEADER_BYTES as u64)?;
    let header = match LegacyHeader::decode(bytes) {
        Ok(header) => header,
        Err(why) => return Ok(Err(why)),
    };
    let behind = offset + LEGACY_HEADER_BYTES as u64;
    let stored = window.at(behind, header.payload_bytes() as u64)?;
    payload.clear();
    payload.extend_from_slice(stored);
    Ok(header.check(stored).map(|()| header))
}

/// A file of another format, or of a later version of this one, has no torn tail.
fn check_format(
    window: &mut Window,
    offset: u64,
    why: NotALegacyRecord,
    is_named: bool,
) -> Result<()> {
    let path = window.path().to_owned();
    if let NotALegacyRecord::Version(version) = why {
        let version = u32::from(version);
        return Err(Error::Version { path, version });
    }
    if offset > 0 {
        return Ok(());
    }
    let bytes = window.at(0, LEGACY_HEADER_BYTES as u64)?;
    match LegacyHeader::decode(bytes) {
        Ok(header) if !header.is_of_this_format() => Err(Error::Version {
            path,
            version: u32::from(header.version()),
        }),
        Err(NotALegacyRecord::Magic) if !is_named => Err(Error::Foreign {
            path,
            why: "it does not begin as a log of the legacy format does",
        }),
        Err(NotALegacyRecord::ShortHeader) if !is_named && !LegacyHeader::is_begun_by(bytes) => {
            Err(Error::Foreign {
                path,
                why: "it is too short for a log of the legacy format",
            })
        }
        _ => Ok(()),
    }
}

fn corrupt(path: &Path, offset: u64, lsn: u64, why: &'static str) -> Error {
    Error::Corrupt {
        segment: path.to_owned(),
        offset,
        lsn: Lsn::new(lsn),
        why,
    }
}
