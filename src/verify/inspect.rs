//! The work of a verification: from the last segment back to the first.
//!
//! The last one is judged by the scan that recovery uses, the links between segments by its links.
//! What a broken link leaves behind is judged as if it were the last: nobody says where it ends.

use std::collections::BTreeSet;

use super::{Finding, OtherFile, OtherKind, Progress, Report, SegmentReport};
use crate::error::{Error, Result};
use crate::format::FILLER;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, NotAFrame, Records};
use crate::format::header::{HEADER_BYTES, SegmentHeader};
use crate::segment::catalog::{Entry, LogDir};
use crate::segment::chain::link;
use crate::segment::reader::{ENDS_EARLY, FrameReader};
use crate::segment::tail::Tail;
use crate::segment::walk::{Extent, Step, Walk, low_water};
use crate::types::{Lsn, RecordType};

/// How many bytes are read between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 20;

/// What is known of the end of a segment.
enum End<'a> {
    /// The next segment's header tells it.
    Told(&'a SegmentHeader),
    /// It was found, and nothing is wrong up to there.
    Found(Tail),
    /// Something is wrong at this offset, so that an open would refuse it.
    Unknown(Extent, u64),
}

/// A verification under way.
pub(super) struct Inspection<'a> {
    dir: &'a LogDir,
    found: &'a [Entry],
    // The numbers of segments that an open refuses by their headers.
    refused: BTreeSet<u64>,
    report: Report,
    watch: &'a mut dyn FnMut(Progress),
    refused_types: BTreeSet<u16>,
    // Of the segments that were gone through, and of those still to come.
    done_bytes: u64,
    told_bytes: u64,
    total_bytes: u64,
}

