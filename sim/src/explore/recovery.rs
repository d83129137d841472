//! One recovery, on a disk of its own: what it shows, what it looked at, and the disk before each of
//! its calls that change it.
//!
//! Nobody else is there, so it needs no scheduler. Its randomness depends on nothing but how many
//! recoveries came before it: so what it looked at decides all that it does. After it has shown the
//! log, it may append one record, durably: what comes behind a recovery has to last as well.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};

use seawall::env::Env;
use seawall::env::entropy::Entropy;
use seawall::env::sync::Mutex;
use seawall::env::vfs::Vfs;
use seawall::{Error, KeyRing, Lsn, TenantId, VShardId, WalConfig, WalManager};

use crate::checker::{Property, Recovered, Violation, errors};
use crate::choice::{Choices, Purpose};
use crate::disk::{Call, CallKind, Disk, Fate, Gate, Ino, SimVfs};
use crate::model::{AppendId, Payload};
use crate::sched::clock::VirtualClock;
use crate::world::{LOG_DIR, SimEntropy, changes_the_disk};

/// What is appended once the log is shown.
pub(super) const AFTERWARDS: Payload = Payload {
    len: 40,
    is_decoy: false,
};

/// How a log is recovered.
pub(super) struct How {
    pub(super) config: WalConfig,
    pub(super) keys: Option<KeyRing>,
    /// How many recoveries there are before this one in its story, and 1.
    pub(super) level: usize,
    /// Whether the disk is kept before each change, and which number a record has that is appended
    /// afterwards.
    pub(super) goes_on: Option<AppendId>,
}

/// Something that a recovery has looked at, or touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The length of a file.
    Len(Ino),
    /// A range of bytes of a file, and with that its length.
    Bytes(Ino, u64, u64),
}

/// How far a recovery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Nobody has seen anything of the log.
    Hidden,
    /// It was shown, and a record is being appended.
    Appending,
    /// It was acknowledged.
    Acknowledged,
}

impl Stage {
    pub(super) const COUNT: usize = 3;
}

/// What came of a recovery.
pub(super) struct Ran {
    pub(super) shown: Result<Recovered, Violation>,
    /// What became of the append afterwards.
    pub(super) appended: Option<Result<Lsn, Violation>>,
    pub(super) looks: Vec<Look>,
    /// The disk before each change, and at the end.
    pub(super) moments: Vec<(Stage, Disk)>,
}

#[derive(Default)]
struct Notes {
    looks: Vec<Look>,
    moments: Vec<(Stage, Disk)>,
    stage: Option<Stage>,
}

/// The gate: it notes every look, and keeps the disk before every change.
struct Watcher {
    notes: Mutex<Notes>,
    vfs: OnceLock<Weak<SimVfs>>,
}

impl Watcher {
    fn keep(&self, notes: &mut Notes) {
        let Some(stage) = notes.stage else {
            return;
        };
        let vfs = self.vfs.get().and_then(Weak::upgrade);
        let vfs = vfs.expect("the disk makes the call, so it is there");
        let disk = vfs.with_disk(|disk| disk.clone());
        notes.moments.push((stage, disk));
    }

    fn has_come_to(&self, stage: Stage) {
        let mut notes = self.notes.lock();
        if notes.stage.is_some() {
            notes.stage = Some(stage);
        }
    }
}

impl Gate for Watcher {
    fn arrive(&self, call: Call) -> Fate {
        let mut notes = self.notes.lock();
        match call.kind {
            CallKind::Read | CallKind::Write => {
                let end = call.offset + call.len;
                notes.looks.push(Look::Bytes(call.ino, call.offset, end));
            }
            // What is cut off matters no more, but it counts as looked at: to be on the safe side.
            CallKind::SetLen => notes
                .looks
                .push(Look::Bytes(call.ino, call.offset, u64::MAX)),
            CallKind::Metadata | CallKind::Len | CallKind::Allocate => {
                notes.looks.push(Look::Len(call.ino));
            }
            _ => {}
        }
        if changes_the_disk(call.kind) {
            self.keep(&mut notes);
        }
        Fate::Run
    }

    fn cut(&self) -> ! {
        panic!("what a power cut would leave is known without one");
    }
}

/// Recovers the log on this disk.
pub(super) fn run(disk: Disk, how: &How) -> Ran {
    let watcher = Arc::new(Watcher {
        notes: Mutex::new(Notes {
            stage: how.goes_on.map(|_| Stage::Hidden),
            ..Notes::default()
        }),
        vfs: OnceLock::new(),
    });
    let choices = Choices::new(0);
    let gate = Arc::clone(&watcher) as Arc<dyn Gate>;
    let vfs = SimVfs::new(disk, gate, choices.stream(Purpose::Faults, 0));
    let known = watcher.vfs.set(Arc::downgrade(&vfs));
    assert!(known.is_ok(), "a gate belongs to one disk");
    let entropy = SimEntropy::new(choices.stream(Purpose::Probe, how.level as u64));
    let env = Env {
        vfs: Arc::clone(&vfs) as Arc<dyn Vfs>,
        clock: Arc::new(VirtualClock),
        entropy: Arc::new(entropy) as Arc<dyn Entropy>,
    };
    let done = catch_unwind(AssertUnwindSafe(|| recover(env, how, &watcher)));
    let (shown, appended) = done.unwrap_or_else(|_| {
        let story = "a recovery panicked; the message is on standard error";
        (Err(Violation::new(Property::Panic, story)), None)
    });
    let mut notes = std::mem::take(&mut *watcher.notes.lock());
    watcher.keep(&mut notes);
    Ran {
        shown,
        appended,
        looks: notes.looks,
        moments: notes.moments,
    }
}

type Shown = Result<Recovered, Violation>;
type Appended = Option<Result<Lsn, Violation>>;

fn recover(env: Env, how: &How, watcher: &Watcher) -> (Shown, Appended) {
    let opened = WalManager::open_in(env, Path::new(LOG_DIR), how.config, how.keys.clone());
    let shown = opened.and_then(|log| Recovered::of(&log).map(|shown| (log, shown)));
    let (log, shown) = match shown {
        Ok(shown) => shown,
        Err(error) => return (Err(unexcused("open", &error)), None),
    };
    let Some(id) = how.goes_on else {
        return (Ok(shown), None);
    };
    watcher.has_come_to(Stage::Appending);
    let mut payload = Vec::new();
    id.payload(AFTERWARDS, &mut payload);
    let (tenant, vshard) = (TenantId::new(id.0), VShardId::new(0));
    let appended = log.append_durable(id.verb(), tenant, vshard, &payload);
    watcher.has_come_to(Stage::Acknowledged);
    let appended = appended.map_err(|error| unexcused("append_durable", &error));
    (Ok(shown), Some(appended))
}

/// Nothing went wrong with the disk, so nothing excuses an error.
fn unexcused(what: &str, error: &Error) -> Violation {
    let excuses = errors::Excuses::default();
    let wrong = errors::check(what, error, excuses, &mut Default::default());
    wrong.expect_err("nothing excuses it")
}
