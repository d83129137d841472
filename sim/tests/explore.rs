//! Every crash state: of small workloads all are judged, none is wrong, and on a disk that lies some are.
//!
//! *Verified:* the exploration is complete where nothing limits it, says so where something does, finds
//! a disk that lies with the workloads and depths that it takes, gives an address for what it finds that
//! leads there again, and does the same on any number of threads.
//! *Not verified:* that it finds mistakes in the log: `cargo sim mutants` has those, and
//! `faults.md` the table.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

use seawall_sim::checker::Property;
use seawall_sim::disk::{Knobs, Lie};
use seawall_sim::explore::{Address, Counts, Explore, Longer, Which, Workload, knobs, replay};
use seawall_sim::shard::Shard;

fn explore(workloads: Which, depth: usize) -> Explore {
    Explore {
        workloads,
        shard: Shard::WHOLE,
        depth,
        groups_max: u64::MAX,
        knobs: knobs(),
        jobs: 1,
    }
}

fn one(workload: &str) -> Which {
    Which::These(vec![workload.parse().unwrap()])
}

fn passes(explore: &Explore) -> Counts {
    let explored = explore.run(|_| true);
    assert_eq!(explored.offence, None);
    assert!(!explored.gave_up);
    assert_eq!(explored.done, explore.workloads.count());
    let counts = explored.counts;
    let sum = counts.sum();
    assert_eq!(sum.judged, sum.distinct);
    assert!(sum.groups <= sum.judged as u64);
    assert!(explored.recoveries < sum.groups);
    counts
}

#[test]
fn every_state_of_workloads_of_one_step_is_right() {
    let counts = passes(&explore(Which::All(1), 2));
    assert!(counts.levels[0].judged > 50);
    assert!(counts.levels[1].judged > 1000);
}

#[test]
fn no_check_is_empty() {
    let explored = explore(Which::All(2), 2).run(|_| true);
    for property in [
        Property::Opens,
        Property::Acknowledged,
        Property::Stability,
        Property::Prefix,
        Property::Resurrection,
        Property::Atomic,
        Property::Truncation,
        Property::Holds,
        Property::Listing,
        Property::NextLsn,
    ] {
        assert!(explored.tally.of(property) > 0, "{property}");
    }
}

#[test]
fn every_state_of_the_longer_workloads_is_right() {
    for &name in Longer::ALL {
        let counts = passes(&explore(one(name.name()), 1));
        assert!(counts.levels[0].judged > 50, "{name}");
    }
}

#[test]
fn threads_change_nothing() {
    let these = ["durable 40", "kill", "durable 700, reopen"];
    let these = these.map(|steps| steps.parse::<Workload>().unwrap());
    let alone = explore(Which::These(these.to_vec()), 2);
    let together = Explore {
        jobs: 3,
        ..alone.clone()
    };
    let (alone, together) = (alone.run(|_| true), together.run(|_| true));
    assert_eq!(alone.each.len(), 3);
    assert_eq!(alone.each, together.each);
    assert_eq!(alone.counts, together.counts);
}

#[test]
fn what_a_limit_leaves_out_is_told() {
    let limited = Explore {
        groups_max: 2,
        ..explore(one("decoys"), 1)
    };
    let explored = limited.run(|_| true);
    let sum = explored.counts.sum();
    assert!(sum.judged < sum.distinct);
    assert!(!explored.gave_up);
    assert!(explore(Which::All(3), 3).run(|_| false).gave_up);
}

/// The property that is violated, how often the power is cut for that.
fn caught(lie: Lie, workload: &str, depth: usize) -> Option<(Property, usize)> {
    let lying = Explore {
        knobs: Knobs {
            lie: Some(lie),
            ..knobs()
        },
        ..explore(one(workload), depth)
    };
    let (_, offence) = lying.run(|_| true).offence?;
    let at = Address(offence.turns.clone());
    let at: Address = at.to_string().parse().unwrap();
    let (story, again) = replay(&lying.workloads.get(0), &lying.knobs, &at).unwrap();
    assert_eq!(again.as_ref(), Some(&offence.violation), "{story:#?}");
    Some((offence.violation.property, offence.turns.len()))
}

#[test]
fn a_disk_that_lies_is_caught() {
    assert_eq!(
        caught(Lie::FileSync, "durable 40", 1),
        Some((Property::Opens, 1))
    );
    assert_eq!(
        caught(Lie::DirSync, "durable 40", 1),
        Some((Property::Acknowledged, 1))
    );
    assert_eq!(
        caught(Lie::WriteCrossesSync, "durable 40", 1),
        Some((Property::Opens, 1))
    );
}

#[test]
fn there_is_no_state_behind_the_last_one() {
    let workload = Workload::named(Longer::Roll);
    for text in ["9999.0.", "0.99.", "0.0.7-7-7"] {
        let at: Address = text.parse().unwrap();
        assert!(replay(&workload, &knobs(), &at).is_err(), "{text}");
    }
}
