//! What somebody can do to an encrypted log who has no key, but can write any byte of any file, and
//! make all checksums fit.

use std::path::{Path, PathBuf};

use seawall::Lsn;
use seawall::env::vfs::OpenHow;
use seawall::format::frame::FRAME_HEADER_BYTES;
use seawall::format::header::{HEADER_BYTES, Original, SegmentHeader};

use super::damage::Done;
use super::layout::{FLAG_SEALED, FLAGS_AT, Frame, Segment, before, path_of, segments_of};
use super::plain;
use crate::choice::Stream;
use crate::disk::Disk;
use crate::scenario::{Damage, Probe};

/// What else a forger has at hand.
#[derive(Default)]
pub struct Lore {
    /// Disks of the same log as they were at the end of earlier lives.
    pub earlier: Vec<Disk>,
    /// The disk of another log with the same keys.
    pub other: Option<Disk>,
    /// Whether the log is opened with a ring that refuses everything in plain.
    pub is_strict: bool,
}

/// Which segments of a disk are encrypted, and which are not.
#[derive(Clone, Copy, Debug)]
pub struct Kinds {
    /// How many are.
    pub encrypted: usize,
    /// How many are not.
    pub plain: usize,
}

/// Counts the segments of a disk, by kind.
pub fn kinds(disk: &Disk) -> Kinds {
    let segments = segments_of(disk);
    let encrypted = segments.iter().filter(|one| one.is_sealed()).count();
    Kinds {
        encrypted,
        plain: segments.len() - encrypted,
    }
}

/// Forges what `probe` says; `None` where there is no place for it.
pub fn forge(probe: Probe, disk: &mut Disk, lore: &Lore, stream: &mut Stream) -> Option<Done> {
    let mut forger = Forger {
        segments: segments_of(disk),
        number: probe.number as usize,
        lore,
        stream,
        disk,
    };
    match probe.damage {
        Damage::ForgeFlip => forger.flip(),
        Damage::ForgeMove => forger.copy_frame(),
        Damage::ForgeSwap => forger.swap(),
        Damage::ForgeTransplant => forger.transplant(),
        Damage::ForgeStrip => forger.strip(),
        Damage::ForgeHeader => forger.change_header(),
        Damage::ForgeOlder => forger.replay(),
        Damage::ForgeForeign => forger.adopt(),
        _ => None,
    }
}

struct Forger<'a> {
    segments: Vec<Segment>,
    number: usize,
    lore: &'a Lore,
    stream: &'a mut Stream,
    disk: &'a mut Disk,
}

