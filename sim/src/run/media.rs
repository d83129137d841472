//! What a run knows of its medium: from what happened there to what the log still owes.
//!
//! What happened says where, and what was there before. What records that were is read from it by the
//! format, and so is what the disk says of them: a promise that is still there binds the log, however it
//! came to lose what was promised.

use std::path::PathBuf;

use seawall::Error;
use seawall::format::frame::FRAME_HEADER_BYTES;
use seawall::format::header::SegmentHeader;

use super::Runner;
use super::probe::is_same;
use crate::checker::guarantee::{self, Guarantee, Remainder};
use crate::checker::{Property, Violation, ensure};
use crate::disk::{Disk, Entry, Fault, FaultClass, Image, Incident};
use crate::events::{self, Saying};
use crate::trace;
use crate::world::fork::layout::Segment;

/// What there was before an open.
pub(super) struct Before {
    image: Image,
    incidents: usize,
    evictions: u64,
}

impl Before {
    /// Whether pages have left the cache since: then readers saw less than there was.
    fn is_evicted(&self, disk: &Disk) -> bool {
        evictions(disk) > self.evictions
    }
}

impl Runner<'_> {
    /// The disk before an open, where the medium may do something; else nobody asks.
    pub(super) fn disk_before(&self) -> Option<Before> {
        let is_watched = self.scenario.media.is_some();
        is_watched.then(|| {
            self.world.with_disk(|disk| Before {
                image: disk.image(),
                incidents: disk.incidents().len(),
                evictions: evictions(disk),
            })
        })
    }

    /// What the log owes now; `before` is the disk before the open that is judged.
    pub(super) fn guarantee(&self, before: Option<&Before>) -> Guarantee {
        let sure = self.session.model.borrow().sure;
        let Some(before) = before else {
            return Guarantee::whole();
        };
        self.world.with_disk(|disk| {
            let incidents = disk.incidents();
            let Some(class) = incidents.iter().map(|one| one.class).max() else {
                return Guarantee::whole();
            };
            let at_risk = |one: &Incident| first_at_risk(one, sure);
            let first = incidents.iter().map(at_risk).min().unwrap_or(u64::MAX);
            let vouched = match before.is_evicted(disk) {
                true => 0,
                false => vouched(&before.image, &hidden(incidents, before.incidents)),
            };
            let unreadable = incidents
                .iter()
                .filter(|one| one.fault == Fault::LatentSector);
            let unreadable = unreadable.filter_map(|one| disk.path_of(one.ino));
            Guarantee {
                class: Some(class),
                keeps: match first {
                    u64::MAX => u64::MAX,
                    first => (first - 1).max(vouched),
                },
                is_misread: incidents
                    .iter()
                    .any(|one| one.fault == Fault::MisdirectedRead),
                may_refuse: class != FaultClass::UnitDamage || first < u64::MAX,
                is_fresh: incidents.iter().any(|one| !one.is_judged),
                unreadable: unreadable.collect(),
                places: guarantee::places(disk),
            }
        })
    }

    /// An open moves what nothing vouches for to another file, and drops it where it was: where a flush
    /// lies meanwhile, that may be lost, however well it was synced before. To be called when it has
    /// judged what was there.
    pub(super) fn moved_what_is_unproven(&self, before: Option<&Before>) {
        let Some(before) = before else {
            return;
        };
        if !self.world.with_disk(|disk| disk.is_sound()) {
            let mut model = self.session.model.borrow_mut();
            model.sure = model.sure.min(vouched(&before.image, &[]));
        }
    }

    /// Counts and tells what became of a log with something in its medium's past.
    pub(super) fn count(&mut self, class: FaultClass, remainder: Remainder) {
        self.figures.media[class as usize][remainder as usize] += 1;
        events::tell(Saying::Tried, || {
            format!("after {class} the log is {remainder}")
        });
        trace::mix(class as u64 * 8 + remainder as u64);
    }

    /// What had happened before the open was judged: strictness goes on from here.
    pub(super) fn medium_was_judged(&self, before: Option<&Before>) {
        let is_sound = self.world.with_disk(|disk| {
            disk.settle_incidents(before.map_or(0, |before| before.incidents));
            disk.is_sound()
        });
        let mut model = self.session.model.borrow_mut();
        let settled = model.settled();
        model.sure = match is_sound {
            true => settled,
            false => model.sure.min(settled),
        };
    }

    /// An open was refused by an error that the damage explains. Where the medium stays as it is, so
    /// does the error, and the run is over.
    pub(super) fn detected(
        &mut self,
        guarantee: &Guarantee,
        error: &Error,
        is_open: bool,
        before: Option<&Before>,
    ) -> Result<(), Violation> {
        {
            let model = self.session.model.borrow();
            let mut tally = self.session.tally.borrow_mut();
            guarantee::check_refusal(&model, guarantee, error, &mut tally)?;
        }
        if !is_open {
            self.check_unchanged(before)?;
        }
        let class = guarantee.class.expect("something explains the error");
        self.count(class, Remainder::Detected);
        self.is_over = self.world.with_disk(|disk| {
            disk.forget_transient_incidents();
            !disk.incidents().is_empty()
        });
        Ok(())
    }

    /// The file system had refused something while the log was opened, and so the open failed.
    pub(super) fn refused(&mut self, before: Option<&Before>) -> Result<(), Violation> {
        self.check_unchanged(before)?;
        self.count(FaultClass::Refusal, Remainder::Detected);
        Ok(())
    }

    fn check_unchanged(&self, before: Option<&Before>) -> Result<(), Violation> {
        let before = before.expect("the medium is watched");
        let (after, is_new) = self.world.with_disk(|disk| {
            let is_new = disk.incidents().len() > before.incidents || before.is_evicted(disk);
            (disk.image(), is_new)
        });
        // What happened meanwhile was not the log's work.
        let is_right = is_new || is_same(&before.image, &after);
        ensure(Property::Guarantee, is_right, || {
            "an open that was refused has changed the log's files".into()
        })
    }
}

