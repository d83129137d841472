//! Which operations a seed's clients do, and how often.

use super::step::Op;
use crate::choice::{Ratio, Stream};
use crate::decoy::PREFIXES;
use crate::named::named_enum;

named_enum! {
    /// The kinds of operations.
    pub enum Verb {
        /// See [`Op::Append`].
        Append = "append",
        /// See [`Op::Durable`].
        Durable = "durable",
        /// See [`Op::Batch`].
        Batch = "batch",
        /// See [`Op::Decoy`].
        Decoy = "decoy",
        /// See [`Op::Sync`].
        Sync = "sync",
        /// See [`Op::Prepare`].
        Prepare = "prepare",
        /// See [`Op::Wait`].
        Wait = "wait",
        /// See [`Op::Replay`].
        Replay = "replay",
        /// See [`Op::ReplayFrom`].
        ReplayFrom = "replay-from",
        /// See [`Op::Stream`].
        Stream = "stream",
        /// See [`Op::StreamFrom`].
        StreamFrom = "stream-from",
        /// See [`Op::Read`].
        Read = "read",
        /// See [`Op::Follow`].
        Follow = "follow",
        /// See [`Op::Hold`].
        Hold = "hold",
        /// See [`Op::Release`].
        Release = "release",
        /// See [`Op::Truncate`].
        Truncate = "truncate",
        /// See [`Op::TruncateTooFar`].
        TruncateTooFar = "truncate-too-far",
        /// See [`Op::ReadTooEarly`].
        ReadTooEarly = "read-too-early",
        /// See [`Op::Stop`].
        Stop = "stop",
        /// See [`Op::NoSpace`].
        NoSpace = "no-space",
        /// See [`Op::FillUp`].
        FillUp = "fill-up",
        /// See [`Op::MakeRoom`].
        MakeRoom = "make-room",
        /// See [`Op::SecondOpen`].
        SecondOpen = "second-open",
        /// See [`Op::Look`].
        Look = "look",
        /// See [`Op::Close`].
        Close = "close",
    }
}

impl Verb {
    /// How often it is drawn where it is there at all.
    fn weight(self) -> u32 {
        match self {
            Verb::Append => 24,
            Verb::Durable => 16,
            Verb::Truncate | Verb::Read => 12,
            Verb::Sync | Verb::Wait => 8,
            Verb::Batch | Verb::Stream => 6,
            Verb::Decoy => 5,
            Verb::Replay | Verb::ReplayFrom => 4,
            Verb::Follow | Verb::Stop | Verb::MakeRoom | Verb::Prepare => 3,
            Verb::NoSpace => 2,
            Verb::StreamFrom | Verb::Hold | Verb::Look => 2,
            Verb::TruncateTooFar | Verb::ReadTooEarly | Verb::SecondOpen => 2,
            // A close ends the work of all clients, so it is rare.
            Verb::Release | Verb::Close | Verb::FillUp => 1,
        }
    }
}

/// How likely each kind is; drawn once a seed, many of them never.
pub(super) struct Verbs {
    weights: [u32; Verb::COUNT],
    len_max: u64,
}

