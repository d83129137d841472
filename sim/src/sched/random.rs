//! Plain random: each runnable task is as likely.
//!
//! Finds any overlap of two operations within a few runs, and starvation practically never: a
//! task with one step left among three with a hundred each almost always takes it early.

use super::policy::{Moment, Policy};
use super::set::{TASKS_MAX, TaskSet};
use crate::choice::Stream;

/// The policy; it remembers nothing but who could run when it last looked.
pub struct Random {
    listed: TaskSet,
    /// The members of `listed` in order, so that a choice is one look-up.
    list: [u8; TASKS_MAX],
    /// How many members `listed` has.
    count: u64,
}

impl Default for Random {
    fn default() -> Random {
        Random {
            listed: TaskSet::EMPTY,
            list: [0; TASKS_MAX],
            count: 0,
        }
    }
}

impl Policy for Random {
    fn begin(&mut self, _remaining: &[u32], _stream: &mut Stream) {}

    fn choose(&mut self, moment: Moment, stream: &mut Stream) -> usize {
        if self.listed != moment.runnable {
            self.listed = moment.runnable;
            self.count = self.listed.len() as u64;
            for (place, task) in self.list.iter_mut().zip(moment.runnable) {
                *place = task as u8;
            }
        }
        usize::from(self.list[stream.below(self.count) as usize])
    }

    fn io(&mut self, _task: usize) {}
}
