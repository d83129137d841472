//! What this disk may do: plain data, drawn by a scenario and never by the disk.
//!
//! The default has no faults and the smallest atomic unit. Power cuts need no knob: they
//! always sample the whole of what the model allows.

use serde::{Deserialize, Serialize};

use super::profile::{Profile, Rules};
use crate::choice::Ratio;
use crate::named::named_enum;

use super::counts::Fault;

named_enum! {
    /// Which names a full sync of a file makes durable; a data sync never covers one.
    pub enum SyncNames {
        /// None: all that `fsync(2)` promises.
        Never = "never",
        /// The name under which the file was created, and those of its new parents.
        NewFile = "new-file",
        /// Every pending change of the file's name, and those of its new parents.
        AllNames = "all-names",
    }
}

named_enum! {
    /// What a failed sync of a file leaves behind.
    pub enum SyncErrorMode {
        /// Pages are clean though an unknown part of them is lost; reads see the new bytes
        /// until eviction; each open descriptor hears of it once.
        CleanKeepCache = "clean-keep-cache",
        /// The same, and the cache shows at once what is on the disk.
        CleanRevertCache = "clean-revert-cache",
        /// Nothing happened: pages stay dirty, and the next sync may succeed.
        KeepDirty = "keep-dirty",
        /// The device's flush failed: only the caller hears of it, every later sync says `Ok`
        /// and does nothing, and the file system is read-only.
        FlushErrNoReportSecond = "flush-err-no-report-second",
        /// The file system is read-only, and every later sync says so.
        AbortRo = "abort-ro",
        /// The file system is shut down: every later call fails, but for closing.
        ShutDown = "shut-down",
    }
}

named_enum! {
    /// A way in which the disk breaks its word, so that the checkers can prove that they see.
    pub enum Lie {
        /// A sync of a file returns `Ok` and does nothing.
        FileSync = "file-sync",
        /// A sync of a directory returns `Ok` and does nothing.
        DirSync = "dir-sync",
        /// The newest write before a sync is still pending after it.
        WriteCrossesSync = "write-crosses-sync",
        /// A power cut flips one bit of what a sync had covered.
        BitFlip = "bit-flip",
    }
}

