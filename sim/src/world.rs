//! The world of a run: the disk, the scheduler, the clock and the randomness that the log gets,
//! and the plan that says at which call a life ends.
//!
//! It stands in front of every call to the disk: there other tasks may run, and there a life is
//! cut. It repairs nothing for the log.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};

use seawall::env::Env;
use seawall::env::entropy::Entropy;

use crate::checker::{Tally, Violation, truncation};
use crate::choice::{Choices, Purpose, Stream};
use crate::coverage::{LifePhase, Operation};
use crate::disk::{
    Call, CallKind, Disk, Durable, Fate, FaultClass, Gate, Ino, Knobs, Mode, Performed, Place,
    SimVfs, Written,
};
use crate::events::{self, Event, Made};
use crate::features;
use crate::ledger::Ledger;
use crate::scenario::{Counted, CrashPoint, Phase};
use crate::sched::Scheduler;
use crate::sched::clock::VirtualClock;
use crate::site::{LOG, Site};

mod blame;
pub mod fork;
mod sites;
mod whereabouts;

pub use sites::SiteCounts;

use blame::faults_of_calls;
use sites::Sites;
use whereabouts::Whereabouts;

/// Where the log lives: two directories that it has to create itself.
pub const LOG_DIR: &str = "/data/log";

#[allow(clippy::disallowed_types)] // All tasks share one thread: this lock is never waited for.
type Cell<T> = std::sync::Mutex<T>;

/// What is counted and watched within one life.
#[derive(Default)]
struct Watch {
    /// Calls to the disk in this life.
    calls: u64,
    /// Those of them that change the disk.
    changes: u64,
    crash: Option<CrashPoint>,
    /// Tasks that are just now opening the log a second time, one bit each.
    intruders: u64,
    /// Calls of theirs that change the disk.
    intruder_changes: u64,
    /// The call that each task makes: its number in the life, and among those that change the disk.
    under_way: Vec<(u64, Option<u64>)>,
    life: u64,
    repair: Option<Repair>,
    whereabouts: Whereabouts,
    /// Tasks that are just now truncating, one bit each.
    truncating: u64,
    /// Crashes at a call, by phase; over all lives.
    cuts: [u64; 3],
    /// How often the disk had gone wrong when the life began.
    faults_before: u64,
    sites: Sites,
    tally: Tally,
    violation: Option<Violation>,
    /// Sees the disk before each call that changes it.
    before_changes: Option<fn(&Disk)>,
}

/// What is made durable after calls that did not ask for it: to see what would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// After which calls.
    pub after: After,
    /// What.
    pub what: Durable,
}

/// The calls after which something is repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// One, by its life and its number there, both from 1 on.
    Call(u64, u64),
    /// All that are made at this place of the log.
    Site(Site),
}

/// The gate in front of the disk.
struct Warden {
    watch: Cell<Watch>,
    /// Where the call is counted that has arrived last.
    place: AtomicU16,
    /// Whether something is to be repaired after some calls.
    repairs: AtomicBool,
    ledger: SharedLedger,
    vfs: OnceLock<Weak<SimVfs>>,
}

/// What was ever sealed in a run, on whichever disk.
#[derive(Clone, Default)]
struct SharedLedger {
    ledger: Arc<Cell<Ledger>>,
}

/// A world with one disk, for all lives of a run.
pub struct World {
    warden: Arc<Warden>,
    ledger: SharedLedger,
    vfs: Arc<SimVfs>,
    entropy: Arc<SimEntropy>,
    choices: Choices,
}

