//! Nights: what is kept of them, what one leaves to the next, and what becomes of failures.
//!
//! *Verified:* a night that is killed goes on where it was, without giving a seed twice, and so does the
//! next one; a file of another program's, a directory in use and a night that is there are refused in a
//! line; a failure is one capsule, which tells what its scenario does again, is fixed where that passes, and
//! reopened where it fails anew; a night's shards make one night, and each summary is there in its three
//! forms.
//! *Not verified:* fuzz targets and mutants, for which these nights are too short; that hours are well spent.

// Nights are kept on the real file system, in real time.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use seawall_sim::campaign::{Campaign, Failure};
use seawall_sim::capsule::{Again, Capsule, Found, State};
use seawall_sim::disk::Lie;
use seawall_sim::nightly::{Night, Summary};
use seawall_sim::results::Commit;
use seawall_sim::seed::Seed;

fn sim() -> Command {
    Command::new(env!("CARGO_BIN_EXE_seawall-sim"))
}

fn nightly(dir: &Path, time: &str, more: &[&str]) -> Command {
    let mut command = sim();
    command.args(["nightly", "--time", time, "--jobs", "1", "--out"]);
    command.arg(dir).args(more);
    command
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    (status.code(), said.concat())
}

fn night(dir: &Path, number: u32) -> Night {
    let path = dir.join(format!("nights/{number:04}/night.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn summary(dir: &Path, number: u32) -> Summary {
    let path = dir.join(format!("nights/{number:04}/summary.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Each slice's first seed and how many it ran, none of them another one's.
fn seeds(nights: &[Night]) -> BTreeSet<(u64, u64)> {
    let slices = nights.iter().flat_map(|night| &night.slices);
    let ranges = slices.filter_map(|slice| Some((slice.first_seed?.0, slice.seeds)));
    let all: Vec<(u64, u64)> = ranges.collect();
    let sorted: BTreeSet<(u64, u64)> = all.iter().copied().collect();
    assert_eq!(sorted.len(), all.len(), "a range twice: {all:x?}");
    let mut end = 0;
    for (first, count) in &sorted {
        assert!(*first >= end, "{first:#x} was run before {end:#x}");
        end = first + count;
    }
    sorted
}

/// Waits until the night has kept so many slices.
fn wait_for(dir: &Path, slices: usize, child: &mut Child) {
    let start = Instant::now();
    let path = dir.join("nights/0001/night.json");
    loop {
        let text = std::fs::read(&path).unwrap_or_default();
        let kept = serde_json::from_slice::<Night>(&text).map_or(0, |night| night.slices.len());
        if kept >= slices {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(start.elapsed() < Duration::from_secs(300), "no slice ends");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_killed_night_goes_on_and_no_seed_is_run_twice() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let mut child = nightly(dir, "9m", &[])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(dir, 2, &mut child);
    let (code, said) = run(&mut nightly(dir, "9m", &[]));
    assert_eq!(code, Some(2));
    assert!(said.contains("another night is at work"), "{said}");
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = night(dir, 1);
    assert!(!killed.is_over);

    // With no time left it ends at once, and is told.
    let (code, said) = run(&mut nightly(dir, "1s", &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("night 1 goes on"), "{said}");
    let first = night(dir, 1);
    assert!(first.is_over && first.sittings == 2);
    assert_eq!(first.slices[..killed.slices.len()], killed.slices);
    assert!(first.canaries.iter().all(|canary| canary.noticed));

    let (code, said) = run(&mut nightly(dir, "8s", &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("night 2 begins"), "{said}");
    let second = night(dir, 2);
    assert!(!second.slices.is_empty());
    let all = seeds(&[first, second]);
    assert!(all.len() >= 3);

    let told = summary(dir, 2);
    assert_eq!((told.exit_code, told.verdict.as_str()), (0, "passed"));
    assert!(told.total.unwrap()["seeds"].as_u64().unwrap() > 0);
    assert!(told.states_known >= summary(dir, 1).states_known);
    let junit = std::fs::read_to_string(dir.join("nights/0002/junit.xml")).unwrap();
    assert!(junit.contains("<testsuite name=\"canaries\""), "{junit}");
    let markdown = std::fs::read_to_string(dir.join("nights/0002/summary.md")).unwrap();
    assert!(markdown.starts_with("# Night 2: PASSED\n"), "{markdown}");
}

#[test]
fn the_shards_of_a_night_make_one_night() {
    let root = tempfile::tempdir().unwrap();
    let parts = ["1", "2"].map(|number| root.path().join(number));
    for (number, part) in (1..).zip(&parts) {
        let shard = format!("{number}/2");
        let (code, said) = run(&mut nightly(
            part,
            "8s",
            &["--night", "7", "--shard", &shard],
        ));
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = run(&mut nightly(
            part,
            "8s",
            &["--night", "7", "--shard", &shard],
        ));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("night 7 is there"), "{said}");
    }
    let whole = root.path().join("whole");
    let (code, said) = run(sim().arg("merge").arg(&parts[0]).arg("--out").arg(&whole));
    assert_eq!(code, Some(2));
    assert!(said.contains("of 2 shards there are only 1/2"), "{said}");
    let (code, said) = run(sim().arg("merge").args(&parts).arg("--out").arg(&whole));
    assert_eq!(code, Some(0), "{said}");
    let nights = parts.clone().map(|part| night(&part, 7));
    assert_eq!(seeds(&[night(&whole, 7)]), seeds(&nights));
    let of = |dir: &Path| summary(dir, 7).total.unwrap()["seeds"].as_u64().unwrap();
    assert_eq!(of(&whole), of(&parts[0]) + of(&parts[1]));
    assert_eq!(summary(&whole, 7).shard, "1/1");
    what_one_shard_meets_is_not_fixed(root.path(), &parts);
}

/// One of two shards has only seen a failure pass, the other one has met it.
fn what_one_shard_meets_is_not_fixed(root: &Path, parts: &[PathBuf; 2]) {
    let (_, mut capsule) = failure();
    let file = format!("failures/{}.json", capsule.id);
    let shards = [
        ("fixed since", 0, State::Fixed),
        ("reopened", 3, State::Open),
    ];
    for (part, (status, count, state)) in parts.iter().zip(shards) {
        capsule.status.state = state;
        capsule.also.insert(status.into());
        capsule.save(&part.join(&file)).unwrap();
        let path = part.join("nights/0007/night.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut night: Value = serde_json::from_str(&text).unwrap();
        let verdict = &capsule.verdict;
        night["failures"] = json!([{
            "id": capsule.id, "property": verdict.property, "class": verdict.class,
            "exit_code": verdict.exit_code, "story": verdict.story, "status": status,
            "since": "two", "count": count, "command": capsule.command, "capsule": file,
        }]);
        std::fs::write(&path, night.to_string()).unwrap();
    }
    for (name, order) in [("one", [0, 1]), ("other", [1, 0])] {
        let whole = root.join(name);
        let (code, said) = run(sim()
            .arg("merge")
            .args(order.map(|part: usize| &parts[part]))
            .arg("--out")
            .arg(&whole));
        assert_eq!(code, Some(10), "{said}");
        let summary = summary(&whole, 7);
        let [met] = &summary.failures[..] else {
            panic!("{:?}", summary.failures);
        };
        assert_eq!((met.status.as_str(), met.count), ("reopened", 3));
        let merged = Capsule::load(&whole.join(&file)).unwrap();
        assert_eq!(merged.status.state, State::Open);
        assert!(merged.also.contains("fixed since") && merged.also.contains("reopened"));
        let skipped = BTreeSet::from_iter(&summary.skipped);
        assert_eq!(skipped.len(), summary.skipped.len(), "{skipped:?}");
    }
}

/// A failure of a disk that lies, and its capsule.
fn failure() -> (Failure, Capsule) {
    let campaign = Campaign {
        seeds: Some(1000),
        lie: Some(Lie::FileSync),
        ..Campaign::of(Seed(1))
    };
    let failure = campaign.run(|_| {}).failure().unwrap().clone();
    let found = Found {
        night: Some(1),
        seed: failure.seed,
        count: 1,
        by: "cargo sim run 1 --lie file-sync".into(),
    };
    let capsule = Capsule::of(&failure, found, &Commit("one".into()), 2000, &mut |_| {});
    (failure, capsule)
}

#[test]
fn a_capsule_is_read_back_replayed_fixed_and_reopened() {
    let root = tempfile::tempdir().unwrap();
    let (failure, mut capsule) = failure();
    let path = root.path().join(format!("{}.json", capsule.id));
    capsule.save(&path).unwrap();
    assert_eq!(Capsule::load(&path).unwrap(), capsule);
    assert!(capsule.has(&capsule.fingerprint));
    assert!(capsule.original.is_some() && capsule.explanation.is_some());
    assert!(capsule.scenario.len() < failure.scenario.print().len());

    let (code, said) = run(sim().arg("replay").arg(&path));
    assert_eq!(code, Some(i32::from(capsule.verdict.exit_code)), "{said}");
    assert!(said.contains(&format!("trace {}", capsule.trace)), "{said}");

    let commit = |name: &str| Commit(name.into());
    assert_eq!(capsule.run_again(&commit("two")), Ok(Again::Open));
    assert_eq!(capsule.status.since, commit("one"));
    let lying = capsule.clone();
    let honest = |text: &str| text.replace("lie = \"file-sync\"\n", "");
    capsule.original = capsule.original.as_deref().map(honest);
    capsule.scenario = honest(&capsule.scenario);
    assert_ne!(capsule.scenario, lying.scenario);
    assert_eq!(capsule.run_again(&commit("three")), Ok(Again::FixedSince));
    assert_eq!(capsule.run_again(&commit("four")), Ok(Again::StaysFixed));
    assert_eq!(
        (capsule.status.state, &capsule.status.since.0[..]),
        (State::Fixed, "three")
    );
    capsule.scenario = lying.scenario;
    assert_eq!(capsule.run_again(&commit("five")), Ok(Again::Reopened));
    assert_eq!(capsule.status.since, commit("five"));

    std::fs::write(&path, "{\"format\": 1").unwrap();
    let (code, said) = run(sim().arg("replay").arg(&path));
    assert_eq!(code, Some(2));
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn what_is_no_night_is_refused_in_a_line() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    for more in [
        &["--shard", "4/3"][..],
        &["--night", "0"],
        &["--night", "70000"],
    ] {
        let (code, said) = run(&mut nightly(root.path(), "5s", more));
        assert_eq!(code, Some(2), "{said}");
    }
    let (code, said) = run(&mut nightly(&file, "5s", &[]));
    assert_eq!(code, Some(2));
    assert_eq!(said.lines().count(), 1, "{said}");
    std::fs::write(root.path().join("state.json"), "no state").unwrap();
    let (code, said) = run(&mut nightly(root.path(), "5s", &[]));
    assert_eq!(code, Some(2));
    assert!(said.contains("state.json"), "{said}");
}
