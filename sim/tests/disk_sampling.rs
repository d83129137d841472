//! Random calls, random faults, random power cuts: whatever the sampler leaves, the judge
//! finds legal, and nothing that can happen never does. `--nocapture` prints the counts.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/steps.rs"]
mod steps;

use std::sync::Arc;

use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::classes;
use seawall_sim::disk::{Counts, Disk, Fault, Knobs, OpenGate, SimVfs, Strategy, SyncNames};

use steps::{random_knobs, step};

/// What power cuts look at, by how many images were left with it.
type Shape = (&'static str, fn(&Knobs) -> bool);
const SHAPES: [Shape; 13] = [
    ("atomic-unit 512", |knobs| knobs.atomic_unit == 512),
    ("atomic-unit 4096", |knobs| knobs.atomic_unit == 4096),
    ("byte-tear", |knobs| !knobs.byte_tear.is_never()),
    ("len-intermediate", |knobs| knobs.len_intermediate),
    ("trunc-partial-zero", |knobs| knobs.trunc_partial_zero),
    ("no trunc-partial-zero", |knobs| !knobs.trunc_partial_zero),
    ("garbage-tail", |knobs| !knobs.garbage_tail.is_never()),
    ("sync covers no name", |knobs| {
        knobs.sync_covers_names == SyncNames::Never
    }),
    ("sync covers new names", |knobs| {
        knobs.sync_covers_names == SyncNames::NewFile
    }),
    ("sync covers all names", |knobs| {
        knobs.sync_covers_names == SyncNames::AllNames
    }),
    ("rename needs both", |knobs| knobs.xdir_rename_needs_both),
    ("rename needs one", |knobs| !knobs.xdir_rename_needs_both),
    ("capacity", |knobs| knobs.capacity.is_some()),
];

fn print_and_check(sum: &Counts, judged: &[u64; Strategy::COUNT], shapes: &[u64; SHAPES.len()]) {
    let images: u64 = judged.iter().sum();
    println!("{images} images, all judged legal");
    for (strategy, count) in Strategy::ALL.iter().zip(judged) {
        println!("{count:>6} {}", strategy.name());
        assert!(
            sum.strategies(*strategy) > 0,
            "{strategy:?} was never drawn"
        );
    }
    for ((name, _), count) in SHAPES.iter().zip(shapes) {
        println!("{count:>6} {name}");
        assert!(*count > 0, "{name} never was");
    }
    for &fault in Fault::ALL {
        println!("{:>6} {}", sum.faults(fault), fault.name());
        // A sync is outrun only where two are at work: `disk_faults` has that. And here the medium
        // keeps its word: `disk_media` has what it does otherwise.
        let is_of_medium = classes::of_medium(fault).is_some() || fault == Fault::FlushLost;
        let is_absent =
            fault.name().starts_with("lie-") || fault == Fault::SyncOutrun || is_of_medium;
        assert_eq!(sum.faults(fault) == 0, is_absent, "{fault:?}");
    }
}

#[test]
fn every_sampled_image_is_legal_and_every_fault_fires() {
    let mut sum = Counts::default();
    let mut shapes = [0; SHAPES.len()];
    let mut judged = [0; Strategy::COUNT];
    for seed in 0..600 {
        let choices = Choices::new(seed);
        let mut work = choices.stream(Purpose::Workload, 0);
        let knobs = random_knobs(seed, &mut work);
        let faults = choices.stream(Purpose::Faults, 0);
        let vfs = SimVfs::new(Disk::new(knobs), Arc::new(OpenGate), faults);
        let mut crash = choices.stream(Purpose::Crash, 0);
        for _life in 0..4 {
            let mut open = Vec::new();
            for _ in 0..work.within(5, 60) {
                if work.happens(Ratio::new(1, 50)) {
                    vfs.with_disk(|disk| disk.refuse_space(2));
                }
                step(&*vfs, &mut open, &mut work);
            }
            if work.happens(Ratio::new(1, 4)) {
                vfs.with_disk(Disk::kill);
            }
            let before = vfs.with_disk(|disk| disk.clone());
            for ((_, has), count) in SHAPES.iter().zip(&mut shapes) {
                *count += u64::from(has(before.knobs())) * (Strategy::COUNT as u64 + 1);
            }
            for &strategy in Strategy::ALL {
                let mut cut = before.clone();
                let used = cut.power_cut_with(strategy, &mut crash);
                assert!(before.contains(&cut.image()), "seed {seed}, {used:?}");
                judged[used as usize] += 1;
            }
            let strategy = vfs.with_disk(|disk| disk.power_cut(&mut crash));
            judged[strategy as usize] += 1;
            let after = vfs.with_disk(|disk| disk.clone());
            assert!(before.contains(&after.image()), "seed {seed}, {strategy:?}");
            assert!(!after.is_pending());
            assert!(after.contains(&after.image()), "the image is all there is");
        }
        vfs.with_disk(|disk| sum.add(disk.counts()));
    }
    print_and_check(&sum, &judged, &shapes);
    assert!(
        sum.power_cuts_lossy() * 3 > sum.power_cuts,
        "enough cuts lose something: {} of {}",
        sum.power_cuts_lossy(),
        sum.power_cuts
    );
}
