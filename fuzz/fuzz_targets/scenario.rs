//! Fuzz target: any scenario, run in the simulator. The body is `seawall_sim::fuzzing`.
//!
//! Beside the edges of the code the fuzzer is guided by the features of a run, through counters that
//! libFuzzer finds by the name of their section. That name is all that has to be right.
// Source: libFuzzer, FuzzerExtraCounters.cpp; Linux only.

#![no_main]
#![allow(clippy::disallowed_types)] // The macro can write coverage to a file.

use std::sync::atomic::{AtomicU8, Ordering};

use libfuzzer_sys::{Corpus, fuzz_crossover, fuzz_mutator, fuzz_target, fuzzer_mutate};
use seawall_sim::features::SPACE;
use seawall_sim::fuzzing::{change, check};

/// One input in so many is changed as bytes: for the parser.
const BYTES_ONE_IN: u32 = 64;

// Nobody else writes there but libFuzzer, which clears it before each run.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
#[used]
static COUNTERS: [AtomicU8; SPACE] = [const { AtomicU8::new(0) }; SPACE];

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(features) = check(input) else {
        return Corpus::Reject;
    };
    for feature in features {
        COUNTERS[usize::from(feature)].store(1, Ordering::Relaxed);
    }
    Corpus::Keep
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    match seed % BYTES_ONE_IN {
        0 => fuzzer_mutate(data, size, max_size),
        _ => put(&change(&data[..size], None, seed), data, max_size),
    }
});

fuzz_crossover!(|one: &[u8], other: &[u8], out: &mut [u8], seed: u32| {
    let max_size = out.len();
    put(&change(one, Some(other), seed), out, max_size)
});

/// Puts a text there, or nothing where it is too long.
fn put(text: &str, out: &mut [u8], max_size: usize) -> usize {
    let length = text.len();
    if length > max_size {
        return 0;
    }
    out[..length].copy_from_slice(text.as_bytes());
    length
}
