//! A log that is swept: what is on its disk, what it shows undamaged, and what proves what.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use seawall::{Hold, RecordType, WalRecord};

use super::Only;
use super::bench::{Bench, LastWrite, Patch};
use super::judge::{self, Outcome};
use super::layout::{Frame, Layout, Promise, Stand, layouts};
use super::script::{self, SECTOR, ring, segment_files};
use crate::checker::errors::tell;
use crate::checker::{Property, Tally, Violation, ensure, one_truth};
use crate::choice::{Choices, Purpose};
use crate::disk::Disk;
use crate::named::named_enum;
use crate::scenario::{Damage, Probe};
use crate::world::fork::damage::inflict;

/// The record of a plain log that gets a type which this version does not know, by its number as a
/// place of [`Damage::NewerType`]: a put that stands alone in its frame.
const UNKNOWN_TYPE_AT: u32 = 18;

named_enum! {
    /// Which log.
    pub enum Name {
        /// Not encrypted; its last life ended with a close.
        PlainClosed = "plain-closed",
        /// Not encrypted; its last life ended with a crash.
        PlainCrashed = "plain-crashed",
        /// Encrypted, under two keys; closed.
        EncryptedClosed = "encrypted-closed",
        /// Encrypted, under two keys; crashed.
        EncryptedCrashed = "encrypted-crashed",
    }
}

impl Name {
    /// Whether it is encrypted.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Name::EncryptedClosed | Name::EncryptedCrashed)
    }

    /// Whether its last life ended with a close.
    pub fn is_closed(self) -> bool {
        matches!(self, Name::PlainClosed | Name::EncryptedClosed)
    }

    /// Whether it is one of those asked for.
    pub fn is_of(self, only: Option<Only>) -> bool {
        only.is_none_or(|only| (only == Only::Encrypted) == self.is_encrypted())
    }
}

/// What the undamaged log shows.
pub struct Intact {
    /// Its records.
    pub records: Vec<WalRecord>,
    /// Its holds.
    pub holds: Vec<Hold>,
    /// Where it begins.
    pub low_water: u64,
    /// The LSN behind its last record.
    pub next_lsn: u64,
    /// The LSNs that a frame begins with: the log ends before one of these, or at its end.
    pub frame_starts: BTreeSet<u64>,
}

/// What cannot have been lost to damage of one place.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// Records up to this LSN are proven.
    pub up_to: u64,
    /// So are the low-water mark and the holds.
    pub of_kept: bool,
    /// Something vouches for the bytes themselves: a verification notices what is done to them.
    pub of_bytes: bool,
}

/// A log to be swept.
pub struct Subject {
    /// Which.
    pub name: Name,
    /// The log's files, by path in their order, and what is in them.
    pub files: Vec<(String, Vec<u8>)>,
    /// Files that the log once had.
    pub gone: Vec<(String, Vec<u8>)>,
    /// What it shows.
    pub intact: Intact,
    pub(super) layouts: Vec<Layout>,
    /// By file and sector.
    pub(super) last_writes: Vec<BTreeMap<usize, LastWrite>>,
    disk: Disk,
}

impl Subject {
    /// Writes the log and looks at it.
    ///
    /// # Errors
    /// When it is not as it should be, undamaged, or lacks something that is to be swept.
    pub fn build(name: Name) -> Result<Subject, Violation> {
        let written = script::write(name.is_encrypted(), name.is_closed());
        let mut written = written.map_err(|error| {
            let story = format!("writing the log to be swept failed: {}", tell(&error));
            Violation::new(Property::Errors, story)
        })?;
        if !name.is_encrypted() {
            add_unknown_type(&mut written.disk);
        }
        let files = segment_files(&written.disk.image());
        let layouts = layouts(&files);
        let last_writes = files.iter().map(|(path, _)| {
            let ino = written.disk.resolve(Path::new(path)).expect("it is there");
            written.recorder.last_writes(ino)
        });
        let subject = Subject {
            name,
            last_writes: last_writes.collect(),
            intact: intact(name, &written.disk, &layouts)?,
            gone: written.gone,
            disk: written.disk,
            files,
            layouts,
        };
        subject.check_intact(&written.records)?;
        subject.check_contents()?;
        Ok(subject)
    }

