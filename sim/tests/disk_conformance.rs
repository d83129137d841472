//! The simulated disk against a real directory: without faults, both answer every call alike.
//!
//! *Verified:* random sequences of every call of the seam run on both, on tmpfs where there is
//! one and on the machine's own file system; results, error numbers and bytes are the same call
//! by call, and in the end so is all that can be seen. A difference shrinks to a few steps. A
//! million calls, with what became of them by call:
//!
//! ```text
//! PROPTEST_CASES=16000 cargo test --release -p seawall-sim --test disk_conformance -- --nocapture
//! ```
//!
//! *Not verified*, because the simulated disk is stricter than Linux on purpose: it opens no
//! directory as a file, syncs no file as a directory, and refuses every direct read that is not
//! aligned (these are let pass, and counted); no file is longer than 4 GiB; paths are plain (no
//! `.`, no `..`, no slash at the end, no links), and its root can't be renamed. A direct write that
//! is not aligned does nothing on it, and on Linux may do some of its blocks before it fails: such
//! writes of several blocks are left out. Nor are modes beyond the type, times, the length of a
//! directory, the order of names, and where the caller's bytes lie in memory compared: they have no
//! part in the model. Direct I/O is compared where the real file system tells its alignment.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.
#![cfg(target_os = "linux")] // The error numbers of the simulated disk are those of Linux.

#[path = "disk_live/both.rs"]
mod both;
#[path = "disk_live/step.rs"]
mod step;

use std::path::Path;

use proptest::test_runner::{Config, TestError, TestRunner};
use seawall::env::os::OsVfs;
use seawall::env::vfs::{OpenHow, Vfs};

use both::Bench;
use step::Step;

/// So many random sequences, or as many as `PROPTEST_CASES` says. A failure prints its smallest
/// sequence, which belongs into a test by name, so nothing is written beside the sources.
fn config() -> Config {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 200;
    }
    config.failure_persistence = None;
    config.max_shrink_iters = 20_000;
    config
}

/// Runs random sequences on the simulated disk and below `base`.
fn hold_against(base: &Path) {
    let bench = Bench::new(base);
    let strategy = step::sequences(bench.has_direct);
    let outcome = TestRunner::new(config()).run(&strategy, |steps| bench.run(&steps));
    match outcome {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{}: {why}", base.display()),
        Err(TestError::Fail(why, steps)) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
            panic!("{}: {why}, after\n{}", base.display(), steps.join("\n"));
        }
    }
    let tallies = bench.tallies();
    let total: u64 = tallies
        .iter()
        .map(|(_, tally)| tally.succeeded + tally.failed + tally.stricter)
        .sum();
    println!("{}: {total} calls, 0 differences", base.display());
    println!("direct I/O: {}", bench.has_direct);
    println!(
        "{:<18}{:>10}{:>10}{:>10}",
        "", "succeeded", "failed", "stricter"
    );
    for (call, tally) in &tallies {
        println!(
            "{call:<18}{:>10}{:>10}{:>10}",
            tally.succeeded, tally.failed, tally.stricter
        );
    }
    for (call, tally) in tallies {
        let never_fails = [
            "close",
            "sync_data",
            "sync_all",
            "len",
            "mode",
            "direct_alignment",
        ];
        assert!(tally.succeeded > 0, "{call} never succeeded");
        assert_eq!(tally.failed == 0, never_fails.contains(&call), "{call}");
    }
}

#[test]
fn every_call_is_answered_as_on_tmpfs() {
    let shared_memory = Path::new("/dev/shm");
    if OsVfs
        .metadata(shared_memory)
        .is_ok_and(|found| found.is_dir)
    {
        hold_against(shared_memory);
    }
}

#[test]
fn every_call_is_answered_as_on_the_file_system_of_the_machine() {
    hold_against(&std::env::temp_dir());
}

/// What random sequences have found, and what was wrong on the simulated disk.
#[test]
fn differences_that_there_were_are_gone() {
    let bench = Bench::new(&std::env::temp_dir());
    let open = |slot, how| {
        let path = "/a".to_owned();
        Step::Open { slot, path, how }
    };
    let direct = bench.has_direct;
    let (slot, byte) = (0, 1);
    let empty_reservation = |offset| Step::Allocate {
        slot: 1,
        offset,
        len: 0,
    };
    let wild = 1 << 63;
    let sequences = [
        // It told that the file is open to read only before it looked at the arguments.
        vec![
            open(0, OpenHow::CreateNew { direct: false }),
            open(1, OpenHow::Read),
            empty_reservation(0),
            empty_reservation(wild),
        ],
        // It read nothing at a negative offset, and took it for a long file to write.
        vec![
            open(0, OpenHow::CreateNew { direct: false }),
            Step::Read {
                slot,
                offset: wild,
                len: 1,
            },
            Step::Read {
                slot,
                offset: i64::MAX as u64,
                len: 1,
            },
            Step::Write {
                slot,
                offset: wild,
                len: 1,
                byte,
                synced: false,
            },
        ],
        // It wanted alignment of direct I/O that moves nothing.
        vec![
            open(0, OpenHow::CreateNew { direct }),
            Step::Read {
                slot,
                offset: 0,
                len: 1,
            },
            Step::Read {
                slot,
                offset: 1,
                len: 512,
            },
            Step::Write {
                slot,
                offset: 1,
                len: 0,
                byte,
                synced: false,
            },
        ],
    ];
    for steps in sequences {
        bench.run(&steps).unwrap();
    }
}
