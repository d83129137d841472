//! Which faults of the disk are a reason for the log to fail.

use crate::disk::{Disk, Fault};

/// The faults that are no reason to fail.
const HARMLESS: [Fault; 24] = [
    Fault::ShortWrite,
    Fault::ShortRead,
    Fault::Eviction,
    Fault::ByteTear,
    Fault::LenIntermediate,
    Fault::FileForgotten,
    Fault::GarbageTail,
    Fault::SyncOutrun,
    Fault::LieAtSite,
    Fault::MisalignedBuffered,
    Fault::UnitDamage,
    Fault::FlushLie,
    Fault::DirFlushLie,
    Fault::FlushLost,
    Fault::BitRot,
    Fault::LostWrite,
    Fault::MisdirectedWithin,
    Fault::MisdirectedOther,
    Fault::MisdirectedRead,
    Fault::FileDropped,
    Fault::FileDuplicated,
    Fault::FilesSwapped,
    Fault::FileZeroed,
    Fault::FileRenamed,
];

/// Whether each fault is a reason to fail.
const IS_REASON: [bool; Fault::COUNT] = {
    let mut is_reason = [true; Fault::COUNT];
    let mut at = 0;
    while at < HARMLESS.len() {
        is_reason[HARMLESS[at] as usize] = false;
        at += 1;
    }
    is_reason
};

/// How many calls have gone wrong so far. Short counts and interruptions are no reason to fail,
/// but an interrupted sync is, and nobody can tell the two apart from here.
pub(super) fn faults_of_calls(disk: &mut Disk) -> u64 {
    let counts = disk.counts();
    let reasons = Fault::ALL
        .iter()
        .filter(|&&fault| IS_REASON[fault as usize]);
    reasons.map(|&fault| counts.faults(fault)).sum()
}