    /// A disk with it.
    pub(super) fn bench(&self) -> Bench<'_> {
        Bench::new(&self.disk, ring(self.name.is_encrypted()))
    }

    /// Looks at it with these bytes in these places, which are one, and judges what is seen.
    ///
    /// # Errors
    /// What is not as it should be.
    pub fn try_out(&self, patches: &[Patch]) -> Result<Outcome, Violation> {
        let seen = self.bench().look(patches).map_err(judge::panicked)?;
        judge::judge(&self.intact, self.proof(patches), patches, &seen)
    }

    /// What is proven by places that these bytes leave alone.
    pub fn proof(&self, patches: &[Patch]) -> Proof {
        let (path, _) = self.files.last().expect("a log has files");
        let last = self.layouts.last().expect("a log has files");
        let is_left_alone = |promise: &&Promise| {
            let meets = |patch: &Patch| {
                let bytes = patch.offset..patch.offset + patch.bytes.len();
                patch.path == *path && overlap(&bytes, &promise.bytes)
            };
            !patches.iter().any(meets)
        };
        let promises = last.promises.iter().filter(is_left_alone);
        let (up_to, end) = promises.fold((0, 0), |(lsn, end), promise| {
            (promise.lsn.max(lsn), promise.end.max(end))
        });
        let is_kept = |frame: &&Frame| matches!(frame.stand, Stand::Holds | Stand::Mark);
        let mut kept = last.frames.iter().filter(is_kept);
        let mut proof = Proof {
            up_to,
            of_kept: kept.all(|frame| frame.bytes.end as u64 <= end),
            of_bytes: patches.iter().any(|patch| self.is_vouched_for(patch)),
        };
        if self.name.is_closed() {
            // The last header and the footer before it promise all; where one is damaged, the other is not.
            proof.up_to = self.intact.next_lsn - 1;
            proof.of_kept = true;
        }
        proof
    }

    /// Nothing vouches for what is behind the end of an earlier segment, and, where the log was not closed,
    /// for the last frame: what the last sync has covered. A close ends with a header that vouches for all
    /// before it, and for the holds behind it. And the header of an encrypted segment that begins
    /// with frames is written twice, first without its promises: so one that is as it was before the
    /// second write is whole, and says nothing wrong.
    fn is_vouched_for(&self, patch: &Patch) -> bool {
        let file = self.files.iter().position(|file| file.0 == patch.path);
        let file = file.expect("damage is done to files that are there");
        let last = self.layouts[file].frames.last();
        let is_last = !self.name.is_closed()
            && file + 1 == self.files.len()
            && last.is_some_and(|frame| frame.bytes.contains(&patch.offset));
        let is_behind = self.layouts[file].regions[patch.offset].stand == Stand::Behind;
        let is_first_header = self.name.is_encrypted()
            && patch.offset == 0
            && self.last_writes[file][&0].before == patch.bytes;
        !is_last && !is_behind && !is_first_header
    }

    /// What was read of the undamaged log is what was written, and those who look agree.
    fn check_intact(&self, written: &[WalRecord]) -> Result<(), Violation> {
        let low = self.intact.low_water as usize;
        let expected = &written[low - 1..];
        let is_there = |record: &&WalRecord| self.intact.records.contains(record);
        let known = expected.iter().filter(is_there).count();
        let skipped = usize::from(!self.name.is_encrypted());
        let is_whole = known == self.intact.records.len()
            && known + skipped == expected.len()
            && self.intact.next_lsn == written.len() as u64 + 1;
        ensure(Property::Prefix, is_whole, || {
            format!("the log to be swept, undamaged, shows {known} of its records, or others")
        })?;
        let seen = self.bench().look(&[]).map_err(judge::panicked)?;
        let shown = seen.opened.as_ref().expect("it was opened before");
        let mut tally = Tally::default();
        one_truth::check_intact_looks(&seen.looks, &shown.found.readings, &mut tally)?;
        let outcome = self.try_out(&[])?;
        ensure(Property::Simulator, outcome == Outcome::Harmless, || {
            format!("a log without damage is judged as {outcome}")
        })
    }

    /// All that the format can have is there to be damaged.
    fn check_contents(&self) -> Result<(), Violation> {
        let frames = || self.layouts.iter().flat_map(|layout| &layout.frames);
        let stands = |stand| {
            let regions = self.layouts.iter().flat_map(|layout| &layout.sectors);
            regions.filter(|region| region.stand == stand).count()
        };
        let keys: BTreeSet<u64> = self.layouts.iter().map(|layout| layout.key_id).collect();
        let is_long = |frame: &Frame| frame.stand == Stand::Records && frame.bytes.len() > SECTOR;
        let types: BTreeSet<u16> = self
            .intact
            .records
            .iter()
            .map(|one| one.header.record_type)
            .collect();
        let all_types = (0..=u16::MAX).filter(|&number| RecordType::from_number(number).is_some());
        // Those of the log's beginning were truncated, or stand again behind it.
        let missing = all_types.filter(|number| !types.contains(number)).count();
        let promised = [
            ("every record type", missing == 0),
            (
                "two footers of earlier segments",
                stands(Stand::Footer) >= 2,
            ),
            ("a mark", stands(Stand::Mark) > 0),
            ("holds", stands(Stand::Holds) > 0),
            ("a frame behind the end", stands(Stand::Behind) > 0),
            ("a frame of several sectors", frames().any(is_long)),
            ("files that are gone", !self.gone.is_empty()),
            (
                "two keys",
                keys.len() == 1 + usize::from(self.name.is_encrypted()),
            ),
            (
                "a copy that was encrypted anew",
                self.layouts.iter().any(|layout| layout.is_copy) == self.name.is_encrypted(),
            ),
        ];
        for (what, is_there) in promised {
            ensure(Property::Vacuity, is_there, || {
                format!("the log {} lacks {what}", self.name)
            })?;
        }
        Ok(())
    }
}

