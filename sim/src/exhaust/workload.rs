//! What a few clients do beside each other, and the scenario of it: one life before, which leaves a
//! log with segments to read, hold and truncate, and the life whose schedules are walked.
//!
//! Everything that a scenario leaves to chance is on its tape: who runs, which call fails, what a
//! power cut leaves. So each case that is found is a file that does the same again.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::checker::unchecked::Unchecked;
use crate::choice::{Purpose, Ratio, Tape, TrackId};
use crate::disk::{Knobs, Lie, Strategy};
use crate::scenario::{Counted, CrashPoint, End, FORMAT, How, Life, LogShape, Op, Phase, Scenario};
use crate::sched::policy::PolicyKind;
use crate::seed::Seed;

/// The life whose schedules are walked.
const LIFE: u64 = 2;
/// The clients' schedule in it.
pub(super) const SCHEDULE: TrackId = TrackId {
    purpose: Purpose::Schedule,
    number: LIFE * 4 + 1,
};
/// What its power cut leaves.
const CRASH: TrackId = TrackId {
    purpose: Purpose::Crash,
    number: LIFE,
};
/// Which of its calls fail.
pub(super) const FAULTS: TrackId = TrackId {
    purpose: Purpose::Faults,
    number: LIFE,
};

/// Frames of 512 bytes, and segments that end after a few of them.
const SHAPE: LogShape = LogShape {
    direct: false,
    block: 512,
    buffer: 1024,
    segment: 2048,
};

/// What a client may do: every verb that changes the log or reads it, with the lengths at which it
/// stays in the active segment and rolls.
const ALPHABET: [Op; 13] = [
    Op::Append(40),
    Op::Durable(40),
    Op::Durable(900),
    Op::Sync,
    Op::Replay,
    Op::Follow(0),
    Op::Stop,
    Op::Hold(4),
    Op::Truncate(8),
    Op::NoSpace(1),
    Op::Rotate(2),
    Op::Reencrypt,
    Op::Close,
];

/// What each client does, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    clients: Vec<Vec<Op>>,
}

/// What happens to a life beside its schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incident {
    /// Nothing, up to its end.
    Nothing,
    /// It ends before the change of the disk with this number, from 1 on.
    ///
    /// Before each of them is everywhere: the disk is the same after the one before, and what
    /// its caller has heard since only gives the checks more to hold the log to.
    Crash(u32),
    /// Of all calls that can fail, a write or sync, the one with this number fails, from 0 on.
    Failure(u32),
}

impl Workload {
    /// One of these clients.
    ///
    /// # Errors
    /// Where one can't be read, or can't be run.
    pub fn of<T: AsRef<str>>(clients: &[T]) -> Result<Workload, String> {
        let parse = |client: &T| {
            client
                .as_ref()
                .split(',')
                .map(|op| op.trim().parse())
                .collect()
        };
        let clients = clients.iter().map(parse).collect::<Result<_, String>>()?;
        let workload = Workload { clients };
        workload.scenario(Incident::Nothing, None).check()?;
        Ok(workload)
    }

    /// All workloads of so many clients with so many operations each: in what order the clients stand
    /// makes no difference, since the schedule begins with any of them.
    pub fn all(clients: usize, ops: usize) -> Vec<Workload> {
        let mut sequences = vec![Vec::new()];
        for _ in 0..ops {
            let longer = |sequence: Vec<Op>| {
                ALPHABET.map(|op| sequence.iter().copied().chain([op]).collect::<Vec<_>>())
            };
            sequences = sequences.into_iter().flat_map(longer).collect();
        }
        let mut chosen = vec![(0, Vec::new())];
        for _ in 0..clients {
            let with_more = |(first, clients): (usize, Vec<Vec<Op>>)| {
                let more = (first..sequences.len()).map(move |index| (index, clients.clone()));
                let add = |(index, mut clients): (usize, Vec<Vec<Op>>)| {
                    clients.push(sequences[index].clone());
                    (index, clients)
                };
                more.map(add).collect::<Vec<_>>()
            };
            chosen = chosen.into_iter().flat_map(with_more).collect();
        }
        let workloads = chosen.into_iter().map(|(_, clients)| Workload { clients });
        workloads.collect()
    }

    /// The scenario in which this happens, and the clients are never interrupted.
    pub(super) fn scenario(&self, incident: Incident, lie: Option<Lie>) -> Scenario {
        let at = match incident {
            Incident::Crash(number) => Some(CrashPoint {
                counted: Counted::Changes,
                number,
                phase: Phase::Before,
            }),
            Incident::Nothing | Incident::Failure(_) => None,
        };
        let mut tape = Tape::default();
        for track in [SCHEDULE, CRASH, FAULTS] {
            tape.track_mut(track);
        }
        if let Incident::Failure(number) = incident {
            tape.track_mut(FAULTS).set(number, 1);
        }
        let is_of_keys = |op: &Op| matches!(op, Op::Rotate(_) | Op::Reencrypt | Op::Retire);
        let has_keys = self.clients.iter().flatten().any(is_of_keys);
        let life = Life {
            restore: None,
            end: End {
                how: How::PowerCut,
                at,
            },
            policy: PolicyKind::Random,
            spurious: Ratio::NEVER,
            unwind: false,
            calm: false,
            log: SHAPE,
            key: has_keys.then_some(1),
            probe: None,
            clients: self.clients.clone(),
        };
        let before = Life {
            end: End {
                how: How::Kill,
                at: None,
            },
            calm: true,
            clients: vec![vec![
                Op::Durable(900),
                Op::Durable(900),
                Op::Append(40),
                Op::Sync,
            ]],
            ..life.clone()
        };
        // What makes a choice of it; the tape says which.
        let may_fail = Ratio::new(1, 2);
        Scenario {
            format: FORMAT,
            seed: Seed(xxh3_64(self.to_string().as_bytes())),
            without_crashes: false,
            without: None,
            unchecked: Unchecked::default(),
            legacy: None,
            disk: Knobs {
                sync_is_outrun: true,
                write_error: may_fail,
                sync_error: may_fail,
                dirsync_error: may_fail,
                lie,
                ..Knobs::default()
            },
            media: None,
            lives: vec![before, life],
            tape,
        }
    }
}

/// Lets the power cut at the end of the walked life keep everything that is pending.
pub(super) fn keep_all(scenario: &mut Scenario) {
    let track = scenario.tape.track_mut(CRASH);
    track.set(0, Strategy::KeepAll as u32);
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, client) in self.clients.iter().enumerate() {
            let ops: Vec<String> = client.iter().map(Op::to_string).collect();
            let bar = if index == 0 { "" } else { " | " };
            write!(f, "{bar}{}", ops.join(", "))?;
        }
        Ok(())
    }
}
