//! Which segments of a damaged log hold something, and how far each may be trusted.
//!
//! The headers form a chain from the last segment back, each saying which segment comes before it
//! and where that one ends. Where a link is broken, the chain goes on with the next file down, of
//! which then nobody says where it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::format::header::{HEADER_BYTES, LogId, NotAHeader, Previous, SegmentHeader};
use crate::format::required::RequiredTypes;
use crate::format::{NUMBER_LIMIT, array_at};
use crate::segment::catalog::{Entry, LogDir, Name};
use crate::segment::chain::{Refused, survey};
use crate::segment::reader::FrameReader;
use crate::segment::transfer::read_full;
use crate::segment::walk::{Extent, Walk, low_water};
use crate::types::Lsn;

/// An open refuses a log with higher numbers than any log gets to.
const LSN_LIMIT: Lsn = Lsn::new(NUMBER_LIMIT / 2);

/// A segment to copy from.
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// As it stands in the file, or as other evidence has it.
    pub(super) header: SegmentHeader,
    pub(super) extent: Extent,
    /// What begins here or behind is not part of the log, in bytes.
    pub(super) end: u64,
    /// The first LSN of the next segment: this one's are below.
    pub(super) below: Lsn,
}

impl Source {
    pub(super) fn walk(&self, dir: &LogDir) -> Result<Walk> {
        let reader = open(dir, &self.path, &self.header)?;
        Ok(Walk::new(reader, &self.header, self.end))
    }
}

/// What to copy.
pub(super) struct Plan {
    /// Oldest first.
    pub(super) sources: Vec<Source>,
    /// The highest low-water mark that was found.
    pub(super) low_water: Lsn,
    /// The highest promise that was found.
    pub(super) promise: Lsn,
    /// The block of the newest segment, in bytes.
    pub(super) block_bytes: u32,
}

/// A file with a segment's name.
enum Candidate {
    Sound(Entry),
    /// Its header does not hold.
    Damaged {
        path: PathBuf,
        first_lsn: Lsn,
        // As it is.
        raw: Box<[u8; HEADER_BYTES]>,
    },
}

/// Looks for all that can be copied.
///
/// # Errors
/// [`Error::NoLog`] for an empty directory. What is foreign is an error, too: whoever salvages
/// has to decide what belongs to the log, and take the rest away. [`Error::Io`].
pub(super) fn plan(dir: &LogDir) -> Result<Plan> {
    let survey = survey(dir)?;
    let log_id = survey
        .sound
        .first()
        .map(|entry| entry.segment.header.log_id);
    let salts: Vec<[u8; 16]> = survey
        .sound
        .iter()
        .map(|entry| entry.segment.header.salt)
        .collect();
    let mut candidates: BTreeMap<u64, Candidate> = survey
        .sound
        .into_iter()
        .map(|entry| (entry.segment.header.segment_id, Candidate::Sound(entry)))
        .collect();
    let mut first_error = None;
    for refused in survey.refused {
        if let Some((id, candidate)) = damaged(dir, &refused)? {
            candidates.entry(id).or_insert(candidate);
        } else if !matches!(refused.name, Name::Misnamed) {
            return Err(refused.error);
        }
        first_error.get_or_insert(refused.error);
    }
    let mut planner = Planner {
        dir,
        log_id,
        salts,
        plan: Plan {
            sources: Vec::new(),
            low_water: Lsn::ZERO.next(),
            promise: Lsn::ZERO,
            block_bytes: 0,
        },
        below: LSN_LIMIT,
    };
    planner.follow(&candidates)?;
    let mut plan = planner.plan;
    plan.sources.reverse();
    if let Some(first) = plan.sources.first()
        && plan.low_water >= LSN_LIMIT
    {
        return Err(Error::Corrupt {
            segment: first.path.clone(),
            offset: 0,
            lsn: plan.low_water,
            why: "its numbers have run out",
        });
    }
    if plan.sources.is_empty() {
        return Err(first_error.unwrap_or_else(|| Error::NoLog {
            path: dir.path.clone(),
        }));
    }
    Ok(plan)
}

/// A segment whose header is damaged; `None` for a file that is refused for another reason.
fn damaged(dir: &LogDir, refused: &Refused) -> Result<Option<(u64, Candidate)>> {
    let Name::Segment { id, first_lsn } = refused.name else {
        return Ok(None);
    };
    let path = &refused.path;
    let file = dir.open_to_read(path)?;
    let mut raw = Box::new([0; HEADER_BYTES]);
    let count = read_full(&*file, 0, &mut raw[..]).map_err(Error::io("read", path))?;
    let is_number = |number: u64| (1..NUMBER_LIMIT).contains(&number);
    match SegmentHeader::decode(&raw[..count]) {
        Err(NotAHeader::Magic | NotAHeader::Damaged(_))
            if is_number(id) && is_number(first_lsn.as_u64()) =>
        {
            let path = path.clone();
            let candidate = Candidate::Damaged {
                path,
                first_lsn,
                raw,
            };
            Ok(Some((id, candidate)))
        }
        _ => Ok(None),
    }
}

