//! Looking at the swept log, damaged in one place, in every way.
//!
//! It only reaches in and looks; what is right is for [`super::judge`] to say.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seawall::env::Env;
use seawall::env::entropy::Entropy;
use seawall::env::sync::Mutex;
use seawall::env::vfs::{OpenHow, Vfs};
use seawall::{Error, KeyRing, WalManager, WalRecord, dump_in, verify_in};

use super::script::{SECTOR, config};
use crate::checker::one_truth::Looks;
use crate::choice::{Choices, Purpose, Stream};
use crate::disk::{Call, Disk, Fate, Gate, Ino, SimVfs, Strategy, Written};
use crate::run::probe::{Shown, is_same, show};
use crate::sched::clock::VirtualClock;
use crate::world::{LOG_DIR, SimEntropy, changes_the_disk};

/// What a log on this disk gets to see.
pub(super) fn env_of(vfs: &Arc<SimVfs>, entropy: Stream) -> Env {
    Env {
        vfs: Arc::clone(vfs) as Arc<dyn Vfs>,
        clock: Arc::new(VirtualClock),
        entropy: Arc::new(SimEntropy::new(entropy)) as Arc<dyn Entropy>,
    }
}

/// The last write to a sector.
#[derive(Clone, Debug)]
pub(super) struct LastWrite {
    /// Its number among all writes.
    pub(super) number: u64,
    /// What was there before it.
    pub(super) before: Vec<u8>,
}

/// A gate that remembers for each sector what was there before the last write to it.
#[derive(Default)]
pub(super) struct Recorder {
    files: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    writes: u64,
    /// Each file as it was after the last write, and by sector that write.
    by_ino: BTreeMap<Ino, (Vec<u8>, BTreeMap<usize, LastWrite>)>,
}

impl Recorder {
    /// The last writes to a file, by sector.
    pub(super) fn last_writes(&self, ino: Ino) -> BTreeMap<usize, LastWrite> {
        let files = self.files.lock();
        files
            .by_ino
            .get(&ino)
            .map_or_else(BTreeMap::new, |file| file.1.clone())
    }
}

impl Gate for Recorder {
    fn arrive(&self, _: Call) -> Fate {
        Fate::Run
    }

    fn cut(&self) -> ! {
        panic!("nothing is cut off while the log is written");
    }

    fn wrote(&self, _: &Disk, written: Written<'_>) {
        let mut files = self.files.lock();
        files.writes += 1;
        let number = files.writes;
        let (now, last) = files.by_ino.entry(written.ino).or_default();
        let start = written.offset as usize;
        let end = start + written.bytes.len();
        assert_eq!(
            (start % SECTOR, end % SECTOR),
            (0, 0),
            "a block is a sector"
        );
        now.resize(now.len().max(end), 0);
        for sector in start / SECTOR..end / SECTOR {
            let before = now[sector * SECTOR..][..SECTOR].to_vec();
            last.insert(sector, LastWrite { number, before });
        }
        now[start..end].copy_from_slice(written.bytes);
    }
}

/// A gate that counts the calls that change the disk.
#[derive(Default)]
struct Watch {
    changes: AtomicU64,
}

impl Gate for Watch {
    fn arrive(&self, call: Call) -> Fate {
        let change = u64::from(changes_the_disk(call.kind));
        self.changes.fetch_add(change, Ordering::Relaxed);
        Fate::Run
    }

    fn cut(&self) -> ! {
        panic!("nothing is cut off while a log is looked at");
    }
}

/// Bytes for a place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The file's path.
    pub path: String,
    /// Where.
    pub offset: usize,
    /// What comes there.
    pub bytes: Vec<u8>,
}

/// What was seen of a log.
pub(super) struct Seen {
    /// By those who do not open it.
    pub(super) looks: Looks,
    /// Whether they have changed anything.
    pub(super) looks_changed: bool,
    /// By an open and all readers.
    pub(super) opened: Result<Shown, Error>,
    /// Whether an open that failed has changed a file.
    pub(super) failure_changed: bool,
    /// By the next open, after a power cut, if the first one had no error.
    pub(super) again: Option<Result<Vec<WalRecord>, Error>>,
}

