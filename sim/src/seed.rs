//! Seeds: one number that tells a whole run.
//!
//! A seed is written in decimal, in hexadecimal with `0x`, or as a 40-digit commit hash, so that
//! a nightly job needs no state to have a new one for each commit.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// The number that tells a whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed `index` places further on.
    pub fn plus(self, index: u64) -> Seed {
        Seed(self.0.wrapping_add(index))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Seed, String> {
        let parsed = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            // The first 64 bits of a hash are as random as the rest.
            None if is_commit_hash(text) => u64::from_str_radix(&text[..16], 16).ok(),
            None => text.parse().ok(),
        };
        parsed.map(Seed).ok_or_else(|| {
            format!("`{text}` is no seed: a number, 0x with hexadecimal digits, or a commit hash")
        })
    }
}

fn is_commit_hash(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

serde_as_text!(Seed);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_decimal_or_hexadecimal_or_a_commit_hash() {
        assert_eq!("17".parse(), Ok(Seed(17)));
        assert_eq!("0x1f".parse(), Ok(Seed(31)));
        let hash = "00000000000000ff111111111111111111111111";
        assert_eq!(hash.parse(), Ok(Seed(255)));
        assert_eq!(Seed(255).to_string(), "0xff");
        assert!("seven".parse::<Seed>().is_err());
        assert!("".parse::<Seed>().is_err());
    }
}
