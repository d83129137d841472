//! One run: coroutines made, resumed in the order chosen, and put away.
//!
//! The only file of the scheduler with unsafe code: it lends the caller's frame to coroutines and
//! drops stacks as bytes. Stacks are pooled by the thread, with their guard pages, since making
//! one costs more than a short run.
//!
//! Frozen tasks are unwound, where the plan says so, one after another in task order. A
//! destructor that waits for a lock of another frozen task is set aside until the others have
//! been unwound and have thereby released theirs. If that does not help, two destructors wait for
//! each other or one waits for a notification: then the process is aborted with a message, since
//! nothing can finish a panic of a thread that has been left half-way.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use seawall::env::sync::{self, Park, Scheduler as Hook};

use super::outcome::Outcome;
use super::pending::Pending;
use super::plan::{FrozenStacks, Plan};
use super::set::{TASKS_MAX, TaskSet};
use super::{NOBODY, Phase, Scheduler, Step, panics};
use crate::trace;

/// Room for page buffers on the stack of the log's own code.
const STACK_BYTES: usize = 256 * 1024;

/// How often all frozen tasks are resumed before their destructors count as stuck. Each round
/// gets at least one past a lock if there is a way at all, and destructors are short.
const UNWIND_ROUNDS_MAX: usize = 10_000;

/// What a frozen task is unwound with.
pub(super) struct Frozen;

type Task = Coroutine<(), (), (), DefaultStack>;

