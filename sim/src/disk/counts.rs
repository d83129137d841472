//! How often each thing happened, so that a run can prove that it was not empty.
//!
//! A fault that never fired tested nothing: whoever sums these up must treat a zero as a
//! failure of the campaign. So that a fault can't be counted without its effect, [`Counts::fire`]
//! both counts it and says that it happens.
//!
//! Calls and faults are counted by place: what the disk's owner was doing, as a number that means
//! nothing here.

use serde::{Deserialize, Serialize};

use super::strategy::Strategy;
use crate::named::{ByName, named_enum};

named_enum! {
    /// A kind of call.
    pub enum CallKind {
        /// Open an existing file.
        Open = "open",
        /// Create a file.
        CreateNew = "create",
        /// Ask for kind and length by path.
        Metadata = "stat",
        /// List a directory.
        ReadDir = "readdir",
        /// Create a directory.
        CreateDir = "mkdir",
        /// Rename.
        Rename = "rename",
        /// Remove a file's name.
        RemoveFile = "unlink",
        /// Sync a directory.
        SyncDir = "syncdir",
        /// Read from a file.
        Read = "read",
        /// Write to a file.
        Write = "write",
        /// Sync a file's data and length.
        SyncData = "fdatasync",
        /// Sync a file.
        SyncAll = "fsync",
        /// Set a file's length.
        SetLen = "truncate",
        /// Reserve space.
        Allocate = "allocate",
        /// Ask for a file's length.
        Len = "len",
        /// Take a file's lock.
        TryLock = "lock",
        /// Ask what direct I/O has to be aligned to.
        DirectAlignment = "dioalign",
        /// Ask for a file's type and permissions.
        Mode = "mode",
    }
}

