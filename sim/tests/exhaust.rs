//! The walk over all schedules of a few small clients.
//!
//! *Verified:* the log passes in all schedules of some pairs of operations, with all crashes and
//! failures of calls; the same walk is the same again, on any number of threads; every lie of the disk
//! is found, and what is found is a scenario whose text does the same again; a walk that time
//! ends does not count as complete. That no schedule is left out or comes twice is a test beside
//! the odometer.
//! *Not verified:* that the pairs meet mistakes of the log; what they catch of the mutants is in
//! `sim/finding.md`.

use std::time::Duration;

use seawall_sim::disk::Lie;
use seawall_sim::exhaust::{Exhaust, Outcome, Workload};
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;

fn exhaust(clients: [&str; 2]) -> Exhaust {
    Exhaust {
        workloads: vec![Workload::of(&clients).expect("it is one")],
        preemptions_max: 1,
        time: None,
        jobs: 1,
        lie: None,
    }
}

fn run_all(exhaust: &Exhaust) -> Outcome {
    exhaust.run(|_, _, _, _| {})
}

#[test]
fn the_log_passes_in_all_schedules_of_small_clients() {
    for clients in [
        ["durable 40", "durable 900"],
        ["append 40, sync", "truncate 8"],
        ["rotate 2", "durable 40"],
        ["follow 0", "close"],
    ] {
        let outcome = run_all(&exhaust(clients));
        assert!(outcome.is_complete(1), "{clients:?}");
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        let (_, walked) = outcome.rows[0].complete.as_ref().expect("it is complete");
        // Two can begin, and one of them can be interrupted.
        assert!(walked.schedules > 2, "{clients:?}: {walked:?}");
        assert!(
            walked.incidents > walked.schedules,
            "{clients:?}: {walked:?}"
        );
        assert!(walked.runs >= 2 * (walked.schedules + walked.incidents));
    }
}

#[test]
fn a_walk_does_not_depend_on_threads() {
    let with_jobs = |jobs| {
        let exhaust = Exhaust {
            workloads: Workload::all(2, 1).split_off(85),
            preemptions_max: 0,
            jobs,
            ..exhaust(["sync", "sync"])
        };
        let outcome = run_all(&exhaust);
        assert!(outcome.is_complete(0) && outcome.failure.is_none());
        let counts = outcome.rows.iter().map(|row| {
            let (_, walked) = row.complete.as_ref().expect("it is complete");
            (walked.schedules, walked.incidents, walked.runs)
        });
        counts.collect::<Vec<_>>()
    };
    assert_eq!(with_jobs(1), with_jobs(3));
}

#[test]
fn every_lie_is_found_and_what_is_found_does_the_same_again() {
    for &lie in Lie::ALL {
        let lying = Exhaust {
            lie: Some(lie),
            ..exhaust(["durable 900", "durable 40"])
        };
        let outcome = run_all(&lying);
        let failure = outcome.failure.unwrap_or_else(|| panic!("{lie} passes"));
        let parsed = Scenario::parse(&failure.scenario.print()).expect("it is a scenario");
        assert_eq!(run(&parsed, false).violation, Some(failure.violation));
    }
}

#[test]
fn what_time_has_ended_is_not_complete() {
    let hasty = Exhaust {
        time: Some(Duration::ZERO),
        ..exhaust(["sync", "sync"])
    };
    let outcome = run_all(&hasty);
    assert!(!outcome.is_complete(1));
    assert_eq!((outcome.runs, outcome.rows.len()), (0, 1));
}

#[test]
fn what_is_no_workload_is_refused() {
    for wrong in ["", "fly", "sync,", "append"] {
        assert!(Workload::of(&[wrong, "sync"]).is_err(), "{wrong}");
    }
}

#[test]
fn each_combination_of_clients_comes_once() {
    // 13 operations: 13 * 14 / 2 pairs, 13 * 14 * 15 / 6 triples.
    for (clients, count) in [(1, 13), (2, 91), (3, 455)] {
        let all = Workload::all(clients, 1);
        let mut texts: Vec<String> = all.iter().map(Workload::to_string).collect();
        texts.sort();
        texts.dedup();
        assert_eq!((all.len(), texts.len()), (count, count));
    }
    assert_eq!(Workload::all(1, 2).len(), 169);
}