/// Where looks at one log are taken: each has a disk of its own.
pub(super) struct Bench<'a> {
    original: &'a Disk,
    keys: Option<KeyRing>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(original: &'a Disk, keys: Option<KeyRing>) -> Bench<'a> {
        Bench { original, keys }
    }

    /// Looks at the log with these bytes in these places.
    ///
    /// # Errors
    /// When something panicked; the message is on standard error.
    pub(super) fn look(&self, patches: &[Patch]) -> Result<Seen, Panicked> {
        catch_unwind(AssertUnwindSafe(|| self.look_around(patches))).map_err(|_| Panicked)
    }

    fn look_around(&self, patches: &[Patch]) -> Seen {
        let desk = Desk::new(self.damaged(patches));
        let dir = Path::new(LOG_DIR);
        let keys = || self.keys.clone();
        let (looks, looks_changed) = desk.changes_during(|| Looks {
            verdict: verify_in(desk.env(0), dir, keys()).map(|report| report.verdict()),
            dumped: dump_in(desk.env(0), dir, None, keys()).and_then(Iterator::collect),
        });
        let open = |number| WalManager::open_in(desk.env(number), dir, config(), keys());
        let (opened, has_changed) = desk.changes_during(|| open(1).map(|wal| show(&wal)));
        let is_intact = || {
            let before = self.damaged(patches).image();
            is_same(&before, &desk.vfs.with_disk(|disk| disk.image()))
        };
        let failure_changed = opened.is_err() && has_changed && !is_intact();
        let is_read = |shown: &Shown| shown.found.readings.eager.is_ok();
        let again = opened.as_ref().is_ok_and(is_read).then(|| {
            let mut stream = Choices::new(0).stream(Purpose::Crash, 0);
            desk.vfs
                .with_disk(|disk| disk.power_cut_with(Strategy::LoseAll, &mut stream));
            open(2).and_then(|wal| wal.replay())
        });
        Seen {
            looks,
            looks_changed,
            opened,
            failure_changed,
            again,
        }
    }

    fn damaged(&self, patches: &[Patch]) -> Disk {
        let mut disk = self.original.clone();
        patches.iter().for_each(|patch| put(&mut disk, patch));
        disk
    }
}

/// One damaged disk, and a gate that counts.
struct Desk {
    watch: Arc<Watch>,
    vfs: Arc<SimVfs>,
}

impl Desk {
    fn new(disk: Disk) -> Desk {
        let watch = Arc::new(Watch::default());
        let gate = Arc::clone(&watch) as Arc<dyn Gate>;
        let faults = Choices::new(0).stream(Purpose::Faults, 0);
        Desk {
            watch,
            vfs: SimVfs::new(disk, gate, faults),
        }
    }

    fn changes_during<T>(&self, act: impl FnOnce() -> T) -> (T, bool) {
        let before = self.watch.changes.load(Ordering::Relaxed);
        let result = act();
        (result, self.watch.changes.load(Ordering::Relaxed) != before)
    }

    /// With randomness that the log was not written with.
    fn env(&self, number: u64) -> Env {
        let entropy = Choices::new(0).stream(Purpose::Probe, number);
        env_of(&self.vfs, entropy)
    }
}

/// Somebody panicked.
#[derive(Debug)]
pub(super) struct Panicked;

/// Puts bytes onto the disk itself, durably, past the log.
fn put(disk: &mut Disk, patch: &Patch) {
    let how = OpenHow::Write { direct: false };
    let fd = disk.open(Path::new(&patch.path), how).expect("it is there");
    let count = disk.write(fd, patch.offset as u64, &patch.bytes);
    assert_eq!(count, Ok(patch.bytes.len()));
    disk.sync(fd, true).expect("there are no faults");
    disk.close(fd);
}
