//! The scheduler: many tasks on one thread, and every switch a choice of the seed.
//!
//! Clients of the log are coroutines that run the log's own blocking code. A task runs until it
//! reaches a scheduling point (a lock, an atomic, an I/O call), where the policy may let another
//! go first, or until it has to wait. The scheduler sees to it that a run ends: finished, cut off,
//! in a deadlock, at the step limit or with a panic. It can freeze the world in mid-flight: after
//! [`Scheduler::cut`] no task runs another instruction of its own.
//!
//! It knows nothing about logs or disks. It does not model weak memory: the one order in which
//! tasks run is the order that all see. What a thread owns is shared by all its tasks: thread
//! locals, the count of panics, the standard library's locks. Code under it must use
//! `seawall::env::sync`, and must loop nowhere without a scheduling point.
//!
//! After a run that did not finish, locks that a frozen task held stay held: whatever the tasks
//! shared belongs to the dead world and is to be dropped, not used.
//!
//! ```
//! use seawall::env::sync::Mutex;
//! use seawall_sim::choice::{Choices, Purpose};
//! use seawall_sim::sched::Scheduler;
//! use seawall_sim::sched::plan::Plan;
//! use seawall_sim::sched::policy::PolicyKind;
//!
//! // Two tasks that read, and then write what they have read and one more: some schedules lose one.
//! let lost = (0..100).find(|&seed| {
//!     let count = Mutex::new(0);
//!     let plan = Plan::new(PolicyKind::Random, Choices::new(seed).stream(Purpose::Schedule, 0));
//!     Scheduler::of_this_thread().run(2, plan, &|_| {
//!         let read = *count.lock();
//!         *count.lock() = read + 1;
//!     });
//!     *count.lock() < 2
//! });
//! assert!(lost.is_some());
//! ```

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use corosensei::Yielder;
use seawall::env::sync::Park;

use crate::choice::{Choices, Decision, Purpose, Ratio, Recorder, Stream};
use crate::events::{self, Event};
use crate::trace;
use outcome::Outcome;
use pending::{Act, Pending};
use policy::{Moment, Policies, PolicyKind};
use set::{TASKS_MAX, TaskSet};

pub mod clock;
mod hook;
pub mod outcome;
pub(crate) mod panics;
pub mod pct;
pub mod pending;
pub mod plan;
pub mod policy;
pub mod pos;
pub mod random;
mod run;
pub mod set;
pub mod sticky;
pub mod walk;

/// In place of a task's number: no task runs, the scheduler itself does.
const NOBODY: usize = usize::MAX;

/// What made the scheduler look up; goes into the trace.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Step {
    Start = 1,
    Lock = 2,
    Atomic = 3,
    Io = 4,
    Park = 5,
    Finish = 6,
    Wake = 7,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No run.
    Idle,
    /// Tasks run.
    Running,
    /// The outcome is known; no task runs again unless it is unwound.
    Over,
    /// Frozen tasks run their destructors.
    Unwinding,
}

/// The source of choices of a run.
struct Sampler {
    policies: Policies,
    kind: PolicyKind,
    stream: Stream,
    /// Writes down what was chosen, in whatever way that was drawn.
    recorder: Option<Recorder>,
}

impl Sampler {
    fn note(&mut self, decision: Decision) {
        if let Some(recorder) = &mut self.recorder {
            recorder.note(decision);
        }
    }
}

/// Asked when no task can run: whose wait ends by itself then, because time goes by.
pub type Alarm = Rc<dyn Fn() -> Option<usize>>;

/// The scheduler of one thread. Nothing in it stays borrowed while tasks switch.
pub struct Scheduler {
    phase: Cell<Phase>,
    tasks: Cell<usize>,
    /// Who runs, or [`NOBODY`].
    current: Cell<usize>,
    /// Whom the loop resumes when the current task steps aside.
    next: Cell<usize>,
    /// Who can run. With `asleep` and those that have finished, it makes up all tasks.
    ready: Cell<TaskSet>,
    /// Who is parked.
    asleep: Cell<TaskSet>,
    /// Those of `asleep` who may wake for nothing. They do not count as able to run when a
    /// deadlock is looked for, so this never hides a lost wake-up.
    restless: Cell<TaskSet>,
    /// Who is running destructors for good: unwound, or waiting in a destructor after a panic.
    unwinding: Cell<TaskSet>,
    /// The object that a task in `asleep` waits for.
    waits: [Cell<(usize, Park)>; TASKS_MAX],
    /// What each task does when it runs next.
    pending: [Cell<Pending>; TASKS_MAX],
    /// The way out of each coroutine; null before its start and after its end.
    yielders: [Cell<*const Yielder<(), ()>>; TASKS_MAX],
    steps: Cell<u64>,
    step_limit: Cell<u64>,
    spurious: Cell<Ratio>,
    alarm: RefCell<Option<Alarm>>,
    outcome: RefCell<Option<Outcome>>,
    sampler: RefCell<Sampler>,
}

