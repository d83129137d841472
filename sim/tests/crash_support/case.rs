//! What the hand-written crash cases share: a log on a simulated disk, and a hand that cuts the
//! power, damages bytes and looks at them past the log.
//!
//! Most of a case runs without a scheduler. Only what is to die at a certain call runs as a task,
//! so that it can be frozen there.

#![allow(dead_code)] // Each test takes what it needs.
#![allow(clippy::disallowed_types)] // One thread: these locks are never waited for.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use seawall::env::Env;
use seawall::env::entropy::Entropy;
use seawall::env::vfs::{OpenHow, Vfs};
use seawall::{Error, KeyRing, Lsn, TenantId, VShardId, WalConfig, WalManager, WalTuning};
use seawall_sim::choice::{Choices, Purpose, Ratio, Stream};
use seawall_sim::disk::{
    Call, CallKind, Disk, Fate, Gate, Image, Ino, Knobs, SimVfs, Strategy, SyncErrorMode, Written,
};
use seawall_sim::keyholder;
use seawall_sim::ledger::Ledger;
use seawall_sim::sched::Scheduler;
use seawall_sim::sched::clock::VirtualClock;
use seawall_sim::sched::outcome::Outcome;
use seawall_sim::sched::plan::Plan;
use seawall_sim::sched::policy::PolicyKind;

/// Where the log is.
pub const LOG: &str = "/log";
/// The block of all these logs in bytes: header, frames and sectors begin at its multiples.
pub const BLOCK: usize = 512;
pub const ALWAYS: Ratio = Ratio::new(1, 1);

/// A world of its own, with everything that a log needs.
pub struct Case {
    pub vfs: Arc<SimVfs>,
    trap: Arc<Trap>,
    entropy: Arc<Salts>,
    /// The roll-over threshold of the logs opened next.
    pub segment_bytes: u64,
    /// The keys that they are opened with.
    pub keys: Option<KeyRing>,
}

impl Case {
    pub fn new() -> Case {
        Case::on(Disk::new(Knobs::default()))
    }

    /// A world around a disk that has a past.
    pub fn on(disk: Disk) -> Case {
        Case::with(disk, Arc::default())
    }

    fn with(disk: Disk, ledger: Arc<Mutex<Ledger>>) -> Case {
        let watch = Mutex::default();
        let vfs = OnceLock::new();
        let trap = Arc::new(Trap { watch, ledger, vfs });
        let gate = Arc::clone(&trap) as Arc<dyn Gate>;
        let choices = Choices::new(1);
        let vfs = SimVfs::new(disk, gate, choices.stream(Purpose::Faults, 0));
        let known = trap.vfs.set(Arc::downgrade(&vfs));
        assert!(known.is_ok(), "a gate belongs to one disk");
        Case {
            vfs,
            trap,
            entropy: Arc::new(Salts(Mutex::new(choices.stream(Purpose::Entropy, 0)))),
            // So small that nothing is prepared ahead without being asked for.
            segment_bytes: 32 << 10,
            keys: None,
        }
    }

    /// Another world with the same disk, as it is now; its log draws other salts.
    pub fn fork(&self) -> Case {
        let disk = self.vfs.with_disk(|disk| disk.clone());
        let number = self.entropy.0.lock().expect("one thread").bits();
        let entropy = Choices::new(number).stream(Purpose::Entropy, 0);
        Case {
            segment_bytes: self.segment_bytes,
            keys: self.keys.clone(),
            entropy: Arc::new(Salts(Mutex::new(entropy))),
            ..Case::with(disk, Arc::clone(&self.trap.ledger))
        }
    }

    /// From now on the log is encrypted, under the keyholder's key with this number.
    pub fn encrypt(&mut self, number: u32) {
        self.keys = Some(KeyRing::new(keyholder::key(number)));
        self.ledger(|ledger| ledger.begin_life(Some(number)));
    }

