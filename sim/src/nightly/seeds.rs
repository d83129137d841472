//! Which seeds belong to which night, shard and slice: no two of them share one.
//!
//! A night has 2^48 seeds, from its number times that on, in blocks of 2^28. Shard `i/n` has every `n`-th
//! block, and each of its slices one. A slice ends long before its block does.

use crate::seed::Seed;
use crate::shard::Shard;

/// How many seeds a night has, as a power of two.
const NIGHT_BITS: u32 = 48;

/// How many a slice has to itself.
const BLOCK_BITS: u32 = 28;
/// A night's number is less than this.
pub(super) const NIGHTS_MAX: u32 = 1 << (64 - NIGHT_BITS);

/// The first seed of a shard's slice number `slice`, from 1 on; `None` after the last block.
pub(super) fn first(night: u32, shard: Shard, slice: u64) -> Option<Seed> {
    let block = shard.place(slice);
    let is_there = block < 1 << (NIGHT_BITS - BLOCK_BITS) && night < NIGHTS_MAX;
    is_there.then(|| Seed((u64::from(night) << NIGHT_BITS) + (block << BLOCK_BITS)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_slices_share_a_seed() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"]
            .map(|text| text.parse().unwrap())
            .into();
        let mut firsts = BTreeSet::new();
        for night in [1, 2, 1000] {
            for &shard in &shards {
                for slice in 1..50 {
                    let Seed(first) = first(night, shard, slice).unwrap();
                    assert!(firsts.insert(first));
                }
            }
        }
        let firsts: Vec<u64> = firsts.into_iter().collect();
        assert!(
            firsts
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= 1 << BLOCK_BITS)
        );
    }

    #[test]
    fn a_night_ends_before_the_next_one_begins() {
        let last = (1 << (NIGHT_BITS - BLOCK_BITS)) - 1;
        let Seed(begin) = first(1, Shard::WHOLE, last).unwrap();
        let Seed(next) = first(2, Shard::WHOLE, 0).unwrap();
        assert_eq!(begin + (1 << BLOCK_BITS), next);
        assert_eq!(first(1, Shard::WHOLE, last + 1), None);
        assert_eq!(first(NIGHTS_MAX, Shard::WHOLE, 1), None);
    }
}