impl Verbs {
    /// Draws them for a seed, whose disk may be limited in space.
    pub(super) fn draw(stream: &mut Stream, is_limited: bool) -> Verbs {
        let mut weights = [0; Verb::COUNT];
        for &verb in Verb::ALL {
            let times = match verb {
                Verb::Append | Verb::Durable => 1,
                _ => [0, 1, 3][stream.weighted(&[5, 4, 1])],
            };
            weights[verb as usize] = verb.weight() * times;
        }
        let favourite = *stream.pick(&[Verb::Append, Verb::Durable]);
        weights[favourite as usize] *= 4;
        // A close that fails for want of space leaves the log open, with others waiting for it.
        if is_limited {
            weights[Verb::Close as usize] *= 8;
        }
        // Without readers there is nothing to read on from.
        if weights[Verb::Stream as usize] + weights[Verb::StreamFrom as usize] == 0 {
            weights[Verb::Read as usize] = 0;
        }
        // Nor is there anything to stop, or a full disk to make room on.
        if weights[Verb::Follow as usize] == 0 {
            weights[Verb::Stop as usize] = 0;
        }
        if weights[Verb::FillUp as usize] == 0 {
            weights[Verb::MakeRoom as usize] = 0;
        }
        // A disk without space ends much, so most seeds do not meet it.
        for verb in [Verb::NoSpace, Verb::FillUp] {
            if !stream.happens(Ratio::new(1, 3)) {
                weights[verb as usize] = 0;
            }
        }
        Verbs {
            weights,
            len_max: *stream.pick(&[8, 60, 60, 400, 1500, 5000]),
        }
    }

    /// Draws so many operations, or some more.
    pub(super) fn draw_ops(&self, stream: &mut Stream, count: u64) -> Vec<Op> {
        let mut ops = Vec::new();
        for _ in 0..count {
            let op = self.draw_op(stream);
            ops.push(op);
            if matches!(op, Op::NoSpace(_) | Op::FillUp(_)) && stream.happens(Ratio::new(1, 2)) {
                draw_after_full(stream, op, &mut ops);
            }
        }
        ops
    }

    /// Draws an operation.
    fn draw_op(&self, stream: &mut Stream) -> Op {
        // Short payloads are as frequent as long ones: boundaries are everywhere.
        let len_max = stream.within(0, self.len_max);
        let len = stream.within(0, len_max) as u32;
        let eighths = stream.within(0, 8) as u32;
        match Verb::ALL[stream.weighted(&self.weights)] {
            Verb::Append => Op::Append(len),
            Verb::Durable => Op::Durable(len),
            Verb::Batch => Op::Batch {
                count: stream.within(1, 6) as u32,
                len,
            },
            Verb::Decoy => Op::Decoy(stream.pick(&PREFIXES) + 512 * (eighths / 2)),
            Verb::Sync => Op::Sync,
            Verb::Prepare => Op::Prepare(1 + eighths),
            Verb::Wait => Op::Wait,
            Verb::Replay => Op::Replay,
            Verb::ReplayFrom => Op::ReplayFrom(eighths),
            Verb::Stream => Op::Stream,
            Verb::StreamFrom => Op::StreamFrom(eighths),
            Verb::Read => Op::Read(1 + eighths),
            Verb::Follow => Op::Follow(eighths),
            Verb::Hold => Op::Hold(eighths),
            Verb::Release => Op::Release,
            Verb::Truncate => Op::Truncate(eighths),
            Verb::TruncateTooFar => Op::TruncateTooFar,
            Verb::ReadTooEarly => Op::ReadTooEarly,
            Verb::Stop => Op::Stop,
            Verb::NoSpace => Op::NoSpace(1 + eighths / 4),
            Verb::FillUp => Op::FillUp(eighths / 4),
            Verb::MakeRoom => Op::MakeRoom,
            Verb::SecondOpen => Op::SecondOpen,
            Verb::Look => Op::Look,
            Verb::Close => Op::Close,
        }
    }
}

/// What finds the disk full: a frame without records, of which a part may be written. Then, with
/// space again, records in its place and behind it, which nothing syncs.
fn draw_after_full(stream: &mut Stream, full: Op, ops: &mut Vec<Op>) {
    let eighths = stream.within(0, 8) as u32;
    ops.push(match stream.weighted(&[3, 2, 3, 1]) {
        0 => Op::Hold(eighths),
        1 => Op::Release,
        2 => Op::Truncate(eighths),
        _ => Op::Close,
    });
    if matches!(full, Op::FillUp(_)) {
        ops.push(Op::MakeRoom);
    }
    for _ in 0..stream.within(2, 4) {
        ops.push(Op::Append(stream.within(300, 900) as u32));
    }
}
