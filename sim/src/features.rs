//! What of a run matters, as a small set of numbers: a search keeps the scenarios that have new ones.
//!
//! Edges of the code say little about a log: any two runs take the same ones. What tells runs apart
//! is the way that each operation takes through its calls and their results, the image that an open
//! meets, who waits for whom when something is written, synced or cut off, what calls returned after
//! each other, where which fault fell. Each is hashed into a number below [`SPACE`].
//!
//! Nothing is collected unless somebody asks for it, and nothing depends on whether it is: a feature
//! only looks. Like the trace, the collection belongs to the thread.

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};

use seawall::Error;

use crate::coverage::{LifePhase, Operation, place};
use crate::disk::{Call, CallKind, Counts, Fate, Performed, Place};
use crate::sched::set::TASKS_MAX;

mod image;
mod set;

pub(crate) use image::note_image;
pub use set::FeatureSet;

/// A feature of a run.
pub type Feature = u16;

/// How many features there are; that two things share one is rare, and does no harm.
pub const SPACE: usize = 1 << 16;

/// What a feature is about.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum Aspect {
    /// Three calls after each other in an operation, and what they came to.
    Path = 1,
    /// Who waits when a call changes the disk.
    Queue = 2,
    /// What everybody does when a life is cut off.
    Cut = 3,
    /// What a call to the log returned, and the one before.
    Outcome = 4,
    /// What an open came to, after which end of the life before.
    Opened = 5,
    /// What the files are that an open meets.
    Image = 6,
    /// One of them.
    Segment = 7,
    /// What was pending when the power was cut.
    Lost = 8,
    /// A fault, and in which operation and phase.
    Fault = 9,
}

struct Collector {
    is_seen: Box<[u64; SPACE / 64]>,
    found: Vec<Feature>,
    /// The last two different calls of each task in its operation.
    paths: [(Place, [u64; 2]); TASKS_MAX],
    last_outcome: u64,
    /// The kinds of files, as far as their names are known.
    classes: Vec<u64>,
}

thread_local! {
    static IS_WANTED: Cell<bool> = const { Cell::new(false) };
    static COLLECTOR: RefCell<Option<Box<Collector>>> = const { RefCell::new(None) };
}

/// From now on features are collected on this thread; those from before are forgotten.
pub(crate) fn start() {
    COLLECTOR.with_borrow_mut(|collector| {
        let collector = collector.get_or_insert_with(|| {
            Box::new(Collector {
                is_seen: Box::new([0; SPACE / 64]),
                found: Vec::new(),
                paths: [(Place(0), [0; 2]); TASKS_MAX],
                last_outcome: 0,
                classes: Vec::new(),
            })
        });
        collector.clear();
    });
    IS_WANTED.set(true);
}

/// Ends that, and hands out what was found, each feature once, in no order that means anything.
pub(crate) fn finish() -> Vec<Feature> {
    IS_WANTED.set(false);
    COLLECTOR.with_borrow_mut(|collector| {
        let collector = collector.as_mut().expect("it was started");
        let found = collector.found.clone();
        collector.clear();
        found
    })
}

/// Whether anybody wants them.
#[inline]
pub(crate) fn are_wanted() -> bool {
    IS_WANTED.get()
}

/// Notes a feature.
pub(crate) fn note(aspect: Aspect, words: &[u64]) {
    if are_wanted() {
        with(|collector| collector.note(aspect, words));
    }
}

fn with(reach: impl FnOnce(&mut Collector)) {
    COLLECTOR.with_borrow_mut(|collector| reach(collector.as_mut().expect("it was started")));
}

/// A task's call was made, or was cut off.
pub(crate) fn note_call(task: usize, place: Place, performed: &Performed<'_>) {
    let code = match performed.result {
        None => 255,
        Some(Ok(_)) => 0,
        Some(Err(errno)) => errno.number() as u64,
    };
    with(|collector| {
        let class = collector.class_of(performed);
        let symbol = performed.call.kind as u64 | class << 8 | code << 16;
        let (at, before) = &mut collector.paths[task];
        if *at != place {
            (*at, *before) = (place, [0; 2]);
        }
        let [first, second] = *before;
        // Many after each other are as one.
        if second == symbol {
            return;
        }
        *before = [second, symbol];
        let words = [u64::from(place.0), first, second, symbol];
        collector.note(Aspect::Path, &words);
    });
}

