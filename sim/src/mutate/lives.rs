//! Changes of lives: which there are, who works in them, how they begin and end.

use super::pick;
use crate::choice::{Ratio, Stream};
use crate::scenario::{Life, Phase, Scenario};

/// A life more, or less, or in another place.
pub(super) fn change_order(scenario: &mut Scenario, donor: &Scenario, stream: &mut Stream) {
    let lives = &mut scenario.lives;
    let count = lives.len() as u64;
    let at = stream.below(count) as usize;
    let first_changed = match stream.weighted(&[3, 2, 3, 1, 2, 2]) {
        0 => {
            let inserted = stream.within(0, count) as usize;
            lives.insert(inserted, stream.pick(&donor.lives).clone());
            inserted
        }
        1 => {
            lives.insert(at, lives[at].clone());
            at + 1
        }
        2 if count > 1 => {
            lives.remove(at);
            at
        }
        3 => {
            let with = stream.below(count) as usize;
            lives.swap(at, with);
            at.min(with)
        }
        4 => {
            lives[at] = stream.pick(&donor.lives).clone();
            at
        }
        _ => {
            let from = stream.below(donor.lives.len() as u64) as usize;
            lives.truncate(at + 1);
            lives.extend_from_slice(&donor.lives[from..]);
            at + 1
        }
    };
    // What was chosen for one life means nothing to another.
    super::tape::forget_lives(&mut scenario.tape, first_changed);
}

/// A client more, or less, or others in another life's place.
pub(super) fn change_clients(life: &mut Life, donor: &Scenario, stream: &mut Stream) {
    let clients = &mut life.clients;
    let count = clients.len() as u64;
    let at = stream.below(count) as usize;
    let given = &stream.pick(&donor.lives).clients;
    match stream.weighted(&[3, 1, 3, 1, 1]) {
        0 => clients.push(stream.pick(given).clone()),
        1 => clients.push(clients[at].clone()),
        2 if count > 1 => {
            clients.remove(at);
        }
        3 => clients.swap(at, stream.below(count) as usize),
        _ => clients.clone_from(given),
    }
}

/// Ends at another call, or in another way.
pub(super) fn change_end(life: &mut Life, donor: &Scenario, stream: &mut Stream) {
    let given = stream.pick(&donor.lives).end;
    let Some(at) = &mut life.end.at else {
        life.end = given;
        return;
    };
    match stream.weighted(&[6, 3, 2, 2]) {
        0 => {
            let by = stream.within(1, 3) as u32;
            at.number = match stream.happens(Ratio::new(1, 2)) {
                true => at.number + by,
                false => at.number.saturating_sub(by).max(1),
            };
        }
        1 => at.phase = *stream.pick(&[Phase::Before, Phase::Within, Phase::After]),
        2 => life.end = given,
        // A close has no place of its own.
        _ => match given.at {
            Some(_) => life.end.how = given.how,
            None => life.end.at = None,
        },
    }
}

/// How the log is opened, who runs next, what is probed.
pub(super) fn change_setting(life: &mut Life, donor: &Scenario, stream: &mut Stream) {
    let given = stream.pick(&donor.lives);
    match stream.weighted(&[2, 2, 1, 2, 3, 2, 2]) {
        0 => life.policy = given.policy,
        1 => life.spurious = given.spurious,
        2 => life.unwind = !life.unwind,
        3 => life.calm = !life.calm,
        4 => match stream.below(4) {
            0 => life.log.direct = given.log.direct,
            1 => life.log.block = given.log.block,
            2 => life.log.buffer = given.log.buffer,
            _ => life.log.segment = given.log.segment,
        },
        5 => life.key = given.key,
        _ => match (&mut life.probe, stream.happens(Ratio::new(1, 2))) {
            (Some(probe), true) => probe.number = stream.below(1 << 32) as u32,
            (probe, _) => *probe = given.probe,
        },
    }
}

/// What is there before the first life, which lives begin with an older disk, and what the medium
/// does.
pub(super) fn change_past(scenario: &mut Scenario, donor: &Scenario, stream: &mut Stream) {
    let lives = scenario.lives.len() as u64;
    match stream.below(4) {
        0 => scenario.legacy = donor.legacy,
        1 => {
            // Damage that nobody is told of is a canary's.
            scenario.media = donor.media.clone().filter(|media| !media.is_hidden);
        }
        2 => match &mut scenario.media {
            Some(media) if !media.events.is_empty() => {
                let event = pick(&mut media.events, stream);
                match stream.below(2) {
                    0 => event.number = stream.below(1 << 32) as u32,
                    // What happens between two lives stays there.
                    _ if event.call > 0 => event.call = stream.within(1, 80) as u32,
                    _ => {
                        event.life =
                            stream.within(u64::from(event.life.min(2)), lives.max(2)) as u32
                    }
                }
            }
            _ => scenario.media = donor.media.clone().filter(|media| !media.is_hidden),
        },
        _ => {
            for life in &mut scenario.lives {
                life.restore = None;
            }
            if lives > 2 && stream.happens(Ratio::new(3, 4)) {
                let index = stream.within(2, lives - 1);
                let earlier = stream.within(1, index - 1);
                scenario.lives[index as usize].restore = Some(earlier as u32);
            }
        }
    }
}