named_enum! {
    /// A kind of fault, or of damage that a power cut did beyond losing what was pending.
    pub enum Fault {
        /// A write took fewer bytes than given, by chance.
        ShortWrite = "short-write",
        /// A read gave fewer bytes than there were.
        ShortRead = "short-read",
        /// A call was interrupted.
        Interrupted = "interrupted",
        /// A write, cut or allocation failed.
        WriteError = "write-error",
        /// A failed write, cut or allocation was done in part all the same.
        WriteErrorPartial = "write-error-partial",
        /// A read failed.
        ReadError = "read-error",
        /// The disk was full.
        NoSpace = "no-space",
        /// For so many calls the disk had no space.
        SpaceRefused = "space-refused",
        /// A write that found no space was done in part all the same.
        SpaceRefusedPartial = "space-refused-partial",
        /// A sync failed in mode `CleanKeepCache`.
        SyncCleanKeepCache = "sync-clean-keep-cache",
        /// A sync failed in mode `CleanRevertCache`.
        SyncCleanRevertCache = "sync-clean-revert-cache",
        /// A sync failed in mode `KeepDirty`.
        SyncKeepDirty = "sync-keep-dirty",
        /// A sync failed in mode `FlushErrNoReportSecond`.
        SyncFlushErr = "sync-flush-err",
        /// A sync failed in mode `AbortRo`.
        SyncAbortRo = "sync-abort-ro",
        /// A sync failed in mode `ShutDown`.
        SyncShutDown = "sync-shut-down",
        /// Changes were lost in the background.
        WritebackError = "writeback-error",
        /// The file left the cache before anybody had heard of that.
        WritebackErrorForgotten = "writeback-error-forgotten",
        /// A write was made while a sync ran, which did not cover it.
        SyncOutrun = "sync-outrun",
        /// A file could not be opened for direct I/O.
        DirectRefused = "direct-refused",
        /// Direct I/O was not aligned, and refused.
        Misaligned = "misaligned",
        /// Direct I/O was not aligned, and went through the cache.
        MisalignedBuffered = "misaligned-buffered",
        /// A full disk had no space to overwrite.
        NoSpaceToCopy = "no-space-to-copy",
        /// Space could not be reserved.
        AllocateRefused = "allocate-refused",
        /// A descriptor heard of changes that were lost in the background, or in a sync through another one.
        SyncReportedLater = "sync-reported-later",
        /// A sync of a directory failed with its entries still pending.
        DirSyncPending = "dirsync-pending",
        /// A sync of a directory failed with its entries durable.
        DirSyncDurable = "dirsync-durable",
        /// A lost page left the cache.
        Eviction = "eviction",
        /// A call on names failed and did nothing.
        MetadataError = "metadata-error",
        /// A call on names failed and was done all the same.
        MetadataErrorApplied = "metadata-error-applied",
        /// A power cut tore a unit.
        ByteTear = "byte-tear",
        /// A power cut left a length that nobody asked for.
        LenIntermediate = "len-intermediate",
        /// A power cut forgot a new file whose name a later one has.
        FileForgotten = "file-forgotten",
        /// A power cut left stale bytes in a never-synced tail.
        GarbageTail = "garbage-tail",
        /// A power cut damaged a unit that something was pending in.
        UnitDamage = "unit-damage",
        /// A sync of a file said `Ok` and left something pending. Unlike a lie, the checkers know.
        FlushLie = "flush-lie",
        /// The same of a directory.
        DirFlushLie = "dir-flush-lie",
        /// Something was lost that such a sync had covered.
        FlushLost = "flush-lost",
        /// A bit of synced bytes flipped.
        BitRot = "bit-rot",
        /// A read met a sector that can't be read.
        LatentSector = "latent-sector",
        /// A write was lost.
        LostWrite = "lost-write",
        /// A write went to another place of its file.
        MisdirectedWithin = "misdirected-within",
        /// A write went to another file.
        MisdirectedOther = "misdirected-other",
        /// A read gave what is in another place.
        MisdirectedRead = "misdirected-read",
        /// A file was gone.
        FileDropped = "file-dropped",
        /// A file was there twice.
        FileDuplicated = "file-duplicated",
        /// Two files had changed their names.
        FilesSwapped = "files-swapped",
        /// A file was all zeros.
        FileZeroed = "file-zeroed",
        /// A file had another name.
        FileRenamed = "file-renamed",
        /// A call at an open met a read-only file system.
        ReadOnlyAtOpen = "read-only-at-open",
        /// A listing at an open was denied.
        ListingDenied = "listing-denied",
        /// An open of a file at an open was denied.
        OpenDenied = "open-denied",
        /// A sync of a file did nothing and said `Ok`.
        LieFileSync = "lie-file-sync",
        /// A sync of a directory did nothing and said `Ok`.
        LieDirSync = "lie-dir-sync",
        /// A write was still pending after a sync.
        LieWriteCrossesSync = "lie-write-crosses-sync",
        /// A power cut flipped a bit of what a sync had covered.
        LieBitFlip = "lie-bit-flip",
        /// A sync did nothing and said `Ok`, or a rename was done and no sync covers it, because of
        /// where the program made the call.
        LieAtSite = "lie-at-site",
    }
}

/// What the owner of a disk was doing when something happened: a small number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place(pub u16);

/// What happened at one place. Faults are rare: most places have met none.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
struct AtPlace {
    #[serde(with = "ByName::<CallKind>")]
    calls: [u64; CallKind::COUNT],
    faults: Option<Box<FaultCounts>>,
    power_cuts_lossy: u64,
}

/// How often each fault fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FaultCounts(#[serde(with = "ByName::<Fault>")] [u64; Fault::COUNT]);

impl Default for FaultCounts {
    fn default() -> FaultCounts {
        FaultCounts([0; Fault::COUNT])
    }
}

/// How often each thing happened on a disk, through all its lives.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    #[serde(skip)]
    place: Place,
    /// By the number of the place; there are hundreds, of which one run sees a few.
    places: Vec<Option<Box<AtPlace>>>,
    /// The sums over all places.
    #[serde(with = "ByName::<CallKind>")]
    calls: [u64; CallKind::COUNT],
    faults: FaultCounts,
    power_cuts_lossy: u64,
    /// A fault that does not happen: a canary.
    #[serde(skip)]
    muted: Option<Fault>,
    #[serde(with = "ByName::<Strategy>")]
    strategies: [u64; Strategy::COUNT],
    /// Processes killed.
    pub kills: u64,
    /// Power cuts.
    pub power_cuts: u64,
}

impl Counts {
    /// How often this kind of call was made.
    pub fn calls(&self, kind: CallKind) -> u64 {
        self.calls[kind as usize]
    }