    /// Reaches the ledger of this world and all its forks.
    pub fn ledger<T>(&self, reach: impl FnOnce(&mut Ledger) -> T) -> T {
        reach(&mut self.trap.ledger.lock().expect("one thread"))
    }

    pub fn try_open_as(&self, dir: &str, config: WalConfig) -> Result<WalManager, Error> {
        let env = Env {
            vfs: Arc::clone(&self.vfs) as Arc<dyn Vfs>,
            clock: Arc::new(VirtualClock),
            entropy: Arc::clone(&self.entropy) as Arc<dyn Entropy>,
        };
        WalManager::open_in(env, Path::new(dir), config, self.keys.clone())
    }

    pub fn try_open_at(&self, dir: &str) -> Result<WalManager, Error> {
        let config = WalConfig {
            use_direct_io: false,
            segment_target_size: self.segment_bytes,
            tuning: WalTuning {
                write_buffer_size: BLOCK,
                alignment: BLOCK,
            },
        };
        self.try_open_as(dir, config)
    }

    pub fn try_open(&self) -> Result<WalManager, Error> {
        self.try_open_at(LOG)
    }

    pub fn open(&self) -> WalManager {
        self.try_open().expect("the log opens")
    }

    /// Drops the log and cuts the power.
    pub fn cut(&self, wal: WalManager, strategy: Strategy) {
        drop(wal);
        self.cut_with(strategy, 0);
    }

    /// Cuts the power; `number` tells the choices that the strategy leaves.
    pub fn cut_with(&self, strategy: Strategy, number: u64) {
        let mut stream = Choices::new(number).stream(Purpose::Crash, 0);
        self.vfs
            .with_disk(|disk| disk.power_cut_with(strategy, &mut stream));
    }

    pub fn knobs(&self, knobs: Knobs) {
        self.vfs.with_disk(|disk| disk.set_knobs(knobs));
    }

    /// Runs `body` as a task whose life ends with `fate` at its call number `number`, from 1 on,
    /// among those of `kind`. Returns whether it got there.
    pub fn die_at(&self, kind: Option<CallKind>, number: u64, fate: Fate, body: impl Fn()) -> bool {
        *self.trap.lock() = Watch {
            deadly: Some((kind, number, fate)),
            ..Watch::default()
        };
        let stream = Choices::new(number).stream(Purpose::Schedule, 0);
        let plan = Plan::new(PolicyKind::Walk, stream);
        let outcome = Scheduler::of_this_thread().run(1, plan, &|_| body());
        self.trap.lock().deadly = None;
        assert!(
            matches!(outcome, Outcome::Finished | Outcome::Cut),
            "{outcome}"
        );
        outcome == Outcome::Cut
    }

    /// Runs `body`; its call number `number`, from 1 on, fails as `failure` says. Returns whether
    /// it got there.
    pub fn fail_at(&self, number: u64, failure: Failure, body: impl FnOnce()) -> bool {
        *self.trap.lock() = Watch {
            failing: Some((number, failure)),
            ..Watch::default()
        };
        body();
        let got_there = self.trap.lock().calls >= number;
        *self.trap.lock() = Watch::default();
        self.vfs.with_disk(|disk| Failure::None.apply(disk));
        got_there
    }

    /// Whoever makes the next call of this kind panics in it.
    pub fn panic_at(&self, kind: CallKind) {
        *self.trap.lock() = Watch {
            panics: Some(kind),
            ..Watch::default()
        };
    }

    /// How many calls `body` makes, and how many bytes it asks to read.
    pub fn cost_of<T>(&self, body: impl FnOnce() -> T) -> (u64, u64) {
        *self.trap.lock() = Watch::default();
        body();
        let watch = self.trap.lock();
        (watch.calls, watch.bytes_read)
    }

    pub fn image(&self) -> Image {
        self.vfs.with_disk(|disk| disk.image())
    }

