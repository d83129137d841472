//! What each task of a life is doing, so that calls and faults can be counted by it.

use super::{World, changes_the_disk};
use crate::coverage::{LifePhase, Operation, place};
use crate::disk::{CallKind, Fate, Performed, Place};
use crate::features;
use crate::sched::Scheduler;
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

    /// Notes as features where a call is about to be made, and what everybody does if it is the last.
    pub(super) fn note_arrival(&self, task: Option<usize>, kind: CallKind, fate: Fate) {
        if !features::are_wanted() {
            return;
        }
        let place = self.place(task);
        let queue = Scheduler::of_this_thread().waiting_and_ready();
        if changes_the_disk(kind) {
            features::note_queue(place, kind, queue);
        }
        if fate != Fate::Run {
            let operations = self.operations.iter();
            let all = operations.fold(0, |all, &operation| all | 1 << operation as u64);
            features::note_cut(place, kind, fate, queue.0, all);
        }
    }

    /// Notes as a feature what came of a call.
    pub(super) fn note_call(&self, task: usize, performed: &Performed<'_>) {
        if features::are_wanted() {
            features::note_call(task, self.place(Some(task)), performed);
        }
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

impl World {
    /// The phase that the life is in.
    pub fn phase(&self) -> LifePhase {
        self.warden.lock().whereabouts.phase
    }
}
