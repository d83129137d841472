//! The record of a run's choices: what was chosen, and among how many.
//!
//! Made while a run draws, from its seed or from a tape. As a [`Tape`] it makes the same run again,
//! byte for byte; with the numbers of options it tells what could have been chosen instead.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::tape::{Tape, TrackId};

#[allow(clippy::disallowed_types)] // All tasks share one thread: this lock is never waited for.
type Cell<T> = std::sync::Mutex<T>;

/// A choice that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Among how many.
    pub options: u32,
    /// Which it was, from 0 on.
    pub value: u32,
    /// Whether option 0 was to let the task go on that runs.
    pub can_stay: bool,
}

impl Decision {
    /// One of so many; nothing goes on.
    ///
    /// # Panics
    /// When the value is 2^32 or more.
    pub fn among(options: u64, value: u64) -> Decision {
        Decision {
            // A choice among 2^32 has as many options as anybody will try.
            options: u32::try_from(options).unwrap_or(u32::MAX),
            value: u32::try_from(value).expect("a choice is below 2^32"),
            can_stay: false,
        }
    }

    /// Whether it stopped a task that could go on.
    pub fn is_preemption(self) -> bool {
        self.can_stay && self.value != 0
    }
}

/// All choices of a run, stream by stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    tracks: BTreeMap<TrackId, Vec<Decision>>,
}

impl Record {
    /// The choices of each stream.
    pub fn tracks(&self) -> impl Iterator<Item = (TrackId, &[Decision])> {
        self.tracks.iter().map(|(&id, made)| (id, made.as_slice()))
    }

    /// The choices of a stream; none where nothing was drawn from it.
    pub fn track(&self, id: TrackId) -> &[Decision] {
        self.tracks.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The tape with the same choices.
    pub fn tape(&self) -> Tape {
        let mut tape = Tape::default();
        for (id, made) in self.tracks() {
            let track = tape.track_mut(id);
            for (place, decision) in (0..).zip(made) {
                track.set(place, decision.value);
            }
        }
        tape
    }
}

/// A record in the making, shared by the streams of a run.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    record: Arc<Cell<Record>>,
}

impl Recording {
    /// What was recorded.
    pub fn take(&self) -> Record {
        std::mem::take(&mut *self.lock())
    }

    /// Begins a track.
    ///
    /// # Panics
    /// When a stream that was drawn from is made a second time: one track can't be both.
    pub(super) fn begin(&self, track: TrackId) -> Recorder {
        let before = self.lock().tracks.insert(track, Vec::new());
        let is_first = before.is_none_or(|made| made.is_empty());
        assert!(is_first, "{track} is made twice");
        Recorder {
            track,
            recording: self.clone(),
        }
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down the choices of one stream.
#[derive(Clone, Debug)]
pub struct Recorder {
    track: TrackId,
    recording: Recording,
}

impl Recorder {
    /// A choice was made.
    pub fn note(&mut self, decision: Decision) {
        let mut record = self.recording.lock();
        record.tracks.entry(self.track).or_default().push(decision);
    }
}
