//! The word for damage to a fork of the disk: what is done, and where. It prints as a short phrase
//! and parses from it.

use std::fmt;
use std::str::FromStr;

use crate::named::named_enum;

named_enum! {
    /// A kind of damage, to one place.
    pub enum Damage {
        /// A bit of a segment is flipped.
        Flip = "flip",
        /// A sector of a segment becomes zeros.
        ZeroSector = "zero-sector",
        /// A few bytes within a sector of a segment become random ones.
        Garbage = "garbage",
        /// A segment is cut short.
        Cut = "cut",
        /// A segment that is neither the first nor the last is removed.
        Remove = "remove",
        /// A file that is no segment of this log has the name of one.
        Foreign = "foreign",
        /// A segment says that it is of a newer version of the format.
        NewerVersion = "newer-version",
        /// A record has a type that only a later version knows: one that may be passed over for
        /// even numbers, one that must be understood for odd ones.
        NewerType = "newer-type",
        /// A copy of the directory goes on by itself, with the same keys.
        Copy = "copy",
        /// A bit of a sealed frame or its segment's header is flipped, the checksums fit again.
        ForgeFlip = "forge-flip",
        /// A sealed frame stands once more in another place of its segment.
        ForgeMove = "forge-move",
        /// Two sealed frames have changed places.
        ForgeSwap = "forge-swap",
        /// A frame of another segment stands in the place of a sealed one.
        ForgeTransplant = "forge-transplant",
        /// Something encrypted became plain: a segment, its header, a frame, all with other records.
        ForgeStrip = "forge-strip",
        /// A header says something else.
        ForgeHeader = "forge-header",
        /// A segment is what it was at the end of an earlier life.
        ForgeOlder = "forge-older",
        /// A segment of another log with the same keys is made to fit.
        ForgeForeign = "forge-foreign",
        /// The log is opened with a key that is not its own.
        WrongKey = "wrong-key",
        /// The log is opened without a key.
        NoKey = "no-key",
    }
}

impl Damage {
    /// What is only tried on an encrypted log: the work of somebody who forges checksums, not of a
    /// disk; and opens with other keys.
    pub const OF_KEYS: &'static [Damage] = &[
        Damage::Copy,
        Damage::ForgeFlip,
        Damage::ForgeMove,
        Damage::ForgeSwap,
        Damage::ForgeTransplant,
        Damage::ForgeStrip,
        Damage::ForgeHeader,
        Damage::ForgeOlder,
        Damage::ForgeForeign,
        Damage::WrongKey,
        Damage::NoKey,
    ];
}

/// What is done to a fork of the disk when a life is over, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is done.
    pub damage: Damage,
    /// Where: counted modulo the places that there are.
    pub number: u32,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.damage, self.number)
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Probe, String> {
        let wrong = || format!("`{text}` is not a probe like `flip 1234` or `newer-version 0`");
        let (damage, number) = text.split_once(' ').ok_or_else(wrong)?;
        Ok(Probe {
            damage: damage.parse()?,
            number: number.parse().map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_survive_print_and_parse() {
        for text in ["flip 1234567", "zero-sector 0", "newer-version 3"] {
            let parsed = text.parse::<Probe>();
            assert_eq!(parsed.map(|probe| probe.to_string()), Ok(text.to_string()));
        }
        for text in ["", "flip", "flip x", "burn 1", "flip 1 2"] {
            assert!(text.parse::<Probe>().is_err(), "{text}");
        }
    }
}
