//! The simulated disk: a POSIX file system that may lose whatever no sync has covered.
//!
//! [`Disk`] is a plain state machine on one thread. It promises no more than POSIX does, and
//! uses all the freedom that POSIX leaves: un-synced sectors, lengths and names survive a
//! power cut independently of each other, reads and writes fall short, syncs fail and forget
//! what they failed to write. It never does what no disk may do: what a successful sync has
//! covered stays, unless [`Knobs::lie`] says so. [`Disk::contains`] judges both.
//!
//! [`SimVfs`] puts the disk behind the seam of the log, with a [`Gate`] in front of each call
//! for the scheduler and the crash plan. Neither knows anything about logs.
//!
//! Not modelled: hard links, modes and owners, times, mapped memory.
//! Pages of a write that bypassed the cache are as volatile as any other: they need a sync.

mod content;
mod counts;
mod crash;
mod damage;
mod dir;
mod errno;
mod every;
mod faults;
mod file;
mod gate;
mod handle;
mod image;
mod io;
mod knobs;
mod legal;
mod legal_ordered;
mod look;
mod media;
mod names;
mod ordered;
mod plan;
mod profile;
mod repair;
mod sample;
mod strategy;
mod strict;
mod sync;
mod versions;
mod vfs;

use crate::choice::Stream;

pub use counts::{CallKind, Counts, Fault, Place};
pub use dir::Ino;
pub use errno::Errno;
pub use every::{FileChoices, Named, Names, UnitChoices};
pub use gate::{Call, Fate, Gate, OpenGate, Performed, Written};
pub use image::{Entry, Image};
pub use io::FdId;
pub use knobs::{Knobs, Lie, SyncErrorMode, SyncNames};
pub use look::{Digest, FileLook, Look, NameLook, SectorLook};
pub use media::{FaultClass, Incident, Media, MediaEvent, MediaKind};
pub use profile::Profile;
pub use repair::Durable;
pub use strategy::Strategy;
pub use vfs::SimVfs;

use dir::{Atoms, DirNode, ROOT};
use file::FileNode;
use io::Fd;
use media::MediaState;
use names::Resolved;
use strict::Strict;

/// Whether the file system takes changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    ReadWrite,
    /// It went read-only as a flush failed; syncs say `Ok` and do nothing.
    FlushLost,
    /// It went read-only as a sync failed, and syncs say so.
    Aborted,
    /// It was shut down as a sync failed: no call works.
    ShutDown,
}

#[derive(Clone, Debug)]
enum Inode {
    File(Box<FileNode>),
    Dir(DirNode),
    /// Nothing can reach it any more.
    Gone,
}

/// A simulated file system with all its states: what readers see, what is durable, what is pending.
#[derive(Clone, Debug)]
pub struct Disk {
    /// What power cuts and capacity look at; `faults` is what calls look at.
    knobs: Knobs,
    faults: Knobs,
    counts: Counts,
    /// Counts lives of processes: descriptors of another life are not to be used.
    generation: u64,
    /// The global order of changes.
    seq: u64,
    /// Up to here a sync has forced all changes of names and lengths out, where syncs do that.
    forced: u64,
    mode: Mode,
    inodes: Vec<Inode>,
    atoms: Atoms,
    /// What the calls have earned, whatever the disk keeps.
    strict: Strict,
    fds: Vec<Option<Fd>>,
    free_fds: Vec<u32>,
    /// The sum of what the files are charged, in bytes.
    used: u64,
    media: MediaState,
    /// How many more writes and allocations find no space, whatever there is.
    refusals: u32,
    /// What somebody else leaves of the capacity, in bytes, for now.
    limit: Option<u64>,
    resolved: Resolved,
}

impl Disk {
    /// An empty disk: a root directory, all durable.
    ///
    /// # Panics
    /// When the atomic unit or the alignment of direct I/O is none that a disk may have.
    pub fn new(knobs: Knobs) -> Disk {
        knobs.check();
        let mut counts = Counts::default();
        counts.mute(knobs.mute);
        Disk {
            faults: knobs.clone(),
            knobs,
            counts,
            generation: 0,
            seq: 0,
            forced: 0,
            mode: Mode::ReadWrite,
            inodes: vec![Inode::Dir(DirNode::new(ROOT))],
            atoms: Atoms::default(),
            strict: Strict::default(),
            fds: Vec::new(),
            free_fds: Vec::new(),
            used: 0,
            media: MediaState::default(),
            refusals: 0,
            limit: None,
            resolved: Resolved::default(),
        }
    }

    /// What this disk may do.
    pub fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// Changes what this disk may do from now on; ends the calm.
    ///
    /// # Panics
    /// When the atomic unit or the alignment of direct I/O is none that a disk may have.
    pub fn set_knobs(&mut self, knobs: Knobs) {
        knobs.check();
        self.faults = knobs.clone();
        self.counts.mute(knobs.mute);
        self.knobs = knobs;
    }

    /// Calm: from now on no call fails by chance. Capacity, lies and power cuts stay, and so
    /// does a file system that went read-only: only a power cut mounts it again.
    pub fn set_calm(&mut self, calm: bool) {
        self.faults = match calm {
            true => self.knobs.without_faults(),
            false => self.knobs.clone(),
        };
    }

    /// Sets or lifts the capacity, in bytes.
    pub fn set_capacity(&mut self, capacity: Option<u64>) {
        self.knobs.capacity = capacity;
    }

    /// Leaves room for at most so many more bytes, as if somebody else had taken the rest.
    pub fn leave_room(&mut self, bytes: u64) {
        let limit = self.used + bytes;
        self.limit = Some(limit);
    }

