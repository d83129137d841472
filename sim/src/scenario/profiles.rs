//! Which file system a seed's disk behaves like.
//!
//! Most are strict: there a log is shown to need no more than POSIX promises. The others leave other
//! states behind, none that strict forbids, and so show that a log bears with what it will meet.

use super::Scenario;
use super::generate::Shape;
use crate::choice::{Choices, Purpose, Ratio};
use crate::disk::{Knobs, Profile, SyncErrorMode, SyncNames};

/// Of a hundred seeds, so many are strict, and the others have equal shares of the rest.
const STRICT: u32 = 70;

/// Makes the disk one of this profile, or of a drawn one.
pub(super) fn add(scenario: &mut Scenario, profile: Option<Profile>, shape: Shape) {
    let mut stream = Choices::new(scenario.seed.0).stream(Purpose::Profile, 0);
    let drawn = match shape {
        Shape::Fixed { .. } => Profile::Strict,
        Shape::Swarm if stream.happens(Ratio::new(STRICT, 100)) => Profile::Strict,
        Shape::Swarm => *stream.pick(&Profile::DRAWN[1..]),
    };
    scenario.disk.profile = profile.unwrap_or(drawn);
    fit(&mut scenario.disk);
}

/// Turns off what the profile has rules of its own for.
pub(crate) fn fit(disk: &mut Knobs) {
    if disk.profile.is_simple() {
        simplify(disk);
        return;
    }
    // What a file system has rules of its own for, its knobs say nothing about.
    if disk.profile != Profile::Strict {
        disk.sync_covers_names = SyncNames::Never;
    }
    disk.len_intermediate &= disk.profile.halves_lengths();
    if !disk.profile.leaves_garbage() {
        disk.garbage_tail = Ratio::NEVER;
    }
    if !disk.profile.tears() {
        disk.byte_tear = Ratio::NEVER;
    }
}

/// Who has a simple disk knows nothing of the ways in which a crash, or a sync that fails, leaves less
/// than that. Calls fail as on ours: it is the disks that are to be compared.
fn simplify(disk: &mut Knobs) {
    let plain = Knobs::default();
    *disk = Knobs {
        byte_tear: plain.byte_tear,
        len_intermediate: plain.len_intermediate,
        garbage_tail: plain.garbage_tail,
        sync_covers_names: plain.sync_covers_names,
        sync_is_outrun: plain.sync_is_outrun,
        sync_error_mode: SyncErrorMode::KeepDirty,
        writeback_error: plain.writeback_error,
        evict: plain.evict,
        ..disk.clone()
    };
}
