//! The one source of choices.
//!
//! A run draws every choice from a [`Stream`] of its [`Choices`]: what clients do, who runs
//! next, which call fails, what a power cut leaves. Streams are named and numbered (by life),
//! and independent: a draw more in one never shifts another, so a new fault does not reshuffle
//! the schedules of every old seed. Nothing else in the simulator is random, and everything
//! here is integers.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of choices is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The scenario: configuration, clients, operations, crash points.
    Workload = 1,
    /// Which task runs next.
    Schedule = 2,
    /// Which call fails or falls short.
    Faults = 3,
    /// What a power cut leaves on the disk.
    Crash = 4,
    /// The log's own randomness: ids and salts.
    Entropy = 5,
    /// Where a probe damages a fork, and the randomness of the logs on forks.
    Probe = 6,
    /// Whether the log is encrypted, and what becomes of its keys.
    Keys = 7,
    /// Whether there is a log in the legacy format before the first life.
    Legacy = 8,
    /// Which lives begin with an older disk.
    Snapshots = 9,
    /// What a copy of the directory does by itself, and the randomness of its log.
    Copies = 10,
    /// Which file system the disk behaves like.
    Profile = 11,
    /// What the medium does, and where.
    Media = 12,
}

/// All the choices of a run, told by its seed.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    seed: u64,
}

impl Choices {
    /// The choices behind `seed`.
    pub fn new(seed: u64) -> Choices {
        Choices { seed }
    }

    /// The stream for `purpose` in life `life` (0 where there is no life).
    pub fn stream(&self, purpose: Purpose, life: u64) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((life << 8) | purpose as u64);
        Stream { rng }
    }
}

/// An endless, reproducible sequence of choices.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// A number in `0..bound`, uniform but for a bias below 2^-32.
    ///
    /// # Panics
    /// When `bound` is 0 or above 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is nothing below 0");
        assert!(bound <= 1 << 32, "a choice among more than 2^32");
        (u64::from(self.rng.next_u32()) * bound) >> 32
    }

    /// A number in `low..=high`.
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Whether something with this chance happens.
    pub fn happens(&mut self, chance: Ratio) -> bool {
        chance.numerator > 0
            && self.below(u64::from(chance.denominator)) < u64::from(chance.numerator)
    }

    /// One of `items`, each as likely.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// An index into `weights`, as likely as its weight says.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let mut left = self.below(total);
        for (index, &weight) in weights.iter().enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        unreachable!("the draw is below the sum of the weights")
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
    fn a_ratio_survives_print_and_parse() {
        assert_eq!("3/100".parse(), Ok(Ratio::new(3, 100)));
        assert_eq!(Ratio::new(3, 100).to_string(), "3/100");
        assert!("3".parse::<Ratio>().is_err());
        assert!("3/2".parse::<Ratio>().is_err());
        assert!("0/0".parse::<Ratio>().is_err());
    }
}
