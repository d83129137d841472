//! What each task of a life is doing, so that calls and faults can be counted by it.

use crate::coverage::{LifePhase, Operation, place};
use crate::disk::{CallKind, Place};
use crate::sched::set::TASKS_MAX;

/// What each task does, and in which phase of the life it began to.
pub(super) struct Whereabouts {
    operations: [Operation; TASKS_MAX],
    phases: [LifePhase; TASKS_MAX],
    /// Tasks that make the next segment in the middle of another operation.
    rolls: [Roll; TASKS_MAX],
    /// In which phase it is now.
    pub(super) phase: LifePhase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Roll {
    None,
    /// Its file was created.
    Begun,
    /// Its name is synced with this call, the last one of the roll.
    Ends,
}

impl Default for Whereabouts {
    fn default() -> Whereabouts {
        Whereabouts {
            operations: [Operation::Rest; TASKS_MAX],
            phases: [LifePhase::First; TASKS_MAX],
            rolls: [Roll::None; TASKS_MAX],
            phase: LifePhase::First,
        }
    }
}

impl Whereabouts {
    /// A task begins an operation.
    pub(super) fn enter(&mut self, task: usize, operation: Operation) {
        self.operations[task] = operation;
        self.phases[task] = match operation {
            Operation::Close if self.phase == LifePhase::Working => LifePhase::Closing,
            _ => match operation.phases() {
                &[only] => only,
                _ => self.phase,
            },
        };
        self.rolls[task] = Roll::None;
    }

    /// A task makes a call.
    pub(super) fn arrive(&mut self, task: usize, kind: CallKind) {
        self.rolls[task] = match (self.rolls[task], kind) {
            (Roll::None | Roll::Ends, CallKind::CreateNew) if self.operations[task].may_roll() => {
                Roll::Begun
            }
            (Roll::Begun, CallKind::SyncDir) => Roll::Ends,
            (Roll::Begun, _) => Roll::Begun,
            (Roll::None | Roll::Ends, _) => Roll::None,
        };
    }

    /// Where the task's call is counted; outside of all tasks nobody is at work.
    pub(super) fn place(&self, task: Option<usize>) -> Place {
        match task {
            None => place(Operation::Rest, self.phase),
            Some(task) => match self.rolls[task] {
                Roll::None => place(self.operations[task], self.phases[task]),
                Roll::Begun | Roll::Ends => place(Operation::Roll, self.phases[task]),
            },
        }
    }
}
