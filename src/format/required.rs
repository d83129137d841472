//! The record types that a reader must understand before it may write to a log.
//!
//! Bit 15 of a type says that whoever does not know it must not pass over the record. So that
//! an open need not read the whole log to know, each segment header lists the types of this
//! kind that any record before it may have.

use super::{array_at, u16_at};
use crate::types::RecordType;

/// More types than a log is ever written with; a version that needs more is a new format.
pub(crate) const TYPES_MAX: usize = 32;
/// The encoded size in bytes: a count and the types.
pub(super) const REQUIRED_BYTES: usize = 2 + 2 * TYPES_MAX;

/// A set of record types with bit 15, in rising order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequiredTypes {
    // The first `len` are in the set, the others 0.
    types: [u16; TYPES_MAX],
    len: usize,
}

impl RequiredTypes {
    /// Adds a type, if it is one that a reader must understand.
    ///
    /// # Panics
    /// Beyond 32 types: callers know fewer, and have refused what they don't know.
    pub fn add(&mut self, record_type: u16) {
        if !RecordType::is_required(record_type) {
            return;
        }
        if let Err(at) = self.as_slice().binary_search(&record_type) {
            assert!(self.len < TYPES_MAX, "no log has so many types");
            self.types.copy_within(at..self.len, at + 1);
            self.types[at] = record_type;
            self.len += 1;
        }
    }

    /// Adds all of these that a reader must understand.
    pub fn add_all(&mut self, types: &[u16]) {
        types.iter().for_each(|&record_type| self.add(record_type));
    }

    /// The types, in rising order.
    pub fn as_slice(&self) -> &[u16] {
        &self.types[..self.len]
    }

    /// One that this version does not know.
    pub fn unknown(&self) -> Option<u16> {
        let is_unknown = |number: &&u16| RecordType::from_number(**number).is_none();
        self.as_slice().iter().find(is_unknown).copied()
    }

    pub(super) fn encode(&self) -> [u8; REQUIRED_BYTES] {
        let mut bytes = [0; REQUIRED_BYTES];
        bytes[..2].copy_from_slice(&(self.len as u16).to_le_bytes());
        for (into, number) in bytes[2..].chunks_exact_mut(2).zip(self.types) {
            into.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// `None` for bytes that no set encodes to.
    pub(super) fn decode(bytes: &[u8; REQUIRED_BYTES]) -> Option<RequiredTypes> {
        let len = usize::from(u16_at(bytes, 0));
        let mut set = RequiredTypes::default();
        for at in 0..len.min(TYPES_MAX) {
            set.add(u16::from_le_bytes(array_at(bytes, 2 + 2 * at)));
        }
        (set.encode() == *bytes).then_some(set)
    }
}

impl FromIterator<u16> for RequiredTypes {
    fn from_iter<I: IntoIterator<Item = u16>>(types: I) -> RequiredTypes {
        let mut set = RequiredTypes::default();
        set.add_all(&types.into_iter().collect::<Vec<u16>>());
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_survives_encode_and_decode() {
        let check = |types: &[u16], expect: &[u16]| {
            let set: RequiredTypes = types.iter().copied().collect();
            assert_eq!(set.as_slice(), expect);
            assert_eq!(RequiredTypes::decode(&set.encode()), Some(set));
        };
        check(&[], &[]);
        check(&[0x8064, 0x8001, 0x8064], &[0x8001, 0x8064]);
        check(&[30, 0], &[]);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let check = |change: fn(&mut [u8; REQUIRED_BYTES])| {
            let set: RequiredTypes = [0x8001, 0x8002].into_iter().collect();
            let mut bytes = set.encode();
            change(&mut bytes);
            assert_eq!(RequiredTypes::decode(&bytes), None);
        };
        check(|bytes| bytes[0] = 1);
        check(|bytes| bytes[0] = 3);
        check(|bytes| bytes[1] = 0xff);
        check(|bytes| bytes[3] = 0);
        check(|bytes| bytes[2] = 2);
    }

    #[test]
    fn only_a_type_of_another_version_is_unknown() {
        let known: RequiredTypes = [0x8001, 0x8064].into_iter().collect();
        assert_eq!(known.unknown(), None);
        let newer: RequiredTypes = [0x8001, 0x9000].into_iter().collect();
        assert_eq!(newer.unknown(), Some(0x9000));
    }
}
