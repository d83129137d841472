//! Which file system a seed's disk behaves like.
//!
//! Most are strict: there a log is shown to need no more than POSIX promises. The others leave other
//! states behind, none that strict forbids, and so show that a log bears with what it will meet.

use super::Scenario;
use super::generate::Shape;
use crate::choice::{Choices, Purpose, Ratio};
use crate::disk::{Knobs, Profile, SyncNames};

/// Of a hundred seeds, so many are strict, and the others have equal shares of the rest.
const STRICT: u32 = 70;

/// Makes the disk one of this profile, or of a drawn one.
pub(super) fn add(scenario: &mut Scenario, profile: Option<Profile>, shape: Shape) {
    let mut stream = Choices::new(scenario.seed.0).stream(Purpose::Profile, 0);
    let drawn = match shape {
        Shape::Fixed { .. } => Profile::Strict,
        Shape::Swarm if stream.happens(Ratio::new(STRICT, 100)) => Profile::Strict,
        Shape::Swarm => *stream.pick(&Profile::ALL[1..]),
    };
    scenario.disk.profile = profile.unwrap_or(drawn);
    fit(&mut scenario.disk);
}

/// Turns off what the profile has rules of its own for.
pub(crate) fn fit(disk: &mut Knobs) {
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
