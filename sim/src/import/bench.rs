//! Where recovery runs over an image: on a simulated disk, as a task of the scheduler, with a trace.
//!
//! No call fails and nothing is cut: what is seen comes from the image alone. A log that panics, or
//! goes on for ever, over what it was given ends the look and not the process.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use seawall::env::Env;
use seawall::{Error, KeyRing, Report, WalConfig, WalManager, verify_in};

use super::image::FieldImage;
use crate::choice::{Choices, Purpose};
use crate::disk::{Call, Fate, Gate, SimVfs, Strategy};
use crate::sched::Scheduler;
use crate::sched::clock::VirtualClock;
use crate::sched::outcome::Outcome;
use crate::sched::plan::Plan;
use crate::sched::policy::PolicyKind;
use crate::trace::{self, Recorded};
use crate::world::{LOG_DIR, SimEntropy, changes_the_disk};

/// Whoever makes more steps than this, and one for each byte of the image, never ends.
const STEPS_MAX: u64 = 1_000_000;

/// A gate that lets every call through, as a scheduling point.
struct Passage;

impl Gate for Passage {
    fn arrive(&self, call: Call) -> Fate {
        match changes_the_disk(call.kind) {
            true => Scheduler::of_this_thread().io_point(),
            false => Scheduler::of_this_thread().read_point(),
        }
        Fate::Run
    }

    fn cut(&self) -> ! {
        panic!("nothing cuts a look at an image off");
    }
}

/// What an open showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// How many records a reader was shown, and the first and the last of them.
    pub(super) records: u64,
    pub(super) lsns: Option<(u64, u64)>,
    /// A checksum over all that was shown.
    digest: u64,
    pub(super) next_lsn: u64,
    /// Why the reader could not go on to the end.
    pub(super) stopped: Option<String>,
}

/// All that was seen of an image.
pub(super) struct Seen {
    /// By who only looks.
    pub(super) report: Result<Report, Error>,
    /// By an open.
    pub(super) opened: Result<Opened, Error>,
    /// Whether the next open, after one more power cut, shows the same; true where there was none.
    pub(super) is_stable: bool,
}

/// Looks at an image in all ways. With text the trace has its lines.
///
/// # Errors
/// How it ended, where the log did not bring it to an end.
pub(super) fn look(
    image: &FieldImage,
    keys: Option<&KeyRing>,
    with_text: bool,
) -> (Result<Seen, Outcome>, Recorded) {
    trace::start(with_text);
    let seen = try_look(image, keys);
    (seen, trace::finish())
}

fn try_look(image: &FieldImage, keys: Option<&KeyRing>) -> Result<Seen, Outcome> {
    let choices = Choices::new(0);
    let faults = choices.stream(Purpose::Faults, 0);
    let vfs = SimVfs::new(image.disk(), Arc::new(Passage), faults);
    let bytes: usize = image.files.values().map(Vec::len).sum();
    let dir = Path::new(LOG_DIR);
    let mut lives = 0;
    let mut env = || {
        lives += 1;
        let entropy = SimEntropy::new(choices.stream(Purpose::Entropy, lives));
        Env {
            vfs: Arc::clone(&vfs) as Arc<dyn seawall::env::vfs::Vfs>,
            clock: Arc::new(VirtualClock),
            entropy: Arc::new(entropy),
        }
    };
    let report = alone(bytes, || verify_in(env(), dir, keys.cloned()))?;
    trace::line(|| "the log is opened".into());
    let open = |env| {
        let wal = WalManager::open_in(env, dir, WalConfig::default(), keys.cloned());
        wal.map(|wal| read_all(&wal))
    };
    let opened = alone(bytes, || open(env()))?;
    let mut is_stable = true;
    if let Ok(first) = &opened {
        trace::line(|| "the power is cut, and the log is opened again".into());
        let mut stream = choices.stream(Purpose::Crash, 1);
        vfs.with_disk(|disk| disk.power_cut_with(Strategy::LoseAll, &mut stream));
        let again = alone(bytes, || open(env()))?;
        is_stable = again.is_ok_and(|again| again == *first);
    }
    Ok(Seen {
        report,
        opened,
        is_stable,
    })
}

/// Runs one task to its end.
fn alone<T>(bytes: usize, body: impl FnOnce() -> T) -> Result<T, Outcome> {
    let (body, result) = (Cell::new(Some(body)), Cell::new(None));
    let stream = Choices::new(0).stream(Purpose::Schedule, 0);
    let plan = Plan {
        step_limit: STEPS_MAX + bytes as u64,
        ..Plan::new(PolicyKind::Random, stream)
    };
    let outcome = Scheduler::of_this_thread().run(1, plan, &|_| {
        let body = body.take().expect("there is one task");
        result.set(Some(body()));
    });
    match outcome {
        Outcome::Finished => Ok(result.take().expect("it has finished")),
        other => Err(other),
    }
}

fn read_all(wal: &WalManager) -> Opened {
    let mut opened = Opened {
        records: 0,
        lsns: None,
        digest: 0,
        next_lsn: wal.next_lsn().as_u64(),
        stopped: None,
    };
    let reader = match wal.reader() {
        Ok(reader) => reader,
        Err(error) => {
            opened.stopped = Some(super::tell(&error));
            return opened;
        }
    };
    for record in reader {
        match record {
            Ok(record) => {
                let lsn = record.header.lsn;
                opened.records += 1;
                opened.lsns = Some((opened.lsns.map_or(lsn, |(first, _)| first), lsn));
                let payload = xxhash_rust::xxh3::xxh3_64(&record.payload);
                opened.digest = opened.digest.rotate_left(1) ^ payload ^ lsn;
            }
            Err(error) => {
                opened.stopped = Some(super::tell(&error));
                break;
            }
        }
    }
    opened
}
