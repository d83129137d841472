//! What the scheduler costs. Ignored by default, since it measures; run it in release mode with
//! `--ignored --nocapture`. The bound is generous: it catches a wrong order of magnitude.

use std::time::Duration;

use seawall::env::sync::Mutex;
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::sched::Scheduler;
use seawall_sim::sched::outcome::Outcome;
use seawall_sim::sched::plan::{FrozenStacks, Plan};
use seawall_sim::sched::policy::PolicyKind;

const POLICIES: [PolicyKind; 5] = [
    PolicyKind::Walk,
    PolicyKind::Random,
    PolicyKind::Sticky(16),
    PolicyKind::Pct(3),
    PolicyKind::Pos,
];

#[allow(clippy::disallowed_methods)] // The one thing here that is about real time.
fn time(work: impl Fn()) -> Duration {
    let once = || {
        let start = std::time::Instant::now();
        work();
        start.elapsed()
    };
    // The best of five: whatever else the machine does only adds.
    (0..5).map(|_| once()).min().expect("five of them")
}

fn run(
    policy: PolicyKind,
    seed: u64,
    tasks: usize,
    end: FrozenStacks,
    body: &dyn Fn(usize),
) -> Outcome {
    let plan = Plan {
        end,
        remaining: vec![1000; tasks],
        step_limit: u64::MAX,
        ..Plan::new(policy, Choices::new(seed).stream(Purpose::Schedule, 0))
    };
    Scheduler::of_this_thread().run(tasks, plan, body)
}

#[test]
#[ignore = "it measures; run it in release mode"]
fn a_point_without_work_costs_tens_of_nanoseconds() {
    let scheduler = Scheduler::of_this_thread();
    for (tasks, policy) in [1, 8]
        .into_iter()
        .flat_map(|n| POLICIES.map(|policy| (n, policy)))
    {
        let points = 1_000_000 / tasks;
        let io = time(|| {
            run(policy, 1, tasks, FrozenStacks::Drop, &|_| {
                (0..points).for_each(|_| scheduler.io_point())
            });
        });
        let lock = Mutex::new(0);
        let locks = time(|| {
            run(policy, 1, tasks, FrozenStacks::Drop, &|_| {
                (0..points).for_each(|_| *lock.lock() += 1)
            });
        });
        let each = |time: Duration| time.as_nanos() / 1_000_000;
        println!(
            "{tasks} tasks, {policy}: io point {} ns, lock {} ns",
            each(io),
            each(locks)
        );
        assert!(each(io) < 200);
    }
}

#[test]
#[ignore = "it measures; run it in release mode"]
fn a_short_run_costs_about_a_microsecond() {
    let scheduler = Scheduler::of_this_thread();
    let ends = [FrozenStacks::Drop, FrozenStacks::Unwind];
    for (end, points) in ends.into_iter().flat_map(|end| [(end, 0), (end, 30)]) {
        for cut in [false, true] {
            let all = time(|| {
                for seed in 0..100_000 {
                    run(PolicyKind::Walk, seed, 4, end, &|task| {
                        (0..points).for_each(|_| scheduler.io_point());
                        if cut && task == 0 {
                            scheduler.cut();
                        }
                    });
                }
            });
            let each = all.as_nanos() / 100_000;
            println!("4 tasks, {points} points each, {end:?}, cut {cut}: {each} ns a run");
            assert!(each < 200_000);
        }
    }
}
