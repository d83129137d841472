//! File systems, in both directions: what each was measured to leave is reached, what it was
//! measured not to leave is not; and whatever a power cut leaves is in the profile's set, and that in
//! the strict one.
//!
//! The names of the cases are those of the probes with which Linux 6.18 was measured. *Not tested:*
//! wiping a range of a file, hard links and flags of `fallocate`, which the log's seam has not.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;
#[path = "disk_support/steps.rs"]
mod steps;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use seawall::env::vfs::Vfs;
use seawall_sim::choice::{Choices, Purpose, Ratio, Stream};
use seawall_sim::disk::{
    Call, CallKind, Disk, Entry, Fate, FdId, Gate, Image, Knobs, OpenGate, Profile, SimVfs,
    Strategy,
};

use outcomes::{NEW, outcomes, path};
use steps::{random_knobs, step};

const PAGE: usize = 4096;
const MEASURED: [Profile; 3] = [Profile::Ext4Ordered, Profile::Xfs, Profile::Btrfs];

fn disk_of(profile: Profile) -> Disk {
    Disk::new(Knobs {
        profile,
        ..Knobs::default()
    })
}

fn create(disk: &mut Disk, name: &str, bytes: &[u8]) -> FdId {
    let fd = disk.open(path(name), NEW).unwrap();
    disk.write(fd, 0, bytes).unwrap();
    fd
}

/// A file that is durable with all its bytes.
fn durable(disk: &mut Disk, name: &str, bytes: &[u8]) -> FdId {
    let fd = create(disk, name, bytes);
    disk.sync(fd, true).unwrap();
    disk.sync_dir(path("/")).unwrap();
    fd
}

/// The bytes as runs of equal ones, such as `1*4096,0*512`; `-` for no file.
fn told(image: &Image, name: &str) -> String {
    let Some(bytes) = image.file(name) else {
        return "-".into();
    };
    let runs = bytes.chunk_by(|a, b| a == b);
    let runs = runs.map(|run| format!("{}*{}", run[0], run.len()));
    runs.collect::<Vec<_>>().join(",")
}

/// All that the file may be after a power cut.
fn all(disk: &Disk, name: &str) -> BTreeSet<String> {
    outcomes(disk)
        .iter()
        .map(|image| told(image, name))
        .collect()
}

fn names(disk: &Disk) -> BTreeSet<String> {
    let names = |image: &Image| image.entries.keys().cloned().collect::<Vec<_>>().join(" ");
    outcomes(disk).iter().map(names).collect()
}

fn set(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|one| one.to_string()).collect()
}

/// New bytes under another name, un-synced, renamed over the old ones.
#[test]
fn rename_replace_nofsync() {
    let expected = |profile| match profile {
        Profile::Ext4Ordered => set(&[
            "1*4096",
            "0*8192",
            "2*8192",
            "2*4096,0*4096",
            "0*4096,2*4096",
        ]),
        _ => set(&["1*4096", "", "2*8192"]),
    };
    for profile in MEASURED {
        let mut disk = disk_of(profile);
        durable(&mut disk, "/f", &[1; PAGE]);
        create(&mut disk, "/tmp", &[2; 2 * PAGE]);
        disk.rename(path("/tmp"), path("/f")).unwrap();
        disk.sync_dir(path("/")).unwrap();
        let seen = all(&disk, "/f");
        assert!(seen.is_subset(&expected(profile)), "{profile}: {seen:?}");
        let typical = match profile {
            Profile::Ext4Ordered => "0*8192",
            _ => "",
        };
        assert!(seen.contains(typical), "{profile}: {seen:?}");
        assert_eq!(
            seen.contains(""),
            profile != Profile::Ext4Ordered,
            "{profile}"
        );
    }
}

