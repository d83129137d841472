//! The ways in which a power cut chooses among the legal states of the disk.
//!
//! A uniform draw over all legal states would hardly ever be the one that breaks a log.
//! Losing all but one thing, or nothing but one, are the cases that found bugs elsewhere.
// Source: Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014 (ALICE), and
// Mohan et al., "Finding Crash-Consistency Bugs with Bounded Black-Box Crash Testing", OSDI 2018.

use crate::choice::Stream;

use crate::named::named_enum;

named_enum! {
    /// How a power cut chooses what was durable.
    pub enum Strategy {
        /// Nothing that was pending.
        LoseAll = "lose-all",
        /// All that was pending.
        KeepAll = "keep-all",
        /// What came before one point in time.
        SeqPrefix = "seq-prefix",
        /// Each thing by itself, with one chance for all.
        Independent = "independent",
        /// All but one write, one unit of a write, or one change of a name.
        AllButOne = "all-but-one",
        /// Only one write, one unit of a write, or one change of a name.
        OnlyOne = "only-one",
        /// All names and all data, but the old lengths.
        DataWithoutLen = "data-without-len",
        /// All names and all lengths, but the old data.
        LenWithoutData = "len-without-data",
        /// All names; neither data nor lengths.
        DirOpsOnly = "dir-ops-only",
        /// All data and lengths; no name.
        FileDataOnly = "file-data-only",
        /// Part of the units of one write. `Independent` where no write has two.
        TearOne = "tear-one",
    }
}

impl Strategy {
    const WEIGHTS: [u32; Strategy::COUNT] = [10, 10, 15, 20, 15, 10, 4, 4, 4, 4, 4];

    /// One of them, by weight.
    pub fn draw(stream: &mut Stream) -> Strategy {
        Strategy::ALL[stream.weighted(&Strategy::WEIGHTS)]
    }
}
