//! The harness sees: a disk that breaks its word is caught, and so is a harness that tests nothing.
//!
//! *Verified:* each lie of the disk makes a campaign fail within a thousand seeds, for a reason
//! that fits; the same seeds pass without it; a damaged log never shows a payload that was not
//! written; a fault that does nothing is named as a broken promise, and an empty cell of the coverage
//! table as a hole; crashes that were promised and left out are noticed (mistakes H3 and H6 of the
//! harness); the command line reports all that, and the command that it prints last does the
//! failed run again.
//! *Not verified:* bugs of the log: that is what the mutants are for.

#![allow(clippy::disallowed_methods)] // Child processes need a real directory.

use std::path::Path;
use std::process::Command;

use seawall_sim::budget::forget;
use seawall_sim::campaign::{Campaign, Summary};
use seawall_sim::checker::{Class, Property, Violation};
use seawall_sim::coverage::{Cell, RULES};
use seawall_sim::disk::{Counts, Fault, Lie};
use seawall_sim::report::coverage::Coverage;
use seawall_sim::report::promises;
use seawall_sim::report::summary::Outcome;
use seawall_sim::run::run;
use seawall_sim::seed::Seed;

const SEEDS: u64 = 1000;
const MUTED_SEEDS: u64 = 300;

fn campaign(lie: Option<Lie>) -> Campaign {
    Campaign {
        seeds: Some(SEEDS),
        lie,
        ..Campaign::of(Seed(1))
    }
}

fn failure_of(campaign: &Campaign) -> (Summary, Violation) {
    let summary = campaign.run(|_| {});
    let failure = summary.failure().cloned();
    let failure = failure.unwrap_or_else(|| panic!("nobody noticed: {campaign:?}"));
    (summary, failure.violation)
}

fn is_caught(lie: Lie, classes: &[Class]) {
    let (summary, violation) = failure_of(&campaign(Some(lie)));
    let property = violation.property;
    println!(
        "{lie}: caught with seed {} of {SEEDS} by {property}: {}",
        summary.seeds, violation.story
    );
    assert!(classes.contains(&property.class()), "{violation:?}");
}

#[test]
fn a_file_sync_that_does_nothing_is_caught() {
    is_caught(Lie::FileSync, &[Class::Durability]);
}

#[test]
fn a_directory_sync_that_does_nothing_is_caught() {
    is_caught(Lie::DirSync, &[Class::Durability]);
}

#[test]
fn a_write_that_crosses_its_sync_is_caught() {
    is_caught(
        Lie::WriteCrossesSync,
        &[Class::Durability, Class::Integrity],
    );
}

#[test]
fn a_flipped_bit_is_caught() {
    is_caught(Lie::BitFlip, &[Class::Durability, Class::Integrity]);
}

#[test]
fn the_same_seeds_pass_on_a_disk_that_keeps_its_word() {
    let summary = Campaign {
        jobs: 2,
        ..campaign(None)
    }
    .run(|_| {});
    assert!(summary.failure().is_none(), "{:?}", summary.failure());
    assert_eq!(summary.seeds, SEEDS);
}

/// The log owes no more than an error where synced bytes changed, and no less.
#[test]
fn a_flipped_bit_never_becomes_a_record() {
    let campaign = campaign(Some(Lie::BitFlip));
    let mut caught = 0;
    for index in 0..SEEDS / 2 {
        let report = run(&campaign.scenario(index), false);
        let Some(violation) = report.violation else {
            continue;
        };
        caught += 1;
        let shows_what_was_not_written = matches!(
            violation.property,
            Property::Prefix | Property::Resurrection | Property::Refused | Property::Panic
        );
        assert!(!shows_what_was_not_written, "seed {index}: {violation:?}");
    }
    println!(
        "{caught} of {} runs with a flipped bit were caught",
        SEEDS / 2
    );
    assert!(caught > 0);
}

#[test]
fn a_harness_without_crashes_is_caught_by_each_run_alone() {
    let campaign = Campaign {
        without_crashes: true,
        ..campaign(None)
    };
    for index in 0..SEEDS / 2 {
        let report = run(&campaign.scenario(index), false);
        let violation = report.violation.expect("crashes were promised");
        assert_eq!(violation.property.class(), Class::Vacuity, "seed {index}");
    }
}

#[test]
fn a_campaign_in_which_nothing_happened_is_vacuous() {
    let campaign = Campaign {
        seeds: Some(promises::SEEDS_MIN),
        ..campaign(None)
    };
    let summary = Summary {
        seeds: promises::SEEDS_MIN,
        ..Summary::default()
    };
    let outcome = Outcome {
        campaign,
        summary,
        cpu: Default::default(),
        wall: Default::default(),
    };
    assert_eq!(outcome.exit_code(), Class::Vacuity as u8);
}

