//! Which seeds' logs are encrypted, and what becomes of their keys.
//!
//! It is drawn from a stream of its own, and added to a scenario that is whole without it: so the
//! same seeds can be compared in plain and encrypted.

use super::generate::Shape;
use super::step::Op;
use super::{Damage, Life, Probe, Scenario};
use crate::choice::{Choices, Purpose, Ratio, Stream};
use crate::named::named_enum;

named_enum! {
    /// Which logs are encrypted.
    pub enum Encryption {
        /// Half of the seeds', some of them not from the beginning.
        Drawn = "drawn",
        /// None.
        Never = "never",
        /// All, in each life.
        Always = "always",
    }
}

/// Keys have numbers from 1 up to this one.
const KEYS: u64 = 4;

/// Adds keys to a scenario.
pub(super) fn add(scenario: &mut Scenario, encryption: Encryption, shape: Shape) {
    let mut stream = Choices::new(scenario.seed.0).stream(Purpose::Keys, 0);
    let is_encrypted = match encryption {
        Encryption::Drawn => shape == Shape::Swarm && stream.happens(Ratio::new(1, 2)),
        Encryption::Never => false,
        Encryption::Always => true,
    };
    if !is_encrypted {
        return;
    }
    let begins_plain = encryption == Encryption::Drawn && stream.happens(Ratio::new(1, 4));
    let times = stream.within(0, 3);
    let lives = &mut scenario.lives;
    let first = usize::from(begins_plain && lives.len() > 1);
    for life in &mut lives[first..] {
        life.key = Some(draw_key(&mut stream));
    }
    if shape == Shape::Swarm {
        for life in &mut *lives {
            for _ in 0..times {
                insert(life, &mut stream);
            }
        }
        for life in &mut lives[first..] {
            forge(life, &mut stream);
        }
    }
}

/// A share of the lives with a key ends with somebody who forges, in place of any other damage.
fn forge(life: &mut Life, stream: &mut Stream) {
    if stream.happens(Ratio::new(1, 3)) {
        life.probe = Some(Probe {
            damage: *stream.pick(Damage::OF_KEYS),
            number: stream.below(1 << 32) as u32,
        });
    }
}

/// Most lives go on with the first key; so a key is often current again that was not for a while.
fn draw_key(stream: &mut Stream) -> u32 {
    match stream.happens(Ratio::new(1, 2)) {
        true => 1,
        false => stream.within(1, KEYS) as u32,
    }
}

fn insert(life: &mut Life, stream: &mut Stream) {
    let op = match stream.weighted(&[4, 3, 3]) {
        0 => Op::Rotate(stream.within(1, KEYS) as u32),
        1 => Op::Reencrypt,
        _ => Op::Retire,
    };
    let client = stream.below(life.clients.len() as u64) as usize;
    let ops = &mut life.clients[client];
    let at = stream.within(0, ops.len() as u64) as usize;
    ops.insert(at, op);
    // What follows each other without anything between is a case of its own.
    if stream.happens(Ratio::new(1, 3)) {
        let next = [Op::Reencrypt, Op::Retire, Op::Rotate(1)][stream.below(3) as usize];
        ops.insert(at + 1, next);
    }
}
