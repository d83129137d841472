//! The records: made without cost while the clock runs, and known again when they are read.

use anyhow::{Result, ensure};

/// Records of one length in one buffer. The first eight bytes of each are its number, the rest is
/// noise that only depends on its slot, so that a compressor gains nothing and a batch costs one
/// write of eight bytes per record.
pub struct Slots {
    bytes: Vec<u8>,
    record_bytes: usize,
}

impl Slots {
    /// At least eight bytes a record.
    pub fn new(slots: usize, record_bytes: usize) -> Slots {
        assert!(record_bytes >= 8);
        // Xorshift, by Marsaglia: noise is all that is asked of it.
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        Slots {
            bytes: noise.take(slots * record_bytes).collect(),
            record_bytes,
        }
    }

    /// Gives all slots their numbers, from `first` on.
    pub fn number(&mut self, first: u64) {
        let records = self.bytes.chunks_exact_mut(self.record_bytes);
        for (number, record) in (first..).zip(records) {
            record[..8].copy_from_slice(&number.to_le_bytes());
        }
    }

    /// The records, one a slot.
    pub fn records(&self) -> Vec<&[u8]> {
        self.bytes.chunks_exact(self.record_bytes).collect()
    }
}

/// Takes the records of a replay and holds each against what was written.
pub struct Verifier {
    slots: Slots,
    count: u64,
}

impl Verifier {
    /// For records that were written out of as many slots.
    pub fn new(slots: usize, record_bytes: usize) -> Verifier {
        Verifier {
            slots: Slots::new(slots, record_bytes),
            count: 0,
        }
    }

    /// The next record.
    pub fn see(&mut self, record: &[u8]) -> Result<()> {
        let (slots, size) = (&self.slots, self.slots.record_bytes);
        let start = self.count as usize * size % slots.bytes.len();
        let expected = &slots.bytes[start..start + size];
        let is_right = record.len() == size
            && record[..8] == self.count.to_le_bytes()
            && record[8..] == expected[8..];
        ensure!(is_right, "record {} is not what was written", self.count);
        self.count += 1;
        Ok(())
    }

    /// How many records came.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::{Slots, Verifier};

    #[test]
    fn records_come_in_order_and_as_they_were_written_or_are_refused() {
        let mut slots = Slots::new(2, 16);
        slots.number(2);
        let written: Vec<Vec<u8>> = slots.records().iter().map(|one| one.to_vec()).collect();
        let mut verifier = Verifier::new(2, 16);
        assert!(verifier.see(&written[0]).is_err());
        slots.number(0);
        let mut records = slots.records().into_iter();
        for _ in 0..2 {
            let record = records.next().expect("two slots");
            assert!(verifier.see(record).is_ok());
        }
        assert!(verifier.see(&written[0][..15]).is_err());
        let mut changed = written[0].clone();
        changed[15] ^= 1;
        assert!(verifier.see(&changed).is_err());
        assert!(verifier.see(&written[0]).is_ok());
        assert!(verifier.see(&written[1]).is_ok());
        assert_eq!(verifier.count(), 4);
    }
}
