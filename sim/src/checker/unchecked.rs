//! Checks that are left out, to measure what the others find without them.
//!
//! *Verified:* nothing; a campaign that leaves a check out says so, and how often it would have been made.
//! *Not verified:* whatever the checks left out would have noticed.
//!
//! Only those can be left out that judge what the log does on the way, whatever comes of it: unchecked
//! any other one, a run would go on from a state that the contract does not know.

use std::fmt;
use std::str::FromStr;

use super::Property;
use crate::text::serde_as_text;

/// The checks that can be left out.
pub const LINTS: [Property; 2] = [Property::CoveredNames, Property::CoveredData];

/// Which checks are left out: `covered-names,covered-data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unchecked([bool; LINTS.len()]);

impl Unchecked {
    /// Leaves out these.
    ///
    /// # Errors
    /// When one of them can't be left out.
    pub fn all(properties: &[Property]) -> Result<Unchecked, String> {
        let mut unchecked = Unchecked::default();
        for &property in properties {
            let place = LINTS.iter().position(|&lint| lint == property);
            let place = place.ok_or_else(|| {
                let all = LINTS.map(Property::name).join(", ");
                format!("only these can be left out: {all}; not {property}")
            })?;
            unchecked.0[place] = true;
        }
        Ok(unchecked)
    }

    /// Whether this one is left out.
    pub fn has(self, property: Property) -> bool {
        self.iter().any(|one| one == property)
    }

    /// Whether all checks are made.
    pub fn is_empty(&self) -> bool {
        *self == Unchecked::default()
    }

    /// Those that are left out.
    pub fn iter(self) -> impl Iterator<Item = Property> {
        let chosen = LINTS.into_iter().zip(self.0);
        chosen.filter(|(_, is_out)| *is_out).map(|(lint, _)| lint)
    }
}

impl fmt::Display for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Property::name).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Unchecked {
    type Err = String;

    fn from_str(text: &str) -> Result<Unchecked, String> {
        let names = text.split(',').filter(|name| !name.is_empty());
        let properties: Result<Vec<Property>, String> = names.map(str::parse).collect();
        Unchecked::all(&properties?)
    }
}

serde_as_text!(Unchecked);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lints_can_be_left_out_and_they_survive_print_and_parse() {
        let unchecked: Unchecked = "covered-data".parse().unwrap();
        assert!(unchecked.has(Property::CoveredData) && !unchecked.has(Property::CoveredNames));
        assert_eq!(unchecked.to_string().parse(), Ok(unchecked));
        assert!("".parse::<Unchecked>().unwrap().is_empty());
        assert!("opens".parse::<Unchecked>().is_err());
    }
}
