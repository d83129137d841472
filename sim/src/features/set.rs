//! Which features were met, over many runs: a bit for each.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::{Feature, SPACE};
use crate::text::serde_as_text;

const WORDS: usize = SPACE / 64;

/// A set of features. Its text has sixteen hexadecimal digits for each 64 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureSet(Box<[u64]>);

impl Default for FeatureSet {
    fn default() -> FeatureSet {
        FeatureSet(vec![0; WORDS].into())
    }
}

impl FeatureSet {
    /// Adds these.
    pub fn extend(&mut self, features: &[Feature]) {
        for &feature in features {
            self.0[usize::from(feature) / 64] |= 1 << (feature % 64);
        }
    }

    /// Adds another set, and says how many were new.
    pub fn join(&mut self, other: &FeatureSet) -> u64 {
        let before = self.count();
        for (into, from) in self.0.iter_mut().zip(&other.0) {
            *into |= from;
        }
        self.count() - before
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

impl fmt::Display for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Campaigns that look for none have none.
        let words = self
            .0
            .iter()
            .rposition(|&word| word != 0)
            .map_or(0, |last| last + 1);
        let mut text = String::with_capacity(words * 16);
        for word in &self.0[..words] {
            write!(text, "{word:016x}")?;
        }
        f.write_str(&text)
    }
}

impl FromStr for FeatureSet {
    type Err = String;

    fn from_str(text: &str) -> Result<FeatureSet, String> {
        let mut set = FeatureSet::default();
        let wrong = || "that is no set of features".to_owned();
        if text.len() > WORDS * 16 || !text.len().is_multiple_of(16) || !text.is_ascii() {
            return Err(wrong());
        }
        for (index, word) in set.0.iter_mut().enumerate().take(text.len() / 16) {
            let digits = &text[index * 16..][..16];
            *word = u64::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(set)
    }
}

serde_as_text!(FeatureSet);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_counts_what_is_new_and_comes_back_from_its_text() {
        let mut set = FeatureSet::default();
        assert_eq!(set.to_string(), "");
        set.extend(&[0, 7, 7, 40_000]);
        let mut other = FeatureSet::default();
        other.extend(&[7, 65_535]);
        assert_eq!((set.count(), other.count()), (3, 2));
        assert_eq!(set.join(&other), 1);
        assert_eq!(set.join(&other), 0);
        assert_eq!(set.to_string().parse(), Ok(set));
        for text in ["1", "zzzzzzzzzzzzzzzz", &"0".repeat(WORDS * 16 + 16)] {
            assert!(text.parse::<FeatureSet>().is_err());
        }
    }
}
