//! The calling thread's stack, as addresses.

use crate::wire::FRAMES;

/// Return addresses, innermost first.
pub fn of_caller() -> Vec<usize> {
    let mut frames = Vec::with_capacity(FRAMES);
    backtrace::trace(|frame| {
        frames.push(frame.ip() as usize);
        frames.len() < FRAMES
    });
    frames
}
