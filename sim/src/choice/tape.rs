//! A tape: the choices of a run as data, in place of those that its seed would make.
//!
//! It has a track for each stream of choices, and a track has only those choices that are not the
//! plain one: 0, which is *no* to a question, *the task that runs* to the scheduler, *nothing
//! pending is durable* to a power cut. So to take an entry away is to make a run plainer, and no
//! other choice moves. A stream without a track is left to the seed.
//!
//! What a seed draws, what a fuzzer makes of its input and what a shrinker leaves is all written
//! down so; see [`Record`](super::Record).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Purpose;
use crate::text::serde_as_text;

/// Longer tracks than this are not read: no run makes so many choices.
pub(crate) const CHOICES_MAX: u32 = 1 << 24;

/// Which stream a track is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrackId {
    /// What the stream is for.
    pub purpose: Purpose,
    /// Its number: most often of a life.
    pub number: u64,
}

/// The choices of one stream that are not 0, by their place in it. Copies share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    values: Arc<BTreeMap<u32, u32>>,
}

/// The choices of a run, as far as they are not left to its seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tape {
    tracks: BTreeMap<TrackId, Track>,
}

impl Track {
    /// The choice at this place.
    pub fn at(&self, place: u32) -> u32 {
        self.values.get(&place).copied().unwrap_or(0)
    }

    /// Sets the choice at this place; 0 takes it away.
    pub fn set(&mut self, place: u32, value: u32) {
        let values = Arc::make_mut(&mut self.values);
        match value {
            0 => values.remove(&place),
            _ => values.insert(place, value),
        };
    }

    /// The choices that are not 0, in order, each with its place.
    pub fn entries(&self) -> impl Iterator<Item = (u32, u32)> {
        self.values.iter().map(|(&place, &value)| (place, value))
    }
}

impl Tape {
    /// Whether everything is left to the seed.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// The track for a stream.
    pub fn track(&self, id: TrackId) -> Option<&Track> {
        self.tracks.get(&id)
    }

    /// The track for a stream, to be changed; an empty one is made where there is none.
    pub fn track_mut(&mut self, id: TrackId) -> &mut Track {
        self.tracks.entry(id).or_default()
    }

    /// All tracks, in order.
    pub fn tracks(&self) -> impl Iterator<Item = (TrackId, &Track)> {
        self.tracks.iter().map(|(&id, track)| (id, track))
    }

    /// Leaves a stream to the seed again.
    pub fn remove(&mut self, id: TrackId) {
        self.tracks.remove(&id);
    }

    /// All choices that are not 0, in order: their tracks and places.
    pub fn places(&self) -> Vec<(TrackId, u32)> {
        let of = |(id, track): (TrackId, &Track)| -> Vec<(TrackId, u32)> {
            track.entries().map(|(place, _)| (id, place)).collect()
        };
        self.tracks().flat_map(of).collect()
    }
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.purpose, self.number)
    }
}

impl FromStr for TrackId {
    type Err = String;

    fn from_str(text: &str) -> Result<TrackId, String> {
        let wrong = || format!("`{text}` is no track like crash-2");
        let (purpose, number) = text.rsplit_once('-').ok_or_else(wrong)?;
        let purpose: Purpose = purpose.parse()?;
        if !purpose.is_taped() {
            return Err(format!("`{purpose}` is not drawn while a scenario runs"));
        }
        Ok(TrackId {
            purpose,
            number: number.parse().map_err(|_| wrong())?,
        })
    }
}

/// The choices as `place:value`, each after a space.
impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (place, value)) in self.entries().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{place}:{value}")?;
        }
        Ok(())
    }
}

impl FromStr for Track {
    type Err = String;

    fn from_str(text: &str) -> Result<Track, String> {
        let mut track = Track::default();
        for word in text.split_ascii_whitespace() {
            let wrong = || format!("`{word}` is no choice like 17:1");
            let (place, value) = word.split_once(':').ok_or_else(wrong)?;
            let place: u32 = place.parse().map_err(|_| wrong())?;
            if place >= CHOICES_MAX {
                return Err(format!("`{word}` is beyond the end of any run"));
            }
            track.set(place, value.parse().map_err(|_| wrong())?);
        }
        Ok(track)
    }
}

serde_as_text!(TrackId, Track);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_survives_print_and_parse() {
        let mut tape = Tape::default();
        for (purpose, number) in [(Purpose::Schedule, 5), (Purpose::Crash, 2)] {
            tape.track_mut(TrackId { purpose, number }).set(3, 1);
        }
        let empty = TrackId {
            purpose: Purpose::Faults,
            number: 1,
        };
        tape.track_mut(empty);
        let text = toml::to_string(&tape).unwrap();
        assert_eq!(
            text,
            "schedule-5 = \"3:1\"\nfaults-1 = \"\"\ncrash-2 = \"3:1\"\n"
        );
        assert_eq!(toml::from_str::<Tape>(&text), Ok(tape));
    }

    #[test]
    fn what_is_no_tape_is_refused() {
        for text in [
            "x-1 = \"\"",
            "crash = \"\"",
            "workload-0 = \"\"",
            "crash-x = \"\"",
            "crash-1 = \"1\"",
            "crash-1 = \"1:x\"",
            "crash-1 = \"99999999:1\"",
        ] {
            assert!(toml::from_str::<Tape>(text).is_err(), "{text}");
        }
    }
}
