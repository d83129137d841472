//! The uniform random walk: a task runs as often as it has work left, with noise on the estimate.
//!
//! Choosing each task in proportion to its remaining events makes all interleavings of programs
//! that do not block equally likely, where plain random favours those that exhaust short tasks
//! early. Source: Zhao, Wolff, Mathur, Roychoudhury: Selectively Uniform Concurrency Testing
//! (ASPLOS 2025). An even walk rarely starves anybody, though; so each estimate is multiplied
//! once a run by a factor between 1/4 and 4, which makes some tasks laggards for the whole run.
//!
//! It does not learn: the estimates come from the plan and only count down, at I/O calls.

use super::policy::{Moment, Policy};
use super::set::{TASKS_MAX, TaskSet};
use crate::choice::Stream;

/// Quarter octaves between 1/4 and 4, in 256ths: log-uniform without a float.
const NOISE: [u32; 17] = [
    64, 76, 91, 108, 128, 152, 181, 215, 256, 304, 362, 431, 512, 609, 724, 861, 1024,
];

/// Estimates above this count as this, so that the weights of all tasks add up in 32 bits.
const REMAINING_MAX: u32 = (1 << 16) - 1;

const _: () = assert!(REMAINING_MAX as u64 * 1024 * TASKS_MAX as u64 <= u32::MAX as u64);

/// A factor between 1/4 and 4 as a number of 256ths, each quarter octave as likely.
pub(super) fn noise(stream: &mut Stream) -> u32 {
    *stream.pick(&NOISE)
}

/// The policy: what each task has left, and its factor in this run.
pub struct Walk {
    remaining: [u32; TASKS_MAX],
    factor: [u32; TASKS_MAX],
    /// The tasks that the two tables below are about; empty when a weight has changed since.
    summed: TaskSet,
    /// How many members `summed` has.
    count: usize,
    /// Those members, in order.
    list: [u8; TASKS_MAX],
    /// The sum of the weights up to and including each of `list`.
    sum: [u32; TASKS_MAX],
}

impl Default for Walk {
    fn default() -> Walk {
        Walk {
            remaining: [0; TASKS_MAX],
            factor: [0; TASKS_MAX],
            summed: TaskSet::EMPTY,
            count: 0,
            list: [0; TASKS_MAX],
            sum: [0; TASKS_MAX],
        }
    }
}

impl Walk {
    fn add_up(&mut self, runnable: TaskSet) {
        let mut sum = 0;
        for (index, task) in runnable.into_iter().enumerate() {
            // A task whose estimate ran out still gets its turns.
            sum += self.remaining[task].max(1) * self.factor[task];
            self.list[index] = task as u8;
            self.sum[index] = sum;
        }
        self.summed = runnable;
        self.count = runnable.len();
    }
}

impl Policy for Walk {
    fn begin(&mut self, remaining: &[u32], stream: &mut Stream) {
        assert!(remaining.len() <= TASKS_MAX, "more tasks than weights");
        for (task, &remaining) in remaining.iter().enumerate() {
            self.remaining[task] = remaining.min(REMAINING_MAX);
            self.factor[task] = noise(stream);
        }
        self.summed = TaskSet::EMPTY;
    }

    fn choose(&mut self, moment: Moment<'_>, stream: &mut Stream) -> usize {
        if self.summed != moment.runnable {
            self.add_up(moment.runnable);
        }
        let sums = &self.sum[..self.count];
        let total = *sums.last().expect("a choice has candidates");
        let draw = stream.below(u64::from(total)) as u32;
        // Counting all instead of stopping at the first spares a branch nobody can predict.
        let index = sums.iter().filter(|&&sum| sum <= draw).count();
        usize::from(self.list[index])
    }

    fn io(&mut self, task: usize) {
        self.remaining[task] = self.remaining[task].saturating_sub(1);
        self.summed = TaskSet::EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Choices, Purpose};

    fn shares(walk: &mut Walk, stream: &mut Stream, tasks: usize) -> Vec<u32> {
        let moment = Moment {
            runnable: TaskSet::first(tasks),
            current: None,
            step: 0,
            pending: &[],
        };
        let mut shares = vec![0; tasks];
        for _ in 0..10_000 {
            shares[walk.choose(moment, stream)] += 1;
        }
        shares
    }

    #[test]
    fn a_task_runs_in_proportion_to_what_it_has_left() {
        let mut stream = Choices::new(1).stream(Purpose::Schedule, 0);
        let mut walk = Walk::default();
        walk.begin(&[1, 90], &mut stream);
        walk.factor = [256; TASKS_MAX];
        let before = shares(&mut walk, &mut stream, 2)[0];
        assert!((50..200).contains(&before), "about 1 in 91: {before}");
        for _ in 0..87 {
            walk.io(1);
        }
        let after = shares(&mut walk, &mut stream, 2)[0];
        assert!((2200..2800).contains(&after), "about 1 in 4: {after}");
    }

    #[test]
    fn the_noise_is_drawn_anew_each_run_and_spans_a_quarter_to_four() {
        let mut stream = Choices::new(2).stream(Purpose::Schedule, 0);
        let drawn: Vec<u32> = (0..1000).map(|_| noise(&mut stream)).collect();
        assert_eq!(drawn.iter().min(), Some(&64));
        assert_eq!(drawn.iter().max(), Some(&1024));
        let below_one = drawn.iter().filter(|&&factor| factor < 256).count();
        assert!((400..540).contains(&below_one), "8 in 17: {below_one}");
    }
}
