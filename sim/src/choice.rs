//! The one source of choices.
//!
//! A run draws every choice from a [`Stream`] of its [`Choices`]: what clients do, who runs
//! next, which call fails, what a power cut leaves. Streams are named and numbered (by life),
//! and independent: a draw more in one never shifts another, so a new fault does not reshuffle
//! the schedules of every old seed. Nothing else in the simulator is random, and everything
//! here is integers.
//!
//! A stream draws from the seed, or plays a track of a [`Tape`]; either way it can be recorded.
//! That is how a seed, a fuzzer, a property test, an exhaustive walk and the shrinker meet: each
//! makes or takes a tape.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::named::named_enum;

mod record;
pub mod tape;

pub use record::{Decision, Record, Recorder, Recording};
pub use tape::{Tape, Track, TrackId};

named_enum! {
    /// What a stream of choices is for. The number of each goes into what a seed draws.
    pub enum Purpose {
        /// The scenario: configuration, clients, operations, crash points.
        Workload = "workload",
        /// Which task runs next.
        Schedule = "schedule",
        /// Which call fails or falls short.
        Faults = "faults",
        /// What a power cut leaves on the disk.
        Crash = "crash",
        /// The log's own randomness: ids and salts.
        Entropy = "entropy",
        /// Where a probe damages a fork, and the randomness of the logs on forks.
        Probe = "probe",
        /// Whether the log is encrypted, and what becomes of its keys.
        Keys = "keys",
        /// Whether there is a log in the legacy format before the first life.
        Legacy = "legacy",
        /// Which lives begin with an older disk.
        Snapshots = "snapshots",
        /// What a copy of the directory does by itself, and the randomness of its log.
        Copies = "copies",
        /// Which file system the disk behaves like.
        Profile = "profile",
        /// What the medium does, and where.
        Media = "media",
        /// How a search changes scenarios.
        Mutation = "mutation",
        /// What is done under a storm, and when its lives end.
        Storm = "storm",
    }
}

impl Purpose {
    /// Whether it is drawn while a scenario runs, and decides what happens there: only that can be
    /// on a tape. What a scenario has in it was drawn before; the log's own ids and salts are no
    /// choice that anybody would want to make.
    pub fn is_taped(self) -> bool {
        matches!(
            self,
            Purpose::Schedule
                | Purpose::Faults
                | Purpose::Crash
                | Purpose::Probe
                | Purpose::Snapshots
                | Purpose::Copies
                | Purpose::Storm
        )
    }

    /// How many streams a life has of it. The number of one is that of its life times this, and its own.
    pub const fn streams_per_life(self) -> u64 {
        match self {
            Purpose::Schedule => 4,
            Purpose::Probe => 3,
            Purpose::Copies => 8,
            _ => 1,
        }
    }
}

/// All the choices of a run, told by its seed, and by a tape where it has one.
#[derive(Clone, Debug)]
pub struct Choices {
    seed: u64,
    tape: Tape,
    recording: Option<Recording>,
}

impl Choices {
    /// The choices behind `seed`.
    pub fn new(seed: u64) -> Choices {
        Choices {
            seed,
            tape: Tape::default(),
            recording: None,
        }
    }

    /// The same, but for what is on the tape.
    #[must_use]
    pub fn with_tape(self, tape: Tape) -> Choices {
        Choices { tape, ..self }
    }

    /// The same, and what is chosen goes into the recording.
    #[must_use]
    pub fn recorded(self, recording: &Recording) -> Choices {
        Choices {
            recording: Some(recording.clone()),
            ..self
        }
    }

    /// The choices of the seed alone, which nobody records: for what is tried aside.
    #[must_use]
    pub fn aside(&self) -> Choices {
        Choices::new(self.seed)
    }

    /// Whether a stream is on the tape.
    pub fn is_on_tape(&self, purpose: Purpose, number: u64) -> bool {
        self.tape.track(TrackId { purpose, number }).is_some()
    }

    /// The stream for `purpose` in life `life` (0 where there is no life).
    pub fn stream(&self, purpose: Purpose, life: u64) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((life << 8) | (purpose as u64 + 1));
        let id = TrackId {
            purpose,
            number: life,
        };
        let track = self.tape.track(id).cloned();
        let recording = self.recording.as_ref().filter(|_| purpose.is_taped());
        let recorder = recording.map(|recording| recording.begin(id));
        let is_plain = track.is_none() && recorder.is_none();
        let deck = (!is_plain).then(|| {
            Box::new(Deck {
                track,
                place: 0,
                recorder,
            })
        });
        Stream { rng, deck }
    }
}

/// An endless, reproducible sequence of choices.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
    /// Plays or records it; most streams do neither.
    deck: Option<Box<Deck>>,
}

#[derive(Clone, Debug)]
struct Deck {
    track: Option<Track>,
    /// How many choices were made.
    place: u32,
    recorder: Option<Recorder>,
}

impl Deck {
    fn choose(&mut self, options: u64, draw: impl FnOnce() -> u64) -> u64 {
        // What is random for its own sake, such as bytes, stays the same beside a tape.
        let drawn = draw();
        let value = match &self.track {
            Some(track) => u64::from(track.at(self.place)).min(options - 1),
            None => drawn,
        };
        self.place = self.place.saturating_add(1);
        if let Some(recorder) = &mut self.recorder {
            recorder.note(Decision::among(options, value));
        }
        value
    }
}

impl Stream {
    /// Chooses one of so many options: as the tape says, or else as `draw` does.
    #[inline]
    fn choose(&mut self, options: u64, draw: impl FnOnce(&mut ChaCha8Rng) -> u64) -> u64 {
        let rng = &mut self.rng;
        match &mut self.deck {
            None => draw(rng),
            Some(deck) => deck.choose(options, || draw(rng)),
        }
    }

