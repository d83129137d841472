//! Runs leave no memory behind but what frozen tasks owned. Alone in its process, so that no
//! other test's memory is counted.

use seawall::env::sync::Mutex;
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::sched::Scheduler;
use seawall_sim::sched::outcome::Outcome;
use seawall_sim::sched::plan::{FrozenStacks, Plan};
use seawall_sim::sched::policy::PolicyKind;

/// Pages of this process in memory. Source: proc_pid_statm(5), second field.
fn resident_pages() -> u64 {
    #[allow(clippy::disallowed_methods)] // The process itself is measured, not a log.
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let field = text.split(' ').nth(1).expect("a second field");
    field.parse().expect("a number")
}

fn runs(count: u64) {
    let scheduler = Scheduler::of_this_thread();
    for seed in 0..count {
        let stream = Choices::new(seed).stream(Purpose::Schedule, 0);
        let plan = Plan {
            end: match seed % 10 {
                0 => FrozenStacks::Unwind,
                _ => FrozenStacks::Drop,
            },
            ..Plan::new(PolicyKind::Walk, stream)
        };
        let lock = Mutex::new(0);
        let outcome = scheduler.run(4, plan, &|task| {
            for _ in 0..4 {
                *lock.lock() += 1;
                scheduler.io_point();
            }
            if task == 0 {
                scheduler.cut();
            }
        });
        assert_eq!(outcome, Outcome::Cut);
    }
}

#[test]
fn a_hundred_thousand_runs_do_not_grow_the_process() {
    runs(1000);
    let before = resident_pages();
    runs(100_000);
    let grown = resident_pages().saturating_sub(before);
    assert!(grown < 256, "{grown} pages more");
}