impl World {
    /// A world with an empty disk.
    pub fn new(knobs: &Knobs, choices: Choices) -> World {
        let ledger = SharedLedger::default();
        let warden = Arc::new(Warden {
            watch: Cell::default(),
            place: AtomicU16::default(),
            repairs: AtomicBool::default(),
            ledger: ledger.clone(),
            vfs: OnceLock::new(),
        });
        let faults = choices.stream(Purpose::Faults, 0);
        let gate = Arc::clone(&warden) as Arc<dyn Gate>;
        let vfs = SimVfs::new(Disk::new(knobs.clone()), gate, faults);
        let known = warden.vfs.set(Arc::downgrade(&vfs));
        assert!(known.is_ok(), "a gate belongs to one disk");
        World {
            warden,
            ledger,
            vfs,
            entropy: Arc::new(SimEntropy::new(choices.stream(Purpose::Entropy, 0))),
            choices,
        }
    }

    /// What the log gets to see of it.
    pub fn env(&self) -> Env {
        Env {
            vfs: Arc::clone(&self.vfs) as Arc<dyn seawall::env::vfs::Vfs>,
            clock: Arc::new(VirtualClock),
            entropy: Arc::clone(&self.entropy) as Arc<dyn Entropy>,
        }
    }

    /// Begins a life with an open in this phase: its own choices, its own count of calls.
    pub fn begin_life(&self, life: u64, phase: LifePhase, crash: Option<CrashPoint>) {
        self.vfs
            .set_faults(self.choices.stream(Purpose::Faults, life));
        *self.entropy.lock() = self.choices.stream(Purpose::Entropy, life);
        let faults_before = self.with_disk(|disk| {
            disk.refuse_space(0);
            disk.make_room();
            disk.begin_media_life(life);
            faults_of_calls(disk)
        });
        let mut watch = self.warden.lock();
        watch.life = life;
        watch.calls = 0;
        watch.changes = 0;
        watch.crash = crash;
        watch.intruders = 0;
        watch.intruder_changes = 0;
        watch.truncating = 0;
        watch.whereabouts = Whereabouts::default();
        watch.whereabouts.phase = phase;
        watch.faults_before = faults_before;
    }

    /// Makes something durable when its time comes.
    pub fn repair(&self, repair: Repair) {
        self.warden.lock().repair = Some(repair);
        self.warden.repairs.store(true, Ordering::Relaxed);
    }

    /// Reaches the disk itself.
    pub fn with_disk<T>(&self, reach: impl FnOnce(&mut Disk) -> T) -> T {
        self.vfs.with_disk(reach)
    }

    /// The time: how many calls to the disk have begun.
    pub fn now(&self) -> u64 {
        self.vfs.now()
    }

    /// How many calls this life has made.
    pub fn calls(&self) -> u64 {
        self.warden.lock().calls
    }

    /// Whether the disk has given this life a reason to fail.
    pub fn disk_is_to_blame(&self) -> bool {
        let before = self.warden.lock().faults_before;
        self.with_disk(|disk| disk.mode() != Mode::ReadWrite || faults_of_calls(disk) > before)
    }

    /// Whether the medium has damaged something that was not judged yet.
    pub fn is_damaged(&self) -> bool {
        self.worst_class().is_some()
    }

    /// The weakest class of what it has damaged.
    pub fn worst_class(&self) -> Option<FaultClass> {
        self.with_disk(|disk| disk.incidents().iter().map(|one| one.class).max())
    }

    /// Counts the calls that change the disk while `open` opens the log a second time.
    pub fn watch_intruder<T>(&self, open: impl FnOnce() -> T) -> (T, u64) {
        let bit = task_bit();
        self.warden.lock().intruders |= bit;
        let result = open();
        let mut watch = self.warden.lock();
        watch.intruders &= !bit;
        (result, std::mem::take(&mut watch.intruder_changes))
    }

    /// The calling task begins this operation.
    pub fn enter(&self, operation: Operation) {
        let task = Scheduler::of_this_thread().current_task();
        let task = task.expect("clients are tasks");
        self.warden.lock().whereabouts.enter(task, operation);
    }

    /// The life is in this phase now.
    pub fn go_to(&self, phase: LifePhase) {
        self.warden.lock().whereabouts.phase = phase;
    }

