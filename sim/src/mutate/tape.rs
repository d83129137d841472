//! Changes of single choices: what a run has drawn is written down, and then one choice is another.

use crate::choice::tape::CHOICES_MAX;
use crate::choice::{Purpose, Ratio, Stream, Tape, TrackId};
use crate::run::record;
use crate::scenario::Scenario;

/// Changes a choice or two; where none is written down, those of a run are before.
pub(super) fn change(scenario: &mut Scenario, stream: &mut Stream) {
    if scenario.tape.is_empty() {
        pin(scenario, stream);
    } else if stream.happens(Ratio::new(1, 8)) {
        scenario.tape = Tape::default();
        return;
    }
    for _ in 0..stream.within(1, 3) {
        change_choice(&mut scenario.tape, stream);
    }
}

/// Writes down what a run chooses: all of it, or one track.
fn pin(scenario: &mut Scenario, stream: &mut Stream) {
    let all = record(scenario).1.tape();
    if stream.happens(Ratio::new(1, 4)) {
        scenario.tape = all;
        return;
    }
    if let Some(id) = draw_track(&all, stream) {
        let track = all.track(id).expect("it was drawn from these");
        *scenario.tape.track_mut(id) = track.clone();
    }
}

/// Schedules and crashes are changed more than the rest: there one choice makes the difference.
fn draw_track(tape: &Tape, stream: &mut Stream) -> Option<TrackId> {
    let ids: Vec<TrackId> = tape.tracks().map(|(id, _)| id).collect();
    let weight = |id: &TrackId| match id.purpose {
        Purpose::Schedule | Purpose::Crash => 4,
        _ => 1,
    };
    let weights: Vec<u32> = ids.iter().map(weight).collect();
    (!ids.is_empty()).then(|| ids[stream.weighted(&weights)])
}

fn change_choice(tape: &mut Tape, stream: &mut Stream) {
    let Some(id) = draw_track(tape, stream) else {
        return;
    };
    let track = tape.track_mut(id);
    let entries: Vec<(u32, u32)> = track.entries().collect();
    let end = entries.last().map_or(8, |&(place, _)| place + 8);
    let end = end.min(CHOICES_MAX - 1);
    let anywhere = stream.within(0, u64::from(end)) as u32;
    let value = match stream.weighted(&[4, 2, 1]) {
        0 => 1,
        1 => stream.within(1, 8) as u32,
        _ => stream.below(1 << 16) as u32,
    };
    if entries.is_empty() {
        track.set(anywhere, value);
        return;
    }
    let &(place, old) = stream.pick(&entries);
    match stream.weighted(&[3, 3, 2, 2, 1, 1]) {
        0 => track.set(anywhere, value),
        1 => track.set(place, 0),
        2 => track.set(place, value),
        3 => {
            let by = stream.within(1, 3) as u32;
            let to = match stream.happens(Ratio::new(1, 2)) {
                true => place + by,
                false => place.saturating_sub(by),
            };
            track.set(place, 0);
            track.set(to.min(CHOICES_MAX - 1), old);
        }
        // From there on everything is plain.
        4 => {
            for &(later, _) in entries.iter().filter(|&&(later, _)| later >= place) {
                track.set(later, 0);
            }
        }
        // The seed draws it again.
        _ => tape.remove(id),
    }
}

/// Leaves all lives behind the first so many to the seed again.
pub(super) fn forget_lives(tape: &mut Tape, kept: usize) {
    if tape.is_empty() {
        return;
    }
    let ids: Vec<TrackId> = tape.tracks().map(|(id, _)| id).collect();
    for id in ids {
        if id.number / id.purpose.streams_per_life() > kept as u64 {
            tape.remove(id);
        }
    }
}
