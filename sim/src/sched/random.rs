//! Plain random: each runnable task is as likely.
//!
//! Finds any overlap of two operations within a few runs, and starvation practically never: a
//! task with one step left among three with a hundred each almost always takes it early.
//!
//! It also plays tapes: option 0 is the task that runs, so that a tape without entries never
//! interrupts anybody, and each entry where one could go on is one preemption.

use super::policy::{Moment, Policy};
use crate::choice::Stream;

/// The policy.
#[derive(Default)]
pub struct Random;

impl Policy for Random {
    fn begin(&mut self, _remaining: &[u32], _stream: &mut Stream) {}

    fn choose(&mut self, moment: Moment<'_>, stream: &mut Stream) -> usize {
        moment.option(stream.below(moment.runnable.len() as u64) as usize)
    }

    fn io(&mut self, _task: usize) {}
}