    /// Nobody uses the log any more: what happens to the disk now happens to one at rest.
    pub fn rest(&self) {
        let place = self.warden.lock().whereabouts.place(None);
        self.with_disk(|disk| disk.go_to(place));
    }

    /// Checks the order of removals while `truncate` runs.
    pub fn watch_truncation<T>(&self, truncate: impl FnOnce() -> T) -> T {
        let bit = task_bit();
        self.warden.lock().truncating |= bit;
        let result = truncate();
        self.warden.lock().truncating &= !bit;
        result
    }

    /// From now on `see` sees the disk before each call that changes it, or what of it is durable.
    pub fn before_changes(&self, see: fn(&Disk)) {
        self.warden.lock().before_changes = Some(see);
    }

    /// How many crashes came at a call: before it, within it, after it.
    pub fn cuts(&self) -> [u64; 3] {
        self.warden.lock().cuts
    }

    /// Reaches the ledger of all that was sealed here and on all forks.
    pub fn ledger<T>(&self, reach: impl FnOnce(&mut Ledger) -> T) -> T {
        reach(&mut self.ledger.lock())
    }

    /// Scans all that is on the disk for what an encrypted log must not have there.
    pub fn scan(&self) {
        self.with_disk(|disk| self.ledger.lock().scan(disk));
    }

    /// What the gate itself has seen: checks made, and the first that failed.
    pub fn take_findings(&self) -> (Tally, Option<Violation>) {
        let mut watch = self.warden.lock();
        let mut tally = std::mem::take(&mut watch.tally);
        tally.add(&self.ledger(Ledger::take_tally));
        (tally, watch.violation.take())
    }
}

impl Drop for World {
    /// A frozen task never lets go of what it held, and it held a way to the disk: so the disk is
    /// emptied here, and only its shell stays behind.
    fn drop(&mut self) {
        self.with_disk(|disk| *disk = Disk::new(Knobs::default()));
    }
}

fn task_bit() -> u64 {
    let task = Scheduler::of_this_thread().current_task();
    1 << task.expect("clients are tasks")
}

impl Watch {
    /// Whether the call that was just counted is the one that a crash waits for.
    fn is_at(&self, crash: CrashPoint, is_change: bool) -> bool {
        let number = u64::from(crash.number);
        match crash.counted {
            Counted::Calls => self.calls == number,
            Counted::Changes => is_change && self.changes == number,
        }
    }
}

impl SharedLedger {
    fn lock(&self) -> impl std::ops::DerefMut<Target = Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Warden {
    fn lock(&self) -> impl std::ops::DerefMut<Target = Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vfs(&self) -> Arc<SimVfs> {
        let vfs = self.vfs.get().and_then(Weak::upgrade);
        vfs.expect("the disk makes the call, so it is there")
    }

    /// What a removal leaves of the segments, by name, and which it is.
    fn check_removal(&self, call: Call) {
        let dir = Path::new(LOG_DIR);
        let (removed, mut left) = self.vfs().with_disk(|disk| {
            let names = disk.read_dir(dir).unwrap_or_default();
            let is_it = |name: &String| disk.resolve(&dir.join(name)) == Ok(call.ino);
            (names.iter().find(|name| is_it(name)).cloned(), names)
        });
        let Some(removed) = removed else {
            return;
        };
        left.retain(|name| name.starts_with("seg-"));
        let mut watch = self.lock();
        let checked = truncation::check_removal(&removed, &left, &mut watch.tally);
        if let Err(violation) = checked {
            watch.violation.get_or_insert(violation);
        }
    }
}

impl Gate for Warden {
    fn arrive(&self, call: Call) -> Fate {
        let scheduler = Scheduler::of_this_thread();
        let is_change = changes_the_disk(call.kind);
        match is_change {
            true => scheduler.io_point(),
            false => scheduler.read_point(),
        }
        let task = scheduler.current_task();
        let bit = task.map_or(0, |task| 1 << task);
        let mut watch = self.lock();
        if let Some(task) = task {
            watch.whereabouts.arrive(task, call.kind);
        }
        watch.calls += 1;
        watch.changes += u64::from(is_change);
        let number = (watch.calls, is_change.then_some(watch.changes));
        let task_or_first = task.unwrap_or(0);
        if watch.under_way.len() <= task_or_first {
            watch.under_way.resize(task_or_first + 1, (0, None));
        }
        watch.under_way[task_or_first] = number;
        if watch.intruders & bit != 0 && is_change {
            watch.intruder_changes += 1;
        }
        let is_removal = watch.truncating & bit != 0 && call.kind == CallKind::RemoveFile;
        let fate = match watch.crash {
            Some(crash) if watch.is_at(crash, is_change) && scheduler.can_cut() => {
                watch.cuts[crash.phase as usize] += 1;
                match crash.phase {
                    Phase::Before => Fate::CutBefore,
                    Phase::Within => Fate::CutWithin,
                    Phase::After => Fate::CutAfter,
                }
            }
            _ => Fate::Run,
        };
        let see = watch.before_changes.filter(|_| is_change);
        watch.whereabouts.note_arrival(task, call.kind, fate);
        let place = watch.whereabouts.place(task);
        drop(watch);
        self.place.store(place.0, Ordering::Relaxed);
        if let Some(see) = see {
            self.vfs().with_disk(|disk| see(disk));
        }
        if is_removal {
            self.check_removal(call);
        }
        fate
    }

