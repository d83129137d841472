//! What an acknowledgement has to have earned, where the disk would forgive it.
//!
//! *Verified:* a program that acknowledges without the syncs that POSIX asks for is caught on disks on
//! which no power cut whatever shows its mistake: one that covers all names with a full sync of
//! the file, and one on which a sync that failed has lost nothing; the log makes no such mistake.
//! *Not verified:* what the power cuts show; that is for the campaigns.

use std::path::Path;
use std::sync::Arc;

use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::checker::unchecked::Unchecked;
use seawall_sim::checker::{Property, Tally, Violation, covered};
use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::disk::{Disk, Knobs, OpenGate, SimVfs, SyncErrorMode, SyncNames};
use seawall_sim::model::{Model, Payload};
use seawall_sim::run::run;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;
use seawall_sim::world::LOG_DIR;

const SEGMENT: &str = "/data/log/seg-0000000001-00000000000000000001.wal";
const CUTS: u64 = 500;
const SEEDS: u64 = 1000;

/// A disk with an empty directory for a log on it, all of it synced.
fn disk_with_log_dir(knobs: Knobs) -> Arc<SimVfs> {
    let faults = Choices::new(1).stream(Purpose::Faults, 0);
    let vfs = SimVfs::new(Disk::new(knobs), Arc::new(OpenGate), faults);
    for (dir, parent) in [("/data", "/"), (LOG_DIR, "/data")] {
        vfs.create_dir(Path::new(dir)).expect("it is free");
        vfs.sync_dir(Path::new(parent)).expect("nothing fails");
    }
    vfs
}

/// Appends a record to a segment that is made under another name first; `sync` does what it takes
/// for durability, or less. Then acknowledges the record.
fn acknowledge(vfs: &SimVfs, sync: impl FnOnce(&dyn File, &dyn Fn())) -> Result<(), Violation> {
    let mut model = Model::default();
    let id = model.begin_append(0, Payload::plain(3), vfs.now());
    let (draft, name) = (Path::new("/data/log/next.wal.tmp"), Path::new(SEGMENT));
    let file = vfs.open(draft, OpenHow::CreateNew { direct: false });
    let file = file.expect("it is free");
    assert_eq!(file.write_at(0, b"abc").expect("there is space"), 3);
    sync(&*file, &|| {
        vfs.rename(draft, name).expect("it is there");
    });
    model.accept(id, 1).expect("nobody else has it");
    vfs.with_disk(|disk| covered::check_acknowledged(&mut model, disk, 1, &mut Tally::default()))
}

/// Whether no power cut loses what was acknowledged.
fn survives_all_cuts(vfs: &SimVfs) -> bool {
    let choices = Choices::new(7);
    (0..CUTS).all(|number| {
        let mut disk = vfs.with_disk(|disk| disk.clone());
        disk.power_cut(&mut choices.stream(Purpose::Crash, number));
        disk.resolve(Path::new(SEGMENT))
            .is_ok_and(|ino| disk.beginning(ino, 3) == b"abc")
    })
}

#[test]
fn what_posix_asks_for_is_enough() {
    let vfs = disk_with_log_dir(Knobs::default());
    let done = acknowledge(&vfs, |file, rename| {
        file.sync_data().expect("nothing fails");
        rename();
        vfs.sync_dir(Path::new(LOG_DIR)).expect("nothing fails");
    });
    assert_eq!(done, Ok(()));
    assert!(survives_all_cuts(&vfs));
}

#[test]
fn a_sync_of_the_file_does_not_cover_its_name() {
    let vfs = disk_with_log_dir(Knobs {
        sync_covers_names: SyncNames::AllNames,
        ..Knobs::default()
    });
    let done = acknowledge(&vfs, |file, rename| {
        rename();
        file.sync_all().expect("nothing fails");
    });
    let violation = done.expect_err("the directory was never synced");
    assert_eq!(violation.property, Property::CoveredNames);
    assert!(survives_all_cuts(&vfs), "this disk forgives it");
}

#[test]
fn a_sync_that_is_tried_again_after_it_failed_is_none() {
    let vfs = disk_with_log_dir(Knobs {
        sync_error_mode: SyncErrorMode::KeepDirty,
        ..Knobs::default()
    });
    let failing = Knobs {
        sync_error: Ratio::new(1, 1),
        ..vfs.with_disk(|disk| disk.knobs().clone())
    };
    let done = acknowledge(&vfs, |file, rename| {
        vfs.with_disk(|disk| disk.set_knobs(failing));
        file.sync_data().expect_err("it has something to fail with");
        vfs.with_disk(|disk| disk.set_calm(true));
        file.sync_data().expect("nothing fails any more");
        rename();
        vfs.sync_dir(Path::new(LOG_DIR)).expect("nothing fails");
    });
    let violation = done.expect_err("a sync was tried again");
    assert_eq!(violation.property, Property::CoveredData);
    assert!(survives_all_cuts(&vfs), "this disk forgives it");
}

#[test]
fn the_log_relies_on_no_disk_that_forgives() {
    for seed in 0..SEEDS {
        let mut scenario = generate(Seed(seed), Setting::default());
        scenario.disk.sync_covers_names = SyncNames::AllNames;
        scenario.disk.sync_error_mode = SyncErrorMode::KeepDirty;
        let report = run(&scenario, false);
        assert_eq!(report.violation, None, "seed {seed}");
        for property in [Property::CoveredNames, Property::CoveredData] {
            assert!(report.figures.tally.of(property) > 0, "seed {seed}");
        }
    }
}

/// Where both checks are left out, each is counted in place of being made; nothing else changes.
#[test]
fn what_is_left_out_is_not_checked_and_is_told() {
    let lints = [Property::CoveredNames, Property::CoveredData];
    let mut unchecked = Unchecked::all(&lints).expect("they can be left out");
    for seed in 0..SEEDS / 10 {
        let mut scenario = generate(Seed(seed), Setting::default());
        let whole = run(&scenario, false);
        scenario.unchecked = unchecked;
        let report = run(&scenario, false);
        assert_eq!(report.trace.hash, whole.trace.hash, "seed {seed}");
        for property in lints {
            let made = whole.figures.tally.of(property);
            assert_eq!(report.figures.tally.left_out(property), made, "seed {seed}");
            assert_eq!(report.figures.tally.of(property), 0, "seed {seed}");
        }
    }
    let vfs = disk_with_log_dir(Knobs::default());
    let forget = |tally: &mut Tally| {
        let mut model = Model::default();
        let id = model.begin_append(0, Payload::plain(3), vfs.now());
        model.accept(id, 1).expect("nobody else has it");
        vfs.with_disk(|disk| covered::check_acknowledged(&mut model, disk, 1, tally))
    };
    let file = vfs.open(Path::new(SEGMENT), OpenHow::CreateNew { direct: false });
    file.expect("it is free");
    assert!(forget(&mut Tally::default()).is_err());
    assert_eq!(forget(&mut Tally::leaving_out(unchecked)), Ok(()));
    unchecked = Unchecked::all(&lints[..1]).expect("it can be left out");
    let data = forget(&mut Tally::leaving_out(unchecked)).expect_err("nothing was written");
    assert_eq!(data.property, Property::CoveredData);
}
