//! Other people's code under the storm: bugs are found, made small and explained, and code that is
//! right stays right.
//!
//! *Verified:* the example's missing sync is found, and told with its place, and what is left of it
//! after shrinking is what it needs; the mended one passes; runs are the same twice, from a seed and
//! from a file; a missing sync of a directory, an acknowledgement that comes too early, a lock that
//! is taken the wrong way round and a panic are told apart. *Not verified:* that the smallest run is
//! found.

#[path = "../examples/your_own.rs"]
#[allow(dead_code)] // Its program is not run here.
mod your_own;

use std::cell::Cell;
use std::path::Path;

use seawall::env::sync::Mutex;
use seawall::env::vfs::OpenHow;
use seawall_sim::checker::Property;
use seawall_sim::disk::{Knobs, Profile};
use seawall_sim::seed::Seed;
use seawall_sim::storm::{Sky, Storm, Verdict};

const NEW: OpenHow = OpenHow::CreateNew { direct: false };

#[test]
fn the_example_loses_a_save_and_the_mended_one_none() {
    let storm = your_own::storm(false);
    let failed = storm.find(Seed(1), 300).expect("it has a bug");
    let small = failed.shrunk(20_000).expect("it fails");
    let report = small.run_twice().expect("it is the same twice");
    let violation = report.violation.clone();
    let violation = violation.expect("it fails in the same way");
    assert_eq!(violation.property, Property::Acknowledged);
    assert_eq!(violation.story, "1 was saved, 0 is there");
    assert_eq!(small.steps(), 1, "{}", small.print());
    assert_eq!(report.figures.lives, 2, "one that saves, one that looks");
    let again = storm.parse(&small.print()).expect("parses");
    assert_eq!(again.run(false), report);
    let explanation = small.explain().expect("it fails");
    let told = explanation.sentences.join("\n");
    for part in [
        "had been synced in life 1 right after call 4 `write new",
        "your_own.rs",
        "save_next",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let timeline = explanation.timeline.join("\n");
    assert!(timeline.contains("`rename"), "{timeline}");

    let mended = your_own::storm(true);
    let mut cuts = 0;
    for seed in 0..5000 {
        let report = mended.trial(Seed(seed)).run(false);
        assert_eq!(report.violation, None, "seed {seed}");
        cuts += report.figures.cuts;
    }
    assert!(cuts > 5000, "only {cuts} lives ended at a call");
}

/// A file that is there once it is said to be. `syncs` tells whether its directory is synced.
fn file_is_there(syncs: bool) -> Storm<impl Fn(&Sky) -> Verdict> {
    Storm::new(file!(), move |sky| {
        let made = Cell::new(None);
        sky.lives(2, |life| {
            let vfs = life.vfs();
            let path = |number: u64| format!("/{number}");
            life.alone(|| match made.get() {
                Some(number) => vfs.metadata(Path::new(&path(number))).map(drop),
                None => Ok(()),
            })?;
            life.tasks(2, |task| {
                for step in task.steps(2) {
                    vfs.open(Path::new(&path(step.number())), NEW)?;
                    if syncs {
                        vfs.sync_dir(Path::new("/"))?;
                    }
                    made.set(Some(step.number()));
                }
                Ok(())
            })
        })
    })
}

#[test]
fn a_missing_sync_of_a_directory_is_told() {
    let storm = file_is_there(false);
    let small = storm
        .find(Seed(1), 300)
        .and_then(|found| found.shrunk(5000));
    let small = small.expect("it fails");
    assert_eq!(small.steps(), 1);
    let told = small.explain().expect("it fails").sentences.join("\n");
    assert!(told.contains("the directory"), "{told}");
    assert!(file_is_there(true).find(Seed(1), 2000).is_none());
}

#[test]
fn a_disk_that_loses_nothing_hides_it() {
    let on = |profile| {
        file_is_there(false).on(Knobs {
            profile,
            ..Knobs::default()
        })
    };
    assert!(on(Profile::LosesNothing).find(Seed(1), 500).is_none());
    assert!(on(Profile::Ext4Ordered).find(Seed(1), 500).is_some());
}

#[test]
fn locks_taken_the_wrong_way_round_are_a_deadlock() {
    let storm = Storm::new(file!(), |sky| {
        let locks = [Mutex::new(0), Mutex::new(0)];
        sky.lives(1, |life| {
            life.tasks(2, |task| {
                for _ in task.steps(2) {
                    let one = locks[task.index()].lock();
                    let other = locks[1 - task.index()].lock();
                    drop((one, other));
                }
                Ok(())
            })
        })
    });
    let small = storm
        .find(Seed(1), 100)
        .and_then(|found| found.shrunk(5000));
    let small = small.expect("it fails");
    assert_eq!(small.steps(), 2);
    let violation = small.run(false).violation.expect("it fails");
    assert_eq!(violation.property, Property::Progress);
    assert!(violation.story.contains("deadlock"), "{}", violation.story);
    let told = small.explain().expect("it fails").sentences.join("\n");
    assert!(told.contains("choices of the scheduler"), "{told}");
}

#[test]
fn panics_of_clients_and_of_judges_are_failures() {
    let of_a_client = Storm::new(file!(), |sky| {
        sky.lives(1, |life| {
            life.tasks(1, |task| {
                assert!(task.steps(2).all(|step| step.below(4) < 3), "a three");
                Ok(())
            })
        })
    });
    let found = of_a_client.find(Seed(1), 100).expect("it fails");
    let violation = found.run(false).violation.expect("it fails");
    assert_eq!(violation.property, Property::Panic);
    assert!(
        violation.story.contains("a three at"),
        "{}",
        violation.story
    );
    let of_a_judge = Storm::new(file!(), |_| panic!("nobody is there"));
    let violation = of_a_judge.trial(Seed(1)).run(false).violation;
    let violation = violation.expect("it fails");
    assert_eq!(violation.property, Property::Panic);
    assert!(violation.story.contains("nobody is there at"));
}

#[test]
fn who_does_not_hear_that_a_life_is_over_does_nothing_any_more() {
    let storm = Storm::new(file!(), |sky| {
        sky.lives(4, |life| {
            let make = |number: u64| {
                let path = format!("/{number}");
                life.vfs().open(Path::new(&path), NEW).map(drop)
            };
            let is_cut = life.alone(|| make(2 * life.number())).is_err();
            let goes_on = life.alone(|| make(2 * life.number() + 1)).is_ok();
            assert!(!(is_cut && goes_on), "a dead life goes on");
            Ok(())
        })
    });
    assert!(storm.find(Seed(1), 500).is_none());
}

#[test]
fn what_comes_from_outside_is_not_deterministic() {
    let runs = Cell::new(0);
    let storm = Storm::new(file!(), |sky| {
        runs.set(runs.get() + 1);
        let path = format!("/{}", runs.get());
        sky.lives(1, |life| {
            life.alone(|| life.vfs().open(Path::new(&path), NEW).map(drop))
        })
    });
    let differs = storm
        .trial(Seed(1))
        .run_twice()
        .expect_err("the names differ");
    assert_eq!(differs.property, Property::Determinism);
}

#[test]
fn seeds_differ_and_each_is_the_same_twice() {
    let storm = your_own::storm(true);
    let mut hashes: Vec<u64> = Vec::new();
    for seed in 0..200 {
        hashes.push(
            storm
                .trial(Seed(seed))
                .run_twice()
                .expect("the same")
                .trace
                .hash,
        );
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert!(
        hashes.len() > 150,
        "only {} runs are different",
        hashes.len()
    );
    assert!(
        storm
            .parse("seed = \"1\"\n[tape]\nsmoke-1 = \"\"\n")
            .is_err()
    );
}