    fn performed(&self, disk: &mut Disk, performed: Performed<'_>) {
        let is_repaired = self.repairs.load(Ordering::Relaxed);
        if !is_repaired && !events::are_kept() && !features::are_wanted() {
            return;
        }
        let task = Scheduler::of_this_thread().current_task().unwrap_or(0);
        let watch = self.lock();
        let (number, change) = watch.under_way[task];
        watch.whereabouts.note_call(task, &performed);
        events::keep(|| {
            Event::Call(Made {
                number,
                change,
                call: performed.call,
                name: (performed.name)(),
                site: events::site(),
                result: performed.result,
                fate: performed.fate,
            })
        });
        events::observe(disk);
        if let Some(repair) = &watch.repair {
            let is_time = match &repair.after {
                After::Call(life, call) => (*life, *call) == (watch.life, number),
                After::Site(site) => Site::of_caller(&LOG).as_ref() == Some(site),
            };
            if is_time {
                for ino in disk.make_durable_now(repair.what) {
                    self.ledger.lock().synced(disk, ino);
                }
                events::keep(|| Event::Repaired);
                events::observe(disk);
            }
        }
    }

    fn has_effect(&self, kind: CallKind) -> bool {
        self.lock().sites.has_effect(kind)
    }

    fn cut(&self) -> ! {
        Scheduler::of_this_thread().cut()
    }

    fn place(&self) -> Place {
        Place(self.place.load(Ordering::Relaxed))
    }

    fn wrote(&self, disk: &Disk, written: Written<'_>) {
        self.ledger.lock().wrote(disk, &written, false);
    }

    fn synced(&self, disk: &Disk, ino: Ino) {
        self.ledger.lock().synced(disk, ino);
    }
}

/// Whether a call changes what is on the disk, or what of it is durable.
pub(crate) fn changes_the_disk(kind: CallKind) -> bool {
    !matches!(
        kind,
        CallKind::Open
            | CallKind::Metadata
            | CallKind::ReadDir
            | CallKind::Read
            | CallKind::Len
            | CallKind::TryLock
            | CallKind::DirectAlignment
            | CallKind::Mode
    )
}

/// The log's randomness: reproducible, and another for each life.
pub(crate) struct SimEntropy {
    stream: Cell<Stream>,
}

impl SimEntropy {
    /// Randomness from this stream.
    pub(crate) fn new(stream: Stream) -> SimEntropy {
        SimEntropy {
            stream: Cell::new(stream),
        }
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entropy for SimEntropy {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        self.lock().fill(bytes);
        Ok(())
    }
}
