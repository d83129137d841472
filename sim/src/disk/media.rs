//! A medium that does worse than any power cut: it forgets what a flush had covered, rots, puts
//! bytes in the wrong place, mixes files up, refuses to be opened. Classes F2x and F6 to F10.
//!
//! What it does is data, like the knobs. Each time that it does something it leaves an
//! [`Incident`], which says what was there before: only so can a checker tell what the log still
//! owes. It knows nothing about logs: files, sectors and names are all it sees.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use seawall::env::vfs::OpenHow;

use crate::choice::{Choices, Purpose, Stream};

use super::counts::{CallKind, Fault};
use super::dir::Ino;
use super::errno::Errno;
use super::{Disk, Inode};

mod files;
mod flush;
mod misplace;
mod rot;
mod words;

pub use words::{FaultClass, Media, MediaEvent, MediaKind};

/// What a latent error makes unreadable, and what a write has to cover to heal it.
pub(super) const SECTOR: u64 = 512;

/// Something that the medium did to a file.
#[derive(Clone, Debug)]
pub struct Incident {
    /// What.
    pub fault: Fault,
    /// Its class.
    pub class: FaultClass,
    /// To which file or directory.
    pub ino: Ino,
    /// Where in the file: from here, up to here.
    pub range: (u64, u64),
    /// What the file had in it, or should have had, but for what happened.
    pub before: Vec<u8>,
    /// Whether the log was opened and read since, and all that it showed was judged.
    pub is_judged: bool,
}

impl Incident {
    /// Whether it leaves nothing behind: the next to read there finds all as it was.
    pub fn is_transient(&self) -> bool {
        self.fault == Fault::MisdirectedRead
    }
}

/// A lie that no sync makes good for any more.
const FORGOTTEN: u64 = u64::MAX;

/// What the medium is about to do, and what it did.
#[derive(Clone, Debug, Default)]
pub(super) struct MediaState {
    /// Without it nothing here is looked at.
    is_on: bool,
    /// Nobody is told.
    is_hidden: bool,
    plan: Media,
    life: u32,
    /// Calls of this life.
    calls: u32,
    /// What is refused while the log is opened.
    refusal: Option<MediaEvent>,
    /// How many calls met that.
    refused: u32,
    /// What a lie has told to be durable: of files up to which change, of directories the same;
    /// [`FORGOTTEN`] where no sync will ever write it.
    lies: BTreeMap<Ino, u64>,
    /// Sectors that can't be read.
    bad: BTreeSet<(Ino, u64)>,
    incidents: Vec<Incident>,
    /// How the files began whose beginning was damaged.
    beginnings: BTreeMap<Ino, Vec<u8>>,
    /// The last names of files that have lost theirs in this life: who has opened one before calls it so.
    last_paths: BTreeMap<Ino, PathBuf>,
}

impl Disk {
    /// From now on the medium does what this says.
    pub fn set_media(&mut self, plan: Media) {
        self.media = MediaState {
            is_on: true,
            is_hidden: plan.is_hidden,
            plan,
            ..MediaState::default()
        };
    }

    /// The medium behaves from now on; what it did stays.
    pub fn heal_media(&mut self) {
        self.media.plan = Media::default();
        self.media.refusal = None;
    }

    /// A life begins: what happens before it happens now.
    pub fn begin_media_life(&mut self, life: u64) {
        if !self.media.is_on {
            return;
        }
        self.media.life = life as u32;
        self.media.calls = 0;
        self.media.last_paths.clear();
        self.media.refusal = None;
        let is_refusal = |event: &MediaEvent| event.kind.class() == FaultClass::Refusal;
        while let Some(event) = self.media.take_due(is_refusal) {
            self.media.refusal = Some(event);
        }
        self.mix_files_up();
        self.rot();
    }

    /// The log is open, or is not: what was refused is allowed again. Returns whether anything was.
    pub fn end_refusal(&mut self) -> bool {
        self.media.refusal = None;
        std::mem::take(&mut self.media.refused) > 0
    }

    /// What the medium did since all of it was judged.
    pub fn incidents(&self) -> &[Incident] {
        match self.media.is_hidden {
            true => &[],
            false => &self.media.incidents,
        }
    }