/// A call that changes the disk is about to be made, while so many wait and so many could run.
pub(crate) fn note_queue(place: Place, kind: CallKind, (waiting, ready): (usize, usize)) {
    let queue = few(waiting) | few(ready) << 8;
    note(Aspect::Queue, &[u64::from(place.0), kind as u64, queue]);
}

/// The life ends at a call, while so many wait and all tasks do these operations.
pub(crate) fn note_cut(place: Place, kind: CallKind, fate: Fate, waiting: usize, all: u64) {
    let at = u64::from(place.0) | (kind as u64) << 16 | (fate as u64) << 24;
    note(Aspect::Cut, &[at, few(waiting)]);
    note(Aspect::Cut, &[at, all]);
}

/// The life has ended so, with so much pending.
pub(crate) fn note_lost(how: &str, pending: [usize; 3]) {
    let [names, files, changes] = pending.map(few);
    note(Aspect::Lost, &[hash_of(how), names, files, changes]);
}

/// A call to the log has returned.
pub(crate) fn note_outcome(what: &str, phase: LifePhase, error: Option<&Error>) {
    if !are_wanted() {
        return;
    }
    let outcome = hash(&[hash_of(what), phase as u64, error.map_or(0, kind_of)]);
    with(|collector| {
        let before = std::mem::replace(&mut collector.last_outcome, outcome);
        collector.note(Aspect::Outcome, &[before, outcome]);
    });
}

/// What an error is, without its texts and numbers.
pub(crate) fn kind_of(error: &Error) -> u64 {
    let kind = hash_of(&std::mem::discriminant(error));
    match error {
        Error::Poisoned { cause } => hash(&[kind, kind_of(cause)]),
        Error::Io { source, .. } => hash(&[kind, hash_of(&source.kind())]),
        _ => kind,
    }
}

/// Where which faults fell.
pub(crate) fn note_faults(counts: &Counts) {
    for &operation in Operation::ALL {
        for &phase in LifePhase::ALL {
            let place = place(operation, phase);
            for fault in counts.all_faults_at(place) {
                note(Aspect::Fault, &[u64::from(place.0), fault as u64]);
            }
        }
    }
}

/// A number up to which counting makes a difference.
pub(crate) fn few(count: usize) -> u64 {
    match count {
        0..=3 => count as u64,
        4..=7 => 4,
        8..=15 => 5,
        _ => 6,
    }
}

impl Collector {
    /// What kind of file a call is about. Its name is asked for once.
    fn class_of(&mut self, performed: &Performed<'_>) -> u64 {
        let Call { kind, ino, .. } = performed.call;
        let is_on_path = matches!(
            kind,
            CallKind::Open
                | CallKind::CreateNew
                | CallKind::Metadata
                | CallKind::ReadDir
                | CallKind::CreateDir
                | CallKind::Rename
                | CallKind::RemoveFile
                | CallKind::SyncDir
        );
        let known = &mut self.classes;
        let index = ino.0 as usize;
        if known.len() <= index {
            known.resize(index + 1, 0);
        }
        // A path may lead to nothing yet, or to something else from now on.
        if is_on_path {
            known[index] = 0;
            return image::class_of(&(performed.name)());
        }
        if known[index] == 0 {
            known[index] = image::class_of(&(performed.name)());
        }
        known[index]
    }

    fn note(&mut self, aspect: Aspect, words: &[u64]) {
        let hash = mix(hash(words), aspect as u64);
        let feature = (hash >> 48) as Feature;
        let (word, bit) = (usize::from(feature) / 64, 1 << (feature % 64));
        if self.is_seen[word] & bit == 0 {
            self.is_seen[word] |= bit;
            self.found.push(feature);
        }
    }

    fn clear(&mut self) {
        for feature in self.found.drain(..) {
            self.is_seen[usize::from(feature) / 64] = 0;
        }
        self.paths = [(Place(0), [0; 2]); TASKS_MAX];
        self.last_outcome = 0;
        self.classes.clear();
    }
}

/// Words as one.
pub(crate) fn hash(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash, &word| mix(hash, word))
}

// Source: one round of the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

fn hash_of(value: &(impl Hash + ?Sized)) -> u64 {
    // Without a random state it is the same in every process.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
