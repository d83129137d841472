//! How a run ends, and what is left of it.

use std::cell::Cell;

use seawall::env::sync::{self, AtomicU64, Condvar, Mutex};
use seawall::env::time::Clock;
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::sched::Scheduler;
use seawall_sim::sched::clock::VirtualClock;
use seawall_sim::sched::outcome::Outcome;
use seawall_sim::sched::plan::{FrozenStacks, Plan};
use seawall_sim::sched::policy::PolicyKind;

const ENDS: [FrozenStacks; 2] = [FrozenStacks::Drop, FrozenStacks::Unwind];

fn plan(seed: u64, end: FrozenStacks) -> Plan {
    let stream = Choices::new(seed).stream(Purpose::Schedule, 0);
    Plan {
        end,
        ..Plan::new(PolicyKind::Walk, stream)
    }
}

/// Counts its destructor.
struct Dropped<'a>(&'a Cell<u64>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        assert!(!Scheduler::of_this_thread().can_cut());
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn after_a_cut_no_task_runs_an_instruction_and_destructors_run_only_if_wanted() {
    let scheduler = Scheduler::of_this_thread();
    for end in ENDS {
        for seed in 0..200 {
            let steps = Cell::new(0);
            let at_cut = Cell::new(0);
            let started = Cell::new(0);
            let dropped = Cell::new(0);
            let outcome = scheduler.run(4, plan(seed, end), &|task| {
                started.set(started.get() + 1);
                let _guard = Dropped(&dropped);
                for count in 0.. {
                    steps.set(steps.get() + 1);
                    scheduler.io_point();
                    if task == 0 && count == seed % 10 {
                        at_cut.set(steps.get());
                        scheduler.cut();
                    }
                }
            });
            assert_eq!(outcome, Outcome::Cut);
            assert_eq!(steps.get(), at_cut.get());
            let expected = match end {
                FrozenStacks::Drop => 0,
                FrozenStacks::Unwind => started.get(),
            };
            assert_eq!(dropped.get(), expected);
            assert_eq!(scheduler.current_task(), None);
        }
    }
}

#[test]
fn a_run_can_end_in_a_wait_for_a_lock_that_a_frozen_task_holds() {
    let scheduler = Scheduler::of_this_thread();
    for end in ENDS {
        let lock = Mutex::new(0);
        let outcome = scheduler.run(3, plan(1, end), &|_| {
            let guard = lock.lock();
            scheduler.io_point();
            if scheduler.steps() > 20 {
                scheduler.cut();
            }
            drop(guard);
            drop(lock.lock());
            scheduler.cut();
        });
        assert_eq!(outcome, Outcome::Cut);
    }
}

/// Takes the lock in its destructor, as a leader does that hands over whatever happens.
struct HandsOver<'a> {
    lock: &'a Mutex<u64>,
    changed: &'a Condvar,
}

impl Drop for HandsOver<'_> {
    fn drop(&mut self) {
        *self.lock.lock() += 1;
        self.changed.notify_all();
    }
}

#[test]
fn a_destructor_gets_the_lock_of_a_frozen_task_once_that_one_is_unwound() {
    let scheduler = Scheduler::of_this_thread();
    for seed in 0..100 {
        let lock = Mutex::new(0);
        let changed = Condvar::new();
        let outcome = scheduler.run(4, plan(seed, FrozenStacks::Unwind), &|task| {
            let _hand_over = HandsOver {
                lock: &lock,
                changed: &changed,
            };
            let guard = (task >= 2).then(|| lock.lock());
            for _ in 0..8 {
                scheduler.io_point();
            }
            if task == 3 {
                scheduler.cut();
            }
            drop(guard);
        });
        assert_eq!(outcome, Outcome::Cut);
        assert!(!std::thread::panicking());
        assert!(*lock.lock() >= 1);
    }
}

