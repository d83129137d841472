//! Changes a scenario a little: how a guided search and a fuzzer come from one to the next.
//!
//! A mutator of bytes would break almost every scenario; this one knows what they are made of. What
//! is new in a mutant comes from a donor, another scenario of the search or a fresh one of the swarm,
//! so that it is drawn as the generator draws; only numbers are changed here, by little. Every
//! mutant can be printed, parsed and run. What a scenario plants, a lie or a muted fault, stays as it
//! is and is never handed on.

use crate::choice::{Ratio, Stream};
use crate::scenario::generate::{Setting, generate};
use crate::scenario::profiles;
use crate::scenario::{Life, Scenario};
use crate::seed::Seed;

mod knobs;
mod lives;
mod ops;
mod tape;

/// Longer scenarios than these cost more time than they find bugs.
const LIVES_MAX: usize = 5;
const CLIENTS_MAX: usize = 8;
const OPS_MAX: usize = 24;
/// So many changes in a row that change nothing are enough.
const TRIES_MAX: usize = 8;

/// Changes a scenario in one place, or in a few; `other` may hand over parts.
pub fn mutate(scenario: &mut Scenario, other: Option<&Scenario>, stream: &mut Stream) {
    let before = scenario.clone();
    let changes = 1 + stream.weighted(&[5, 3, 2, 1]);
    // A donor often has nothing that is not there already.
    for done in 0..TRIES_MAX {
        if done >= changes && *scenario != before {
            return;
        }
        change(scenario, other, stream);
        repair(scenario);
    }
}

fn change(scenario: &mut Scenario, other: Option<&Scenario>, stream: &mut Stream) {
    let fresh;
    let donor = match other.filter(|_| stream.happens(Ratio::new(1, 2))) {
        Some(other) => other,
        None => {
            fresh = generate(Seed(stream.bits()), Setting::default());
            &fresh
        }
    };
    match stream.weighted(&[8, 3, 1, 4, 6, 3, 2, 1, 1]) {
        0 => scenario.seed = Seed(stream.bits()),
        1 => lives::change_order(scenario, donor, stream),
        2 => lives::change_clients(life(scenario, stream), donor, stream),
        3 => ops::change(life(scenario, stream), donor, stream),
        4 => lives::change_end(life(scenario, stream), donor, stream),
        5 => lives::change_setting(life(scenario, stream), donor, stream),
        6 => knobs::change(&mut scenario.disk, &donor.disk, stream),
        7 => lives::change_past(scenario, donor, stream),
        _ => tape::change(scenario, stream),
    }
}

fn life<'a>(scenario: &'a mut Scenario, stream: &mut Stream) -> &'a mut Life {
    pick(&mut scenario.lives, stream)
}

/// One of some things, to be changed.
fn pick<'a, T>(items: &'a mut [T], stream: &mut Stream) -> &'a mut T {
    let index = stream.below(items.len() as u64) as usize;
    &mut items[index]
}

/// Makes a scenario one that can be run, and whose checks may rely on what they rely on in all
/// others. It changes nothing that is right.
fn repair(scenario: &mut Scenario) {
    scenario.lives.truncate(LIVES_MAX);
    for life in &mut scenario.lives {
        life.clients.truncate(CLIENTS_MAX);
        life.clients
            .iter_mut()
            .for_each(|ops| ops.truncate(OPS_MAX));
    }
    // To go back to the end of the last life is to do nothing.
    for (index, life) in (0..).zip(&mut scenario.lives) {
        life.restore = life
            .restore
            .filter(|&earlier| (1..index).contains(&earlier));
    }
    if scenario.media.is_some() {
        scenario.legacy = None;
        for life in &mut scenario.lives {
            life.probe = None;
            life.restore = None;
        }
    }
    // Only who has keys can read what is encrypted.
    let has_key = scenario.lives[0].key.is_some();
    if let Some(legacy) = &mut scenario.legacy {
        legacy.key = legacy.key.filter(|_| has_key);
    }
    profiles::fit(&mut scenario.disk);
    // Behind them come two more, in which everything has to work.
    tape::forget_lives(&mut scenario.tape, scenario.lives.len() + 2);
}
