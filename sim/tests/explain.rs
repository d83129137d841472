//! The explanation of a failure: each sentence was tried, and tells places in the log.
//!
//! *Verified:* to be watched changes nothing about a run. Where the directory is not synced
//! after a segment got its name, that sync is what is found, with the function of the log; nothing is explained that passes. The neighbour
//! that passes has that sync, and its recording shows it. A repair of all helps where one of a file
//! does, and one that never comes helps nobody.
//! *Not verified:* the wording. What is told of mutants of the log is in `sim/finding.md`.

use seawall_sim::disk::{CallKind, Durable};
use seawall_sim::events::Event;
use seawall_sim::explain::explain;
use seawall_sim::recording::{Recording, What, record};
use seawall_sim::run::{Report, Wants, Watched, run, watch};
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;
use seawall_sim::shrink::shrink;
use seawall_sim::world::{After, Repair};

fn with_events(scenario: &Scenario) -> Watched {
    let wants = Wants {
        events: true,
        ..Wants::default()
    };
    watch(scenario, wants)
}

fn run_with_repair(scenario: &Scenario, repair: Repair) -> Report {
    let wants = Wants {
        repair: Some(repair),
        ..Wants::default()
    };
    watch(scenario, wants).report
}

#[test]
fn to_be_watched_changes_nothing() {
    for seed in 0..40 {
        let scenario = generate(Seed(seed), Setting::default());
        let watched = with_events(&scenario);
        assert_eq!(
            watched.report.trace.hash,
            run(&scenario, false).trace.hash,
            "seed {seed}"
        );
        let calls = watched
            .events
            .iter()
            .filter(|(_, event)| matches!(event, Event::Call(_)))
            .count();
        assert!(calls > 10, "seed {seed} makes calls");
    }
}

/// A scenario that fails where the directory is not synced after a segment got its name.
fn without_a_sync() -> Scenario {
    let wants = Wants {
        sites: true,
        ..Wants::default()
    };
    let sites = watch(&generate(Seed(1), Setting::default()), wants).sites;
    let mut sites = sites
        .into_keys()
        .filter(|(_, kind)| *kind == CallKind::SyncDir);
    let site = sites.find(|(site, _)| site.functions().contains("active::publish"));
    let (site, _) = site.expect("a log makes segments");
    let scenarios = (1..).map(|seed| Scenario {
        without: Some(site.clone()),
        media: None,
        ..generate(Seed(seed), Setting::default())
    });
    let mut failing = scenarios.filter(|scenario| run(scenario, false).violation.is_some());
    let failing = failing.next().expect("it is needed");
    shrink(&failing, 3000, &mut |_| {})
        .expect("it fails")
        .scenario
}

#[test]
fn the_sync_that_would_have_helped_is_told_with_its_place() {
    let scenario = without_a_sync();
    let told = explain(&scenario).expect("it fails");
    let story = told.sentences.join("\n");
    assert!(story.contains("It passes without the site"), "{story}");
    assert!(
        story.contains("if the directory /data/log had been synced"),
        "{story}"
    );
    assert!(story.contains("rename"), "{story}");
    assert!(story.contains("publish"), "{story}");
    assert!(told.timeline.iter().any(|line| line.contains("lost: ")));
    let neighbour = told.neighbour.expect("something makes it pass");
    assert!(
        neighbour.what.contains("synced right after"),
        "{}",
        neighbour.what
    );
    assert_eq!(neighbour.scenario, scenario);
    assert!(ends_with_a_violation(&record(&scenario)));
    let passing = neighbour.record();
    assert!(!ends_with_a_violation(&passing));
    let repairs = passing
        .steps
        .iter()
        .filter(|step| step.what == What::Repair);
    assert_eq!(repairs.count(), 1);
    let again = explain(&scenario).expect("it fails again");
    assert_eq!(again.sentences, told.sentences);
    assert_eq!(again.runs, told.runs);
}

fn ends_with_a_violation(recording: &Recording) -> bool {
    let last = recording.steps.last().map(|step| &step.what);
    matches!(last, Some(What::Violation { .. }))
}

#[test]
fn a_repair_makes_durable_what_it_names_and_nothing_else_does() {
    let scenario = without_a_sync();
    let events = with_events(&scenario).events;
    let mut life = 0;
    let mut saved = 0;
    for (_, event) in events {
        match event {
            Event::Life(number) => life = number,
            Event::Call(made) => {
                let call = made.number;
                let after = After::Call(life, call);
                let with = |what| {
                    let after = after.clone();
                    run_with_repair(&scenario, Repair { after, what })
                };
                let all = with(Durable::Everything).violation.is_none();
                let own = with(Durable::Names(made.call.ino)).violation.is_none();
                assert!(all || !own, "more helps no less");
                saved += u32::from(all);
            }
            _ => {}
        }
    }
    assert!(saved > 0, "one sync that works is enough somewhere");
    let nowhere = Repair {
        after: After::Call(1, u64::MAX),
        what: Durable::Everything,
    };
    assert!(run_with_repair(&scenario, nowhere).violation.is_some());
}

#[test]
fn what_passes_is_not_explained() {
    assert!(explain(&generate(Seed(1), Setting::default())).is_none());
}