/// What the disk may do. Chances are per call unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Knobs {
    /// What file system it behaves like. What it has rules of its own for, the knobs don't change.
    #[serde(skip_serializing_if = "is_strict")]
    pub profile: Profile,
    /// Bytes that a power cut never tears: 512 or 4096.
    pub atomic_unit: u64,
    /// Per torn unit: a mix of two neighbouring versions inside it. 0 to 3/100.
    pub byte_tear: Ratio,
    /// Whether a power cut may leave a multiple of 4096 between two lengths, or the end of an
    /// allocation there, as the length.
    pub len_intermediate: bool,
    /// Whether the zeros of a cut may be durable while its length is not.
    pub trunc_partial_zero: bool,
    /// Per sector of a never-synced tail without data: stale bytes, not zeros. 0 to 1/10.
    pub garbage_tail: Ratio,
    /// Which names a full sync of a file covers.
    pub sync_covers_names: SyncNames,
    /// Whether a rename across directories is durable only after both are synced; else one is enough.
    pub xdir_rename_needs_both: bool,
    /// Bytes for the contents of all files, in blocks of 4096; no limit when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// What offsets and lengths of direct I/O have to be aligned to, in bytes: a power of two,
    /// 512 or more.
    pub direct_alignment: u32,
    /// Whether files tell that alignment; else only a call that fails does.
    pub direct_alignment_told: bool,
    /// No file can be opened for direct I/O.
    pub direct_refused: bool,
    /// Direct I/O that is not aligned goes through the cache, and nobody hears of it.
    pub direct_falls_back: bool,
    /// Overwriting needs as much space again as it is long: a full disk refuses it.
    pub copies_on_write: bool,
    /// No space can be reserved.
    pub allocate_refused: bool,
    /// A sync covers only what was written before it was called, not what others write while it runs.
    pub sync_is_outrun: bool,
    /// A write takes fewer bytes than given. 0 to 1/10.
    pub short_write: Ratio,
    /// A read gives fewer bytes than there are. 0 to 1/10.
    pub short_read: Ratio,
    /// A write, read, sync, open or lock returns `EINTR` and does nothing. 0 to 1/20.
    pub eintr: Ratio,
    /// A write, cut or allocation fails, every second time with a part of it done. 0 to 1/50.
    pub write_error: Ratio,
    /// A read fails. 0 to 1/50.
    pub read_error: Ratio,
    /// A sync of a file with something pending fails. 0 to 2/25.
    pub sync_error: Ratio,
    /// A sync of a directory fails; its entries are durable, or still pending. 0 to 1/50.
    pub dirsync_error: Ratio,
    /// What a failed sync leaves behind.
    pub sync_error_mode: SyncErrorMode,
    /// A call finds that the pending changes of some file were written back, and failed, without a
    /// call in progress: they are lost as by a sync in mode `clean-keep-cache`, and who syncs next
    /// hears of it. 0 to 1/100.
    pub writeback_error: Ratio,
    /// Per read: pages that a failed sync lost leave the cache and read as on the disk. 0 to 1:
    /// such pages are rare already.
    pub evict: Ratio,
    /// An open, create, rename, removal, mkdir, listing, lock or question by path fails; a change is done all the same
    /// every second time. 0 to 4/100.
    pub metadata_error: Ratio,
    /// How the disk lies, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lie: Option<Lie>,
    /// A fault that never happens though it is drawn, nor is it counted: a canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute: Option<Fault>,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs {
            profile: Profile::Strict,
            atomic_unit: 512,
            byte_tear: Ratio::NEVER,
            len_intermediate: false,
            trunc_partial_zero: true,
            garbage_tail: Ratio::NEVER,
            sync_covers_names: SyncNames::Never,
            xdir_rename_needs_both: true,
            capacity: None,
            direct_alignment: 512,
            direct_alignment_told: true,
            direct_refused: false,
            direct_falls_back: false,
            copies_on_write: false,
            allocate_refused: false,
            sync_is_outrun: false,
            short_write: Ratio::NEVER,
            short_read: Ratio::NEVER,
            eintr: Ratio::NEVER,
            write_error: Ratio::NEVER,
            read_error: Ratio::NEVER,
            sync_error: Ratio::NEVER,
            dirsync_error: Ratio::NEVER,
            sync_error_mode: SyncErrorMode::CleanKeepCache,
            writeback_error: Ratio::NEVER,
            evict: Ratio::NEVER,
            metadata_error: Ratio::NEVER,
            lie: None,
            mute: None,
        }
    }
}

fn is_strict(profile: &Profile) -> bool {
    *profile == Profile::Strict
}

impl Knobs {
    /// The rules of the profile.
    pub(super) fn rules(&self) -> Rules {
        self.profile.rules()
    }

    /// Bytes that a power cut never tears, by device and file system.
    pub fn unit_bytes(&self) -> u64 {
        self.rules().unit_bytes(self.atomic_unit)
    }

    /// Checks what no disk may have.
    ///
    /// # Panics
    /// When the atomic unit is neither 512 nor 4096, or the alignment no power of two from 512 on.
    pub(super) fn check(&self) {
        assert!(matches!(self.atomic_unit, 512 | 4096));
        assert!(self.direct_alignment.is_power_of_two());
        assert!(self.direct_alignment >= 512);
    }

    /// The same knobs without the faults of calls: what remains is the shape of power cuts,
    /// the capacity, what direct I/O is like, and the lie.
    pub(super) fn without_faults(&self) -> Knobs {
        Knobs {
            short_write: Ratio::NEVER,
            short_read: Ratio::NEVER,
            eintr: Ratio::NEVER,
            write_error: Ratio::NEVER,
            read_error: Ratio::NEVER,
            sync_error: Ratio::NEVER,
            dirsync_error: Ratio::NEVER,
            writeback_error: Ratio::NEVER,
            evict: Ratio::NEVER,
            metadata_error: Ratio::NEVER,
            ..self.clone()
        }
    }
}
