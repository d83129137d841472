//! Code that knows nothing of the simulator, on the simulated disk: std's files, directories, locks,
//! threads, clocks and randomness, and a mapped file.
//!
//! *Verified:* that each call is answered as by a kernel, in lives that a storm ends anywhere; that
//! what is not synced is lost, so that the calls do arrive there; that the same seed does the same; and
//! that nothing of it reaches the machine's own file system. *Not verified:* that there is no other way
//! past the simulator; see `src/interpose.rs`.
//!
//! No test harness: it has threads, and addresses are to be fixed before anything else.

use std::path::Path;

use seawall_sim::checker::Property;
use seawall_sim::disk::Knobs;
use seawall_sim::seed::Seed;
use seawall_subjects::kernel::Machine;
use seawall_subjects::storm::storm;
use seawall_subjects::subject::{Log, Open, Outcome, Promises, Subject};
use seawall_subjects::zygote;

#[path = "interpose/calls.rs"]
mod calls;
#[path = "interpose/files.rs"]
mod files;
#[path = "interpose/group.rs"]
mod group;
#[path = "interpose/mapped.rs"]
mod mapped;

const fn subject(name: &'static str, open: fn(&Path) -> Outcome<Box<dyn Log>>) -> Subject {
    Subject {
        name,
        version: "of this test",
        open: Open::Log(open),
        promises: Promises::all("the test says so"),
        longest: usize::MAX,
        source: "sim/subjects/tests/interpose",
    }
}

static SUBJECTS: &[Subject] = &[
    subject("calls", calls::open),
    subject("files", |dir| files::open(dir, true)),
    subject("files-unsynced", |dir| files::open(dir, false)),
    subject("group", group::open),
    subject("mapped", |dir| mapped::open(dir, true)),
    subject("mapped-unsynced", |dir| mapped::open(dir, false)),
];

fn main() {
    zygote::without_randomized_addresses();
    Machine::make_all(SUBJECTS);
    let machine = Machine::of_worker(0).expect("one at least");
    let root = Path::new(seawall_subjects::sys::ROOT);
    assert!(!root.exists(), "the machine has a directory of that name");
    for (number, subject) in SUBJECTS.iter().enumerate() {
        let storm = storm(machine, number, Knobs::default());
        if subject.name.ends_with("-unsynced") {
            let trial = storm.find(Seed(1), 300).expect("it is wrong");
            let violation = trial.run_twice().expect("the same twice").violation;
            let violation = violation.expect("it is wrong");
            println!("{}: seed {}: {violation}", subject.name, trial.seed());
            assert_eq!(violation.property, Property::Acknowledged);
            continue;
        }
        let mut lives = 0;
        for seed in 0..150 {
            let report = storm.trial(Seed(seed)).run_twice().expect("the same twice");
            lives += report.figures.lives;
            let lines = || report.trace.lines.join("\n");
            let violation = report.violation.as_ref();
            assert!(
                violation.is_none(),
                "{}, seed {seed}: {violation:?}\n{}",
                subject.name,
                lines()
            );
        }
        println!("{}: {lives} lives, each twice", subject.name);
    }
    assert!(!root.exists(), "something came through");
}
