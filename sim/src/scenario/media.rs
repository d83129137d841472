//! Which seeds' disks have a medium that does worse than any power cut, and what it does.
//!
//! It is drawn from a stream of its own, and added to a scenario that is whole without it. One
//! class of faults a seed: what is left of the guarantee is what the weakest leaves.
// Source: fault classes F2x and F6 to F10.

use super::Scenario;
use super::generate::Shape;
use crate::choice::{Choices, Purpose, Ratio, Stream};
use crate::disk::{FaultClass, Media, MediaEvent, MediaKind};

/// More calls than most lives make; an event that is due later than that waits for the next life.
const CALLS_MAX: u64 = 80;

/// Gives one scenario in ten such a medium. Probes would have no undamaged log to compare with, so
/// there are none then.
pub(super) fn add(scenario: &mut Scenario, shape: Shape) {
    let mut stream = Choices::new(scenario.seed.0).stream(Purpose::Media, 0);
    if shape != Shape::Swarm || !stream.happens(Ratio::new(1, 8)) {
        return;
    }
    let is_restored = scenario.lives.iter().any(|life| life.restore.is_some());
    if scenario.legacy.is_some() || is_restored {
        return;
    }
    for life in &mut scenario.lives {
        life.probe = None;
    }
    let lives = scenario.lives.len() as u64;
    scenario.media = Some(draw(&mut stream, lives));
}

fn draw(stream: &mut Stream, lives: u64) -> Media {
    let mut media = Media::default();
    // What happens at a restart needs one.
    let at_restart = u32::from(lives > 1);
    let weights = [2 * at_restart, 4, 4, 6, 3 * at_restart, 3];
    let class = FaultClass::ALL[stream.weighted(&weights)];
    match class {
        FaultClass::UnitDamage => {
            media.unit_damage = *stream.pick(&[Ratio::new(1, 1), Ratio::new(1, 4)]);
        }
        FaultClass::FlushLie => {
            let chances = [
                Ratio::new(1, 100),
                Ratio::new(1, 8),
                Ratio::new(1, 2),
                Ratio::new(1, 1),
            ];
            media.flush_lies = *stream.pick(&chances);
        }
        FaultClass::Rot => {
            for _ in 0..stream.within(1, 5) {
                media.events.push(draw_event(stream, class, lives));
            }
        }
        FaultClass::Misplaced | FaultClass::Files | FaultClass::Refusal => {
            media.events.push(draw_event(stream, class, lives));
        }
    }
    media
}

fn draw_event(stream: &mut Stream, class: FaultClass, lives: u64) -> MediaEvent {
    let kinds = MediaKind::ALL.iter().copied();
    let kinds: Vec<MediaKind> = kinds.filter(|kind| kind.class() == class).collect();
    let kind = *stream.pick(&kinds);
    // The first life begins without a file.
    let (first, is_between) = match class {
        FaultClass::Files | FaultClass::Refusal => (2, true),
        FaultClass::Rot => (1, stream.happens(Ratio::new(1, 3))),
        _ => (1, false),
    };
    MediaEvent {
        kind,
        life: stream.within(first, lives) as u32,
        call: match is_between {
            true => 0,
            false => stream.within(1, CALLS_MAX) as u32,
        },
        number: stream.below(1 << 32) as u32,
    }
}
