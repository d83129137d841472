//! Plainer disks, logs, ends and numbers.

use super::Shrinker;
use crate::choice::Ratio;
use crate::disk::{Knobs, Profile};
use crate::scenario::{How, LogShape, Op, Phase, Scenario};

/// A log that does nothing special: buffered, small, and one segment is enough for all.
const PLAIN_SHAPE: LogShape = LogShape {
    direct: false,
    block: 512,
    buffer: 4096,
    segment: 1 << 20,
};

/// Makes everything plainer that the failure does not need as it is.
pub(super) fn shrink(shrinker: &mut Shrinker<'_, Scenario>) {
    shrink_disk(shrinker);
    for life in 0..shrinker.best.lives.len() {
        shrink_life(shrinker, life);
        shrink_operations(shrinker, life);
    }
}

/// Tries the best scenario with a change.
fn change(shrinker: &mut Shrinker<'_, Scenario>, change: impl FnOnce(&mut Scenario)) -> bool {
    let mut scenario = shrinker.best.clone();
    change(&mut scenario);
    shrinker.try_out(scenario)
}

fn shrink_disk(shrinker: &mut Shrinker<'_, Scenario>) {
    const CHANGES: &[fn(&mut Knobs)] = &[
        |disk| disk.profile = Profile::Strict,
        |disk| disk.capacity = None,
        |disk| disk.atomic_unit = 512,
        |disk| disk.byte_tear = Ratio::NEVER,
        |disk| disk.len_intermediate = false,
        |disk| disk.trunc_partial_zero = true,
        |disk| disk.garbage_tail = Ratio::NEVER,
        |disk| disk.sync_covers_names = Knobs::default().sync_covers_names,
        |disk| disk.xdir_rename_needs_both = true,
        |disk| disk.direct_alignment = 512,
        |disk| disk.direct_alignment_told = true,
        |disk| disk.direct_refused = false,
        |disk| disk.direct_falls_back = false,
        |disk| disk.copies_on_write = false,
        |disk| disk.allocate_refused = false,
        |disk| disk.sync_is_outrun = false,
        |disk| disk.short_write = Ratio::NEVER,
        |disk| disk.short_read = Ratio::NEVER,
        |disk| disk.eintr = Ratio::NEVER,
        |disk| disk.write_error = Ratio::NEVER,
        |disk| disk.read_error = Ratio::NEVER,
        |disk| disk.sync_error = Ratio::NEVER,
        |disk| disk.dirsync_error = Ratio::NEVER,
        |disk| disk.sync_error_mode = Knobs::default().sync_error_mode,
        |disk| disk.writeback_error = Ratio::NEVER,
        |disk| disk.evict = Ratio::NEVER,
        |disk| disk.metadata_error = Ratio::NEVER,
    ];
    // What makes the disk a canary stays.
    let (lie, mute) = (shrinker.best.disk.lie, shrinker.best.disk.mute);
    let plain = Knobs {
        lie,
        mute,
        ..Knobs::default()
    };
    if change(shrinker, |scenario| scenario.disk = plain) {
        return;
    }
    for knob in CHANGES {
        change(shrinker, |scenario| knob(&mut scenario.disk));
    }
}