fn evictions(disk: &Disk) -> u64 {
    let counts = disk.counts();
    counts.faults(Fault::Eviction) + counts.faults(Fault::WritebackErrorForgotten)
}

/// The first LSN that an incident may have taken from a log that does not notice; `u64::MAX` for none.
fn first_at_risk(incident: &Incident, sure: u64) -> u64 {
    if incident.is_judged {
        return u64::MAX;
    }
    match incident.fault {
        Fault::FlushLost => return sure + 1,
        // What can't be read is never taken for what is not there.
        Fault::LatentSector | Fault::FileDuplicated => return u64::MAX,
        _ => {}
    }
    let (from, to) = incident.range;
    let Some(segment) = segment_before(incident) else {
        return u64::MAX;
    };
    let block = u64::from(segment.header.block_bytes);
    if from < block {
        return segment.header.first_lsn.as_u64();
    }
    let mut frames = segment.frames.iter();
    let hit = frames
        .find(|frame| ((frame.offset + frame.len) as u64) > from && (frame.offset as u64) < to);
    hit.map_or(u64::MAX, |frame| frame.header.first_lsn.as_u64())
}

/// A place that an open may not have seen as it was before: in which segment, from here, up to here.
type Hidden = (SegmentHeader, (u64, u64));

/// Where a read came from another place, and where a bit flipped while the log was opened, after
/// the first `known` incidents: mostly nobody had read there yet.
fn hidden(incidents: &[Incident], known: usize) -> Vec<Hidden> {
    let numbered = incidents.iter().enumerate();
    let hiding = numbered.filter(|(index, one)| {
        one.is_transient() || (*index >= known && one.fault == Fault::BitRot)
    });
    let hidden = hiding.map(|(_, one)| Some((segment_before(one)?.header, one.range)));
    hidden.flatten().collect()
}

