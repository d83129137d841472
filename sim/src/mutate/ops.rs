//! Changes of what clients do.

use crate::choice::{Ratio, Stream};
use crate::scenario::{Life, Op, Scenario};

/// A payload that fills a block of 512 or 4096 bytes to the last byte, alone in its frame.
const FULL: [u32; 2] = [512 - 64 - 12, 4096 - 64 - 12];
/// Longer payloads only cost time.
const LEN_MAX: u32 = 6000;

/// Changes an operation of a life, or a few.
pub(super) fn change(life: &mut Life, donor: &Scenario, stream: &mut Stream) {
    let clients = &stream.pick(&donor.lives).clients;
    let given = stream.pick(clients);
    let clients = life.clients.len() as u64;
    let ops = &mut life.clients[stream.below(clients) as usize];
    if ops.is_empty() {
        ops.extend_from_slice(given);
        return;
    }
    let count = ops.len() as u64;
    let at = stream.below(count) as usize;
    match stream.weighted(&[4, 4, 1, 2, 2, 4, 2]) {
        0 => {
            let at = stream.within(0, count) as usize;
            ops.splice(at..at, one_of(given, stream));
        }
        1 => {
            ops.remove(at);
        }
        2 => ops.insert(at, ops[at]),
        3 => {
            let with = stream.below(count) as usize;
            ops.swap(at, with);
        }
        4 => {
            ops.splice(at..=at, one_of(given, stream));
        }
        5 => change_number(&mut ops[at], stream),
        // What one client does behind a place, from there on.
        _ => {
            let from = stream.within(0, given.len() as u64) as usize;
            ops.truncate(at + 1);
            ops.extend_from_slice(&given[from..]);
        }
    }
}

fn one_of(given: &[Op], stream: &mut Stream) -> Option<Op> {
    (!given.is_empty()).then(|| *stream.pick(given))
}

fn change_number(op: &mut Op, stream: &mut Stream) {
    match op {
        Op::Append(len) | Op::Durable(len) => change_len(len, stream),
        Op::Batch { count, len } => match stream.below(2) {
            0 => *count = stream.within(1, 6) as u32,
            _ => change_len(len, stream),
        },
        Op::Decoy(len) => *len = len.saturating_add_signed(512 * (stream.below(3) as i32 - 1)),
        Op::ReplayFrom(eighths)
        | Op::StreamFrom(eighths)
        | Op::Follow(eighths)
        | Op::Hold(eighths)
        | Op::Truncate(eighths) => *eighths = stream.within(0, 8) as u32,
        Op::Read(count) => *count = stream.within(1, 9) as u32,
        Op::NoSpace(calls) => *calls = stream.within(1, 4) as u32,
        Op::Prepare(kib) => *kib = stream.within(1, 9) as u32,
        Op::FillUp(blocks) => *blocks = stream.within(0, 3) as u32,
        Op::Rotate(key) => *key = stream.within(1, 4) as u32,
        Op::Sync
        | Op::Wait
        | Op::Replay
        | Op::Stream
        | Op::Release
        | Op::TruncateTooFar
        | Op::ReadTooEarly
        | Op::Stop
        | Op::MakeRoom
        | Op::SecondOpen
        | Op::Look
        | Op::Reencrypt
        | Op::Retire
        | Op::Close => {}
    }
}

fn change_len(len: &mut u32, stream: &mut Stream) {
    *len = match stream.weighted(&[3, 2, 1, 1]) {
        0 => {
            let by = stream.within(1, 16) as i32;
            let is_longer = stream.happens(Ratio::new(1, 2));
            len.saturating_add_signed(if is_longer { by } else { -by })
        }
        1 => stream.pick(&FULL) - 1 + stream.below(3) as u32,
        2 => *len * 2,
        _ => *len / 2,
    }
    .min(LEN_MAX);
}