    /// Gives back what somebody else had taken.
    pub fn make_room(&mut self) {
        self.limit = None;
    }

    /// From now on so many writes and allocations find no space, every second one after a part of
    /// it was done; then there is space again.
    pub fn refuse_space(&mut self, calls: u32) {
        self.refusals = calls;
    }

    /// Whether the file system takes changes.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The number of the process's life; each kill and each power cut begins another.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Tells what its owner does from now on, until a call tells something else.
    pub fn go_to(&mut self, place: Place) {
        self.counts.go_to(place);
    }

    /// How often each thing happened.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Bytes of space that the files take.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How many files are open.
    pub fn open_files(&self) -> usize {
        self.fds.iter().flatten().count()
    }

    /// Whether anything is pending, so that a power cut could lose it.
    pub fn is_pending(&self) -> bool {
        !self.atoms.list().is_empty() || self.files().any(|(_, file)| file.may_differ())
    }

    /// How much is pending: changes of names, files, and changes of these.
    pub fn pending(&self) -> [usize; 3] {
        let files = self.files().filter(|(_, file)| !file.log.is_empty());
        let changes = files.map(|(_, file)| file.log.len());
        let (files, changes) = changes.fold((0, 0), |(files, all), one| (files + 1, all + one));
        [self.atoms.list().len(), files, changes]
    }

    /// Kills the process: descriptors and locks vanish, all that readers saw stays.
    pub fn kill(&mut self) {
        self.counts.kills += 1;
        self.strict.killed();
        self.generation += 1;
        self.fds.clear();
        self.free_fds.clear();
        for index in 0..self.inodes.len() {
            if let Inode::File(file) = &mut self.inodes[index] {
                file.lock = None;
                file.opens = 0;
                self.forget_if_gone(Ino(index as u32));
            }
        }
    }

    /// Cuts the power: draws a strategy, then one of the legal states. Returns the strategy.
    pub fn power_cut(&mut self, stream: &mut Stream) -> Strategy {
        let strategy = Strategy::draw(stream);
        self.power_cut_with(strategy, stream)
    }

    /// Is again what it was `earlier`; nothing that was opened since is to be used any more.
    pub fn go_back_to(&mut self, earlier: &Disk) {
        *self = Disk {
            knobs: self.knobs.clone(),
            faults: self.faults.clone(),
            counts: self.counts.clone(),
            generation: self.generation + 1,
            ..earlier.clone()
        };
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// The first `len` bytes of a file as readers see them, or as many of them as are stored; as they
    /// were before the medium damaged them, if it did.
    ///
    /// # Panics
    /// When it is no file.
    pub fn beginning(&self, ino: Ino, len: usize) -> &[u8] {
        let stored = self.undamaged_beginning(ino);
        let stored = stored.unwrap_or_else(|| self.file(ino).cur.stored());
        &stored[..len.min(stored.len())]
    }

    /// What is stored of each file, those without a name included, as readers see it or saw it last:
    /// right after a power cut there is nothing else. Files that nothing has changed since the last
    /// look are left out.
    pub fn unseen(&mut self) -> impl Iterator<Item = (Ino, &[u8])> {
        let numbered = self.inodes.iter_mut().enumerate();
        numbered.filter_map(|(index, inode)| match inode {
            Inode::File(file) => Some((Ino(index as u32), file.cur.unseen()?)),
            Inode::Dir(_) | Inode::Gone => None,
        })
    }

    fn files(&self) -> impl Iterator<Item = (Ino, &FileNode)> {
        let numbered = self.inodes.iter().enumerate();
        numbered.filter_map(|(index, inode)| match inode {
            Inode::File(file) => Some((Ino(index as u32), &**file)),
            Inode::Dir(_) | Inode::Gone => None,
        })
    }

    /// # Panics
    /// When it is no file.
    fn file(&self, ino: Ino) -> &FileNode {
        match &self.inodes[ino.0 as usize] {
            Inode::File(file) => file,
            other => panic!("{ino:?} is no file but {other:?}"),
        }
    }

    /// # Panics
    /// When it is no file.
    fn file_mut(&mut self, ino: Ino) -> &mut FileNode {
        match &mut self.inodes[ino.0 as usize] {
            Inode::File(file) => file,
            other => panic!("{ino:?} is no file but {other:?}"),
        }
    }

    fn dir(&self, ino: Ino) -> Result<&DirNode, Errno> {
        match &self.inodes[ino.0 as usize] {
            Inode::Dir(dir) => Ok(dir),
            Inode::File(_) => Err(Errno::ENOTDIR),
            Inode::Gone => Err(Errno::ENOENT),
        }
    }

    /// # Panics
    /// When it is no directory.
    fn dir_mut(&mut self, ino: Ino) -> &mut DirNode {
        self.resolved.forget();
        match &mut self.inodes[ino.0 as usize] {
            Inode::Dir(dir) => dir,
            other => panic!("{ino:?} is no directory but {other:?}"),
        }
    }

    fn is_dir(&self, ino: Ino) -> bool {
        matches!(self.inodes[ino.0 as usize], Inode::Dir(_))
    }

    /// Gives a file's space back once neither a name, nor a descriptor, nor a pending change
    /// leads to it.
    fn forget_if_gone(&mut self, ino: Ino) {
        let Inode::File(file) = &self.inodes[ino.0 as usize] else {
            return;
        };
        if !file.linked && file.opens == 0 && !self.atoms.mention(ino) {
            self.used -= file.charged;
            self.inodes[ino.0 as usize] = Inode::Gone;
        }
    }
}