thread_local! {
    static HERE: Cell<Option<&'static Scheduler>> = const { Cell::new(None) };
}

impl Scheduler {
    /// The calling thread's scheduler. It is made at the first call and stays for good.
    #[inline]
    pub fn of_this_thread() -> &'static Scheduler {
        HERE.get().unwrap_or_else(Scheduler::make)
    }

    #[cold]
    fn make() -> &'static Scheduler {
        let scheduler: &'static Scheduler = Box::leak(Box::new(Scheduler::new()));
        HERE.set(Some(scheduler));
        scheduler
    }

    fn new() -> Scheduler {
        Scheduler {
            phase: Cell::new(Phase::Idle),
            tasks: Cell::new(0),
            current: Cell::new(NOBODY),
            next: Cell::new(NOBODY),
            ready: Cell::new(TaskSet::EMPTY),
            asleep: Cell::new(TaskSet::EMPTY),
            restless: Cell::new(TaskSet::EMPTY),
            unwinding: Cell::new(TaskSet::EMPTY),
            waits: [const { Cell::new((0, Park::Lock)) }; TASKS_MAX],
            pending: [const { Cell::new(Pending::BEGIN) }; TASKS_MAX],
            yielders: [const { Cell::new(ptr::null()) }; TASKS_MAX],
            steps: Cell::new(0),
            step_limit: Cell::new(0),
            spurious: Cell::new(Ratio::NEVER),
            alarm: RefCell::new(None),
            outcome: RefCell::new(None),
            sampler: RefCell::new(Sampler {
                policies: Policies::default(),
                kind: PolicyKind::Walk,
                // Each run brings its own.
                stream: Choices::new(0).stream(Purpose::Schedule, 0),
                recorder: None,
            }),
        }
    }

    /// A scheduling point of the world's own: the running task is about to make an I/O call that
    /// others can observe. Does nothing outside a run.
    pub fn io_point(&self) {
        self.call_point(Act::Change);
    }

    /// The same for a call that changes nothing.
    pub fn read_point(&self) {
        self.call_point(Act::Look);
    }

    fn call_point(&self, act: Act) {
        let task = self.current.get();
        if task != NOBODY && self.phase.get() == Phase::Running {
            let sampler = &mut *self.sampler.borrow_mut();
            sampler.policies.of(sampler.kind).io(task);
        }
        self.pass(Step::Io, act);
    }

    /// Freezes the world: no task runs another instruction, the caller included, but for
    /// destructors if the plan wants them.
    ///
    /// # Panics
    /// When [`Scheduler::can_cut`] is false. A destructor may be running then, and a panic in a
    /// destructor often aborts the process: so ask before.
    pub fn cut(&self) -> ! {
        assert!(self.can_cut(), "nobody is here who could be cut off");
        let task = self.current.get();
        self.end(Outcome::Cut);
        self.freeze(task)
    }

    /// Ends the run as finished, whatever the other tasks are at: they run no further, and neither does
    /// the caller.
    ///
    /// # Panics
    /// As [`Scheduler::cut`].
    pub fn finish(&self) -> ! {
        assert!(self.can_cut(), "nobody is here who could finish");
        let task = self.current.get();
        self.end(Outcome::Finished);
        self.freeze(task)
    }

    /// Sets or removes who is asked before a run counts as a deadlock.
    pub fn set_alarm(&self, alarm: Option<Alarm>) {
        self.alarm.replace(alarm);
    }

    /// Whether somebody can run after all, now that time has gone by.
    fn ring(&self) -> bool {
        let alarm = self.alarm.borrow().clone();
        let task = alarm.and_then(|alarm| alarm());
        if let Some(task) = task {
            self.rouse(task);
        }
        task.is_some()
    }

    /// Whether a task of a living world runs, and runs no destructors because of a panic. If not,
    /// the world has no run, or its end is decided already, and I/O calls are to have no effect.
    pub fn can_cut(&self) -> bool {
        self.current.get() != NOBODY
            && self.phase.get() == Phase::Running
            && !std::thread::panicking()
    }

    /// The number of the running task, if one runs.
    pub fn current_task(&self) -> Option<usize> {
        let task = self.current.get();
        (task != NOBODY).then_some(task)
    }

    /// How many scheduling points the run has passed; after the run, those of the last one.
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// How many tasks wait for something just now, and how many could run.
    pub fn waiting_and_ready(&self) -> (usize, usize) {
        (self.asleep.get().len(), self.ready.get().len())
    }

    /// Whether the calling thread runs a task of a living world.
    fn runs_a_task_here() -> bool {
        HERE.get().is_some_and(|scheduler| {
            scheduler.current.get() != NOBODY && scheduler.phase.get() == Phase::Running
        })
    }

    /// Passes a scheduling point: somebody else may go first.
    #[inline]
    fn pass(&self, step: Step, act: Act) {
        let task = self.current.get();
        if task == NOBODY {
            return;
        }
        if self.phase.get() != Phase::Running {
            self.pass_ended();
            return;
        }
        if std::thread::panicking() {
            return;
        }
        self.advance(task);
        self.will(task, act);
        let next = self.choose(step, Some(task));
        if next != task {
            events::keep(|| Event::Switch {
                to: next,
                site: events::site(),
            });
        }
        self.switch_to(task, next);
    }

    /// A hook is called by a task that is being unwound. In a destructor nothing is to happen;
    /// but a task that caught the unwinding and wants to go on is unwound again.
    fn pass_ended(&self) {
        assert_eq!(self.phase.get(), Phase::Unwinding, "a frozen task runs");
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new(run::Frozen));
        }
    }

    /// Counts a step of `task`, and ends the run at the limit.
    #[inline]
    fn advance(&self, task: usize) {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps >= self.step_limit.get() {
            self.end(Outcome::Livelock { steps });
            self.freeze(task);
        }
    }

    /// Remembers what `task` does when it runs next.
    #[inline]
    fn will(&self, task: usize, act: Act) {
        let since = self.steps.get();
        self.pending[task].set(Pending { since, act });
    }

    /// Chooses who runs next and makes it able to; `current` is the running task if it can go on.
    #[inline]
    fn choose(&self, step: Step, current: Option<usize>) -> usize {
        let runnable = self.ready.get().union(self.restless.get());
        let next = match runnable.only() {
            Some(task) => task,
            None => {
                let moment = Moment {
                    runnable,
                    current,
                    step: self.steps.get(),
                    pending: &self.pending,
                };
                let sampler = &mut *self.sampler.borrow_mut();
                let policy = sampler.policies.of(sampler.kind);
                let next = policy.choose(moment, &mut sampler.stream);
                if sampler.recorder.is_some() {
                    let chosen = moment.number(next) as u64;
                    sampler.note(Decision {
                        can_stay: current.is_some(),
                        ..Decision::among(runnable.len() as u64, chosen)
                    });
                }
                next
            }
        };
        assert!(runnable.contains(next), "the choice cannot run");
        trace::mix(step as u64 | (next as u64) << 8);
        if self.restless.get().contains(next) {
            self.rouse(next);
        }
        next
    }

    /// Whether a wait that begins now may end for nothing.
    fn draw_spurious(&self) -> bool {
        let sampler = &mut *self.sampler.borrow_mut();
        let chance = self.spurious.get();
        let happens = sampler.stream.happens(chance);
        if !chance.is_never() {
            sampler.note(Decision::among(2, u64::from(happens)));
        }
        happens
    }

    /// A number below `bound`.
    fn draw(&self, bound: usize) -> usize {
        let sampler = &mut *self.sampler.borrow_mut();
        let drawn = sampler.stream.below(bound as u64);
        sampler.note(Decision::among(bound as u64, drawn));
        drawn as usize
    }

    /// Hands over from `task` to `next`; returns when `task` is resumed.
    #[inline]
    fn switch_to(&self, task: usize, next: usize) {
        if next != task {
            self.next.set(next);
            self.switch_out(task);
        }
    }

    /// Ends the run; the loop notices as soon as the running task steps aside.
    fn end(&self, outcome: Outcome) {
        assert_eq!(self.phase.get(), Phase::Running, "a run ends only once");
        self.phase.set(Phase::Over);
        self.outcome.replace(Some(outcome));
    }
}