fn shrink_life(shrinker: &mut Shrinker<'_, Scenario>, index: usize) {
    change(shrinker, |scenario| {
        scenario.lives[index].spurious = Ratio::NEVER
    });
    change(shrinker, |scenario| scenario.lives[index].unwind = false);
    change(shrinker, |scenario| scenario.lives[index].calm = true);
    if !change(shrinker, |scenario| scenario.lives[index].log = PLAIN_SHAPE) {
        change(shrinker, |scenario| {
            scenario.lives[index].log.direct = false
        });
        change(shrinker, |scenario| {
            scenario.lives[index].log.block = PLAIN_SHAPE.block
        });
        change(shrinker, |scenario| {
            scenario.lives[index].log.buffer = PLAIN_SHAPE.buffer
        });
        change(shrinker, |scenario| {
            scenario.lives[index].log.segment = PLAIN_SHAPE.segment
        });
    }
    change(shrinker, |scenario| {
        scenario.lives[index].end.how = How::PowerCut
    });
    if change(shrinker, |scenario| scenario.lives[index].end.at = None) {
        return;
    }
    for phase in [Phase::Before, Phase::After] {
        let set = |scenario: &mut Scenario| {
            if let Some(at) = &mut scenario.lives[index].end.at {
                at.phase = phase;
            }
        };
        if change(shrinker, set) {
            break;
        }
    }
    let number = |scenario: &Scenario| scenario.lives[index].end.at.map_or(0, |at| at.number);
    shrink_number(shrinker, number(&shrinker.best), |scenario, number| {
        if let Some(at) = &mut scenario.lives[index].end.at {
            at.number = number.max(1);
        }
    });
}

/// Tries smaller numbers in place of one: the plain ones first, then halves.
fn shrink_number(
    shrinker: &mut Shrinker<'_, Scenario>,
    number: u32,
    set: impl Fn(&mut Scenario, u32),
) {
    let mut number = number;
    while number > 0 {
        let smaller = [0, 1, number / 2, number - 1];
        let smaller = smaller.into_iter().filter(|&smaller| smaller < number);
        let mut taken =
            smaller.filter(|&smaller| change(shrinker, |scenario| set(scenario, smaller)));
        match taken.next() {
            Some(smaller) => number = smaller,
            None => return,
        }
    }
}

fn shrink_operations(shrinker: &mut Shrinker<'_, Scenario>, life: usize) {
    for client in 0..shrinker.best.lives[life].clients.len() {
        for place in 0..shrinker.best.lives[life].clients[client].len() {
            let set =
                |scenario: &mut Scenario, op| scenario.lives[life].clients[client][place] = op;
            let op = shrinker.best.lives[life].clients[client][place];
            if let Some(plainer) = plainer(op) {
                change(shrinker, |scenario| set(scenario, plainer));
            }
            let op = shrinker.best.lives[life].clients[client][place];
            if let Some((number, with)) = number_of(op) {
                shrink_number(shrinker, number, |scenario, number| {
                    set(scenario, with(number))
                });
            }
        }
    }
}

/// An operation that does less, in place of one.
fn plainer(op: Op) -> Option<Op> {
    match op {
        Op::Decoy(len) => Some(Op::Append(len)),
        Op::Durable(len) => Some(Op::Append(len)),
        Op::Batch { len, .. } => Some(Op::Append(len)),
        Op::ReplayFrom(_) | Op::Stream => Some(Op::Replay),
        Op::StreamFrom(_) => Some(Op::Stream),
        _ => None,
    }
}

/// An operation with this number.
type WithNumber = fn(u32) -> Op;

/// An operation's number, and the operation with another one.
fn number_of(op: Op) -> Option<(u32, WithNumber)> {
    match op {
        Op::Append(len) => Some((len, Op::Append)),
        Op::Decoy(len) => Some((len, Op::Decoy)),
        Op::Durable(len) => Some((len, Op::Durable)),
        Op::ReplayFrom(eighths) => Some((eighths, Op::ReplayFrom)),
        Op::StreamFrom(eighths) => Some((eighths, Op::StreamFrom)),
        Op::Read(count) => Some((count, Op::Read)),
        Op::Follow(eighths) => Some((eighths, Op::Follow)),
        Op::Hold(eighths) => Some((eighths, Op::Hold)),
        Op::Truncate(eighths) => Some((eighths, Op::Truncate)),
        Op::NoSpace(calls) => Some((calls, Op::NoSpace)),
        Op::FillUp(blocks) => Some((blocks, Op::FillUp)),
        Op::Prepare(kib) => Some((kib, Op::Prepare)),
        _ => None,
    }
}