fn open(dir: &LogDir, path: &Path, header: &SegmentHeader) -> Result<FrameReader> {
    FrameReader::new(dir.open_to_read(path)?, path, header)
}

struct Planner<'a> {
    dir: &'a LogDir,
    log_id: Option<LogId>,
    // Of the segments whose headers hold.
    salts: Vec<[u8; 16]>,
    plan: Plan,
    below: Lsn,
}

impl Planner<'_> {
    /// Goes along the chain, from the highest number down.
    fn follow(&mut self, candidates: &BTreeMap<u64, Candidate>) -> Result<()> {
        let mut top = u64::MAX;
        let mut told: Option<Previous> = None;
        while let Some((&id, candidate)) = candidates.range(..=top).next_back() {
            let told_here = told.take().filter(|previous| previous.segment_id == id);
            let mut next_down = id.checked_sub(1);
            if let Some((path, header)) = self.identify(id, candidate, told_here)? {
                if matches!(candidate, Candidate::Sound(_)) {
                    told = Some(header.previous);
                    next_down = Some(header.previous.segment_id);
                }
                let is_oldest = self.take(path, &header, told_here)?;
                if is_oldest {
                    return Ok(());
                }
            }
            match next_down {
                None | Some(0) => return Ok(()),
                Some(next) => top = next,
            }
        }
        Ok(())
    }

    /// The path and header of a candidate; `None` when it is not the one meant, or nothing tells
    /// what its frames' checksums start from.
    fn identify<'c>(
        &self,
        id: u64,
        candidate: &'c Candidate,
        told: Option<Previous>,
    ) -> Result<Option<(&'c Path, SegmentHeader)>> {
        match candidate {
            Candidate::Sound(entry) => {
                let header = entry.segment.header;
                let is_meant = told.is_none_or(|told| told.salt == header.salt);
                Ok(is_meant.then_some((entry.segment.path.as_path(), header)))
            }
            Candidate::Damaged {
                path,
                first_lsn,
                raw,
            } => {
                let salt = match told {
                    Some(told) => told.salt,
                    None if self.is_ours(raw) => salt_at(raw, 80),
                    None => return Ok(None),
                };
                let header = self.rebuild(path, id, *first_lsn, salt)?;
                Ok(Some((path, header)))
            }
        }
    }

    /// Whether a damaged header is of this log, as far as it still tells. If its salt is right, then
    /// the frames prove it: their checksums start from it.
    fn is_ours(&self, raw: &[u8; HEADER_BYTES]) -> bool {
        let log_id: LogId = array_at(raw, 16);
        self.log_id.is_none_or(|known| known == log_id) || self.salts.contains(&salt_at(raw, 120))
    }

    /// A header for a segment whose own does not hold. Its block is found by trying: the first
    /// frame stands behind the first block. Where that is damaged, too, a sector will do.
    fn rebuild(
        &self,
        path: &Path,
        segment_id: u64,
        first_lsn: Lsn,
        salt: [u8; 16],
    ) -> Result<SegmentHeader> {
        let with_block = |block_bytes: u32| SegmentHeader {
            log_id: self.log_id.unwrap_or_default(),
            segment_id,
            first_lsn,
            durable_lsn: first_lsn.before(),
            durable_end: 0,
            low_water_lsn: Lsn::ZERO.next(),
            previous: Previous::default(),
            block_bytes,
            salt,
            key_id: 0,
            key_check: [0; 16],
            required: RequiredTypes::default(),
        };
        for power in 9..=16 {
            let header = with_block(1 << power);
            let mut reader = open(self.dir, path, &header)?;
            if reader.header_at(1 << power)?.is_ok() {
                return Ok(header);
            }
        }
        Ok(with_block(HEADER_BYTES as u32))
    }

    /// Adds a segment to the plan; `true` when nothing before it is part of the log.
    fn take(
        &mut self,
        path: &Path,
        header: &SegmentHeader,
        told: Option<Previous>,
    ) -> Result<bool> {
        let reader = open(self.dir, path, header)?;
        let file_bytes = reader.file_bytes();
        let (extent, end) = match told {
            Some(told) => (Extent::Whole, told.end.min(file_bytes)),
            None => (Extent::of_open_end(reader, header)?, file_bytes),
        };
        let source = Source {
            path: path.to_owned(),
            header: *header,
            extent,
            end,
            below: self.below,
        };
        let plan = &mut self.plan;
        plan.low_water = plan.low_water.max(match told {
            // The next segment's header has every mark of this one.
            Some(_) => header.low_water_lsn,
            None => low_water(&mut source.walk(self.dir)?, &extent)?,
        });
        plan.promise = plan
            .promise
            .max(header.durable_lsn)
            .max(extent.promise().lsn);
        if plan.sources.is_empty() {
            plan.block_bytes = header.block_bytes;
        }
        plan.sources.push(source);
        self.below = self.below.min(header.first_lsn);
        Ok(header.first_lsn <= plan.low_water)
    }
}

fn salt_at(raw: &[u8; HEADER_BYTES], at: usize) -> [u8; 16] {
    array_at(raw, at)
}