    /// The first so many incidents were judged: what is left of them may still be met by somebody
    /// who reads there first, but has taken nothing away.
    pub fn settle_incidents(&mut self, count: usize) {
        let mut incidents = std::mem::take(&mut self.media.incidents);
        for incident in incidents.iter_mut().take(count) {
            // What is in the cache only may be shown, and lost later all the same.
            incident.is_judged = self.media.lies.get(&incident.ino) != Some(&FORGOTTEN);
        }
        incidents.retain(|one| !one.is_judged || self.is_still_there(one));
        self.media.incidents = incidents;
    }

    fn is_still_there(&self, incident: &Incident) -> bool {
        let Inode::File(file) = &self.inodes[incident.ino.0 as usize] else {
            return false;
        };
        let (from, to) = incident.range;
        match incident.class {
            FaultClass::Rot | FaultClass::UnitDamage | FaultClass::Misplaced => {}
            FaultClass::Files | FaultClass::FlushLie | FaultClass::Refusal => return false,
        }
        if incident.fault == Fault::LatentSector {
            return self.media.bad.contains(&(incident.ino, from / SECTOR));
        }
        let of = |bytes: &[u8]| {
            let end = bytes.len().min(to as usize);
            bytes[end.min(from as usize)..end].to_vec()
        };
        !incident.is_transient() && of(file.cur.stored()) != of(&incident.before)
    }

    /// What leaves nothing behind is over.
    pub fn forget_transient_incidents(&mut self) {
        let incidents = &mut self.media.incidents;
        incidents.retain(|incident| !incident.is_transient());
    }

    /// Whether all that was synced so far is durable and undamaged.
    pub fn is_sound(&self) -> bool {
        self.media.incidents.is_empty() && self.media.lies.is_empty()
    }

    /// A file is about to lose its name.
    pub(super) fn note_last_path(&mut self, ino: Ino) {
        if self.media.is_on
            && let Some(path) = self.path_of(ino)
        {
            self.media.last_paths.insert(ino, path);
        }
    }

    /// Under which name somebody may have read what happened there: the file's, or the one that it had
    /// earlier in this life.
    pub fn read_as(&self, incident: &Incident) -> Option<PathBuf> {
        let last = || self.media.last_paths.get(&incident.ino).cloned();
        self.path_of(incident.ino).or_else(last)
    }

    /// Where a file is now.
    pub fn path_of(&self, ino: Ino) -> Option<PathBuf> {
        let numbered = self.inodes.iter().enumerate();
        let (dir, name) = numbered
            .into_iter()
            .find_map(|(index, inode)| match inode {
                Inode::Dir(dir) => {
                    let name = dir.cur.iter().find(|(_, its)| **its == ino)?.0;
                    Some((Ino(index as u32), name))
                }
                _ => None,
            })?;
        let parent = match dir {
            super::dir::ROOT => PathBuf::from("/"),
            dir => self.path_of(dir)?,
        };
        Some(parent.join(&**name))
    }

    /// A call is about to be done: things happen whose time has come. Returns how the call is
    /// refused, if it is.
    pub(super) fn media_call(&mut self, kind: CallKind) -> Option<Errno> {
        if !self.media.is_on {
            return None;
        }
        self.media.calls += 1;
        self.rot();
        self.refuse(kind)
    }

    fn refuse(&mut self, kind: CallKind) -> Option<Errno> {
        let refusal = self.media.refusal?;
        let (fault, errno) = match (refusal.kind, kind) {
            (
                MediaKind::ReadOnly,
                CallKind::CreateNew
                | CallKind::CreateDir
                | CallKind::Rename
                | CallKind::RemoveFile
                | CallKind::Write
                | CallKind::SetLen
                | CallKind::Allocate,
            ) => (Fault::ReadOnlyAtOpen, Errno::EROFS),
            (MediaKind::NoListing, CallKind::ReadDir) => (Fault::ListingDenied, denial(refusal)),
            _ => return None,
        };
        if !self.counts.fire(fault) {
            return None;
        }
        self.media.refused += 1;
        Some(errno)
    }