/// A file is extended and not synced; another one is.
#[test]
fn two_files_order() {
    for profile in MEASURED {
        let mut disk = disk_of(profile);
        let a = durable(&mut disk, "/a", &[1; PAGE]);
        let b = durable(&mut disk, "/b", &[1; PAGE]);
        disk.write(a, PAGE as u64, &[2; PAGE]).unwrap();
        disk.write(b, PAGE as u64, &[2; PAGE]).unwrap();
        disk.sync(b, false).unwrap();
        assert_eq!(all(&disk, "/b"), set(&["1*4096,2*4096"]), "{profile}");
        let (old, data) = ("1*4096", "1*4096,2*4096");
        let expected = match profile {
            Profile::Ext4Ordered => set(&[old, data, "1*4096,0*4096"]),
            _ => set(&[old, data]),
        };
        assert_eq!(all(&disk, "/a"), expected, "{profile}");
    }
}

/// Two appends, un-synced: the second without the first.
#[test]
fn big_append_bg() {
    for profile in MEASURED {
        let mut disk = disk_of(profile);
        let fd = durable(&mut disk, "/a", &[1; PAGE]);
        disk.write(fd, PAGE as u64, &[2; PAGE]).unwrap();
        disk.write(fd, 2 * PAGE as u64, &[3; PAGE]).unwrap();
        let hole = all(&disk, "/a").contains("1*4096,0*4096,3*4096");
        assert_eq!(hole, profile != Profile::Btrfs, "{profile}");
    }
}

/// A rename, then an overwrite in place, then a sync of the data.
#[test]
fn recycle_rename_overwrite() {
    for profile in MEASURED {
        let mut disk = disk_of(profile);
        let fd = durable(&mut disk, "/old", &[1; PAGE]);
        disk.rename(path("/old"), path("/new")).unwrap();
        disk.write(fd, 0, &[2; PAGE]).unwrap();
        disk.sync(fd, false).unwrap();
        let lost = names(&disk).contains("/old");
        assert_eq!(lost, profile == Profile::Ext4Ordered, "{profile}");
        disk.sync(fd, true).unwrap();
        assert_eq!(names(&disk), set(&["/new"]), "{profile}");
    }
}

/// A file is cut within a page, un-synced.
#[test]
fn truncate_up_down() {
    let (kept, page) = (512, PAGE - 512);
    let mixed = format!("1*{kept},0*{page},1*4096");
    for profile in MEASURED {
        let mut disk = disk_of(profile);
        let fd = durable(&mut disk, "/a", &[1; 2 * PAGE]);
        disk.set_len(fd, kept as u64).unwrap();
        let seen = all(&disk, "/a");
        assert!(seen.contains(&format!("1*{kept}")) && seen.contains("1*8192"));
        assert_eq!(
            seen.contains(&mixed),
            profile != Profile::Btrfs,
            "{profile}: {seen:?}"
        );
        assert!(
            !seen.contains(&format!("1*{kept},0*{}", page + PAGE)),
            "{profile}"
        );
    }
}

/// Three changes in a directory, and a sync of the last one's file.
#[test]
fn dirops_order() {
    for profile in MEASURED {
        let mut disk = disk_of(profile);
        durable(&mut disk, "/old", &[1; 8]);
        create(&mut disk, "/1", &[1; 8]);
        disk.remove_file(path("/old")).unwrap();
        let fd = create(&mut disk, "/3", &[1; 8]);
        disk.sync(fd, true).unwrap();
        let expected = match profile {
            Profile::Btrfs => set(&["/1 /3", "/1 /3 /old", "/3 /old"]),
            _ => set(&["/1 /3"]),
        };
        assert_eq!(names(&disk), expected, "{profile}");
    }
}

/// New files in new directories, with a sync of the file alone.
#[test]
fn mkdir_create_fsync() {
    for &profile in Profile::DRAWN {
        let mut disk = disk_of(profile);
        disk.create_dir(path("/d")).unwrap();
        disk.create_dir(path("/d/e")).unwrap();
        let fd = create(&mut disk, "/d/e/f", &[1; 8]);
        disk.sync(fd, true).unwrap();
        let is_kept = names(&disk) == set(&["/d /d/e /d/e/f"]);
        let promises_nothing = matches!(profile, Profile::Strict | Profile::IdealLose);
        assert_eq!(is_kept, !promises_nothing, "{profile}");
    }
}

