//! Holds: LSNs that truncation must not pass, each under the name of whoever needs the records.

use std::collections::BTreeMap;

use super::NUMBER_LIMIT;
use crate::types::Lsn;

/// The longest name of a hold in bytes.
pub const HOLD_NAME_BYTES_MAX: usize = 255;
/// How many holds a log has at most.
pub const HOLDS_MAX: usize = 1000;

/// What that comes to: a name's length, a name, a number for each, and their count.
const HOLDS_BYTES_MAX: usize = HOLDS_MAX * (3 + HOLD_NAME_BYTES_MAX + 9) + 5;

/// All holds of a log, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    by_name: BTreeMap<String, Lsn>,
}

impl Holds {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// The LSN from which on records are held under this name.
    pub fn get(&self, name: &str) -> Option<Lsn> {
        self.by_name.get(name).copied()
    }

    /// Sets a hold, or moves it.
    pub fn set(&mut self, name: &str, lsn: Lsn) {
        self.by_name.insert(name.to_owned(), lsn);
    }

    /// Takes a hold away; `false` when there was none of this name.
    pub fn release(&mut self, name: &str) -> bool {
        self.by_name.remove(name).is_some()
    }

    /// The lowest LSN that is held.
    pub fn lowest(&self) -> Option<Lsn> {
        self.by_name.values().min().copied()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Lsn)> {
        self.by_name.iter().map(|(name, &lsn)| (name.as_str(), lsn))
    }

    /// The body of a frame: a map in MessagePack.
    pub fn encode(&self) -> Vec<u8> {
        let numbers: BTreeMap<&str, u64> = self
            .iter()
            .map(|(name, lsn)| (name, lsn.as_u64()))
            .collect();
        rmp_serde::to_vec(&numbers).expect("a map of numbers can be encoded")
    }

    /// Reads a body back; `None` when it is not one, or breaks a limit.
    pub fn decode(body: &[u8]) -> Option<Holds> {
        // So that hostile bytes can't make a map that is far larger than they are.
        if body.len() > HOLDS_BYTES_MAX {
            return None;
        }
        let numbers: BTreeMap<String, u64> = rmp_serde::from_slice(body).ok()?;
        let is_sound = |(name, &lsn): (&String, &u64)| {
            name.len() <= HOLD_NAME_BYTES_MAX && lsn > 0 && lsn < NUMBER_LIMIT
        };
        if numbers.len() > HOLDS_MAX || !numbers.iter().all(is_sound) {
            return None;
        }
        let holds = Holds {
            by_name: numbers
                .into_iter()
                .map(|(name, lsn)| (name, Lsn::new(lsn)))
                .collect(),
        };
        // Bytes behind the map, or a name twice: no writer has written that.
        (holds.encode() == body).then_some(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_survive_encode_and_decode() {
        let mut holds = Holds::default();
        assert_eq!(Holds::decode(&holds.encode()), Some(holds.clone()));
        holds.set("backup", Lsn::new(7));
        holds.set("replica/2", Lsn::new(3));
        assert_eq!(Holds::decode(&holds.encode()), Some(holds.clone()));
        assert_eq!(holds.lowest(), Some(Lsn::new(3)));
        assert!(holds.release("replica/2"));
        assert!(!holds.release("replica/2"));
        assert_eq!(holds.lowest(), Some(Lsn::new(7)));
    }

    #[test]
    fn what_is_no_map_of_holds_is_refused() {
        let mut holds = Holds::default();
        holds.set("a", Lsn::ZERO);
        assert_eq!(Holds::decode(&holds.encode()), None);
        holds.set("a", Lsn::new(u64::MAX));
        assert_eq!(Holds::decode(&holds.encode()), None);
        let mut holds = Holds::default();
        holds.set(&"n".repeat(HOLD_NAME_BYTES_MAX + 1), Lsn::new(1));
        assert_eq!(Holds::decode(&holds.encode()), None);
        assert_eq!(Holds::decode(b"\x80 "), None);
        // A map that claims four billion entries and has none.
        assert_eq!(Holds::decode(&[0xdf, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