thread_local! {
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// The hook is installed as long as this lives.
struct Session {
    scheduler: &'static Scheduler,
    before: Option<&'static dyn Hook>,
}

impl Drop for Session {
    fn drop(&mut self) {
        sync::install(self.before);
        self.scheduler.current.set(NOBODY);
        self.scheduler.phase.set(Phase::Idle);
    }
}

/// What a helper waits for that did not begin: no object has this address.
pub(super) fn beginning(helper: usize) -> usize {
    usize::MAX - helper
}

impl Scheduler {
    /// Runs `tasks` tasks, `body(i)` each, until all have returned or the world ends before.
    /// When it returns, none of them is left: each has finished or was dropped or unwound as
    /// the plan says. The previous hook of `env::sync` is back in place.
    ///
    /// # Panics
    /// When there is no task or more than [`TASKS_MAX`], when the plan does not fit, or when
    /// called from a task.
    pub fn run(&'static self, tasks: usize, plan: Plan, body: &dyn Fn(usize)) -> Outcome {
        assert_eq!(self.phase.get(), Phase::Idle, "a run within a run");
        panics::listen();
        panics::take();
        let frozen = plan.end;
        self.reset(tasks, plan);
        // Declared before the coroutines, so that it goes after them.
        let _session = Session {
            scheduler: self,
            before: sync::install(Some(self)),
        };
        let mut coroutines: Vec<Task> = (0..tasks).map(|task| self.spawn(task, body)).collect();
        self.phase.set(Phase::Running);
        self.next.set(self.choose(Step::Start, None));
        while self.phase.get() == Phase::Running {
            let task = self.next.get();
            trace::line(|| format!("-> task {task}"));
            self.resume(task, &mut coroutines[task]);
        }
        // A panicking task that waits in a destructor can only be brought home by unwinding.
        if frozen == FrozenStacks::Unwind || !self.unwinding.get().is_empty() {
            self.unwind_all(&mut coroutines);
        }
        self.put_away(coroutines);
        let outcome = self.outcome.take();
        outcome.expect("the loop ends with an outcome")
    }

    /// Lets a helper begin; does nothing when it has begun.
    pub fn begin(&self, helper: usize) {
        self.wake_all(beginning(helper));
    }

    fn reset(&self, tasks: usize, plan: Plan) {
        assert!(tasks > 0, "a run of nobody");
        assert!(tasks <= TASKS_MAX, "more tasks than a set can hold");
        assert!(plan.step_limit > 0, "a run without steps");
        let known = plan.remaining.len();
        assert!(known == 0 || known == tasks, "estimates for other tasks");
        self.tasks.set(tasks);
        let at_once = tasks.checked_sub(plan.helpers).expect("helpers are tasks");
        self.ready.set(TaskSet::first(at_once));
        self.asleep
            .set((at_once..tasks).fold(TaskSet::EMPTY, TaskSet::with));
        for helper in at_once..tasks {
            self.waits[helper].set((beginning(helper), Park::Lock));
        }
        self.restless.set(TaskSet::EMPTY);
        self.unwinding.set(TaskSet::EMPTY);
        self.steps.set(0);
        for pending in &self.pending[..tasks] {
            pending.set(Pending::BEGIN);
        }
        self.step_limit.set(plan.step_limit);
        self.spurious.set(plan.spurious);
        self.outcome.replace(None);
        let sampler = &mut *self.sampler.borrow_mut();
        sampler.kind = plan.policy;
        sampler.stream = plan.stream;
        sampler.recorder = sampler.stream.take_recorder();
        let unknown = [1; TASKS_MAX];
        let remaining = match known {
            0 => &unknown[..tasks],
            _ => &plan.remaining,
        };
        let policy = sampler.policies.of(sampler.kind);
        policy.begin(remaining, &mut sampler.stream);
    }

    #[allow(unsafe_code)] // A coroutine that borrows from the caller of `run`.
    fn spawn(&'static self, task: usize, body: &dyn Fn(usize)) -> Task {
        let stack = STACKS
            .with_borrow_mut(Vec::pop)
            .unwrap_or_else(|| DefaultStack::new(STACK_BYTES).expect("memory for a stack"));
        let main = move |yielder: &Yielder<(), ()>, ()| {
            self.yielders[task].set(ptr::from_ref(yielder));
            let result = catch_unwind(AssertUnwindSafe(|| body(task)));
            self.yielders[task].set(ptr::null());
            self.leave(task, result);
        };
        // SAFETY: `main` borrows `body` only, which outlives the call of `run`. `run` keeps the
        // coroutines in a local vector, which it empties before it returns; if it panics instead,
        // the vector's own destructor drives each coroutine to its end. Neither forgets one.
        unsafe { Coroutine::with_stack_unchecked(stack, main) }
    }

    /// Lets `task` run until it steps aside or ends.
    #[inline]
    fn resume(&self, task: usize, coroutine: &mut Task) {
        self.current.set(task);
        coroutine.resume(());
        self.current.set(NOBODY);
    }

    /// The last act of a task, still on its own stack.
    fn leave(&self, task: usize, result: Result<(), Box<dyn Any + Send>>) {
        if self.phase.get() != Phase::Running {
            // It was unwound; how the run ended is known already.
            return;
        }
        if result.is_err() {
            let message = panics::take().unwrap_or_else(|| "unwound without a panic".to_string());
            self.ready.set(self.ready.get().without(task));
            self.end(Outcome::Panicked { task, message });
            return;
        }
        // The note of a panic that the task itself has caught is nobody's business.
        panics::take();
        self.ready.set(self.ready.get().without(task));
        if self.ready.get().is_empty() && self.asleep.get().is_empty() {
            self.end(Outcome::Finished);
        } else if !self.ready.get().is_empty() || self.ring() {
            self.next.set(self.choose(Step::Finish, None));
        } else {
            self.end(Outcome::Deadlock(self.standstill()));
        }
    }

    /// Steps aside; returns when the loop resumes `task`, or unwinds it.
    #[allow(unsafe_code)] // The way out of a coroutine is kept as a pointer.
    pub(super) fn switch_out(&self, task: usize) {
        let yielder = self.yielders[task].get();
        assert!(
            !yielder.is_null(),
            "only a task on its stack can step aside"
        );
        // SAFETY: the pointer was set by this coroutine from a reference that lives as long as
        // its body, and is nulled when the body ends; a coroutine that is dropped in mid-flight
        // never comes here again, and its pointer is overwritten before its number runs anew.
        // `task` is the current one, so this is its own stack and its own way out.
        unsafe { (*yielder).suspend(()) };
        if self.phase.get() == Phase::Unwinding && !self.unwinding.get().contains(task) {
            self.unwinding.set(self.unwinding.get().with(task));
            resume_unwind(Box::new(Frozen));
        }
    }

    /// Steps aside for good.
    pub(super) fn freeze(&self, task: usize) -> ! {
        self.switch_out(task);
        unreachable!("a frozen task is never resumed but to be unwound");
    }

    /// Runs the destructors of all tasks that are in mid-flight.
    fn unwind_all(&self, coroutines: &mut [Task]) {
        self.phase.set(Phase::Unwinding);
        for _ in 0..UNWIND_ROUNDS_MAX {
            let mut left = 0;
            for (task, coroutine) in coroutines.iter_mut().enumerate() {
                if coroutine.started() && !coroutine.done() {
                    self.resume(task, coroutine);
                    left += usize::from(!coroutine.done());
                }
            }
            if left == 0 {
                return;
            }
        }
        eprintln!("destructors of frozen tasks wait for each other, or for a notification");
        std::process::abort();
    }

    /// Takes the stacks back, with whatever frozen tasks have left on them.
    #[allow(unsafe_code)] // Dropping a stack in mid-flight is the point.
    fn put_away(&self, coroutines: Vec<Task>) {
        STACKS.with_borrow_mut(|stacks| {
            for (task, mut coroutine) in coroutines.into_iter().enumerate() {
                if !coroutine.done() {
                    // SAFETY: no destructor runs, which Rust allows: it is as if all values on
                    // the stack were forgotten. What else could point into the stack: values of
                    // the dead world, which may not be used again, and scopes that rely on their
                    // end being reached (threads, pins); a task has neither, since the log owns
                    // no thread and awaits nothing. The task is suspended in `switch_out`, hence
                    // not in the middle of a panic: one that is was unwound to its end above.
                    unsafe { coroutine.force_reset() };
                }
                self.yielders[task].set(ptr::null());
                stacks.push(coroutine.into_stack());
            }
        });
    }
}
