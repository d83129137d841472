//! Counters for an operator: what the log wrote and how long its syncs took.

use std::time::Duration;

/// Counters since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalStats {
    /// Records written to segment files.
    pub records_written: u64,
    /// Bytes written to segment files, frame headers and padding included.
    pub bytes_written: u64,
    /// Frames written; each holds the records of one group commit.
    pub frames_written: u64,
    /// How many records the frames had that had any: how well threads share a sync.
    pub records_per_frame: Histogram,
    /// Syncs of segment files that succeeded.
    pub syncs: u64,
    /// The time spent in those syncs.
    pub sync_time: Duration,
    /// How long they took, in microseconds.
    pub sync_micros: Histogram,
    /// Segments created, the one at open included.
    pub segments_created: u64,
    /// Records of types that this version does not know and need not, passed over by
    /// [`crate::WalManager::replay`] and [`crate::WalManager::replay_from`].
    pub unknown_skipped: u64,
}

const BUCKETS: usize = 32;

/// How often values of which size came, in powers of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    // The values with so many significant bits; the last bucket has all larger ones, too.
    counts: [u64; BUCKETS],
}

impl Histogram {
    pub(crate) fn count(&mut self, value: u64) {
        let bits = (u64::BITS - value.leading_zeros()) as usize;
        self.counts[bits.min(BUCKETS - 1)] += 1;
    }

    /// How many values came.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The buckets up to the last one with a value: the largest value that each stands for, and
    /// how many there were.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let used = self.counts.iter().rposition(|&count| count > 0);
        let used = used.map_or(0, |last| last + 1);
        let bounds = (0..).map(bound);
        bounds.zip(self.counts).take(used)
    }

    /// A value that `percent` of all values are at or below; its power of two is right, the rest
    /// is rounded up. 0 when none came.
    ///
    /// # Panics
    /// Above 100 percent.
    pub fn percentile(&self, percent: u64) -> u64 {
        assert!(percent <= 100);
        let wanted = (self.total() * percent).div_ceil(100);
        let mut seen = 0;
        for (bound, count) in self.buckets() {
            seen += count;
            if seen >= wanted {
                return bound;
            }
        }
        0
    }
}

/// The largest value with so many significant bits.
fn bound(bits: usize) -> u64 {
    match bits {
        _ if bits == BUCKETS - 1 => u64::MAX,
        _ => (1 << bits) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_their_power_of_two() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.total(), histogram.percentile(99)), (0, 0));
        for value in [0, 1, 2, 3, 3, 700, u64::MAX] {
            histogram.count(value);
        }
        let filled: Vec<_> = histogram
            .buckets()
            .filter(|&(_, count)| count > 0)
            .collect();
        let expect = [(0, 1), (1, 1), (3, 3), (1023, 1), (u64::MAX, 1)];
        assert_eq!(filled, expect);
        let percentiles = [0, 50, 80, 100].map(|percent| histogram.percentile(percent));
        assert_eq!(percentiles, [0, 3, 1023, u64::MAX]);
    }
}