    /// The names of the log's segments, oldest first.
    pub fn segments(&self) -> Vec<String> {
        let names = self.vfs.with_disk(|disk| disk.read_dir(Path::new(LOG)));
        let mut names = names.expect("the directory is there");
        names.retain(|name| name.starts_with("seg-"));
        names.sort();
        names
    }

    /// What readers see of a file.
    pub fn bytes_of(&self, path: &str) -> Vec<u8> {
        let image = self.image();
        image.file(path).expect("the file is there").to_vec()
    }

    /// Puts bytes onto the disk itself, durably, past the log.
    pub fn overwrite(&self, path: &str, offset: usize, bytes: &[u8]) {
        self.vfs.with_disk(|disk| {
            let path = Path::new(path);
            let how = match disk.resolve(path) {
                Ok(_) => OpenHow::Write { direct: false },
                Err(_) => OpenHow::CreateNew { direct: false },
            };
            let fd = disk.open(path, how).expect("it can be opened");
            let count = disk.write(fd, offset as u64, bytes);
            assert_eq!(count, Ok(bytes.len()));
            disk.sync(fd, true).expect("there are no faults");
            disk.close(fd);
            let dir = path.parent().expect("a file is in a directory");
            disk.sync_dir(dir).expect("there are no faults");
        });
    }

    /// Flips all bits of a byte, durably.
    pub fn damage(&self, path: &str, offset: usize) {
        let byte = self.bytes_of(path)[offset];
        self.overwrite(path, offset, &[!byte]);
    }

    /// Loses a sector that was written last but never arrived: it reads as zeros.
    pub fn lose_sector(&self, path: &str, offset: usize) {
        self.overwrite(path, offset, &[0; BLOCK]);
    }

    /// Removes a file durably, past the log.
    pub fn remove(&self, path: &str) {
        self.vfs.with_disk(|disk| {
            disk.remove_file(Path::new(path)).expect("it is there");
            disk.sync_dir(Path::new(LOG)).expect("there are no faults");
        });
    }
}

const FATES: [Fate; 3] = [Fate::CutBefore, Fate::CutWithin, Fate::CutAfter];

/// Runs `step` on a fork of `start` once for each of its calls and each fate of that call, and
/// each time hands the world to `judge` when the power was cut in these ways.
pub fn die_everywhere(
    start: &Case,
    strategies: &[Strategy],
    step: impl Fn(&Case),
    judge: impl Fn(&Case, &str),
) {
    for fate in FATES {
        for number in 1.. {
            let dead = start.fork();
            if !dead.die_at(None, number, fate, || step(&dead)) {
                assert!(number > 5, "the step makes calls");
                break;
            }
            for &strategy in strategies {
                let case = dead.fork();
                case.cut_with(strategy, number);
                judge(&case, &format!("{fate:?} at call {number}, {strategy}"));
            }
        }
    }
}

/// The path of a segment by its number and first LSN.
pub fn segment(id: u64, first_lsn: u64) -> String {
    format!("{LOG}/seg-{id:010}-{first_lsn:020}.wal")
}

pub fn append(wal: &WalManager, payload: &[u8]) -> Result<Lsn, Error> {
    wal.append_put(TenantId::new(1), VShardId::new(1), payload)
}

/// Appends a record and makes it durable: a frame of its own.
pub fn durable(wal: &WalManager, payload: &[u8]) -> Lsn {
    let lsn = append(wal, payload).expect("it is appended");
    wal.wait_durable(lsn).expect("it is made durable");
    lsn
}

/// Appends records, and one that does not fit beside them into the buffer: so all but that one
/// are written and not synced. Short ones share a frame.
pub fn written(wal: &WalManager, payloads: &[&[u8]]) {
    for payload in payloads {
        append(wal, payload).expect("it is appended");
    }
    append(wal, &[b'.'; BLOCK]).expect("it is appended");
}