    /// Hands over the recorder to who draws several times for one choice, and knows which it was.
    pub fn take_recorder(&mut self) -> Option<Recorder> {
        self.deck.as_mut().and_then(|deck| deck.recorder.take())
    }

    /// A number in `0..bound`, uniform but for a bias below 2^-32.
    ///
    /// # Panics
    /// When `bound` is 0 or above 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is nothing below 0");
        assert!(bound <= 1 << 32, "a choice among more than 2^32");
        self.choose(bound, |rng| draw_below(rng, bound))
    }

    /// A number in `low..=high`.
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Whether something with this chance happens.
    pub fn happens(&mut self, chance: Ratio) -> bool {
        let draw = |rng: &mut ChaCha8Rng| {
            let drawn = draw_below(rng, u64::from(chance.denominator));
            u64::from(drawn < u64::from(chance.numerator))
        };
        chance.numerator > 0 && self.choose(2, draw) == 1
    }

    /// One of `items`, each as likely.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// An index into `weights`, as likely as its weight says.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let draw = |rng: &mut ChaCha8Rng| {
            let mut left = draw_below(rng, total);
            for (index, &weight) in (0..).zip(weights) {
                match left.checked_sub(u64::from(weight)) {
                    Some(rest) => left = rest,
                    None => return index,
                }
            }
            unreachable!("the draw is below the sum of the weights")
        };
        let chosen = self.choose(weights.len() as u64, draw) as usize;
        // A tape may say what no draw would.
        let possible = (chosen..weights.len()).chain(0..chosen);
        let mut possible = possible.filter(|&index| weights[index] > 0);
        possible.next().expect("one has a weight")
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.rng.fill_bytes(bytes);
    }
}

fn draw_below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    (u64::from(rng.next_u32()) * bound) >> 32
}

/// A chance as a fraction, written `1/20`; never a float, which could differ between machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl Ratio {
    /// Never.
    pub const NEVER: Ratio = Ratio::new(0, 1);

    /// `numerator` in `denominator`.
    ///
    /// # Panics
    /// When the denominator is 0 or the fraction is above 1.
    pub const fn new(numerator: u32, denominator: u32) -> Ratio {
        assert!(denominator > 0, "a ratio over 0");
        assert!(numerator <= denominator, "a chance above 1");
        Ratio {
            numerator,
            denominator,
        }
    }

    /// Numerator and denominator.
    pub const fn parts(self) -> [u32; 2] {
        [self.numerator, self.denominator]
    }

    /// Whether it can happen at all.
    pub const fn is_never(self) -> bool {
        self.numerator == 0
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl FromStr for Ratio {
    type Err = String;

    fn from_str(text: &str) -> Result<Ratio, String> {
        let wrong = || format!("`{text}` is not a chance like 1/20");
        let (numerator, denominator) = text.split_once('/').ok_or_else(wrong)?;
        let numerator: u32 = numerator.parse().map_err(|_| wrong())?;
        let denominator: u32 = denominator.parse().map_err(|_| wrong())?;
        if denominator == 0 || numerator > denominator {
            return Err(wrong());
        }
        Ok(Ratio::new(numerator, denominator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_independent() {
        let choices = Choices::new(7);
        let draw = |purpose, life| {
            let mut stream = choices.stream(purpose, life);
            [stream.bits(), stream.bits()]
        };
        assert_eq!(draw(Purpose::Faults, 3), draw(Purpose::Faults, 3));
        assert_ne!(draw(Purpose::Faults, 3), draw(Purpose::Faults, 4));
        assert_ne!(draw(Purpose::Faults, 3), draw(Purpose::Crash, 3));
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut stream = Choices::new(1).stream(Purpose::Workload, 0);
        for _ in 0..1000 {
            assert_eq!(stream.weighted(&[0, 5, 0]), 1);
            assert!(!stream.happens(Ratio::NEVER));
            assert!(stream.happens(Ratio::new(3, 3)));
        }
    }

    #[test]
    fn a_tape_is_played_in_place_of_the_seed_and_what_it_lacks_is_plain() {
        let id = |purpose| TrackId { purpose, number: 1 };
        let mut tape = Tape::default();
        tape.track_mut(id(Purpose::Crash)).set(1, 9);
        let recording = Recording::default();
        let choices = Choices::new(7).with_tape(tape).recorded(&recording);
        let mut stream = choices.stream(Purpose::Crash, 1);
        let sure = Ratio::new(1, 1);
        let drawn = [
            stream.below(20),
            stream.below(5),
            u64::from(stream.happens(sure)),
            stream.weighted(&[0, 3]) as u64,
        ];
        assert_eq!(drawn, [0, 4, 0, 1]);
        let mut other = choices.stream(Purpose::Crash, 2);
        let mut untaped = Choices::new(7).stream(Purpose::Crash, 2);
        assert_eq!(other.below(1 << 32), untaped.below(1 << 32));
        let record = recording.take();
        let made: Vec<_> = record.tracks().collect();
        assert_eq!(made[0].0, id(Purpose::Crash));
        assert_eq!(made[0].1[1], Decision::among(5, 4));
        assert_eq!(made.len(), 2);
    }

    #[test]
    fn a_ratio_survives_print_and_parse() {
        assert_eq!("3/100".parse(), Ok(Ratio::new(3, 100)));
        assert_eq!(Ratio::new(3, 100).to_string(), "3/100");
        assert!("3".parse::<Ratio>().is_err());
        assert!("3/2".parse::<Ratio>().is_err());
        assert!("0/0".parse::<Ratio>().is_err());
    }
}
