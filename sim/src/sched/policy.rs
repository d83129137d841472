//! Who runs next: the interface of a policy, and its name in a scenario.
//!
//! A policy sees which tasks can run, how far they are and whose next steps touch the same thing, and
//! draws from the schedule's stream. It orders nothing by an address, and it keeps nothing from one run to the next: the same
//! stream gives the same schedule whatever the thread ran before.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use super::pct::{DEPTH_MAX, Pct};
use super::pending::Pending;
use super::pos::Pos;
use super::random::Random;
use super::set::TaskSet;
use super::sticky::Sticky;
use super::walk::Walk;
use crate::choice::Stream;

/// A scheduling decision to be made.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Who can run; never fewer than two.
    pub runnable: TaskSet,
    /// Who has run up to here, if it can go on.
    pub current: Option<usize>,
    /// How many scheduling points the run has passed.
    pub step: u64,
    /// What each task does when it runs next.
    pub pending: &'a [Cell<Pending>],
}

impl Moment<'_> {
    /// The task that is option `number`: whoever runs is the first, then come the others in order.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn option(self, number: usize) -> usize {
        match (self.current, number.checked_sub(1)) {
            (Some(current), None) => current,
            (Some(current), Some(other)) => self.runnable.without(current).nth(other),
            (None, _) => self.runnable.nth(number),
        }
    }

    /// Which option a task is.
    pub fn number(self, task: usize) -> usize {
        let before = self.runnable.below(task).len();
        match self.current {
            Some(current) if current == task => 0,
            Some(current) if current > task => before + 1,
            _ => before,
        }
    }
}

/// A way of choosing who runs next.
pub trait Policy {
    /// Begins a run of `remaining.len()` tasks, each with its estimated number of I/O calls.
    fn begin(&mut self, remaining: &[u32], stream: &mut Stream);

    /// One of the runnable tasks.
    fn choose(&mut self, moment: Moment<'_>, stream: &mut Stream) -> usize;

    /// `task` is about to make an I/O call.
    fn io(&mut self, task: usize);
}

/// A policy by name: `walk`, `random`, `sticky:16`, `pct:3`, `pos`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// See [`Walk`]; the default.
    Walk,
    /// See [`Random`].
    Random,
    /// See [`Sticky`]: leaves the running task with a chance of 1 in so many.
    Sticky(u32),
    /// See [`Pct`]: finds bugs of this depth.
    Pct(u32),
    /// See [`Pos`].
    Pos,
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyKind::Walk => f.write_str("walk"),
            PolicyKind::Random => f.write_str("random"),
            PolicyKind::Sticky(one_in) => write!(f, "sticky:{one_in}"),
            PolicyKind::Pct(depth) => write!(f, "pct:{depth}"),
            PolicyKind::Pos => f.write_str("pos"),
        }
    }
}

impl FromStr for PolicyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<PolicyKind, String> {
        let wrong =
            || format!("`{text}` is not a policy like walk, random, sticky:16, pct:3 or pos");
        let (name, number) = match text.split_once(':') {
            None => (text, None),
            Some((name, number)) => (name, Some(number.parse::<u32>().map_err(|_| wrong())?)),
        };
        match (name, number) {
            ("walk", None) => Ok(PolicyKind::Walk),
            ("random", None) => Ok(PolicyKind::Random),
            ("pos", None) => Ok(PolicyKind::Pos),
            ("sticky", Some(one_in)) if one_in >= 1 => Ok(PolicyKind::Sticky(one_in)),
            ("pct", Some(depth)) if (1..=DEPTH_MAX).contains(&depth) => Ok(PolicyKind::Pct(depth)),
            _ => Err(wrong()),
        }
    }
}

/// One policy of each kind, so that a run allocates none.
#[derive(Default)]
pub struct Policies {
    walk: Walk,
    random: Random,
    sticky: Sticky,
    pct: Pct,
    pos: Pos,
}

impl Policies {
    /// The policy of this kind, with its number set.
    pub fn of(&mut self, kind: PolicyKind) -> &mut dyn Policy {
        match kind {
            PolicyKind::Walk => &mut self.walk,
            PolicyKind::Random => &mut self.random,
            PolicyKind::Sticky(one_in) => {
                self.sticky.one_in = one_in;
                &mut self.sticky
            }
            PolicyKind::Pct(depth) => {
                self.pct.depth = depth;
                &mut self.pct
            }
            PolicyKind::Pos => &mut self.pos,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_is_the_first_option() {
        let runnable = TaskSet::EMPTY.with(1).with(4).with(6);
        for current in [None, Some(1), Some(4), Some(6)] {
            let moment = Moment {
                runnable,
                current,
                step: 0,
                pending: &[],
            };
            assert!(current.is_none_or(|current| moment.option(0) == current));
            for number in 0..3 {
                assert_eq!(moment.number(moment.option(number)), number);
            }
        }
    }

    #[test]
    fn a_policy_survives_print_and_parse() {
        for text in ["walk", "random", "sticky:16", "pct:3", "pos"] {
            let kind: PolicyKind = text.parse().unwrap();
            assert_eq!(kind.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_name_or_number_is_refused() {
        for text in [
            "", "walk:1", "sticky", "sticky:0", "pct:0", "pct:17", "pct:x", "pos:1", "random:",
        ] {
            assert!(text.parse::<PolicyKind>().is_err(), "{text}");
        }
    }
}