    /// Refuses to open a file that is there: on a read-only file system to write to it; where opens
    /// are denied any, or in every second case only those to read from it.
    pub(super) fn refuse_open(&mut self, how: OpenHow) -> Result<(), Errno> {
        let Some(refusal) = self.media.refusal else {
            return Ok(());
        };
        let is_write = matches!(how, OpenHow::Write { .. });
        let creates = matches!(how, OpenHow::CreateNew { .. });
        let (fault, errno) = match refusal.kind {
            MediaKind::ReadOnly if is_write => (Fault::ReadOnlyAtOpen, Errno::EROFS),
            MediaKind::NoOpen if !creates && (refusal.number % 2 == 0 || !is_write) => {
                (Fault::OpenDenied, denial(refusal))
            }
            _ => return Ok(()),
        };
        if !self.counts.fire(fault) {
            return Ok(());
        }
        self.media.refused += 1;
        Err(errno)
    }

    /// How a file began before it was damaged there, if it was.
    pub(super) fn undamaged_beginning(&self, ino: Ino) -> Option<&[u8]> {
        self.media.beginnings.get(&ino).map(Vec::as_slice)
    }

    /// Whether any of the bytes `from..to` of a file has a version that no sync has covered.
    fn is_touched(&self, ino: Ino, (from, to): (u64, u64)) -> bool {
        let log = &self.file(ino).log;
        log.iter()
            .any(|change| change.offset < to && from < change.end())
    }

    /// Up to where a file's bytes are durable, whatever becomes of its pending lengths.
    fn synced_end(&self, ino: Ino) -> u64 {
        let file = self.file(ino);
        let lens = file.log.iter().filter_map(|change| change.len_after);
        let stored = file.dur.stored().len().min(file.cur.stored().len()) as u64;
        lens.fold(stored, u64::min)
    }

    /// Puts bytes where they do not belong, past all caches.
    fn overwrite(&mut self, ino: Ino, offset: u64, bytes: &[u8]) {
        let file = self.file_mut(ino);
        file.dur.put(offset, bytes);
        file.cur.put(offset, bytes);
    }
}

impl MediaState {
    fn happened(&mut self, fault: Fault, ino: Ino, range: (u64, u64), before: Vec<u8>) {
        if range.0 < SECTOR && fault != Fault::MisdirectedRead {
            let beginning = before[..before.len().min(SECTOR as usize)].to_vec();
            self.beginnings.entry(ino).or_insert(beginning);
        }
        let class = match fault {
            Fault::UnitDamage => FaultClass::UnitDamage,
            Fault::FlushLost => FaultClass::FlushLie,
            Fault::BitRot | Fault::LatentSector => FaultClass::Rot,
            Fault::LostWrite
            | Fault::MisdirectedWithin
            | Fault::MisdirectedOther
            | Fault::MisdirectedRead => FaultClass::Misplaced,
            _ => FaultClass::Files,
        };
        self.incidents.push(Incident {
            fault,
            class,
            ino,
            range,
            before,
            is_judged: false,
        });
    }

    /// Whether the time of an event has come.
    fn is_due(&self, event: &MediaEvent) -> bool {
        (event.life, event.call) <= (self.life, self.calls)
    }

    /// The first event that is due, of those that are `wanted`.
    fn due(&self, wanted: impl Fn(&MediaEvent) -> bool) -> Option<usize> {
        let is_it = |event: &MediaEvent| self.is_due(event) && wanted(event);
        self.plan.events.iter().position(is_it)
    }

    fn take_due(&mut self, wanted: impl Fn(&MediaEvent) -> bool) -> Option<MediaEvent> {
        let index = self.due(wanted)?;
        Some(self.plan.events.remove(index))
    }
}

fn denial(refusal: MediaEvent) -> Errno {
    match refusal.number / 2 % 2 {
        0 => Errno::EACCES,
        _ => Errno::EIO,
    }
}

/// The choices of an event.
fn choices_of(event: &MediaEvent) -> Stream {
    Choices::new(u64::from(event.number)).stream(Purpose::Media, 0)
}
