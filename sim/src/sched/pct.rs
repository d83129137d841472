//! PCT: random priorities and a few random changes of them.
//!
//! The runnable task with the highest priority runs; at `depth - 1` randomly placed points the
//! running one falls below all others. A bug that needs `depth` ordering constraints among `n`
//! tasks and `k` steps is found with a chance of at least 1/(n k^(depth-1)). Source: Burckhardt,
//! Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of
//! Finding Bugs (ASPLOS 2010). Good at long starvation, bad where many must wait at once.
//!
//! The length `k` of a run is not known before it ends, and a bound far off places the changes
//! where nothing happens. So the bound is guessed from the I/O calls left, with noise, and doubles
//! whenever the run outlives it, with new changes in the new half. An I/O call is no yield here: it
//! lowers nobody's priority.

use super::policy::{Moment, Policy};
use super::set::TASKS_MAX;
use super::walk::noise;
use crate::choice::Stream;

/// About how many scheduling points come with one I/O call of a log that commits in groups.
const POINTS_PER_IO: u64 = 4;

/// No bound grows beyond this; it fits a draw.
const BOUND_MAX: u64 = 1 << 31;

/// The greatest depth worth asking for: the chance falls exponentially with it.
pub const DEPTH_MAX: u32 = 16;

/// The policy: the order of the tasks, and where it changes.
pub struct Pct {
    /// The depth of the bugs sought: one more than the changes of priority.
    pub depth: u32,
    /// Higher runs first; all different.
    priority: [i64; TASKS_MAX],
    /// Below the priority of every task.
    floor: i64,
    /// Steps of the changes before `bound`, falling, so that the next one is last.
    changes: Vec<u64>,
    bound: u64,
}

impl Default for Pct {
    fn default() -> Pct {
        Pct {
            depth: 1,
            priority: [0; TASKS_MAX],
            floor: 0,
            changes: Vec::with_capacity(DEPTH_MAX as usize),
            bound: 0,
        }
    }
}

impl Pct {
    /// Places this stretch's changes in `from..bound`.
    fn place(&mut self, from: u64, stream: &mut Stream) {
        assert!(from < self.bound, "an empty stretch");
        self.changes.clear();
        for _ in 1..self.depth {
            self.changes.push(stream.within(from, self.bound - 1));
        }
        self.changes.sort_unstable_by(|a, b| b.cmp(a));
    }

    fn demote(&mut self, task: usize) {
        self.floor -= 1;
        self.priority[task] = self.floor;
    }
}

impl Policy for Pct {
    fn begin(&mut self, remaining: &[u32], stream: &mut Stream) {
        assert!(remaining.len() <= TASKS_MAX, "more tasks than priorities");
        assert!(self.depth <= DEPTH_MAX, "a depth nobody can find");
        self.floor = 0;
        for task in 0..remaining.len() {
            // A random order by insertion: the newcomer swaps places with one of those before.
            let other = stream.below(task as u64 + 1) as usize;
            self.priority[task] = self.priority[other];
            self.priority[other] = task as i64 + 1;
        }
        let calls: u64 = remaining.iter().map(|&calls| u64::from(calls.max(1))).sum();
        let noisy = calls * POINTS_PER_IO * u64::from(noise(stream)) / 256;
        self.bound = noisy.clamp(1, BOUND_MAX);
        self.place(0, stream);
    }

    fn choose(&mut self, moment: Moment<'_>, stream: &mut Stream) -> usize {
        while moment.step >= self.bound && self.bound < BOUND_MAX {
            let from = self.bound;
            self.bound *= 2;
            self.place(from, stream);
        }
        // A change that falls on a park or a finish waits for a task that it can interrupt.
        if let Some(current) = moment.current {
            while self.changes.last().is_some_and(|&at| at <= moment.step) {
                self.changes.pop();
                self.demote(current);
            }
        }
        let highest = |&task: &usize| self.priority[task];
        let chosen = moment.runnable.into_iter().max_by_key(highest);
        chosen.expect("a choice has candidates")
    }

    fn io(&mut self, _task: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Choices, Purpose};
    use crate::sched::set::TaskSet;

    fn begun(depth: u32, remaining: &[u32], seed: u64) -> (Pct, Stream) {
        let mut stream = Choices::new(seed).stream(Purpose::Schedule, 0);
        let mut pct = Pct {
            depth,
            ..Pct::default()
        };
        pct.begin(remaining, &mut stream);
        (pct, stream)
    }

    /// How often the choice changes over `steps` steps of two tasks that never block.
    fn switches(depth: u32, seed: u64, steps: u64) -> usize {
        let (mut pct, mut stream) = begun(depth, &[10, 10], seed);
        let mut current = None;
        let mut switches = 0;
        for step in 0..steps {
            let moment = Moment {
                runnable: TaskSet::first(2),
                current,
                step,
                pending: &[],
            };
            let chosen = pct.choose(moment, &mut stream);
            switches += usize::from(current.is_some_and(|current| current != chosen));
            current = Some(chosen);
        }
        switches
    }

    #[test]
    fn every_task_is_as_likely_to_be_the_lowest() {
        let mut lowest = [0; 4];
        for seed in 0..4000 {
            let (pct, _) = begun(1, &[1; 4], seed);
            let mut order: Vec<usize> = (0..4).collect();
            order.sort_by_key(|&task| pct.priority[task]);
            lowest[order[0]] += 1;
        }
        for count in lowest {
            assert!((900..1100).contains(&count), "{lowest:?}");
        }
    }

    #[test]
    fn depth_one_never_changes_its_mind() {
        assert!((0..50).all(|seed| switches(1, seed, 1000) == 0));
    }

    #[test]
    fn a_run_far_beyond_the_first_bound_still_gets_changes() {
        // The first bound is at most 20 * 4 * 4 = 320 steps.
        for seed in 0..50 {
            assert!(switches(2, seed, 10_000) > switches(2, seed, 320));
        }
    }
}
