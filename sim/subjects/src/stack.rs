//! The calling thread's stack, as addresses.

use crate::wire::FRAMES;

/// Return addresses, innermost first, and how many there are. Nothing is allocated: what the caller
/// allocates next lies where it does when nobody asks.
pub fn of_caller() -> ([usize; FRAMES], usize) {
    let (mut frames, mut count) = ([0; FRAMES], 0);
    backtrace::trace(|frame| {
        frames[count] = frame.ip() as usize;
        count += 1;
        count < FRAMES
    });
    (frames, count)
}