/// Gives one record a type that this version does not know, and may pass over.
fn add_unknown_type(disk: &mut Disk) {
    let probe = Probe {
        damage: Damage::NewerType,
        number: UNKNOWN_TYPE_AT,
    };
    let mut stream = Choices::new(0).stream(Purpose::Probe, 0);
    let done = inflict(probe, disk, &mut stream);
    assert!(done.is_some(), "there is a record");
    disk.power_cut_with(crate::disk::Strategy::KeepAll, &mut stream);
}

fn intact(name: Name, disk: &Disk, layouts: &[Layout]) -> Result<Intact, Violation> {
    let bench = Bench::new(disk, ring(name.is_encrypted()));
    let seen = bench.look(&[]).map_err(judge::panicked)?;
    let unexpected = |error| {
        let story = format!("the log to be swept does not open: {}", tell(error));
        Violation::new(Property::Opens, story)
    };
    let shown = seen.opened.as_ref().map_err(unexpected)?;
    let records = shown.found.readings.eager.as_ref().map_err(unexpected)?;
    let frames = layouts.iter().flat_map(|layout| &layout.frames);
    let starts = frames.map(|frame| frame.first_lsn);
    Ok(Intact {
        records: records.clone(),
        holds: shown.found.holds.clone(),
        low_water: shown.found.low_water,
        next_lsn: shown.found.next_lsn,
        frame_starts: starts.chain([shown.found.next_lsn]).collect(),
    })
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}
