//! File systems, as the rules that each adds to what POSIX leaves open.
//!
//! `strict` has none, and is what a log has to live with. The others are there to find a log that
//! is *more* demanding than a disk it will meet, one that refuses what a real file system leaves
//! behind, and to hold the simulator against a real kernel. All are data for one mechanism: what a
//! sync takes along, which sets of names a power cut may keep, what becomes of bytes and lengths.
//!
//! The last ones are *simple*: what other harnesses take for a disk. They are there to be compared
//! with, and no seed draws them.
// Source: Linux 6.18 with ext4 (default options, and data=journal), xfs and btrfs, measured on a
// block device that logs each write and flush; Documentation/admin-guide/ext4.rst and
// Documentation/filesystems/f2fs.rst of Linux.

use super::file::PAGE;
use super::strategy::Strategy;
use crate::named::named_enum;

named_enum! {
    /// The file system that a disk behaves like.
    pub enum Profile {
        /// None: all that POSIX allows, and no more than it promises.
        Strict = "strict",
        /// A power cut loses nothing.
        IdealKeep = "ideal-keep",
        /// A power cut loses all that no sync has covered.
        IdealLose = "ideal-lose",
        /// One journal for all changes of names and lengths; new blocks read as zeros until their
        /// data is known to be there.
        Ext4Ordered = "ext4-ordered",
        /// The data goes through the journal, too.
        Ext4Journal = "ext4-journal",
        /// One log for all changes of names and lengths; a file grows when the data is there.
        Xfs = "xfs",
        /// Copy on write: transactions, and between them only what syncs have logged.
        Btrfs = "btrfs",
        /// Like it for names, but data is where it is.
        F2fsPosix = "f2fs-posix",
        /// Simple: a crash loses all that no sync has covered.
        LosesUnsynced = "loses-unsynced",
        /// Simple: a crash keeps all changes up to one moment, and all that a sync has covered.
        KeepsAPrefix = "keeps-a-prefix",
        /// Simple: a write that is done is durable. One that is not is not there, and one of its
        /// sectors is damaged.
        // Source: `reset` in src/testing/storage.zig of TigerBeetle.
        DamagesASector = "damages-a-sector",
        /// Simple: a call is done or not, and what is done is durable: syncs do nothing.
        // Source: the in-memory backend of redb's fuzz targets, whose syncs do nothing.
        LosesNothing = "loses-nothing",
        /// Simple: the process is gone, the page cache is not; a write may be done in part.
        PageCacheSurvives = "page-cache-survives",
    }
}

/// What a successful sync of a file, or of a directory, makes durable beyond its own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncTakes {
    /// What the knobs say.
    Knobs,
    /// The whole journal, if there is anything in it about the file: the names of all files.
    Journal,
    /// The same, with the data of all files.
    JournalWithData,
    /// The log, up to the last change in it about the file.
    LogUpToOwn,
    /// The file's own names, and those of its parents.
    OwnNames,
    /// The same, for a file that is new.
    NewName,
}

/// What a power cut leaves of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// Any version of each unit, and any length.
    Free,
    /// All that came before one moment, to a page.
    Prefix,
    /// What was overwritten in place: any version of each unit. What made the file longer: not
    /// there, or there as zeros or with its bytes.
    Extents,
    /// The same without zeros: a file is longer only when the bytes are there.
    ExtentsWhenWritten,
    /// The same, in whole pages, in order, and all of it only from before the last commit.
    Copied,
}

/// The rules of a profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) sync_takes: SyncTakes,
    /// Whether the changes of names that a power cut keeps are all up to one moment; else they are
    /// any set that keeps the order on each name.
    pub(super) names_in_order: bool,
    pub(super) data: Data,
    /// The least that is written at once, in bytes.
    unit_bytes: u64,
    /// What every power cut does, whatever it would have drawn.
    pub(super) strategy: Option<Strategy>,
}

impl Profile {
    /// Those that seeds draw, strict first.
    pub const DRAWN: &'static [Profile] = Profile::ALL.split_at(Profile::LosesUnsynced as usize).0;

    /// Whether it is one of those that are only there to be compared with.
    pub fn is_simple(self) -> bool {
        !Profile::DRAWN.contains(&self)
    }

    pub(super) const fn rules(self) -> Rules {
        let strict = Rules {
            sync_takes: SyncTakes::Knobs,
            names_in_order: false,
            data: Data::Free,
            unit_bytes: 0,
            strategy: None,
        };
        match self {
            Profile::Strict => strict,
            Profile::IdealKeep
            | Profile::DamagesASector
            | Profile::LosesNothing
            | Profile::PageCacheSurvives => Rules {
                strategy: Some(Strategy::KeepAll),
                ..strict
            },
            Profile::IdealLose | Profile::LosesUnsynced => Rules {
                strategy: Some(Strategy::LoseAll),
                ..strict
            },
            Profile::KeepsAPrefix => Rules {
                strategy: Some(Strategy::SeqPrefix),
                ..strict
            },
            Profile::Ext4Ordered => Rules {
                sync_takes: SyncTakes::Journal,
                names_in_order: true,
                data: Data::Extents,
                ..strict
            },
            Profile::Ext4Journal => Rules {
                sync_takes: SyncTakes::JournalWithData,
                names_in_order: true,
                data: Data::Prefix,
                ..strict
            },
            Profile::Xfs => Rules {
                sync_takes: SyncTakes::LogUpToOwn,
                names_in_order: true,
                data: Data::ExtentsWhenWritten,
                ..strict
            },
            Profile::Btrfs => Rules {
                sync_takes: SyncTakes::OwnNames,
                names_in_order: true,
                data: Data::Copied,
                unit_bytes: PAGE,
                ..strict
            },
            Profile::F2fsPosix => Rules {
                sync_takes: SyncTakes::NewName,
                names_in_order: true,
                data: Data::Free,
                unit_bytes: PAGE,
                ..strict
            },
        }
    }

    /// Whether a power cut there ever chooses so.
    pub fn allows(self, strategy: Strategy) -> bool {
        self.rules().strategy.is_none_or(|only| only == strategy)
    }

    /// Whether a power cut there may leave lengths that nobody asked for, between two that are.
    pub fn halves_lengths(self) -> bool {
        matches!(self, Profile::Strict | Profile::Ext4Journal)
    }

    /// Whether a power cut there may leave stale bytes where none were written.
    pub fn leaves_garbage(self) -> bool {
        self == Profile::Strict
    }

    /// Whether a power cut there may tear a unit.
    pub fn tears(self) -> bool {
        let rules = self.rules();
        rules.strategy.is_none() && !matches!(rules.data, Data::Prefix | Data::Copied)
    }
}

impl Rules {
    /// What a power cut never tears, on a device that writes so many bytes at once.
    pub(super) fn unit_bytes(&self, device: u64) -> u64 {
        self.unit_bytes.max(device)
    }
}