impl Forger<'_> {
    /// Encrypted segments, by their places in the list.
    fn sealed(&self) -> Vec<usize> {
        let numbered = self.segments.iter().enumerate();
        let sealed = numbered.filter(|(_, segment)| segment.is_sealed());
        sealed.map(|(index, _)| index).collect()
    }

    /// Frames of encrypted segments.
    fn frames(&self) -> Vec<(usize, Frame)> {
        let of = |index: usize| {
            let frames = self.segments[index].frames.iter();
            frames.map(move |frame| (index, *frame))
        };
        self.sealed().into_iter().flat_map(of).collect()
    }

    fn pick<T: Clone>(&self, items: &[T]) -> Option<T> {
        let index = self.number.checked_rem(items.len())?;
        Some(items[index].clone())
    }

    /// Writes a segment as it is now, under the name of its header.
    fn write(&mut self, segment: &Segment, story: String) -> Option<Done> {
        let path = &segment.path;
        replace(self.disk, path, &segment.bytes);
        Some(Done {
            path: path.clone(),
            story,
            covers_the_end: false,
        })
    }

    fn flip(&mut self) -> Option<Done> {
        let (index, frame) = self.pick(&self.frames())?;
        let mut segment = self.segments[index].clone();
        let bit = self.stream.below(8);
        let (at, what) = match self.stream.weighted(&[3, 3, 2]) {
            0 => {
                let at = self.stream.below(56) as usize;
                (frame.offset + at, "header")
            }
            1 => {
                let at = self.stream.below(u64::from(frame.header.body_bytes)) as usize;
                (frame.offset + FRAME_HEADER_BYTES + at, "body")
            }
            _ => (
                self.stream.below(HEADER_BYTES as u64 - 4) as usize,
                "segment's header",
            ),
        };
        segment.bytes[at] ^= 1 << bit;
        match at < HEADER_BYTES {
            true => segment.mend_header(),
            false => segment.mend_frame(frame.offset),
        }
        let offset = frame.offset;
        let story = format!("bit {bit} of byte {at}, in the {what}, beside the frame at {offset}");
        self.write(&segment, story)
    }

    fn copy_frame(&mut self) -> Option<Done> {
        let (index, frame) = self.pick(&self.frames())?;
        let mut segment = self.segments[index].clone();
        let mut places: Vec<usize> = segment.frames.iter().map(|other| other.offset).collect();
        places.push(
            segment
                .bytes
                .len()
                .next_multiple_of(segment.header.block_bytes as usize),
        );
        places.retain(|&place| place != frame.offset);
        let place = *self.stream.pick(&places);
        let bytes = segment.frame_bytes(&frame);
        segment.put_frame(place, &bytes);
        let story = format!("the frame at {} stands at {place}, too", frame.offset);
        self.write(&segment, story)
    }

    fn swap(&mut self) -> Option<Done> {
        let frames = self.frames();
        let mut pairs = Vec::new();
        for (place, (index, one)) in frames.iter().enumerate() {
            let later = frames[place + 1..].iter();
            let alike = later.filter(|(other, frame)| other == index && frame.len == one.len);
            pairs.extend(alike.map(|(_, other)| (*index, *one, *other)));
        }
        let (index, one, other) = self.pick(&pairs)?;
        let mut segment = self.segments[index].clone();
        let (first, second) = (segment.frame_bytes(&one), segment.frame_bytes(&other));
        segment.put_frame(one.offset, &second);
        segment.put_frame(other.offset, &first);
        let story = format!(
            "the frames at {} and {} are swapped",
            one.offset, other.offset
        );
        self.write(&segment, story)
    }

    fn transplant(&mut self) -> Option<Done> {
        let (index, frame) = self.pick(&self.frames())?;
        let mut sources = Vec::new();
        for (other, segment) in self.segments.iter().enumerate() {
            if other != index {
                sources.extend(segment.frames.iter().map(|frame| (other, *frame)));
            }
        }
        let (other, source) = *(!sources.is_empty()).then(|| self.stream.pick(&sources))?;
        let bytes = self.segments[other].frame_bytes(&source);
        let mut segment = self.segments[index].clone();
        segment.put_frame(frame.offset, &bytes);
        let (at, from) = (source.offset, self.segments[other].path.display());
        let story = format!("at {} stands the frame at {at} of {from}", frame.offset);
        // A longer frame covers those behind it: up to the last one, it takes all that vouches for them.
        let last = self.segments[index]
            .frames
            .last()
            .map_or(0, |last| last.offset);
        let covers_the_end = frame.offset < last && frame.offset + bytes.len() > last;
        let done = self.write(&segment, story)?;
        Some(Done {
            covers_the_end,
            ..done
        })
    }

    /// Whether nothing but a strict ring could tell that a segment was not in plain all along:
    /// the next one's header says that it was, and it was encrypted later.
    fn was_plain(&self, index: usize) -> bool {
        let own = &self.segments[index].header;
        let mut others = self.segments.iter().map(|segment| &segment.header.previous);
        let is_told = |previous: &seawall::format::header::Previous| {
            previous.segment_id == own.segment_id && !previous.is_encrypted
        };
        others.any(is_told)
    }

    fn strip(&mut self) -> Option<Done> {
        let mut sealed = self.sealed();
        sealed.retain(|&index| self.lore.is_strict || !self.was_plain(index));
        let index = self.pick(&sealed)?;
        let mut segment = self.segments[index].clone();
        let bare = SegmentHeader {
            key_id: None,
            key_check: [0; 16],
            original: None,
            previous: seawall::format::header::Previous {
                is_encrypted: false,
                ..segment.header.previous
            },
            ..segment.header
        };
        let frames = segment.frames.clone();
        let story = match self.stream.below(7) {
            0 => {
                segment.put_header(&bare);
                for frame in frames {
                    segment.bytes[frame.offset + FLAGS_AT] &= !FLAG_SEALED;
                    segment.mend_frame(frame.offset);
                }
                "all flags and keys are cleared"
            }
            1 => {
                segment.put_header(&bare);
                "the header says that it is plain"
            }
            2 => {
                let frame = self.pick(&frames)?;
                segment.bytes[frame.offset + FLAGS_AT] &= !FLAG_SEALED;
                segment.mend_frame(frame.offset);
                "a frame says that it is plain"
            }
            3 => {
                let mut frames = frames;
                frames.retain(|frame| frame.header.record_count > 0);
                let frame = self.pick(&frames)?;
                segment.put_frame(frame.offset, &plain::frame_in(&segment, &frame));
                "a plain frame with other records"
            }
            4 => {
                segment = plain::in_plain(&segment);
                "a plain segment with other records"
            }
            more => {
                let last = self.segments.last().expect("there is one");
                segment = plain::behind(last, more == 5);
                "a plain segment behind the last one"
            }
        };
        self.write(&segment, story.into())
    }

    fn change_header(&mut self) -> Option<Done> {
        let index = self.pick(&self.sealed())?;
        let mut segment = self.segments[index].clone();
        let old = segment.path.clone();
        let mut header = segment.header;
        let step = self.stream.within(1, 3);
        let up = |lsn: Lsn| Lsn::new(lsn.as_u64() + step);
        let block = u64::from(header.block_bytes);
        let field = self.stream.below(12);
        match field {
            0 => header.low_water_lsn = up(header.low_water_lsn),
            1 => header.low_water_lsn = header.first_lsn,
            2 => header.durable_lsn = before(header.first_lsn),
            3 => header.durable_end = 0,
            4 => header.previous.end = header.previous.end.saturating_sub(step * block),
            5 => header.previous.salt[0] ^= 1,
            6 => header.previous.is_sealed = !header.previous.is_sealed,
            7 => header.previous.is_encrypted = !header.previous.is_encrypted,
            8 => {
                header.first_lsn = up(header.first_lsn);
                header.durable_lsn = up(header.durable_lsn);
            }
            9 => header.salt[0] ^= 1,
            10 => header.segment_id += step,
            _ => {
                header.original = match header.original {
                    Some(_) => None,
                    None => Some(Original {
                        salt: header.salt,
                        end: header.previous.end,
                    }),
                }
            }
        }
        if header == segment.header {
            return None;
        }
        segment.put_header(&header);
        segment.mend_frames();
        segment.path = path_of(&header);
        if segment.path != old {
            self.disk.remove_file(&old).expect("it was listed");
        }
        self.write(&segment, format!("field {field} of the header is another"))
    }

    fn replay(&mut self) -> Option<Done> {
        let mut older = Vec::new();
        let last = self.segments.last()?.path.clone();
        for segment in self.lore.earlier.iter().flat_map(segments_of) {
            let now = self.segments.iter().find(|now| now.path == segment.path);
            let Some(now) = now.filter(|now| now.bytes != segment.bytes) else {
                continue;
            };
            // The end of another continuation of the log is as good as this one's: see the checker.
            let is_copy = now.header.salt != segment.header.salt
                && now.header.salt_to_others() == segment.header.salt_to_others();
            if is_copy || segment.path != last || now.bytes.starts_with(&segment.bytes) {
                older.push(segment);
            }
        }
        let segment = self.pick(&older)?;
        self.write(&segment, "as it was at the end of an earlier life".into())
    }

    fn adopt(&mut self) -> Option<Done> {
        let last = self.segments.last()?.path.clone();
        let victim = self.segments[self.pick(&self.sealed())?].clone();
        let mut others = segments_of(self.lore.other.as_ref()?);
        others.retain(|other| {
            let theirs = self.segments.iter().find(|own| own.path == other.path);
            theirs.is_none_or(|own| own.bytes != other.bytes)
        });
        let mut segment = self.pick(&others)?;
        let theirs = segment.header;
        let header = SegmentHeader {
            log_id: victim.header.log_id,
            segment_id: victim.header.segment_id,
            first_lsn: victim.header.first_lsn,
            durable_lsn: theirs.durable_lsn.max(before(victim.header.first_lsn)),
            ..theirs
        };
        // The end of another continuation of the log is as good as this one's: see the checker.
        if header == theirs && victim.path == last {
            return None;
        }
        segment.put_header(&header);
        segment.mend_frames();
        segment.path = victim.path;
        self.write(&segment, "of another log with the same keys".into())
    }
}

/// Puts a file there, in place of what was there.
fn replace(disk: &mut Disk, path: &PathBuf, bytes: &[u8]) {
    if disk.resolve(path).is_ok() {
        disk.remove_file(path).expect("it was found");
    }
    let how = OpenHow::CreateNew { direct: false };
    let fd = disk.open(Path::new(path), how).expect("it can be made");
    assert_eq!(disk.write(fd, 0, bytes), Ok(bytes.len()));
    disk.close(fd);
}
