//! Random calls, random faults, random power cuts: whatever the sampler leaves, the judge
//! finds legal, and nothing that can happen never does.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/steps.rs"]
mod steps;

use std::sync::Arc;

use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::disk::{Counts, Disk, Fault, OpenGate, SimVfs, Strategy};

use steps::{random_knobs, step};

#[test]
fn every_sampled_image_is_legal_and_every_fault_fires() {
    let mut sum = Counts::default();
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
            let before = vfs.with_disk(|disk| disk.clone());
            let strategy = vfs.with_disk(|disk| disk.power_cut(&mut crash));
            let after = vfs.with_disk(|disk| disk.clone());
            assert!(before.contains(&after.image()), "seed {seed}, {strategy:?}");
            assert!(!after.is_pending());
            assert!(after.contains(&after.image()), "the image is all there is");
        }
        vfs.with_disk(|disk| sum.add(disk.counts()));
    }
    for &strategy in Strategy::ALL {
        assert!(sum.strategies(strategy) > 0, "{strategy:?} was never used");
    }
    for &fault in Fault::ALL {
        let lies = fault.name().starts_with("lie-");
        assert_eq!(sum.faults(fault) == 0, lies, "{fault:?}");
    }
    assert!(
        sum.power_cuts_lossy * 3 > sum.power_cuts,
        "enough cuts lose something: {} of {}",
        sum.power_cuts_lossy,
        sum.power_cuts
    );
}
