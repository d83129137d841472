//! What a night makes of made-up slices.

use std::path::Path;

use super::*;
use crate::campaign::Campaign;
use crate::disk::Lie;
use crate::nightly::record::{Family, Mutant};
use crate::nightly::within;
use crate::report::summary;
use crate::seed::Seed;
use crate::shard::Shard;

const SEEDS: u64 = 60;

fn night() -> Night {
    Night::begins(1, Commit("one".into()), Shard::WHOLE, 1.0)
}

fn slice(came: Came) -> Slice {
    Slice {
        number: 1,
        arm: "swarm".into(),
        family: Family::Run,
        command: "false".into(),
        wall_seconds: 1.0,
        cpu_seconds: 1.0,
        first_seed: Some(Seed(1)),
        seeds: SEEDS,
        new: 0,
        exit_code: Some(10),
        came,
        is_looked_into: false,
    }
}

/// Lets a night look into a slice that left this.
fn look(directory: &Directory, night: &mut Night, came: Came) {
    let dir = within(directory.path(), 1);
    night.slices.push(slice(came));
    look_into(directory, night, &dir, &mut |_| {}).expect("a file that can be read and written");
    assert!(night.slices.iter().all(|slice| slice.is_looked_into));
    // It is kept, so that nobody looks twice.
    assert_eq!(
        directory
            .night(1)
            .expect("a file that can be read and written")
            .as_ref(),
        Some(&*night)
    );
}

/// A file of results of a disk that lies, below the night's directory; and how many seeds failed.
fn results(root: &Path) -> (Came, u64) {
    let campaign = Campaign {
        seeds: Some(SEEDS),
        keeps_going: true,
        lie: Some(Lie::FileSync),
        ..Campaign::of(Seed(1))
    };
    let summary = campaign.run(|_| {});
    let failed = summary.failures.count();
    let outcome = summary::Outcome {
        campaign,
        summary,
        cpu: Default::default(),
        wall: Default::default(),
    };
    let file = "slices/0001-swarm.json";
    let saved = Outcome::Run(outcome.into());
    saved
        .save(&within(root, 1).join(file), &Commit("one".into()))
        .expect("a file that can be read and written");
    (Came::Results { file: file.into() }, failed)
}

#[test]
fn a_mistake_is_one_capsule_however_often_it_shows_and_reopened_when_it_does_again() {
    let root = tempfile::tempdir().expect("a file that can be read and written");
    let directory = Directory::lock(root.path()).expect("a file that can be read and written");
    let mut night = night();
    let (came, failed) = results(directory.path());
    assert!(failed > 10);
    look(&directory, &mut night, came.clone());
    let (capsules, unread) = directory
        .capsules()
        .expect("a file that can be read and written");
    assert_eq!(unread, Vec::<String>::new());
    assert!(
        !capsules.is_empty() && capsules.len() <= 3,
        "{}",
        capsules.len()
    );
    assert_eq!(night.failures.len(), capsules.len());
    assert!(
        night
            .failures
            .iter()
            .all(|met| met.status == "new" && met.is_failure())
    );
    let seeds = |night: &Night| night.failures.iter().map(|met| met.count).sum::<u64>();
    assert_eq!(seeds(&night), failed);

    // The same once more is nothing new.
    look(&directory, &mut night, came.clone());
    assert_eq!(
        directory
            .capsules()
            .expect("a file that can be read and written")
            .0
            .len(),
        capsules.len()
    );
    assert_eq!(seeds(&night), 2 * failed);

    // What passed at the beginning of a night, and is met in it, does not pass.
    night.failures.clear();
    for mut capsule in directory
        .capsules()
        .expect("a file that can be read and written")
        .0
    {
        capsule.status.state = State::Fixed;
        directory
            .save_capsule(&capsule)
            .expect("a file that can be read and written");
        night.failures.push(Met::of(&capsule, "fixed since", 0));
    }
    look(&directory, &mut night, came);
    assert!(
        night
            .failures
            .iter()
            .all(|met| met.status == "reopened" && met.is_failure())
    );
    let (again, _) = directory
        .capsules()
        .expect("a file that can be read and written");
    assert_eq!(again.len(), capsules.len());
    assert!(
        again
            .iter()
            .all(|capsule| capsule.status.state == State::Open)
    );
}

#[test]
fn what_has_no_scenario_is_told_with_its_command_once() {
    let root = tempfile::tempdir().expect("a file that can be read and written");
    let directory = Directory::lock(root.path()).expect("a file that can be read and written");
    let mut night = night();
    let nothing = |hangs, said: &str| Came::Nothing {
        hangs,
        said: said.into(),
    };
    look(
        &directory,
        &mut night,
        nothing(true, "a seed up to 0x1f0000a7 hangs"),
    );
    look(
        &directory,
        &mut night,
        nothing(true, "a seed up to 0x20000111 hangs"),
    );
    look(&directory, &mut night, nothing(false, "signal 6 ended it"));
    let told: Vec<(&str, u64, u8)> = night
        .failures
        .iter()
        .map(|met| (&met.property[..], met.count, met.exit_code))
        .collect();
    assert_eq!(told, [("hang", 2, 12), ("died", 1, 14)]);
    assert!(
        night
            .failures
            .iter()
            .all(|met| met.capsule.is_none() && met.command == "false")
    );

    let tried = [
        ("KILLED", ""),
        ("SURVIVED", ""),
        ("SURVIVED", "REGRESSION"),
        ("STALE", "STALE"),
    ];
    let tried = tried
        .iter()
        .enumerate()
        .map(|(number, (state, compared))| Mutant {
            name: format!("m{number}-x"),
            state: (*state).into(),
            compared: (*compared).into(),
            seeds: None,
            cpu_seconds: None,
        });
    let tried = tried.collect();
    look(&directory, &mut night, Came::Mutants { tried });
    let gate = night.failures.iter().filter(|met| met.property == "gate");
    assert_eq!(gate.count(), 2);

    look(
        &directory,
        &mut night,
        Came::Fuzz {
            target: "decode_frame".into(),
            runs: 7,
            crash: Some("artifacts/crash-1".into()),
        },
    );
    let last = night.failures.last().expect("it was met");
    assert_eq!((last.property.as_str(), last.exit_code), ("fuzz", 14));
    assert!(last.command.ends_with("decode_frame artifacts/crash-1"));
}

#[test]
fn a_capsule_that_nobody_can_read_is_told_and_ends_no_night() {
    let root = tempfile::tempdir().expect("a file that can be read and written");
    let directory = Directory::lock(root.path()).expect("a file that can be read and written");
    std::fs::create_dir(root.path().join("failures")).expect("a file that can be read and written");
    std::fs::write(root.path().join("failures/0.json"), "{}")
        .expect("a file that can be read and written");
    let (capsules, unread) = directory
        .capsules()
        .expect("a file that can be read and written");
    assert_eq!((capsules.len(), unread.len()), (0, 1));
    assert!(unread[0].contains("0.json"), "{}", unread[0]);
}
