//! Partial order sampling: each next step has a random priority of its own, and the highest goes first.
//!
//! A step that was passed over keeps its priority, unless the one that was taken makes a difference to
//! it: then it is drawn again. So the steps that do not concern each other cost no choices, and each
//! order of those that do is about as likely, however many others lie between them. Source: Yuan, Yang,
//! Gu: Partial Order Aware Concurrency Sampling (CAV 2018).
//!
//! A task that waits for a lock keeps its priority until it can run again, as the paper's disabled
//! events do. What a step does behind its first access (a release, a notification) counts as part of it.

use super::policy::{Moment, Policy};
use super::set::TASKS_MAX;
use crate::choice::Stream;

/// No step was arrived at then.
const NEVER: u64 = u64::MAX;

/// The policy: the priorities of the steps that tasks have arrived at.
pub struct Pos {
    priority: [u64; TASKS_MAX],
    /// When the step was arrived at that the priority is of.
    drawn_for: [u64; TASKS_MAX],
}

impl Default for Pos {
    fn default() -> Pos {
        Pos {
            priority: [0; TASKS_MAX],
            drawn_for: [NEVER; TASKS_MAX],
        }
    }
}

impl Policy for Pos {
    fn begin(&mut self, remaining: &[u32], _stream: &mut Stream) {
        self.drawn_for[..remaining.len()].fill(NEVER);
    }

    fn choose(&mut self, moment: Moment<'_>, stream: &mut Stream) -> usize {
        for task in moment.runnable {
            let since = moment.pending[task].get().since;
            if self.drawn_for[task] != since {
                self.drawn_for[task] = since;
                self.priority[task] = stream.below(1 << 32);
            }
        }
        let highest = |&task: &usize| self.priority[task];
        let chosen = moment.runnable.into_iter().max_by_key(highest);
        let chosen = chosen.expect("a choice has candidates");
        let act = moment.pending[chosen].get().act;
        for task in moment.runnable.without(chosen) {
            if moment.pending[task].get().act.races_with(act) {
                self.drawn_for[task] = NEVER;
            }
        }
        chosen
    }

    fn io(&mut self, _task: usize) {}
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::choice::{Choices, Purpose};
    use crate::sched::pending::{Act, Pending};
    use crate::sched::set::TaskSet;

    /// Which tasks have a new priority at the second choice, where task `one` does `act` and the
    /// other one `other`, and whoever is chosen first comes back.
    fn redrawn(act: Act, other: Act, seed: u64) -> bool {
        let mut stream = Choices::new(seed).stream(Purpose::Schedule, 0);
        let mut pos = Pos::default();
        pos.begin(&[1, 1], &mut stream);
        let pending = [act, other].map(|act| Cell::new(Pending { since: 0, act }));
        let choose = |pos: &mut Pos, step, stream: &mut Stream| {
            let moment = Moment {
                runnable: TaskSet::first(2),
                current: None,
                step,
                pending: &pending,
            };
            pos.choose(moment, stream)
        };
        let chosen = choose(&mut pos, 0, &mut stream);
        let left = 1 - chosen;
        let before = pos.priority[left];
        pending[chosen].set(Pending { since: 1, act });
        choose(&mut pos, 1, &mut stream);
        pos.priority[left] != before
    }

    #[test]
    fn only_a_step_that_races_is_drawn_again() {
        for seed in 0..20 {
            assert!(redrawn(Act::Lock(1), Act::Lock(1), seed));
            assert!(!redrawn(Act::Lock(1), Act::Lock(2), seed));
            assert!(redrawn(Act::Load(1), Act::Store(1), seed));
            assert!(!redrawn(Act::Load(1), Act::Load(1), seed));
            assert!(redrawn(Act::Change, Act::Look, seed));
            assert!(!redrawn(Act::Look, Act::Look, seed));
            assert!(!redrawn(Act::Begin, Act::Wait, seed));
        }
    }
}
