//! What a run of the scheduler is told beforehand: who chooses, from which stream, how long.

use super::policy::PolicyKind;
use crate::choice::{Ratio, Stream};

/// What happens to the stacks of tasks that a run leaves behind in mid-flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrozenStacks {
    /// They are dropped as bytes: no destructor runs, as in a power cut. What they own leaks.
    Drop,
    /// They are unwound: destructors run, so that leaks and wrong destructors show.
    Unwind,
}

/// How to run a set of tasks.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who chooses the next task.
    pub policy: PolicyKind,
    /// The only source of scheduling choices.
    pub stream: Stream,
    /// The run ends as a livelock after this many scheduling points. At least 1.
    pub step_limit: u64,
    /// What happens to the stacks of tasks that did not finish.
    pub end: FrozenStacks,
    /// An estimate of each task's I/O calls, task by task; empty when nothing is known.
    pub remaining: Vec<u32>,
    /// How likely a wait on a condition variable may be woken for nothing.
    pub spurious: Ratio,
    /// So many of the tasks, the last ones, begin only when [`Scheduler::begin`] says so.
    ///
    /// [`Scheduler::begin`]: super::Scheduler::begin
    pub helpers: usize,
}

impl Plan {
    /// A plan with this policy and stream: a million steps, stacks dropped, nothing known of the
    /// tasks and no wake-up for nothing.
    pub fn new(policy: PolicyKind, stream: Stream) -> Plan {
        Plan {
            policy,
            stream,
            step_limit: 1_000_000,
            end: FrozenStacks::Drop,
            remaining: Vec::new(),
            spurious: Ratio::NEVER,
            helpers: 0,
        }
    }
}
