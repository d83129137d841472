//! The fault classes that leave the whole contract standing, and which fault is in which.
//!
//! After these a log owes everything, so there is one verdict, and what is counted is how often it was
//! given. The classes that leave less are those of a medium that breaks its word, in
//! [`FaultClass`].
// Source: the fault model's table of classes and guarantees, C.7.

use crate::disk::{Counts, Fault, FaultClass};
use crate::named::named_enum;

named_enum! {
    /// A class of faults after which a recovery has to show everything that was acknowledged.
    pub enum WholeClass {
        /// The process is killed.
        Kill = "f1",
        /// The power is cut.
        PowerCut = "f2",
        /// Calls fail, fall short, or find no space.
        Calls = "f4",
        /// Syncs fail, or what was to be written is lost in the background.
        Syncs = "f5",
        /// The disk is an older one, or a copy goes on beside it.
        Restored = "f11",
        /// Somebody opens the log a second time.
        SecondOpener = "f12",
    }
}

impl WholeClass {
    /// The class of a fault of a disk that keeps its word; `None` where it does not.
    fn of(fault: Fault) -> Option<WholeClass> {
        match fault {
            Fault::ByteTear
            | Fault::LenIntermediate
            | Fault::GarbageTail
            | Fault::FileForgotten
            | Fault::SyncOutrun => Some(WholeClass::PowerCut),
            Fault::ShortWrite
            | Fault::ShortRead
            | Fault::Interrupted
            | Fault::WriteError
            | Fault::WriteErrorPartial
            | Fault::ReadError
            | Fault::NoSpace
            | Fault::SpaceRefused
            | Fault::SpaceRefusedPartial
            | Fault::NoSpaceToCopy
            | Fault::AllocateRefused
            | Fault::DirectRefused
            | Fault::Misaligned
            | Fault::MisalignedBuffered
            | Fault::MetadataError
            | Fault::MetadataErrorApplied => Some(WholeClass::Calls),
            Fault::SyncCleanKeepCache
            | Fault::SyncCleanRevertCache
            | Fault::SyncKeepDirty
            | Fault::SyncFlushErr
            | Fault::SyncAbortRo
            | Fault::SyncShutDown
            | Fault::SyncReportedLater
            | Fault::WritebackError
            | Fault::WritebackErrorForgotten
            | Fault::DirSyncPending
            | Fault::DirSyncDurable
            | Fault::Eviction => Some(WholeClass::Syncs),
            _ => None,
        }
    }
}

/// How often something of each class happened.
pub type Fired = [u64; WholeClass::COUNT];

/// What has happened on a disk so far, by class; `restored` and `opened_twice` are not its own doing.
pub fn fired(counts: &Counts, restored: u64, opened_twice: u64) -> Fired {
    let mut fired = [0; WholeClass::COUNT];
    for &fault in Fault::ALL {
        if let Some(class) = WholeClass::of(fault) {
            fired[class as usize] += counts.faults(fault);
        }
    }
    fired[WholeClass::Kill as usize] += counts.kills;
    fired[WholeClass::PowerCut as usize] += counts.power_cuts;
    fired[WholeClass::Restored as usize] += restored;
    fired[WholeClass::SecondOpener as usize] += opened_twice;
    fired
}

/// The class of a fault of a medium that breaks its word; `None` for all others.
pub fn of_medium(fault: Fault) -> Option<FaultClass> {
    match fault {
        Fault::UnitDamage => Some(FaultClass::UnitDamage),
        Fault::FlushLie | Fault::DirFlushLie => Some(FaultClass::FlushLie),
        Fault::BitRot | Fault::LatentSector => Some(FaultClass::Rot),
        Fault::LostWrite
        | Fault::MisdirectedWithin
        | Fault::MisdirectedOther
        | Fault::MisdirectedRead => Some(FaultClass::Misplaced),
        Fault::FileDropped
        | Fault::FileDuplicated
        | Fault::FilesSwapped
        | Fault::FileZeroed
        | Fault::FileRenamed => Some(FaultClass::Files),
        Fault::ReadOnlyAtOpen | Fault::ListingDenied | Fault::OpenDenied => {
            Some(FaultClass::Refusal)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_but_the_lies_has_one_class() {
        for &fault in Fault::ALL {
            let lies = fault.name().starts_with("lie-");
            // That something was lost is what a lying flush leads to, and counts as its own there.
            let follows = fault == Fault::FlushLost;
            let classes = usize::from(WholeClass::of(fault).is_some())
                + usize::from(of_medium(fault).is_some());
            assert_eq!(classes, usize::from(!lies && !follows), "{fault}");
        }
    }
}
