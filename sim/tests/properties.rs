//! The contract as a property of scenarios, for proptest: what fails is a scenario file.
//!
//! A strategy draws scenarios: a seed's, and such whose first life is interrupted at a few places
//! that proptest chooses. What fails is not proptest's to shrink, since a scenario shrinks by its
//! meaning: the simulator's own shrinker does it, and leaves a file for `cargo sim replay`.
//!
//! *Verified:* drawn scenarios keep the contract; with a disk that lies the property fails, and the file
//! that it names fails in the same way, and is smaller. `SIM_CASES`, or else proptest's own
//! `PROPTEST_CASES`, says how many are drawn.
//! *Not verified:* more than a campaign of so many seeds does; it is a way in for those who write
//! properties.

#![allow(clippy::disallowed_methods)] // Scenario files are on the real file system.

use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use seawall_sim::budget::Budget;
use seawall_sim::choice::{Purpose, TrackId};
use seawall_sim::disk::Lie;
use seawall_sim::report::failure::{FAILURES_DIR, save, shrunk_path};
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;
use seawall_sim::shrink::{Size, shrink};

const CASES: u32 = 64;
const RUNS_MAX: u64 = 5000;

/// Any scenario: of a seed, and half of the time with few interruptions in its first life.
fn scenarios() -> impl Strategy<Value = Scenario> {
    let interruptions = prop::option::of(vec((0..100u32, 1..8u32), 0..4));
    let drawn = (any::<u64>(), interruptions).prop_map(|(seed, interruptions)| {
        let mut scenario = generate(Seed(seed), Setting::default());
        let id = TrackId {
            purpose: Purpose::Schedule,
            // The clients at work in the first life.
            number: 5,
        };
        for (place, value) in interruptions.into_iter().flatten() {
            scenario.tape.track_mut(id).set(place, value);
        }
        scenario
    });
    drawn.no_shrink()
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    let budget = Budget::of_environment().unwrap_or_else(|wrong| panic!("{wrong}"));
    if let Some(cases) = budget.cases {
        config.cases = u32::try_from(cases).unwrap_or(u32::MAX);
    } else if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    // The scenario is what is kept.
    config.failure_persistence = None;
    config
}

/// Holds scenarios to the contract. The first that breaks it is shrunk and saved below `root`; the
/// error tells of it, with the command that runs it again as its last line.
fn hold(scenarios: impl Strategy<Value = Scenario>, root: &Path) -> Result<(), String> {
    let property = |scenario: Scenario| match run(&scenario, false).violation {
        None => Ok(()),
        Some(violation) => Err(TestCaseError::fail(violation.story)),
    };
    let failing = match TestRunner::new(config()).run(&scenarios, property) {
        Ok(()) => return Ok(()),
        Err(TestError::Fail(_, scenario)) => scenario,
        Err(TestError::Abort(reason)) => return Err(reason.to_string()),
    };
    let shrunk = shrink(&failing, RUNS_MAX, &mut |_| {}).ok_or("it fails only once")?;
    let path = shrunk_path(failing.seed);
    save(&root.join(&path), &shrunk.scenario).map_err(|error| error.to_string())?;
    Err(format!(
        "{}: {}\n{}\ncargo sim replay {}",
        shrunk.violation.property,
        shrunk.violation.story,
        shrunk.after,
        path.display()
    ))
}

#[test]
fn scenarios_keep_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    hold(scenarios(), &root).unwrap_or_else(|story| panic!("{story}"));
}

#[test]
fn a_failure_is_a_scenario_file() {
    let root = tempfile::tempdir().expect("a directory");
    let lying = scenarios().prop_map(|mut scenario| {
        scenario.disk.lie = Some(Lie::FileSync);
        scenario.media = None;
        scenario
    });
    let story = hold(lying, root.path()).expect_err("a lie shows");
    let (_, command) = story.rsplit_once('\n').expect("more than a line");
    let path = command
        .strip_prefix("cargo sim replay ")
        .expect("a command");
    assert!(Path::new(path).starts_with(FAILURES_DIR));
    let file: PathBuf = root.path().join(path);
    let text = std::fs::read_to_string(&file).expect("it was saved");
    let scenario = Scenario::parse(&text).expect("it is a scenario");
    let violation = run(&scenario, false).violation.expect("it fails again");
    assert!(story.starts_with(&format!("{}: {}\n", violation.property, violation.story)));
    assert!(Size::of(&scenario).operations <= 4, "{text}");
}
