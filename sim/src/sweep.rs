//! The corruption sweep: a small log with all that the format can have, damaged in every bit, every
//! sector and every write, one place at a time.
//!
//! Each time it is looked at in every way, and what is seen has to be *detected*, a *torn tail* or
//! *harmless* (`judge.rs`). Bytes that are whole, in a place that is not theirs, matter most: their
//! checksums hold. The damage is listed before anything is done, and nothing is drawn, so the
//! result does not depend on the number of threads.
//!
//! Not swept: damage to two places at once, files cut short, added or removed (probes do that), and
//! the list of files that a log was migrated from.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

mod bench;
mod damage;
mod judge;
mod layout;
mod script;
mod subject;
mod table;

use crate::checker::{Class, Violation};
use crate::named::named_enum;

pub use bench::Patch;
pub use damage::{Damage, Kind, Share};
pub use judge::Outcome;
pub use layout::{Part, Region, Stand};
pub use subject::{Intact, Name, Proof, Subject};
pub use table::{Cell, Table};

/// How many places a thread takes at once.
const CHUNK: usize = 64;

named_enum! {
    /// Half of the logs.
    pub enum Only {
        /// Those in plain.
        Plain = "plain",
        /// Those that are encrypted.
        Encrypted = "encrypted",
    }
}

/// What is to be swept.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// How many threads.
    pub jobs: usize,
    /// Which logs; all for `None`.
    pub only: Option<Only>,
    /// How much of it.
    pub share: Share,
    /// Just this place, by the name that a sweep gave it.
    pub at: Option<String>,
}

/// A place where the log did what it must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offence {
    /// Its name.
    pub place: String,
    /// What is wrong.
    pub violation: Violation,
}

/// What came of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// All outcomes.
    pub table: Table,
    /// The first place with a wrong one, in the order of logs and damage.
    pub offence: Option<Offence>,
    /// An outcome that should have come and never did.
    pub missing: Option<String>,
}

/// Why a sweep did not take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no such place.
    NoSuchPlace(String),
    /// The log is not one that could be swept.
    Log(Violation),
}

impl Swept {
    /// 0, the class of the first offence, or 16.
    pub fn exit_code(&self) -> u8 {
        match (&self.offence, &self.missing) {
            (Some(offence), _) => offence.violation.property.class() as u8,
            (None, Some(_)) => Class::Vacuity as u8,
            (None, None) => 0,
        }
    }
}

/// What one thread did: the offence with the number of its place.
#[derive(Default)]
struct Work {
    table: Table,
    offence: Option<(usize, Offence)>,
}

impl Work {
    fn merge(&mut self, other: Work) {
        self.table.add(&other.table);
        let offences = self.offence.take().into_iter().chain(other.offence);
        self.offence = offences.min_by_key(|(number, _)| *number);
    }
}

impl Sweep {
    /// Sweeps. `progress` hears now and then how many places are done, and how many there are.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn run(&self, mut progress: impl FnMut(u64, u64)) -> Result<Swept, Trouble> {
        let names = Name::ALL.iter().filter(|name| name.is_of(self.only));
        let subjects = names
            .map(|&name| Subject::build(name))
            .collect::<Result<Vec<_>, _>>();
        let subjects = subjects.map_err(Trouble::Log)?;
        let mut places: Vec<(&Subject, Damage)> = Vec::new();
        for subject in &subjects {
            let damages = damage::all(subject, self.share);
            places.extend(damages.into_iter().map(|damage| (subject, damage)));
        }
        if let Some(at) = &self.at {
            places.retain(|(subject, damage)| damage.name(subject).to_string() == *at);
            if places.is_empty() {
                return Err(Trouble::NoSuchPlace(at.clone()));
            }
        }
        let share = self.sweep(&places, &mut progress);
        let missing = match &self.at {
            Some(_) => None,
            None => subjects
                .iter()
                .find_map(|subject| share.table.missing(subject.name)),
        };
        Ok(Swept {
            table: share.table,
            offence: share.offence.map(|(_, offence)| offence),
            missing,
        })
    }

    fn sweep(&self, places: &[(&Subject, Damage)], progress: &mut impl FnMut(u64, u64)) -> Work {
        let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
        let (send, receive) = channel();
        let mut all = Work::default();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                let (send, next, done) = (send.clone(), &next, &done);
                scope.spawn(move || {
                    let share = work(places, next, done);
                    send.send(share).expect("the collector listens to the end");
                });
            }
            drop(send);
            loop {
                match receive.recv_timeout(Duration::from_millis(200)) {
                    Ok(share) => all.merge(share),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                progress(done.load(Ordering::Relaxed), places.len() as u64);
            }
        });
        all
    }
}

fn work(places: &[(&Subject, Damage)], next: &AtomicUsize, done: &AtomicU64) -> Work {
    let mut share = Work::default();
    loop {
        let start = next.fetch_add(CHUNK, Ordering::Relaxed);
        let Some(chunk) = places.get(start..) else {
            return share;
        };
        for (number, (subject, damage)) in (start..).zip(chunk.iter().take(CHUNK)) {
            let outcome = subject.try_out(&damage.patches(subject));
            let cell = share
                .table
                .cell(subject.name, damage.kind, damage.region(subject));
            match outcome {
                Ok(outcome) => cell.count(outcome),
                Err(violation) => {
                    cell.wrong += 1;
                    let place = damage.name(subject).to_string();
                    let offence = Offence { place, violation };
                    share.offence.get_or_insert((number, offence));
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}
