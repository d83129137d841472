//! The shrinker: smaller, and still the same failure.
//!
//! *Verified:* with disks that lie, what is left fails with the same property in the same place,
//! also when it is printed and parsed; nothing gets larger; most of it is gone; and the same
//! scenario shrinks to the same one each time. What passes is not shrunk, and the limit on runs is
//! kept.
//! *Not verified:* that nothing smaller fails; how small mutants of the log get is in
//! `sim/finding.md`.

use seawall_sim::disk::Lie;
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;
use seawall_sim::shrink::{Fingerprint, Shrunk, shrink};

const RUNS_MAX: u64 = 3000;

/// The first scenario from a seed on that fails on a disk with this lie.
fn failing(lie: Lie, seed: u64) -> Scenario {
    let lying = (seed..).map(|seed| {
        let mut scenario = generate(Seed(seed), Setting::default());
        scenario.disk.lie = Some(lie);
        scenario.media = None;
        scenario
    });
    let mut failing = lying.filter(|scenario| run(scenario, false).violation.is_some());
    failing.next().expect("a lie shows")
}

fn shrunk(scenario: &Scenario) -> Shrunk {
    shrink(scenario, RUNS_MAX, &mut |_| {}).expect("it fails")
}

#[test]
fn what_is_left_is_smaller_and_fails_in_the_same_way() {
    let mut operations = (0, 0);
    for (lie, seed) in [
        (Lie::FileSync, 1),
        (Lie::FileSync, 50),
        (Lie::DirSync, 1),
        (Lie::BitFlip, 1),
    ] {
        let scenario = failing(lie, seed);
        let violation = run(&scenario, false).violation.expect("it fails");
        let small = shrunk(&scenario);
        let (before, after) = (small.before, small.after);
        let parsed = Scenario::parse(&small.scenario.print()).expect("it is a scenario");
        assert_eq!(parsed, small.scenario);
        let again = run(&parsed, false).violation.expect("it still fails");
        assert_eq!(again, small.violation);
        assert!(
            Fingerprint::of(&violation).is_of(&again),
            "{violation:?} became {again:?}"
        );
        assert_eq!(small.scenario.disk.lie, Some(lie), "the lie is the cause");
        assert!(after.crashes <= before.crashes && after.operations <= before.operations);
        assert!(after.preemptions <= before.preemptions && after.faults <= before.faults);
        operations.0 += before.operations;
        operations.1 += after.operations;
    }
    let (before, after) = operations;
    assert!(after * 5 < before, "{before} operations became {after}");
}

#[test]
fn the_same_scenario_shrinks_to_the_same_one() {
    let scenario = failing(Lie::FileSync, 9);
    let (one, other) = (shrunk(&scenario), shrunk(&scenario));
    assert_eq!(one.scenario, other.scenario);
    assert_eq!(one.runs, other.runs);
}

#[test]
fn what_passes_is_not_shrunk_and_the_limit_is_kept() {
    let passing = generate(Seed(1), Setting::default());
    assert!(shrink(&passing, RUNS_MAX, &mut |_| {}).is_none());
    let mut told = 0;
    let limited = shrink(&failing(Lie::FileSync, 1), 10, &mut |runs| told = runs);
    assert!(limited.is_some_and(|shrunk| shrunk.runs <= 10));
    assert!(told <= 10);
}
