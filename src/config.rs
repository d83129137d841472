//! How a log is opened. Any open may differ from the last one in everything here.

use crate::error::{Error, Result};

/// The default of [`WalConfig::segment_target_size`]: 64 MiB.
pub const SEGMENT_TARGET_SIZE_DEFAULT: u64 = 64 << 20;

/// The largest [`WalTuning::alignment`].
pub(crate) const ALIGNMENT_MAX: usize = 65536;

/// Sizes that trade memory and space for speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalTuning {
    /// How many bytes of records are gathered before they are written even though nobody asked
    /// for a sync. In bytes; default 2 MiB, minimum 512, maximum 64 MiB. A larger record still
    /// fits: it is written alone.
    pub write_buffer_size: usize,
    /// Each write starts at a multiple of this and is padded to one, so that a write never
    /// touches a block with acknowledged records. In bytes, a power of two; default 4096,
    /// minimum 512, maximum 65536. With direct I/O a larger alignment that the device asks for
    /// takes its place; where the device does not tell, one that is too small is refused at open,
    /// with [`Error::DirectIoRefused`].
    pub alignment: usize,
}

impl Default for WalTuning {
    fn default() -> WalTuning {
        WalTuning {
            write_buffer_size: 2 << 20,
            alignment: 4096,
        }
    }
}

/// Everything that an open may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalConfig {
    /// Bypass the page cache when writing. Default `false`. A file system that can't is told at
    /// open, with [`Error::DirectIoRefused`].
    pub use_direct_io: bool,
    /// A segment that would grow beyond this many bytes is sealed and the next one started.
    /// 0, the default, stands for 64 MiB. A single write may exceed it.
    pub segment_target_size: u64,
    /// Buffer and alignment.
    pub tuning: WalTuning,
}

impl WalConfig {
    /// How many bytes of zeros are written ahead of small frames: a 64th of a segment, so that
    /// little space is wasted, and at most 1 MiB, so that no commit waits long for them.
    pub(crate) fn ahead_bytes(&self) -> u64 {
        let ahead = (self.segment_target_size / 64).min(1 << 20);
        ahead / self.tuning.alignment as u64 * self.tuning.alignment as u64
    }

    /// Checks the limits and fills in the defaults.
    pub(crate) fn checked(mut self) -> Result<WalConfig> {
        let tuning = self.tuning;
        if !tuning.alignment.is_power_of_two() || !(512..=ALIGNMENT_MAX).contains(&tuning.alignment)
        {
            return Err(Error::Config {
                why: "alignment is not a power of two from 512 to 65536",
            });
        }
        if !(512..=64 << 20).contains(&tuning.write_buffer_size) {
            return Err(Error::Config {
                why: "write_buffer_size is not within 512 bytes and 64 MiB",
            });
        }
        if self.segment_target_size == 0 {
            self.segment_target_size = SEGMENT_TARGET_SIZE_DEFAULT;
        }
        Ok(self)
    }
}