    /// How many calls were made.
    pub fn all_calls(&self) -> u64 {
        self.calls.iter().sum()
    }

    /// How often this kind of call was made at a place.
    pub fn calls_at(&self, place: Place, kind: CallKind) -> u64 {
        self.at(place).map_or(0, |at| at.calls[kind as usize])
    }

    /// How often this fault fired.
    pub fn faults(&self, fault: Fault) -> u64 {
        self.faults.0[fault as usize]
    }

    /// How often this fault fired at a place.
    pub fn faults_at(&self, place: Place, fault: Fault) -> u64 {
        let fired = self.at(place).and_then(|at| at.faults.as_deref());
        fired.map_or(0, |fired| fired.0[fault as usize])
    }

    /// Which faults fired at a place.
    pub fn all_faults_at(&self, place: Place) -> impl Iterator<Item = Fault> {
        let fired = self.at(place).and_then(|at| at.faults.as_deref());
        let counts = fired.into_iter().flat_map(|fired| &fired.0);
        let numbered = Fault::ALL.iter().zip(counts);
        numbered.filter_map(|(&fault, &count)| (count > 0).then_some(fault))
    }

    /// Power cuts that lost a pending write, length or change of a name.
    pub fn power_cuts_lossy(&self) -> u64 {
        self.power_cuts_lossy
    }

    /// Those of them that came at a place.
    pub fn power_cuts_lossy_at(&self, place: Place) -> u64 {
        self.at(place).map_or(0, |at| at.power_cuts_lossy)
    }

    /// How often a power cut used this strategy.
    pub fn strategies(&self, strategy: Strategy) -> u64 {
        self.strategies[strategy as usize]
    }

    /// Adds another disk's counts to these.
    pub fn add(&mut self, other: &Counts) {
        fn sum(into: &mut [u64], from: &[u64]) {
            assert_eq!(into.len(), from.len());
            for (into, from) in into.iter_mut().zip(from) {
                *into += from;
            }
        }
        let places = self.places.len().max(other.places.len());
        self.places.resize_with(places, || None);
        for (into, from) in self.places.iter_mut().zip(&other.places) {
            let Some(from) = from else {
                continue;
            };
            let into = into.get_or_insert_default();
            sum(&mut into.calls, &from.calls);
            if let Some(fired) = &from.faults {
                sum(&mut into.faults.get_or_insert_default().0, &fired.0);
            }
            into.power_cuts_lossy += from.power_cuts_lossy;
        }
        sum(&mut self.calls, &other.calls);
        sum(&mut self.faults.0, &other.faults.0);
        self.power_cuts_lossy += other.power_cuts_lossy;
        sum(&mut self.strategies, &other.strategies);
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
    }

    pub(super) fn call(&mut self, kind: CallKind) {
        self.here().calls[kind as usize] += 1;
        self.calls[kind as usize] += 1;
    }

    /// From now on everything happens at this place.
    pub(super) fn go_to(&mut self, place: Place) {
        self.place = place;
    }

    /// From now on this fault does not happen.
    pub(super) fn mute(&mut self, fault: Option<Fault>) {
        self.muted = fault;
    }

    /// A fault was drawn: counts it, and says whether it happens. Nobody else counts one, and no
    /// fault happens otherwise.
    #[must_use]
    pub(super) fn fire(&mut self, fault: Fault) -> bool {
        let fires = self.muted != Some(fault);
        if fires {
            self.here().faults.get_or_insert_default().0[fault as usize] += 1;
            self.faults.0[fault as usize] += 1;
        }
        fires
    }

    pub(super) fn power_cut(&mut self, strategy: Strategy, lossy: bool) {
        self.strategies[strategy as usize] += 1;
        self.power_cuts += 1;
        self.here().power_cuts_lossy += u64::from(lossy);
        self.power_cuts_lossy += u64::from(lossy);
    }

    fn at(&self, place: Place) -> Option<&AtPlace> {
        self.places.get(usize::from(place.0))?.as_deref()
    }

    fn here(&mut self) -> &mut AtPlace {
        let index = usize::from(self.place.0);
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        self.places[index].get_or_insert_default()
    }
}