/// `cargo sim canaries` tries all of them, with as many seeds as a campaign needs to be judged.
#[test]
fn a_fault_that_does_nothing_is_a_broken_promise() {
    for fault in [
        Fault::ShortWrite,
        Fault::MetadataErrorApplied,
        Fault::NoSpace,
    ] {
        let campaign = Campaign {
            seeds: Some(MUTED_SEEDS),
            mute: Some(fault),
            ..campaign(None)
        };
        let summary = campaign.run(|_| {});
        assert!(summary.failure().is_none(), "{:?}", summary.failure());
        let unmuted = Campaign {
            mute: None,
            ..campaign
        }
        .run(|_| {});
        assert!(
            unmuted.figures.disk.faults(fault) > 0,
            "{fault} is too rare"
        );
        let broken = promises::broken(&campaign, &summary);
        // The rare ones are promised only of many more seeds.
        let is_due = |fault: &Fault| promises::seeds_for(*fault) == promises::SEEDS_MIN;
        for promised in promises::faults(None).filter(is_due) {
            let never_happened = summary.figures.disk.faults(promised) == 0;
            let is_named = broken.contains(&format!("fault {promised}"));
            assert_eq!(never_happened, is_named, "{promised}, with {fault} muted");
        }
        assert!(broken.contains(&format!("fault {fault}")));
    }
}

#[test]
fn an_empty_cell_is_a_hole_unless_a_rule_explains_it() {
    let faults: Vec<Fault> = promises::faults(None).collect();
    let nothing = Counts::default();
    let table = Coverage::new(&nothing, &faults);
    let holes: Vec<Cell> = table.holes().collect();
    assert!(holes.iter().all(|cell| cell.rule().is_none()));
    let explained = Cell::all(&faults).filter(|cell| cell.rule().is_some());
    assert_eq!(holes.len() + explained.count(), Cell::all(&faults).count());
    for rule in RULES {
        let why = rule.why;
        let mut cells = Cell::all(&faults);
        let speaks = cells.any(|one| rule.covers(one.fault, one.operation, one.phase));
        assert!(speaks, "a rule speaks of no cell: {why}");
    }
    // Whatever a short campaign meets, no rule forbids.
    let summary = campaign(None).run(|_| {});
    let table = promises::coverage(&campaign(None), &summary);
    assert_eq!(table.stale().next(), None);
    assert!(table.holes().count() < holes.len());
}

#[test]
fn the_command_line_tells_a_failure_and_how_to_see_it_again() {
    let check = |option: &[&str], codes: &[i32]| {
        let scratch = tempfile::tempdir().expect("a directory");
        let mut args = vec!["run", "1", "--seeds", "1000", "--jobs", "1"];
        args.extend(option);
        let (code, told) = simulate(scratch.path(), &args);
        assert!(codes.contains(&code), "{option:?} ends with {code}: {told}");
        let last = told.lines().last().expect("it says something");
        let again = last.strip_prefix("cargo sim ").expect("a command is last");
        let again: Vec<&str> = again.split(' ').collect();
        assert_eq!(again[0], "replay");
        let (code_again, told_again) = simulate(scratch.path(), &again);
        assert_eq!(code_again, code, "{told_again}");
        assert_eq!(trace_in(&told_again), trace_in(&told));
        assert_eq!(told_again.lines().last(), Some(last));
    };
    let (durability, integrity) = (Class::Durability as i32, Class::Integrity as i32);
    check(&["--lie", "file-sync"], &[durability]);
    check(&["--lie", "dir-sync"], &[durability]);
    check(&["--lie", "write-crosses-sync"], &[durability, integrity]);
    check(&["--lie", "bit-flip"], &[durability, integrity]);
    check(&["--without-crashes"], &[Class::Vacuity as i32]);
}

#[test]
fn the_command_line_tells_success_and_wrong_usage() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (code, told) = simulate(scratch.path(), &["run", "1", "--seeds", "50"]);
    assert_eq!((code, told.lines().last()), (0, Some("seed 0x1")), "{told}");
    assert_eq!(simulate(scratch.path(), &["replay", "no-such-file"]).0, 2);
    assert_eq!(simulate(scratch.path(), &["run", "--lie", "white"]).0, 2);
}

fn simulate(dir: &Path, args: &[&str]) -> (i32, String) {
    let mut simulator = Command::new(env!("CARGO_BIN_EXE_seawall-sim"));
    let output = forget(&mut simulator).args(args).current_dir(dir).output();
    let output = output.expect("the simulator runs");
    let code = output.status.code().expect("no signal ends it");
    let told = String::from_utf8(output.stdout).expect("it prints text");
    (code, told)
}

/// The hash in the line `trace HASH`, or `trace HASH in FILE`.
fn trace_in(told: &str) -> &str {
    let mut hashes = told.lines().filter_map(|line| line.strip_prefix("trace "));
    let hash = hashes.next_back().expect("the trace is told");
    hash.split(' ').next().expect("a hash is there")
}