/// A directory with a file that nobody synced gets its name.
#[test]
fn migrate_dir_rename() {
    for profile in MEASURED {
        let mut disk = disk_of(profile);
        disk.create_dir(path("/t")).unwrap();
        let a = create(&mut disk, "/t/a", &[1; 8]);
        disk.sync(a, true).unwrap();
        create(&mut disk, "/t/c", &[1; 8]);
        disk.rename(path("/t"), path("/final")).unwrap();
        disk.sync_dir(path("/")).unwrap();
        let (whole, part) = ("/final /final/a /final/c", "/final /final/a");
        let expected = match profile {
            Profile::Btrfs => set(&[whole, part]),
            _ => set(&[whole]),
        };
        assert_eq!(names(&disk), expected, "{profile}");
        let lens = outcomes(&disk);
        let mut lens = lens.iter().filter_map(|image| image.file("/final/c"));
        assert!(
            lens.any(<[u8]>::is_empty),
            "{profile}: its bytes may be missing"
        );
    }
}

/// Everything moves together where the data goes through the journal.
#[test]
fn a_journal_with_data_is_a_prefix() {
    let mut disk = disk_of(Profile::Ext4Journal);
    let a = durable(&mut disk, "/a", &[1; PAGE]);
    let b = durable(&mut disk, "/b", &[1; PAGE]);
    disk.write(a, 0, &[2; PAGE]).unwrap();
    disk.write(b, 0, &[2; PAGE]).unwrap();
    disk.write(a, 0, &[3; PAGE]).unwrap();
    let pair = |image: &Image| (image.file("/a").unwrap()[0], image.file("/b").unwrap()[0]);
    let seen: BTreeSet<_> = outcomes(&disk).iter().map(pair).collect();
    assert_eq!(seen, BTreeSet::from([(1, 1), (2, 1), (2, 2), (3, 2)]));
    disk.sync(a, false).unwrap();
    let seen: BTreeSet<_> = outcomes(&disk).iter().map(pair).collect();
    assert_eq!(seen, BTreeSet::from([(3, 2)]), "a sync commits all");
}

/// What is sampled is in the profile's set, which is in the strict one; and the profile's set is less.
#[test]
fn every_sampled_image_is_in_the_profiles_set() {
    for &profile in Profile::DRAWN {
        let (mut cuts, mut strict_only) = (0, 0);
        for seed in 0..400 {
            let choices = Choices::new(seed);
            let mut work = choices.stream(Purpose::Workload, 0);
            let knobs = Knobs {
                profile,
                ..random_knobs(seed, &mut work)
            };
            let strict = Knobs {
                profile: Profile::Strict,
                byte_tear: Ratio::NEVER,
                garbage_tail: Ratio::NEVER,
                len_intermediate: false,
                ..knobs.clone()
            };
            let disk = Disk::new(knobs);
            let vfs = SimVfs::new(disk, Arc::new(OpenGate), choices.stream(Purpose::Faults, 0));
            let mut crash = choices.stream(Purpose::Crash, 0);
            for _life in 0..3 {
                let mut open = Vec::new();
                for _ in 0..work.within(5, 40) {
                    step(&*vfs, &mut open, &mut work);
                }
                let before = vfs.with_disk(|disk| disk.clone());
                strict_only +=
                    u32::from(!before.contains_in_profile(&sample(&before, &strict, &mut crash)));
                let strategy = vfs.with_disk(|disk| disk.power_cut(&mut crash));
                let image = vfs.with_disk(|disk| disk.image());
                let told = format!("{profile}, seed {seed}, {strategy:?}");
                assert!(
                    before.contains_in_profile(&image),
                    "{told}: not in the profile's set"
                );
                assert!(before.contains(&image), "{told}: not in the strict set");
                cuts += 1;
            }
        }
        println!(
            "{profile}: {cuts} images in its set and in the strict one; of as many strict images {strict_only} are not in its set"
        );
        assert_eq!(strict_only == 0, profile == Profile::Strict, "{profile}");
    }
}

/// What a strict disk would leave of this one.
fn sample(disk: &Disk, strict: &Knobs, stream: &mut Stream) -> Image {
    let mut disk = disk.clone();
    disk.set_knobs(strict.clone());
    disk.power_cut_with(Strategy::Independent, stream);
    disk.image()
}

