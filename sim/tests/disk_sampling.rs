//! Random calls, random faults, random power cuts: whatever the sampler leaves, the judge
//! finds legal, and nothing that can happen never does.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;

use std::path::Path;
use std::sync::Arc;

use seawall::env::vfs::{File, Vfs};
use seawall_sim::choice::{Choices, Purpose, Ratio, Stream};
use seawall_sim::disk::{
    Counts, Disk, Fault, Knobs, OpenGate, SimVfs, Strategy, SyncErrorMode, SyncNames,
};

use outcomes::{NEW, WRITE, path};

/// One random call through the file system; errors are part of life.
fn step(vfs: &dyn Vfs, open: &mut Vec<Arc<dyn File>>, stream: &mut Stream) {
    let names = [
        "/a", "/b", "/d", "/d/a", "/d/b", "/d/e", "/d/e/a", "/f", "/f/a",
    ];
    let name = path(stream.pick::<&str>(&names));
    let how = *stream.pick(&[NEW, NEW, WRITE]);
    let (offset, len) = (stream.below(9000), stream.within(1, 5000));
    let bytes = vec![stream.within(1, 255) as u8; len as usize];
    let other = path(stream.pick::<&str>(&names));
    let choice = stream.below(14);
    let done = match choice {
        0 | 1 => vfs.open(name, how).map(|file| open.push(file)),
        2 => vfs.create_dir(name),
        3 => vfs.remove_file(name),
        4 => vfs.rename(name, other),
        5 => vfs.sync_dir(path(name.parent().and_then(Path::to_str).unwrap())),
        6 => vfs.read_dir(name).map(drop),
        _ if open.is_empty() => return,
        _ => {
            let index = stream.below(open.len() as u64) as usize;
            let file = &open[index];
            match choice {
                7 => file.sync_data(),
                8 => file.sync_all(),
                9 => file.set_len(offset),
                10 => file.allocate(offset, len),
                11 => file.read_at(offset, &mut vec![0; len as usize]).map(drop),
                _ => file.write_at(offset, &bytes).map(drop),
            }
        }
    };
    if let Err(error) = done {
        assert!(error.raw_os_error().is_some());
    }
}

fn random_knobs(seed: u64, stream: &mut Stream) -> Knobs {
    let rare = *stream.pick(&[Ratio::NEVER, Ratio::new(1, 50), Ratio::new(1, 10)]);
    Knobs {
        atomic_unit: *stream.pick(&[512, 4096]),
        byte_tear: rare,
        len_intermediate: stream.below(2) == 0,
        trunc_partial_zero: stream.below(2) == 0,
        garbage_tail: *stream.pick(&[Ratio::NEVER, Ratio::NEVER, rare]),
        sync_covers_names: SyncNames::ALL[seed as usize % SyncNames::COUNT],
        xdir_rename_needs_both: stream.below(2) == 0,
        capacity: *stream.pick(&[None, Some(40 * 1024)]),
        short_write: rare,
        short_read: rare,
        eintr: rare,
        write_error: rare,
        read_error: rare,
        sync_error: *stream.pick(&[Ratio::NEVER, Ratio::new(1, 3)]),
        dirsync_error: *stream.pick(&[Ratio::NEVER, Ratio::new(1, 3)]),
        sync_error_mode: SyncErrorMode::ALL[seed as usize % SyncErrorMode::COUNT],
        evict: *stream.pick(&[Ratio::NEVER, Ratio::new(1, 2)]),
        metadata_error: rare,
        lie: None,
        ..Knobs::default()
    }
}

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
