//! Planted concurrency bugs: each policy must find those it is for, within so many seeds.

use std::cell::Cell;

use seawall::env::sync::{AtomicU64, Condvar, Mutex, Park};
use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::sched::Scheduler;
use seawall_sim::sched::outcome::{Deadlock, Outcome};
use seawall_sim::sched::plan::Plan;
use seawall_sim::sched::policy::PolicyKind;

const POLICIES: [PolicyKind; 5] = [
    PolicyKind::Walk,
    PolicyKind::Random,
    PolicyKind::Sticky(4),
    PolicyKind::Pct(2),
    PolicyKind::Pos,
];

fn plan(policy: PolicyKind, seed: u64) -> Plan {
    Plan::new(policy, Choices::new(seed).stream(Purpose::Schedule, 0))
}

/// The first of `seeds` under which `run` says true.
fn first_hit(policy: PolicyKind, seeds: u64, run: impl Fn(Plan) -> bool) -> Option<u64> {
    (0..seeds).find(|&seed| run(plan(policy, seed)))
}

#[test]
fn a_lock_never_loses_an_update() {
    let scheduler = Scheduler::of_this_thread();
    for policy in POLICIES {
        for seed in 0..200 {
            let count = Mutex::new(0);
            let outcome = scheduler.run(2, plan(policy, seed), &|_| {
                for _ in 0..10 {
                    let mut count = count.lock();
                    let seen = *count;
                    scheduler.io_point();
                    *count = seen + 1;
                }
            });
            assert_eq!(outcome, Outcome::Finished);
            assert_eq!(*count.lock(), 20);
        }
    }
}

#[test]
fn a_lost_update_is_found_by_every_policy() {
    let scheduler = Scheduler::of_this_thread();
    for policy in POLICIES {
        let hit = first_hit(policy, 100, |plan| {
            let count = AtomicU64::new(0);
            scheduler.run(2, plan, &|_| count.store(count.load() + 1));
            count.load() == 1
        });
        assert!(hit.is_some(), "{policy}");
    }
}

fn expect_deadlock(outcome: Outcome) -> Option<Deadlock> {
    match outcome {
        Outcome::Finished => None,
        Outcome::Deadlock(deadlock) => Some(deadlock),
        other => panic!("{other}"),
    }
}

#[test]
fn a_notification_before_the_wait_is_found_as_a_lost_wakeup() {
    let scheduler = Scheduler::of_this_thread();
    for policy in POLICIES {
        // A wake-up for nothing must not hide it.
        for spurious in [Ratio::NEVER, Ratio::new(1, 1)] {
            let hit = first_hit(policy, 100, |plan| {
                let lock = Mutex::new(());
                let rung = Condvar::new();
                let plan = Plan { spurious, ..plan };
                let outcome = scheduler.run(2, plan, &|task| match task {
                    0 => drop(rung.wait(lock.lock())),
                    _ => rung.notify_one(),
                });
                let Some(deadlock) = expect_deadlock(outcome) else {
                    return false;
                };
                assert!(deadlock.is_lost_wakeup());
                assert_eq!(deadlock.finished, 1);
                assert_eq!(deadlock.blocked.len(), 1);
                assert_eq!(deadlock.blocked[0].task, 0);
                assert_eq!(deadlock.blocked[0].on, Park::Condvar);
                true
            });
            assert!(hit.is_some(), "{policy}");
        }
    }
}

#[test]
fn locks_taken_in_opposite_order_are_found_as_a_deadlock() {
    let scheduler = Scheduler::of_this_thread();
    for policy in POLICIES {
        let hit = first_hit(policy, 100, |plan| {
            let locks = [Mutex::new(()), Mutex::new(())];
            let outcome = scheduler.run(3, plan, &|task| {
                let first = locks[task % 2].lock();
                drop((locks[(task + 1) % 2].lock(), first));
            });
            let Some(deadlock) = expect_deadlock(outcome) else {
                return false;
            };
            assert!(
                deadlock
                    .blocked
                    .iter()
                    .all(|blocked| blocked.on == Park::Lock)
            );
            assert!(!deadlock.is_lost_wakeup());
            let mut objects: Vec<usize> = deadlock.blocked.iter().map(|b| b.object).collect();
            objects.sort_unstable();
            objects.dedup();
            assert_eq!(objects, [0, 1]);
            true
        });
        assert!(hit.is_some(), "{policy}");
    }
}

/// A bug that shows only if task 0 makes its one call after all calls of the three others.
fn late_call(plan: Plan) -> bool {
    let scheduler = Scheduler::of_this_thread();
    let calls = Cell::new(0);
    let late = Cell::new(false);
    let plan = Plan {
        remaining: vec![1, 32, 32, 32],
        ..plan
    };
    let outcome = scheduler.run(4, plan, &|task| {
        if task == 0 {
            scheduler.io_point();
            late.set(calls.get() == 96);
        } else {
            for _ in 0..32 {
                scheduler.io_point();
                calls.set(calls.get() + 1);
            }
        }
    });
    assert_eq!(outcome, Outcome::Finished);
    late.get()
}

#[test]
fn a_starved_task_is_found_by_walk_and_pct_and_not_by_plain_random() {
    for policy in [PolicyKind::Walk, PolicyKind::Pct(2), PolicyKind::Pct(3)] {
        assert!(first_hit(policy, 2000, late_call).is_some(), "{policy}");
    }
    assert_eq!(first_hit(PolicyKind::Random, 2000, late_call), None);
}

#[test]
fn a_wait_without_a_loop_is_found_by_waking_it_for_nothing() {
    let scheduler = Scheduler::of_this_thread();
    let unready = |spurious| {
        first_hit(PolicyKind::Walk, 200, |plan| {
            let ready = Mutex::new(false);
            let changed = Condvar::new();
            let fooled = AtomicU64::new(0);
            scheduler.run(2, Plan { spurious, ..plan }, &|task| {
                let mut now = ready.lock();
                if task == 1 {
                    *now = true;
                    drop(now);
                    changed.notify_all();
                } else if !*now {
                    now = changed.wait(now);
                    fooled.store(u64::from(!*now));
                }
            });
            fooled.load() == 1
        })
    };
    assert_eq!(unready(Ratio::NEVER), None);
    assert!(unready(Ratio::new(1, 4)).is_some());
}

#[test]
fn every_waiter_is_one_day_the_one_that_is_woken() {
    let scheduler = Scheduler::of_this_thread();
    let mut woken = [0; 3];
    for seed in 0..200 {
        let waiting = Mutex::new(0);
        let rung = Condvar::new();
        let first = Mutex::new(None);
        scheduler.run(4, plan(PolicyKind::Random, seed), &|task| {
            let mut count = waiting.lock();
            if task == 3 {
                while *count < 3 {
                    drop(count);
                    count = waiting.lock();
                }
                rung.notify_one();
                return;
            }
            *count += 1;
            drop(rung.wait(count));
            first.lock().get_or_insert(task);
        });
        let first: usize = first.lock().expect("one was woken");
        woken[first] += 1;
    }
    assert!(woken.iter().all(|&count| count > 40), "{woken:?}");
}