#[test]
fn a_file_system_that_is_ideal_has_one_outcome() {
    for (profile, expected) in [(Profile::IdealKeep, "2*16"), (Profile::IdealLose, "1*8")] {
        let mut disk = disk_of(profile);
        let fd = durable(&mut disk, "/a", &[1; 8]);
        disk.write(fd, 0, &[2; 16]).unwrap();
        assert_eq!(all(&disk, "/a"), set(&[expected]));
        let other = Image {
            entries: [("/a".to_string(), Entry::File(vec![2; 8]))].into(),
        };
        assert!(!disk.contains_in_profile(&other));
    }
}

/// A simple disk with a file of two pages that is synced, and one page of it overwritten since; then
/// the power is cut.
fn simple(profile: Profile, strategy: Strategy) -> Image {
    let mut disk = disk_of(profile);
    let fd = durable(&mut disk, "/a", &[1; 2 * PAGE]);
    disk.write(fd, 0, &[2; PAGE]).unwrap();
    create(&mut disk, "/b", &[3; 8]);
    disk.power_cut_with(strategy, &mut Choices::new(1).stream(Purpose::Crash, 0));
    disk.image()
}

#[test]
fn a_simple_disk_leaves_what_it_says_whatever_a_power_cut_would_draw() {
    let (old, new) = ("1*8192", "2*4096,1*4096");
    for &strategy in Strategy::ALL {
        let lost = simple(Profile::LosesUnsynced, strategy);
        assert_eq!(
            (told(&lost, "/a"), told(&lost, "/b")),
            (old.into(), "-".into())
        );
        for profile in [
            Profile::DamagesASector,
            Profile::LosesNothing,
            Profile::PageCacheSurvives,
        ] {
            let kept = simple(profile, strategy);
            assert_eq!(
                (told(&kept, "/a"), told(&kept, "/b")),
                (new.into(), "3*8".into())
            );
        }
        let prefix = simple(Profile::KeepsAPrefix, strategy);
        assert!(
            told(&prefix, "/b") == "-" || told(&prefix, "/a") == new,
            "in order"
        );
    }
}

/// The machine dies within each write but the first.
struct Killer(AtomicUsize);

impl Gate for Killer {
    fn arrive(&self, call: Call) -> Fate {
        let is_later = call.kind == CallKind::Write && self.0.fetch_add(1, SeqCst) > 0;
        if is_later { Fate::CutWithin } else { Fate::Run }
    }

    fn cut(&self) -> ! {
        std::panic::resume_unwind(Box::new("the machine is dead"));
    }
}

#[test]
fn only_one_sector_of_a_write_that_is_interrupted_differs_on_a_simple_disk() {
    let mut sectors = BTreeSet::new();
    for seed in 0..40 {
        for profile in [Profile::DamagesASector, Profile::LosesNothing] {
            let faults = Choices::new(seed).stream(Purpose::Faults, 0);
            let vfs = SimVfs::new(disk_of(profile), Arc::new(Killer(0.into())), faults);
            let file = vfs.open(path("/a"), NEW).unwrap();
            file.write_at(0, &[1; PAGE]).unwrap();
            let write = || file.write_at(1024, &[2; 1024]);
            assert!(std::panic::catch_unwind(AssertUnwindSafe(write)).is_err());
            let bytes = vfs.with_disk(|disk| {
                disk.power_cut(&mut Choices::new(seed).stream(Purpose::Crash, 0));
                disk.image().file("/a").unwrap().to_vec()
            });
            let differs = |sector: &usize| bytes[512 * sector..][..512] != [1; 512];
            let differing: Vec<usize> = (0..8).filter(differs).collect();
            match profile {
                Profile::LosesNothing => assert!(differing.is_empty(), "{differing:?}"),
                _ => {
                    assert_eq!(differing.len(), 1);
                    sectors.extend(differing);
                }
            }
        }
    }
    assert_eq!(sectors, BTreeSet::from([2, 3]));
}
