//! Which part of a work is done here, so that several machines do all of it, and nothing twice.
//!
//! Shard `i/n` takes every `n`-th piece, from the `i`-th on. So the parts need not talk to each other, and
//! what comes of them adds up to what one machine would have had.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// One of several parts of a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// From 1 on.
    number: u64,
    of: u64,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { number: 1, of: 1 };

    /// Into how many parts the work is divided.
    pub fn of(self) -> u64 {
        self.of
    }

    /// The place among all pieces of this part's piece number `index`, both from 0 on.
    pub fn place(self, index: u64) -> u64 {
        index
            .saturating_mul(self.of)
            .saturating_add(self.number - 1)
    }

    /// How many of so many pieces are in this part.
    pub fn share(self, pieces: u64) -> u64 {
        (pieces + self.of - self.number) / self.of
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((number, of)) if (1..=of).contains(&number) && of <= 1 << 20 => {
                Ok(Shard { number, of })
            }
            _ => Err(format!("`{text}` is no shard like 2/3, from 1/3 to 3/3")),
        }
    }
}

serde_as_text!(Shard);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_have_each_piece_once() {
        for (of, pieces) in [(1, 7), (3, 0), (3, 2), (3, 100), (7, 100)] {
            let shards = (1..=of).map(|number| Shard { number, of });
            let places = shards
                .flat_map(|shard| (0..shard.share(pieces)).map(move |index| shard.place(index)));
            let mut places: Vec<u64> = places.collect();
            places.sort_unstable();
            assert_eq!(places, (0..pieces).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn a_shard_is_printed_and_parsed_and_others_are_refused() {
        for text in ["1/1", "2/3", "3/3"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["", "3", "0/3", "4/3", "1/0", "a/b", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
