//! Sticky: stays with the running task, and leaves it with a chance of one in so many.
//!
//! Long stretches of one task, as on a real machine with few cores: bugs that need a task to get
//! far while another stands still. Bad at bugs that need many switches close together.

use super::policy::{Moment, Policy};
use crate::choice::Stream;

/// The policy; it remembers only its number.
#[derive(Default)]
pub struct Sticky {
    /// Leaves the running task with a chance of 1 in this.
    pub one_in: u32,
}

impl Policy for Sticky {
    fn begin(&mut self, _remaining: &[u32], _stream: &mut Stream) {
        assert!(self.one_in >= 1, "a chance of 1 in 0");
    }

    fn choose(&mut self, moment: Moment<'_>, stream: &mut Stream) -> usize {
        let mut candidates = moment.runnable;
        if let Some(current) = moment.current {
            if stream.below(u64::from(self.one_in)) != 0 {
                return current;
            }
            candidates = candidates.without(current);
        }
        candidates.nth(stream.below(candidates.len() as u64) as usize)
    }

    fn io(&mut self, _task: usize) {}
}
