//! Which segments of a damaged log hold something, and how far each may be trusted.
//!
//! The headers form a chain from the last segment back, each saying which segment comes before it
//! and where that one ends. Where a link is broken, the chain goes on with the next file down, of
//! which then nobody says where it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::crypto::{KeyRing, SegmentKey};
use crate::error::{Error, Result};
use crate::format::frame::NotAFrame;
use crate::format::header::{HEADER_BYTES, LogId, NotAHeader, Previous, SegmentHeader};
use crate::format::required::RequiredTypes;
use crate::format::{NUMBER_LIMIT, array_at};
use crate::segment::catalog::{Entry, LogDir, Name, Segment};
use crate::segment::chain::{Refused, survey};
use crate::segment::keys::Access;
use crate::segment::reader::FrameReader;
use crate::segment::transfer::read_full;
use crate::segment::walk::{Extent, Step, Walk, low_water};
use crate::types::Lsn;

/// An open refuses a log with higher numbers than any log gets to.
const LSN_LIMIT: Lsn = Lsn::new(NUMBER_LIMIT / 2);

/// A segment to copy from.
pub(super) struct Source {
    /// Its header is as it stands in the file, or as other evidence has it.
    pub(super) segment: Arc<Segment>,
    pub(super) extent: Extent,
    /// What begins here or behind is not part of the log, in bytes.
    pub(super) end: u64,
    /// The first LSN of the next segment: this one's are below.
    pub(super) below: Lsn,
}

impl Source {
    pub(super) fn walk(&self, dir: &LogDir) -> Result<Walk> {
        let reader = open(dir, &self.segment)?;
        Ok(Walk::new(reader, &self.segment.header, self.end))
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
        .map(|entry| entry.segment.header.salt_to_others())
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
            segment: first.segment.path.clone(),
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

/// A reader of a file whose header may be damaged.
fn open(dir: &LogDir, segment: &Segment) -> Result<FrameReader> {
    let (path, header) = (&segment.path, &segment.header);
    let key = segment.key()?.cloned();
    FrameReader::new(dir.open_to_read(path)?, path, header, key)
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
            if let Some(segment) = self.identify(id, candidate, told_here)? {
                if matches!(candidate, Candidate::Sound(_)) {
                    let previous = segment.header.previous;
                    told = Some(previous);
                    next_down = Some(previous.segment_id);
                }
                let is_oldest = self.take(segment, told_here)?;
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

    /// The segment that a candidate is; `None` when it is not the one meant, or nothing tells
    /// what its frames' checksums start from.
    fn identify(
        &self,
        id: u64,
        candidate: &Candidate,
        told: Option<Previous>,
    ) -> Result<Option<Arc<Segment>>> {
        match candidate {
            Candidate::Sound(entry) => {
                let salt = entry.segment.header.salt_to_others();
                let is_meant = told.is_none_or(|told| told.salt == salt);
                Ok(is_meant.then(|| Arc::clone(&entry.segment)))
            }
            Candidate::Damaged {
                path,
                first_lsn,
                raw,
            } => {
                let mut salts: Vec<[u8; 16]> = told.iter().map(|told| told.salt).collect();
                // The salt of a segment that was encrypted anew is nowhere else.
                salts.extend(self.is_ours(raw).then(|| array_at(&raw[..], 80)));
                let log_id = self.log_id.unwrap_or_else(|| array_at(&raw[..], 16));
                let header = self.rebuild(path, id, *first_lsn, &salts)?;
                let header = header.map(|header| SegmentHeader { log_id, ..header });
                header.map(|header| self.unlock(path, header)).transpose()
            }
        }
    }

    /// Whether a damaged header is of this log, as far as it still tells. If its salt is right, then
    /// the frames prove it: their checksums start from it.
    fn is_ours(&self, raw: &[u8; HEADER_BYTES]) -> bool {
        let log_id: LogId = array_at(raw, 16);
        self.log_id.is_none_or(|known| known == log_id) || self.salts.contains(&array_at(raw, 120))
    }

    /// A header for a segment whose own does not hold. Its salt and its block are found by trying:
    /// the first frame stands behind the first block. Where that is damaged, too, a sector will do.
    fn rebuild(
        &self,
        path: &Path,
        segment_id: u64,
        first_lsn: Lsn,
        salts: &[[u8; 16]],
    ) -> Result<Option<SegmentHeader>> {
        let header_with = |salt: [u8; 16], block_bytes: u32| SegmentHeader {
            log_id: LogId::default(),
            segment_id,
            first_lsn,
            durable_lsn: first_lsn.before(),
            durable_end: 0,
            low_water_lsn: Lsn::ZERO.next(),
            previous: Previous::default(),
            block_bytes,
            salt,
            key_id: None,
            key_check: [0; 16],
            original: None,
            required: RequiredTypes::default(),
        };
        for &salt in salts {
            for power in 9..=16 {
                let header = header_with(salt, 1 << power);
                let file = self.dir.open_to_read(path)?;
                let mut reader = FrameReader::new(file, path, &header, None)?;
                // A seal is no obstacle: who has its key comes later.
                match reader.header_at(1 << power)? {
                    Ok(_) | Err(NotAFrame::Forged) => return Ok(Some(header)),
                    Err(_) => {}
                }
            }
        }
        Ok(salts
            .first()
            .map(|&salt| header_with(salt, HEADER_BYTES as u32)))
    }

    /// The segment with a header that was rebuilt: plain, or encrypted with the key that opens its
    /// frames.
    fn unlock(&self, path: &Path, mut header: SegmentHeader) -> Result<Arc<Segment>> {
        let mut offset = u64::from(header.block_bytes);
        let mut segment = Segment {
            header,
            path: path.to_owned(),
            access: Access::Plain,
            pin: Arc::default(),
        };
        let mut reader = open(self.dir, &segment)?;
        let is_sealed = loop {
            if offset >= reader.file_bytes() {
                break false;
            }
            match reader.header_at(offset)? {
                Ok(_) => break false,
                Err(NotAFrame::Forged) => break true,
                Err(_) => offset += u64::from(header.block_bytes),
            }
        };
        if !is_sealed {
            return Ok(Arc::new(segment));
        }
        let ring = self.dir.keys.ring();
        for master in ring.iter().flat_map(KeyRing::keys) {
            header.key_id = Some(master.id());
            segment.header = header;
            let key = SegmentKey::derive(master, &header.identity());
            segment.access = Access::Sealed(Arc::new(key));
            let mut walk = Walk::new(open(self.dir, &segment)?, &header, u64::MAX);
            while let Some(step) = walk.next()? {
                if matches!(step, Step::Frame { .. }) {
                    return Ok(Arc::new(segment));
                }
            }
        }
        Err(Error::Corrupt {
            segment: path.to_owned(),
            offset: 0,
            lsn: header.first_lsn,
            why: "the header is damaged, and no key that was given opens what follows",
        })
    }

    /// Adds a segment to the plan; `true` when nothing before it is part of the log.
    fn take(&mut self, segment: Arc<Segment>, told: Option<Previous>) -> Result<bool> {
        let header = &segment.header;
        let reader = open(self.dir, &segment)?;
        let file_bytes = reader.file_bytes();
        let (extent, end) = match told {
            // A copy, encrypted anew, whose header is damaged: all its frames are of the log.
            Some(told) if header.salt_to_others() != told.salt => (Extent::Whole, file_bytes),
            Some(told) => (Extent::Whole, header.own_end(told.end).min(file_bytes)),
            None => (Extent::of_open_end(reader, header)?, file_bytes),
        };
        let source = Source {
            segment: Arc::clone(&segment),
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