/// The highest LSN that anything on the disk says was durable. A promise is true wherever it stands,
/// but it binds only who could read it.
fn vouched(image: &Image, hidden: &[Hidden]) -> u64 {
    let files = image.entries.iter();
    let segments = files.filter_map(|(path, entry)| match entry {
        Entry::File(bytes) => Segment::of(path.into(), bytes.clone()),
        Entry::Dir => None,
    });
    let promises = segments.flat_map(|segment| {
        let header = segment.header;
        let is_seen = |offset: usize| {
            let (start, end) = (offset as u64, (offset + FRAME_HEADER_BYTES) as u64);
            let mut here = hidden.iter().filter(|(its, _)| *its == header);
            here.all(|(_, (from, to))| *to <= start || end <= *from)
        };
        let frames = segment.frames.iter().filter(|frame| is_seen(frame.offset));
        let mut promises: Vec<_> = frames.map(|frame| frame.header.durable_lsn).collect();
        promises.push(header.durable_lsn);
        promises
    });
    promises.map(|lsn| lsn.as_u64()).max().unwrap_or(0)
}

/// The segment that a file was before something happened to it.
fn segment_before(incident: &Incident) -> Option<Segment> {
    Segment::parse(PathBuf::new(), incident.before.clone())
}

#[cfg(test)]
mod tests {
    use seawall::Lsn;
    use seawall::format::buffer::{FrameBuffer, Place};
    use seawall::format::frame::FrameKind;
    use seawall::format::header::{HEADER_BYTES, Previous};

    use super::*;
    use crate::disk::Ino;

    const FOOTER_AT: u64 = HEADER_BYTES as u64;

    /// A segment that ends with a footer, and that promises the first five records there only.
    fn segment() -> Vec<u8> {
        let header = SegmentHeader {
            log_id: Default::default(),
            segment_id: 1,
            first_lsn: Lsn::new(1),
            durable_lsn: Lsn::ZERO,
            durable_end: FOOTER_AT,
            low_water_lsn: Lsn::new(1),
            previous: Previous::default(),
            block_bytes: 512,
            salt: [7; 16],
            key_id: None,
            key_check: [0; 16],
            original: None,
            required: Default::default(),
        };
        let place = Place {
            segment: &header,
            offset: FOOTER_AT,
            last_lsn: Lsn::new(5),
            durable_lsn: Lsn::new(5),
            durable_end: FOOTER_AT,
            low_water_lsn: Lsn::new(1),
        };
        let mut bytes = header.encode().to_vec();
        let mut footer = FrameBuffer::with_capacity(0);
        bytes.extend(footer.encode_bare(FrameKind::Footer, &[], &place, None));
        bytes
    }

    fn binds_after(fault: Fault, class: FaultClass, offset: u64, known: usize) -> bool {
        let path = "/data/log/seg-0000000001-00000000000000000001.wal".to_string();
        let mut image = Image::default();
        image.entries.insert(path, Entry::File(segment()));
        let incident = Incident {
            fault,
            class,
            ino: Ino(0),
            range: (offset, offset + 1),
            before: segment(),
            is_judged: false,
        };
        vouched(&image, &hidden(&[incident], known)) == 5
    }

    #[test]
    fn a_promise_that_rots_while_the_log_is_opened_binds_nobody() {
        let rots = |offset, known| binds_after(Fault::BitRot, FaultClass::Rot, offset, known);
        let end = FOOTER_AT + FRAME_HEADER_BYTES as u64;
        assert!(!rots(FOOTER_AT, 0));
        assert!(!rots(end - 1, 0));
        // Beside it, or before: what is there now was there to be read.
        assert!(rots(FOOTER_AT - 1, 0));
        assert!(rots(end, 0));
        assert!(rots(FOOTER_AT, 1));
        // Who can't read it does not take it for nothing.
        let unread = binds_after(Fault::LatentSector, FaultClass::Rot, FOOTER_AT, 0);
        assert!(unread);
    }
}
