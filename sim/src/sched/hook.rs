//! The scheduler as the log's locks see it: points, parks and wake-ups.
//!
//! Objects are compared by identity and tasks are looked at in task order, so nothing depends on
//! where an object lies in memory. Outside a run, and for tasks of a world that has ended, points
//! and wake-ups do nothing.

use seawall::env::sync::{Park, Point, Scheduler as Hook};

use super::outcome::{Blocked, Deadlock, Outcome};
use super::pending::Act;
use super::set::TaskSet;
use super::{Phase, Scheduler, Step, panics};
use crate::trace;

impl Hook for Scheduler {
    fn point(&self, object: usize, what: Point) {
        match what {
            Point::Lock => self.pass(Step::Lock, Act::Lock(object)),
            Point::Load => self.pass(Step::Atomic, Act::Load(object)),
            Point::Store => self.pass(Step::Atomic, Act::Store(object)),
        }
    }

    fn park(&self, object: usize, what: Park) {
        let task = self.current.get();
        assert!(task < self.tasks.get(), "only tasks can wait");
        if self.phase.get() != Phase::Running {
            self.pass_ended();
            // A destructor waits while its task is unwound. Others may have to be unwound first.
            self.switch_out(task);
            return;
        }
        if std::thread::panicking() {
            // A destructor waits while its task panics. To let others run now would be wrong: the
            // thread's count of panics is theirs too. The run is over anyway.
            self.unwinding.set(self.unwinding.get().with(task));
            self.end(Outcome::Panicked {
                task,
                message: panics::take().unwrap_or_default(),
            });
            self.switch_out(task);
            return;
        }
        self.advance(task);
        self.waits[task].set((object, what));
        self.will(
            task,
            match what {
                Park::Lock => Act::Lock(object),
                Park::Condvar => Act::Wait,
            },
        );
        self.ready.set(self.ready.get().without(task));
        self.asleep.set(self.asleep.get().with(task));
        if what == Park::Condvar && self.draw_spurious() {
            self.restless.set(self.restless.get().with(task));
        }
        if self.ready.get().is_empty() && !self.ring() {
            self.end(Outcome::Deadlock(self.standstill()));
            self.freeze(task);
        }
        let next = self.choose(Step::Park, None);
        self.switch_to(task, next);
    }

    fn wake_one(&self, object: usize) {
        let waiters = self.waiters(object);
        if waiters.is_empty() {
            return;
        }
        let chosen = match waiters.only() {
            Some(waiter) => waiter,
            None => waiters.nth(self.draw(waiters.len())),
        };
        trace::mix(Step::Wake as u64 | (chosen as u64) << 8);
        self.rouse(chosen);
    }

    fn wake_all(&self, object: usize) {
        for task in self.waiters(object) {
            self.rouse(task);
        }
    }
}

impl Scheduler {
    /// Who is parked on `object` in a running world.
    fn waiters(&self, object: usize) -> TaskSet {
        let asleep = self.asleep.get();
        if asleep.is_empty() || self.phase.get() != Phase::Running {
            return TaskSet::EMPTY;
        }
        let waits = |&task: &usize| self.waits[task].get().0 == object;
        let waiters = asleep.into_iter().filter(waits);
        waiters.fold(TaskSet::EMPTY, TaskSet::with)
    }

    /// Lets a parked task run again.
    pub(super) fn rouse(&self, task: usize) {
        assert!(self.asleep.get().contains(task), "it does not sleep");
        self.asleep.set(self.asleep.get().without(task));
        self.restless.set(self.restless.get().without(task));
        self.ready.set(self.ready.get().with(task));
    }

    /// Who waits for what, now that nobody can run.
    pub(super) fn standstill(&self) -> Deadlock {
        let asleep = self.asleep.get();
        let mut objects = Vec::new();
        let mut blocked = Vec::new();
        for task in asleep {
            let (object, on) = self.waits[task].get();
            if object == super::run::beginning(task) {
                continue;
            }
            let number = objects.iter().position(|&known| known == object);
            let number = number.unwrap_or_else(|| {
                objects.push(object);
                objects.len() - 1
            });
            blocked.push(Blocked {
                task,
                on,
                object: number,
            });
        }
        Deadlock {
            finished: self.tasks.get() - asleep.len(),
            blocked,
        }
    }
}
