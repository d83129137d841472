//! The same seed gives the same run, step for step, under every policy; other seeds give others.

use std::collections::BTreeSet;

use seawall::env::sync::{AtomicU64, Condvar, Mutex};
use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::sched::Scheduler;
use seawall_sim::sched::outcome::Outcome;
use seawall_sim::sched::plan::{FrozenStacks, Plan};
use seawall_sim::sched::policy::PolicyKind;
use seawall_sim::trace;

const POLICIES: [PolicyKind; 5] = [
    PolicyKind::Walk,
    PolicyKind::Random,
    PolicyKind::Sticky(16),
    PolicyKind::Pct(2),
    PolicyKind::Pct(3),
];

/// A log that commits in groups, as far as a scheduler can tell.
#[derive(Default)]
struct GroupCommit {
    state: Mutex<State>,
    moved: Condvar,
    syncs: AtomicU64,
}

#[derive(Default)]
struct State {
    queued: u64,
    durable: u64,
    has_leader: bool,
}

impl GroupCommit {
    fn append(&self, scheduler: &Scheduler) {
        let mut state = self.state.lock();
        state.queued += 1;
        let mine = state.queued;
        while state.durable < mine {
            if state.has_leader {
                state = self.moved.wait(state);
                continue;
            }
            state.has_leader = true;
            let end = state.queued;
            drop(state);
            scheduler.io_point();
            scheduler.io_point();
            self.syncs.store(self.syncs.load() + 1);
            state = self.state.lock();
            state.durable = end;
            state.has_leader = false;
            self.moved.notify_all();
        }
    }
}

/// One run of 4 clients with 4 appends each, cut after `cut_at` appends of client 0.
fn run(policy: PolicyKind, seed: u64, cut_at: Option<u64>) -> (Outcome, u64, u64) {
    trace::start(false);
    let scheduler = Scheduler::of_this_thread();
    let plan = Plan {
        remaining: vec![8; 4],
        spurious: Ratio::new(1, 8),
        end: FrozenStacks::Unwind,
        ..Plan::new(policy, Choices::new(seed).stream(Purpose::Schedule, 0))
    };
    let log = Box::new(GroupCommit::default());
    let outcome = scheduler.run(4, plan, &|task| {
        for count in 0..4 {
            if task == 0 && Some(count) == cut_at {
                scheduler.cut();
            }
            log.append(scheduler);
        }
    });
    (outcome, trace::finish().hash, scheduler.steps())
}

#[test]
fn a_seed_gives_the_same_run_twice_under_every_policy() {
    for policy in POLICIES {
        for seed in 0..200 {
            let cut_at = (seed % 3 == 0).then_some(seed % 4);
            let first = run(policy, seed, cut_at);
            let expected = match cut_at {
                None => Outcome::Finished,
                Some(_) => Outcome::Cut,
            };
            assert_eq!(first.0, expected, "{policy} {seed}");
            // Another run between the two must leave no trace in the second.
            run(PolicyKind::Pct(5), seed + 1, None);
            assert_eq!(first, run(policy, seed, cut_at), "{policy} {seed}");
        }
    }
}

#[test]
fn different_seeds_give_different_interleavings() {
    for (policy, at_least) in POLICIES.into_iter().zip([195, 195, 150, 50, 100]) {
        let hashes: BTreeSet<u64> = (0..200).map(|seed| run(policy, seed, None).1).collect();
        assert!(hashes.len() >= at_least, "{policy}: {}", hashes.len());
    }
}

#[test]
fn a_seed_gives_the_same_run_wherever_its_objects_lie() {
    let hashes = || -> Vec<u64> {
        let seeds = 0..20;
        seeds
            .map(|seed| run(PolicyKind::Walk, seed, None).1)
            .collect()
    };
    let first = hashes();
    for shift in 1..4 {
        let _in_the_way = vec![0u8; 1000 * shift];
        let _and_one_of_the_same_size = Box::new(GroupCommit::default());
        assert_eq!(first, hashes());
    }
}