/// The payloads that a replay returns, checked to have LSNs without a gap.
pub fn payloads(wal: &WalManager) -> Vec<Vec<u8>> {
    let records = wal.replay().expect("it can be read");
    let first = wal.low_water_lsn().as_u64();
    for (lsn, record) in (first..).zip(&records) {
        assert_eq!(record.header.lsn, lsn);
    }
    records.into_iter().map(|record| record.payload).collect()
}

/// Checks that an error tells of corruption at this place.
pub fn assert_corrupt<T>(result: Result<T, Error>, path: &str, offset: u64, lsn: u64) {
    match result.err() {
        Some(Error::Corrupt {
            segment,
            offset: found_offset,
            lsn: found_lsn,
            ..
        }) => {
            assert_eq!(segment, Path::new(path));
            assert_eq!((found_offset, found_lsn.as_u64()), (offset, lsn));
        }
        other => panic!("{path} should be corrupt at {offset}: {other:?}"),
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    None,
    /// As if the device was broken; a sync in this mode.
    Broken(SyncErrorMode),
    /// As if there was no space; every second time after a part of it was done.
    Full,
}

impl Failure {
    fn apply(self, disk: &mut Disk) {
        let mut knobs = Knobs {
            atomic_unit: disk.knobs().atomic_unit,
            capacity: disk.knobs().capacity,
            ..Knobs::default()
        };
        if let Failure::Broken(sync_error_mode) = self {
            knobs = Knobs {
                write_error: ALWAYS,
                read_error: ALWAYS,
                sync_error: ALWAYS,
                dirsync_error: ALWAYS,
                metadata_error: ALWAYS,
                sync_error_mode,
                ..knobs
            };
        }
        disk.set_knobs(knobs);
        disk.refuse_space(u32::from(self == Failure::Full));
    }
}

/// What the gate counts, and where it kills.
#[derive(Default)]
struct Watch {
    failing: Option<(u64, Failure)>,
    calls: u64,
    bytes_read: u64,
    matching: u64,
    deadly: Option<(Option<CallKind>, u64, Fate)>,
    panics: Option<CallKind>,
}

/// The gate in front of the disk.
struct Trap {
    watch: Mutex<Watch>,
    ledger: Arc<Mutex<Ledger>>,
    vfs: OnceLock<Weak<SimVfs>>,
}

impl Trap {
    fn lock(&self) -> std::sync::MutexGuard<'_, Watch> {
        self.watch
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Gate for Trap {
    fn arrive(&self, call: Call) -> Fate {
        let mut watch = self.lock();
        watch.calls += 1;
        if call.kind == CallKind::Read {
            watch.bytes_read += call.len;
        }
        if let Some((number, failure)) = watch.failing {
            let vfs = self.vfs.get().and_then(Weak::upgrade);
            let vfs = vfs.expect("the disk makes the call, so it is there");
            if watch.calls == number {
                vfs.with_disk(|disk| failure.apply(disk));
            } else if watch.calls == number + 1 {
                vfs.with_disk(|disk| Failure::None.apply(disk));
            }
        }
        if watch.panics == Some(call.kind) {
            watch.panics = None;
            drop(watch);
            panic!("as it was asked to");
        }
        let Some((kind, number, fate)) = watch.deadly else {
            return Fate::Run;
        };
        if kind.is_some_and(|kind| kind != call.kind) {
            return Fate::Run;
        }
        watch.matching += 1;
        match watch.matching == number {
            true => fate,
            false => Fate::Run,
        }
    }

    fn cut(&self) -> ! {
        Scheduler::of_this_thread().cut()
    }

    fn wrote(&self, disk: &Disk, written: Written<'_>) {
        let ledger = self.ledger.lock();
        ledger.expect("one thread").wrote(disk, &written, false);
    }

    fn synced(&self, disk: &Disk, ino: Ino) {
        self.ledger.lock().expect("one thread").synced(disk, ino);
    }
}

/// The log's randomness.
struct Salts(Mutex<Stream>);

impl Entropy for Salts {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        self.0.lock().expect("one thread").fill(bytes);
        Ok(())
    }
}