impl<'a> Inspection<'a> {
    pub(super) fn new(
        dir: &'a LogDir,
        found: &'a [Entry],
        refused: BTreeSet<u64>,
        report: Report,
        watch: &'a mut dyn FnMut(Progress),
    ) -> Inspection<'a> {
        Inspection {
            dir,
            found,
            refused,
            report,
            watch,
            refused_types: BTreeSet::new(),
            done_bytes: 0,
            told_bytes: 0,
            total_bytes: found.iter().map(|entry| entry.file_bytes).sum(),
        }
    }

    pub(super) fn into_report(self) -> Report {
        let mut report = self.report;
        report.segments.reverse();
        let place = |finding: &Finding| {
            let (path, offset) = finding.place();
            (path.to_owned(), offset)
        };
        report.findings.sort_by_key(place);
        report
            .others
            .sort_by(|one, other| one.path.cmp(&other.path));
        report
    }

    /// Goes through all segments, the last one first.
    pub(super) fn run(&mut self) -> Result<()> {
        let Some(last) = self.found.last() else {
            return Ok(());
        };
        if let Err(error) = last.segment.key() {
            // Without its key it says nothing that could be believed, of others either.
            self.report.findings.push(Finding::Refused(error));
            return Ok(());
        }
        let end = self.find_end(last)?;
        match &end {
            End::Found(tail) => {
                if let Err(error) = tail.check_writable(last) {
                    self.refused_types.extend(tail.unknown_type);
                    self.report.findings.push(Finding::Refused(error));
                }
                self.report.low_water_lsn = tail.kept.low_water;
                self.report.proven_lsn = tail.proven;
                self.report.torn_bytes = tail.torn_bytes(last);
            }
            End::Unknown(extent, _) => {
                self.report.proven_lsn = extent.promise().lsn;
                let mut walk = self.walk(last, last.file_bytes)?;
                self.report.low_water_lsn = low_water(&mut walk, extent)?;
            }
            End::Told(_) => unreachable!("nothing comes behind the last segment"),
        }
        self.inspect_segment(last, &end)?;
        let mut live = BTreeSet::from([last.segment.header.segment_id]);
        let mut current = last.clone();
        while current.segment.header.first_lsn > self.report.low_water_lsn {
            let header = current.segment.header;
            let before = match link(self.found, &current) {
                Ok(before) => {
                    self.inspect_segment(&before, &End::Told(&header))?;
                    before
                }
                Err(error @ (Error::Encrypted { .. } | Error::Plaintext { .. })) => {
                    self.report.findings.push(Finding::Refused(error));
                    return Ok(());
                }
                Err(error) => {
                    // One that is there, but refused, is told already.
                    if !self.refused.contains(&header.previous.segment_id) {
                        self.report.findings.push(Finding::Refused(error));
                    }
                    let Some(before) = self.below(header.previous.segment_id) else {
                        break;
                    };
                    if let Err(error) = before.segment.key() {
                        self.report.findings.push(Finding::Refused(error));
                        return Ok(());
                    }
                    let end = self.find_end(&before)?;
                    self.inspect_segment(&before, &end)?;
                    before
                }
            };
            live.insert(before.segment.header.segment_id);
            current = before;
        }
        self.list_superseded(&live);
        self.tell_progress(self.total_bytes);
        Ok(())
    }

    /// The segment with the highest number up to this one.
    fn below(&self, segment_id: u64) -> Option<Entry> {
        let mut candidates = self.found.iter().rev();
        let is_below = |entry: &&Entry| entry.segment.header.segment_id <= segment_id;
        candidates.find(is_below).cloned()
    }

    fn list_superseded(&mut self, live: &BTreeSet<u64>) {
        for entry in self.found {
            if !live.contains(&entry.segment.header.segment_id) {
                self.report.others.push(OtherFile {
                    path: entry.segment.path.clone(),
                    kind: OtherKind::Superseded,
                });
            }
        }
    }

    /// Finds the end of a segment of which nobody says where it ends, as an open would.
    fn find_end(&mut self, entry: &Entry) -> Result<End<'static>> {
        match Tail::scan(self.dir, entry) {
            Ok(tail) => Ok(End::Found(tail)),
            Err(error @ (Error::Io { .. } | Error::Full { .. })) => Err(error),
            Err(error) => {
                let finding = Finding::Refused(error);
                let (_, offset) = finding.place();
                self.report.findings.push(finding);
                let header = &entry.segment.header;
                let reader = FrameReader::open(self.dir, &entry.segment)?;
                let extent = Extent::of_open_end(reader, header)?;
                Ok(End::Unknown(extent, offset))
            }
        }
    }

    fn walk(&self, entry: &Entry, end: u64) -> Result<Walk> {
        let header = &entry.segment.header;
        let reader = FrameReader::open(self.dir, &entry.segment)?;
        Ok(Walk::new(reader, header, end))
    }

    fn inspect_segment(&mut self, entry: &Entry, end: &End<'_>) -> Result<()> {
        let header = &entry.segment.header;
        let until = match end {
            End::Told(_) => header.own_end(entry.end),
            End::Found(tail) => tail.end,
            End::Unknown(..) => entry.file_bytes,
        };
        let mut walk = self.walk(entry, until)?;
        let mut segment = Segment {
            report: SegmentReport {
                path: entry.segment.path.clone(),
                segment_id: header.segment_id,
                first_lsn: header.first_lsn,
                last_lsn: header.first_lsn.before(),
                frames: 0,
                records: 0,
                bytes: entry.file_bytes,
                is_sealed: false,
            },
            header: *header,
            is_broken: false,
            refused_at: match end {
                End::Unknown(_, offset) => Some(*offset),
                End::Told(_) | End::Found(_) => None,
            },
        };
        let block = u64::from(header.block_bytes);
        self.expect_zeros(
            &segment,
            &mut walk,
            (HEADER_BYTES as u64, block),
            WHERE_HEADER,
        )?;
        while let Some(step) = walk.next()? {
            match step {
                Step::Frame { offset, frame } => {
                    self.see_frame(&mut segment, &mut walk, offset, &frame, end)?;
                }
                Step::Damage { offset, why } => match torn_at(end, offset) {
                    Some(bytes) => {
                        self.report.torn_bytes = bytes;
                        break;
                    }
                    None => self.see_damage(&mut segment, offset, why, end),
                },
            }
            self.tell_progress(self.done_bytes + walk.reader.offset());
        }
        match end {
            End::Told(next) => self.check_told_end(&mut segment, &mut walk, next)?,
            End::Found(tail) => segment.report.is_sealed = tail.is_sealed,
            End::Unknown(..) => {}
        }
        self.done_bytes += entry.file_bytes;
        self.report.segments.push(segment.report);
        Ok(())
    }

    fn see_frame(
        &mut self,
        segment: &mut Segment,
        walk: &mut Walk,
        offset: u64,
        frame: &FrameHeader,
        end: &End<'_>,
    ) -> Result<()> {
        let last = segment.report.last_lsn;
        if frame.kind == FrameKind::Footer {
            segment.report.is_sealed = true;
        }
        let is_proven = match end {
            End::Told(_) => true,
            End::Found(tail) => offset < tail.proven_end,
            End::Unknown(extent, _) => {
                if !extent.holds(offset) || frame.kind == FrameKind::Footer {
                    return Ok(());
                }
                offset < extent.promise().end
            }
        };
        let follows = match segment.is_broken {
            false => frame.follows(last),
            // What comes behind damage can't follow what was before it.
            true => frame.first_lsn > last,
        };
        if !follows {
            self.refuse(segment, offset, NotAFrame::Contents.why());
        }
        segment.is_broken = false;
        segment.report.last_lsn = frame.last_lsn();
        segment.report.frames += 1;
        self.count_records(segment, walk, frame, end);
        if is_proven {
            let bytes = FRAME_HEADER_BYTES as u64 + u64::from(frame.body_bytes);
            let padding = (offset + bytes, offset + frame.file_bytes(&segment.header));
            self.expect_zeros(segment, walk, padding, WHERE_FRAME)?;
        }
        Ok(())
    }

    fn count_records(
        &mut self,
        segment: &mut Segment,
        walk: &Walk,
        frame: &FrameHeader,
        end: &End<'_>,
    ) {
        let proven = match end {
            End::Found(tail) => tail.proven,
            End::Told(_) | End::Unknown(..) => frame.last_lsn(),
        };
        let mut records = Records::of(frame);
        let body = walk.reader.body(frame);
        while let Some((record, _)) = records.next(body) {
            segment.report.records += 1;
            let lsn = Lsn::new(record.lsn);
            if lsn < self.report.low_water_lsn || record.record_type == FILLER {
                continue;
            }
            self.report.records += 1;
            self.report.unproven_records += u64::from(lsn > proven);
            let first = self.report.first_lsn.map_or(lsn, |first| first.min(lsn));
            let last = self.report.last_lsn.map_or(lsn, |last| last.max(lsn));
            (self.report.first_lsn, self.report.last_lsn) = (Some(first), Some(last));
            if RecordType::from_number(record.record_type).is_some() {
                continue;
            }
            match RecordType::is_required(record.record_type) {
                false => self.report.unknown_optional_records += 1,
                true => {
                    self.report.unknown_required_records += 1;
                    self.refuse_type(segment, record.record_type);
                }
            }
        }
    }

    /// One finding is enough for a type that this version does not know: the headers of all later
    /// segments tell of it again.
    fn refuse_type(&mut self, segment: &Segment, record_type: u16) {
        if self.refused_types.insert(record_type) {
            let error = Error::UnknownType {
                segment: segment.report.path.clone(),
                record_type,
            };
            self.report.findings.push(Finding::Refused(error));
        }
    }

    fn see_damage(&mut self, segment: &mut Segment, offset: u64, why: NotAFrame, end: &End<'_>) {
        let is_lost = match end {
            End::Told(_) => true,
            // The scan has read it as a proven frame: the disk does not keep to its word.
            End::Found(_) => true,
            // Above what was promised nothing can be told from a torn tail.
            End::Unknown(extent, _) => offset < extent.promise().end,
        };
        if is_lost {
            self.refuse(segment, offset, why.why());
        }
        segment.is_broken = true;
    }

    /// Checks that a segment ends as the next one's header says.
    fn check_told_end(
        &mut self,
        segment: &mut Segment,
        walk: &mut Walk,
        next: &SegmentHeader,
    ) -> Result<()> {
        let end = segment.header.own_end(next.previous.end);
        if !segment.is_broken && segment.report.last_lsn.next() != next.first_lsn {
            self.refuse(segment, end, ENDS_EARLY);
        }
        segment.report.is_sealed = false;
        if !next.previous.is_sealed {
            return Ok(());
        }
        if end.is_multiple_of(u64::from(segment.header.block_bytes)) {
            walk.reader.skip_to(end);
            if let Ok(frame) = walk.reader.next()?
                && frame.kind == FrameKind::Footer
            {
                segment.report.is_sealed = true;
                let padding = (
                    end + FRAME_HEADER_BYTES as u64 + u64::from(frame.body_bytes),
                    end + frame.file_bytes(&segment.header),
                );
                return self.expect_zeros(segment, walk, padding, WHERE_FRAME);
            }
        }
        self.find_rot(segment, end, "no footer, though the segment was sealed");
        Ok(())
    }

    fn expect_zeros(
        &mut self,
        segment: &Segment,
        walk: &mut Walk,
        (from, to): (u64, u64),
        why: &'static str,
    ) -> Result<()> {
        if let Some(offset) = walk.reader.nonzero_within(from, to)? {
            self.find_rot(segment, offset, why);
        }
        Ok(())
    }

    fn find_rot(&mut self, segment: &Segment, offset: u64, why: &'static str) {
        self.report.findings.push(Finding::Rot {
            path: segment.report.path.clone(),
            offset,
            lsn: segment.report.last_lsn,
            why,
        });
    }

    /// Adds what a reader would say, unless the scan has said it already.
    fn refuse(&mut self, segment: &Segment, offset: u64, why: &'static str) {
        let path = segment.report.path.as_path();
        if segment.refused_at == Some(offset) {
            return;
        }
        self.report.findings.push(Finding::Refused(Error::Corrupt {
            segment: path.to_owned(),
            offset,
            lsn: segment.report.last_lsn.next(),
            why,
        }));
    }

    fn tell_progress(&mut self, done_bytes: u64) {
        if done_bytes >= self.told_bytes + PROGRESS_BYTES || done_bytes == self.total_bytes {
            self.told_bytes = done_bytes;
            (self.watch)(Progress {
                done_bytes,
                total_bytes: self.total_bytes,
            });
        }
    }
}

/// How much is torn from here on, where a frame that the scan has read a moment ago is not there any more, as it may
/// happen to one that nothing proves: after a failed sync it may have been in the page cache only.
fn torn_at(end: &End<'_>, offset: u64) -> Option<u64> {
    match end {
        End::Found(tail) if offset >= tail.proven_end => {
            Some(tail.written_end.saturating_sub(offset))
        }
        _ => None,
    }
}

const WHERE_HEADER: &str = "bytes between the header and the first frame are not zero";
const WHERE_FRAME: &str = "the padding behind a frame is not zero";

/// The segment at hand.
struct Segment {
    report: SegmentReport,
    header: SegmentHeader,
    // Whether there was damage since the last whole frame.
    is_broken: bool,
    // What the scan has found already.
    refused_at: Option<u64>,
}
