//! The trace of a run: a rolling hash over everything that happened, and on request its text.
//!
//! Whatever could differ between two runs goes in as integers through [`mix`]: who ran, which
//! call, on which file, with which bytes, with what result. Two runs with the same hash did the
//! same things in the same order. Addresses, times and hash-map orders never go in. The text is
//! made only when somebody asked for it, so that an ordinary run formats nothing.
//!
//! The trace belongs to the thread, since a run does: all its tasks share one.

use std::cell::{Cell, RefCell};

thread_local! {
    static HASH: Cell<u64> = const { Cell::new(OFFSET) };
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

// FNV-1a's parameters, over 64-bit words instead of bytes: a checksum against accidents.
// Source: draft-eastlake-fnv, section 5 (FNV_prime and offset_basis for 64 bits).
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// What a run left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The hash over the whole run.
    pub hash: u64,
    /// One line an event; empty unless the text was asked for.
    pub lines: Vec<String>,
}

/// Begins a new trace on this thread.
pub fn start(with_text: bool) {
    HASH.set(OFFSET);
    LINES.replace(with_text.then(Vec::new));
}

/// Adds one word to the hash.
pub fn mix(word: u64) {
    let hash = (HASH.get() ^ word).wrapping_mul(PRIME);
    // The multiplication moves information only upwards; the rotation brings it back down.
    HASH.set(hash.rotate_left(23));
}

/// Adds bytes to the hash, with their length.
pub fn mix_bytes(bytes: &[u8]) {
    mix(bytes.len() as u64);
    mix(u64::from(crc32c::crc32c(bytes)));
}

/// Adds a line to the text, if there is one.
pub fn line(text: impl FnOnce() -> String) {
    let is_kept = LINES.with_borrow(Option::is_some);
    if is_kept {
        let text = text();
        LINES.with_borrow_mut(|lines| lines.as_mut().expect("just seen").push(text));
    }
}

/// Ends the trace and hands it out.
pub fn finish() -> Recorded {
    Recorded {
        hash: HASH.get(),
        lines: LINES.take().unwrap_or_default(),
    }
}