#[test]
fn a_destructor_that_waits_while_its_task_panics_ends_the_run_as_a_panic() {
    let scheduler = Scheduler::of_this_thread();
    for end in ENDS {
        for seed in 0..50 {
            let lock = Mutex::new(0);
            let changed = Condvar::new();
            let outcome = scheduler.run(2, plan(seed, end), &|task| {
                if task == 1 {
                    let _guard = lock.lock();
                    loop {
                        scheduler.io_point();
                    }
                }
                let _hand_over = HandsOver {
                    lock: &lock,
                    changed: &changed,
                };
                for _ in 0..20 {
                    scheduler.io_point();
                }
                panic!("out of luck");
            });
            let Outcome::Panicked { task: 0, message } = outcome else {
                panic!("{outcome}");
            };
            assert!(message.starts_with("out of luck at "), "{message}");
            assert!(!std::thread::panicking());
        }
    }
}

#[test]
fn a_panic_is_reported_with_its_message_and_place_and_freezes_the_others() {
    let scheduler = Scheduler::of_this_thread();
    for end in ENDS {
        let started = Cell::new(0);
        let dropped = Cell::new(0);
        let outcome = scheduler.run(3, plan(3, end), &|task| {
            started.set(started.get() + 1);
            let _guard = Dropped(&dropped);
            while task != 1 || started.get() < 3 {
                scheduler.io_point();
            }
            panic!("task {task} has had enough");
        });
        let Outcome::Panicked { task: 1, message } = outcome else {
            panic!("{outcome}");
        };
        let expected = "task 1 has had enough at sim/tests/sched_endings.rs:";
        assert!(message.starts_with(expected), "{message}");
        let expected = match end {
            FrozenStacks::Drop => 1,
            FrozenStacks::Unwind => 3,
        };
        assert_eq!(dropped.get(), expected);
    }
}

#[test]
fn a_task_that_catches_its_own_unwinding_is_unwound_again() {
    let scheduler = Scheduler::of_this_thread();
    let survived = Cell::new(false);
    let outcome = scheduler.run(2, plan(1, FrozenStacks::Unwind), &|task| {
        if task == 1 {
            scheduler.io_point();
            scheduler.cut();
        }
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            loop {
                scheduler.io_point();
            }
        }));
        scheduler.io_point();
        survived.set(true);
    });
    assert_eq!(outcome, Outcome::Cut);
    assert!(!survived.get());
}

#[test]
fn tasks_that_only_wait_for_each_other_actively_are_a_livelock() {
    let scheduler = Scheduler::of_this_thread();
    for end in ENDS {
        let flag = AtomicU64::new(0);
        let plan = Plan {
            step_limit: 500,
            ..plan(1, end)
        };
        let outcome = scheduler.run(2, plan, &|_| while flag.load() == 0 {});
        assert_eq!(outcome, Outcome::Livelock { steps: 500 });
        assert_eq!(scheduler.steps(), 500);
    }
}

#[test]
fn a_single_task_draws_no_choice_and_time_passes_with_its_steps() {
    let scheduler = Scheduler::of_this_thread();
    let outcome = scheduler.run(1, plan(1, FrozenStacks::Drop), &|task| {
        assert_eq!(scheduler.current_task(), Some(task));
        assert!(scheduler.can_cut());
        assert_eq!(VirtualClock.now().as_micros(), 0);
        for _ in 0..7 {
            scheduler.io_point();
        }
        assert_eq!(VirtualClock.now().as_micros(), 7);
    });
    assert_eq!(outcome, Outcome::Finished);
}

#[test]
fn after_a_run_the_locks_are_real_again() {
    let scheduler = Scheduler::of_this_thread();
    let lock = Mutex::new(0);
    let run = || scheduler.run(2, plan(1, FrozenStacks::Drop), &|_| *lock.lock() += 1);
    assert_eq!(run(), Outcome::Finished);
    assert!(sync::install(None).is_none(), "the hook is still there");
    *lock.lock() += 1;
    assert_eq!(scheduler.steps(), 2, "a lock outside a run is a step");
    assert_eq!(*lock.lock(), 3);
}

#[test]
fn sixty_four_tasks_can_run_at_once() {
    let scheduler = Scheduler::of_this_thread();
    let count = AtomicU64::new(0);
    let lock = Mutex::new(());
    let outcome = scheduler.run(64, plan(1, FrozenStacks::Drop), &|_| {
        let _guard = lock.lock();
        count.store(count.load() + 1);
    });
    assert_eq!(outcome, Outcome::Finished);
    assert_eq!(count.load(), 64);
}
