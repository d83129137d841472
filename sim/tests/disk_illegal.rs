//! What no disk may do: each entry of the fault model's list of what is not legal, by a test.
//!
//! A simulator that leaves such a state tests nothing, so the judge must refuse it. Entries about
//! a living disk are held by what the simulated disk does.
//!
//! | not legal | test |
//! |---|---|
//! | losing what a successful sync covered | `losing_what_a_sync_covered` |
//! | changing what a successful sync covered | `changing_what_a_sync_covered` |
//! | a rename by half | `a_rename_by_half` |
//! | a chain of names out of order | `a_chain_of_names_out_of_order` |
//! | bytes that were never written | `bytes_that_were_never_written` |
//! | damage to a unit without a pending version | `damage_to_a_unit_with_nothing_pending` |
//! | a mix within a sector | `a_mix_within_a_sector`, `a_mix_within_a_block` |
//! | a length above every one that was asked for | `a_length_above_every_one_asked_for` |
//! | a pending version read past the cache | `reads_past_the_cache_show_what_is_durable` |
//! | an error for what a sync has covered | `a_sync_has_no_error_for_what_is_covered` |
//! | not reading one's own writes | `readers_see_what_was_written` |
//! | a lock that survives a crash | `no_lock_survives_a_crash` |
//!
//! Mutants of random images are in `disk_mutations`, a second judge in `disk_brute_force`.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;

use seawall::env::vfs::Vfs;
use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::disk::{Disk, Entry, FdId, Image, Knobs, SyncErrorMode};

use outcomes::{ALWAYS, NEW, WRITE, crash_stream, disk_with, path, vfs};

fn image(files: &[(&str, &[u8])]) -> Image {
    let entry = |(path, bytes): &(&str, &[u8])| (path.to_string(), Entry::File(bytes.to_vec()));
    Image {
        entries: files.iter().map(entry).collect(),
    }
}

/// A disk with a synced file of these bytes at `/a`.
fn disk_with_a(bytes: &[u8]) -> (Disk, FdId) {
    disk_with(Knobs::default(), "/a", bytes)
}

fn check(disk: &Disk, files: &[(&str, &[u8])], is_legal: bool, what: &str) {
    assert_eq!(disk.contains(&image(files)), is_legal, "{what}");
}

/// The bytes with others at `offset`.
fn with(bytes: &[u8], offset: usize, others: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[offset..offset + others.len()].copy_from_slice(others);
    bytes
}

#[test]
fn losing_what_a_sync_covered() {
    let (mut disk, fd) = disk_with_a(&[1; 1024]);
    disk.write(fd, 0, &[2; 1024]).unwrap();
    disk.write(fd, 1024, &[3; 512]).unwrap();
    disk.sync(fd, false).unwrap();
    let synced = with(&[3; 1536], 0, &[2; 1024]);
    check(&disk, &[("/a", &synced)], true, "all of it");
    check(&disk, &[], false, "no name");
    check(&disk, &[("/a", b"")], false, "no length");
    check(&disk, &[("/a", &synced[..1024])], false, "the old length");
    let lost = with(&synced, 512, &[1; 512]);
    check(&disk, &[("/a", &lost)], false, "the old bytes of a sector");
    let lost = with(&synced, 1024, &[0; 512]);
    check(&disk, &[("/a", &lost)], false, "no bytes in the new sector");
    disk.remove_file(path("/a")).unwrap();
    check(&disk, &[], true, "a pending removal");
    disk.create_dir(path("/d")).unwrap();
    disk.sync_dir(path("/")).unwrap();
    check(&disk, &[("/a", &synced)], false, "the removal was synced");
    check(&disk, &[], false, "the directory was synced");
}

#[test]
fn changing_what_a_sync_covered() {
    let (mut disk, fd) = disk_with_a(&[1; 1024]);
    disk.write(fd, 600, &[2; 10]).unwrap();
    let check = |offset, byte: u8, is_legal| {
        let changed = with(&[1; 1024], offset, &[byte]);
        check(&disk, &[("/a", &changed)], is_legal, &format!("{offset}"));
    };
    check(0, 1, true);
    check(0, 0, false);
    check(511, 129, false);
    check(1023, 2, false);
}

#[test]
fn a_rename_by_half() {
    let (mut disk, _) = disk_with_a(b"x");
    disk.create_dir(path("/d")).unwrap();
    disk.sync_dir(path("/")).unwrap();
    disk.rename(path("/a"), path("/d/b")).unwrap();
    let check = |files: &[&str], is_legal| {
        let mut image = image(&[]);
        image.entries.insert("/d".to_string(), Entry::Dir);
        let entry = |path: &&str| (path.to_string(), Entry::File(b"x".to_vec()));
        image.entries.extend(files.iter().map(entry));
        assert_eq!(disk.contains(&image), is_legal, "{files:?}");
    };
    check(&["/a"], true);
    check(&["/d/b"], true);
    check(&[], false);
    check(&["/a", "/d/b"], false);
    // Over another file: the old one is there until the new one is.
    let (mut disk, _) = disk_with_a(b"old");
    let fd = disk.open(path("/new"), NEW).unwrap();
    disk.write(fd, 0, b"new").unwrap();
    disk.sync(fd, false).unwrap();
    disk.sync_dir(path("/")).unwrap();
    disk.rename(path("/new"), path("/a")).unwrap();
    let check = |files: &[(&str, &[u8])], is_legal| {
        assert_eq!(disk.contains(&image(files)), is_legal, "{files:?}");
    };
    check(&[("/a", b"old"), ("/new", b"new")], true);
    check(&[("/a", b"new")], true);
    check(&[("/a", b"old")], false);
    check(&[("/new", b"new")], false);
    check(&[("/a", b"new"), ("/new", b"new")], false);
}

#[test]
fn a_chain_of_names_out_of_order() {
    let mut disk = Disk::new(Knobs::default());
    for _ in 0..2 {
        disk.open(path("/a"), NEW).unwrap();
        disk.remove_file(path("/a")).unwrap();
    }
    disk.create_dir(path("/a")).unwrap();
    disk.rename(path("/a"), path("/b")).unwrap();
    disk.open(path("/a"), NEW).unwrap();
    let dir = |path: &str| (path.to_string(), Entry::Dir);
    let file = |path: &str| (path.to_string(), Entry::File(Vec::new()));
    let check = |entries: &[(String, Entry)], is_legal| {
        let image = Image {
            entries: entries.iter().cloned().collect(),
        };
        assert_eq!(disk.contains(&image), is_legal, "{entries:?}");
    };
    check(&[], true);
    check(&[file("/a")], true);
    check(&[dir("/a")], true);
    check(&[dir("/b")], true);
    check(&[dir("/b"), file("/a")], true);
    check(&[dir("/b"), dir("/a")], false);
    check(&[file("/b")], false);
    check(&[file("/b"), file("/a")], false);
    check(&[dir("/b"), file("/a"), file("/c")], false);
    // The second of two renames needs the first, though both tie other names together.
    let (mut disk, _) = disk_with_a(b"x");
    disk.rename(path("/a"), path("/b")).unwrap();
    disk.rename(path("/b"), path("/c")).unwrap();
    let check = |files: &[(&str, &[u8])], is_legal| {
        assert_eq!(disk.contains(&image(files)), is_legal, "{files:?}");
    };
    check(&[("/a", b"x")], true);
    check(&[("/b", b"x")], true);
    check(&[("/c", b"x")], true);
    check(&[("/a", b"x"), ("/c", b"x")], false);
    check(&[("/b", b"x"), ("/c", b"x")], false);
}

#[test]
fn bytes_that_were_never_written() {
    let (mut disk, fd) = disk_with_a(&[1; 512]);
    disk.write(fd, 512, &[2; 512]).unwrap();
    disk.allocate(fd, 1024, 512).unwrap();
    let newest = with(&with(&[0; 1536], 0, &[1; 512]), 512, &[2; 512]);
    check(&disk, &[("/a", &newest)], true, "the newest");
    let zeros = with(&newest, 512, &[0; 512]);
    check(&disk, &[("/a", &zeros)], true, "zeros");
    let other = with(&newest, 512, &[3; 512]);
    check(
        &disk,
        &[("/a", &other)],
        false,
        "other bytes in a pending sector",
    );
    let other = with(&newest, 1535, &[3]);
    check(
        &disk,
        &[("/a", &other)],
        false,
        "other bytes in a reserved sector",
    );
    let elsewhere = with(&newest, 1024, &[2; 512]);
    check(
        &disk,
        &[("/a", &elsewhere)],
        false,
        "bytes of another sector",
    );
    let knobs = Knobs {
        garbage_tail: ALWAYS,
        ..Knobs::default()
    };
    disk.set_knobs(knobs);
    check(&disk, &[("/a", &other)], true, "stale bytes, with the knob");
    let synced = with(&newest, 0, &[3; 512]);
    check(&disk, &[("/a", &synced)], false, "but not where a sync was");
}

#[test]
fn damage_to_a_unit_with_nothing_pending() {
    for atomic_unit in [512, 4096] {
        for byte_tear in [Ratio::NEVER, ALWAYS] {
            let knobs = Knobs {
                atomic_unit,
                byte_tear,
                ..Knobs::default()
            };
            let (mut disk, fd) = disk_with(knobs, "/a", &[1; 12_288]);
            disk.write(fd, 4096, &[2; 4096]).unwrap();
            let newest = with(&[1; 12_288], 4096, &[2; 4096]);
            check(&disk, &[("/a", &newest)], true, "the newest");
            for (offset, len) in [(0, 512), (3584, 512), (8192, 4096), (4095, 1), (8192, 1)] {
                for byte in [0, 2, 9] {
                    let damaged = with(&newest, offset, &vec![byte; len]);
                    check(&disk, &[("/a", &damaged)], false, &format!("at {offset}"));
                }
            }
        }
    }
}

#[test]
fn a_mix_within_a_sector() {
    let (mut disk, fd) = disk_with_a(&[1; 1024]);
    disk.write(fd, 0, &[2; 1024]).unwrap();
    disk.write(fd, 0, &[3; 1024]).unwrap();
    let mixes = [
        (100, 2, false, true),
        (511, 3, false, false),
        (512, 2, true, true),
        (513, 2, false, true),
    ];
    // Ones up to an offset, then others; within a sector two versions next to each other mix.
    for (offset, byte, whole, torn) in mixes {
        for (byte_tear, is_legal) in [(Ratio::NEVER, whole), (ALWAYS, torn)] {
            let knobs = Knobs {
                byte_tear,
                ..Knobs::default()
            };
            disk.set_knobs(knobs);
            let mix = with(&vec![byte; 1024], 0, &vec![1; offset]);
            check(
                &disk,
                &[("/a", &mix)],
                is_legal,
                &format!("{offset} {byte}"),
            );
        }
    }
}

#[test]
fn a_mix_within_a_block() {
    let knobs = Knobs {
        atomic_unit: 4096,
        ..Knobs::default()
    };
    let (mut disk, fd) = disk_with(knobs, "/a", &[1; 8192]);
    disk.write(fd, 0, &[2; 8192]).unwrap();
    for (offset, is_legal) in [(512, false), (3584, false), (4096, true), (4608, false)] {
        let mix = with(&[2; 8192], 0, &vec![1; offset]);
        check(&disk, &[("/a", &mix)], is_legal, &format!("{offset}"));
    }
}

#[test]
fn a_length_above_every_one_asked_for() {
    let (mut disk, fd) = disk_with_a(&[0; 5000]);
    disk.set_len(fd, 20_000).unwrap();
    disk.set_len(fd, 100).unwrap();
    disk.allocate(fd, 200, 13_000).unwrap();
    let check = |disk: &Disk, len: usize, is_legal| {
        check(disk, &[("/a", &vec![0; len])], is_legal, &format!("{len}"));
    };
    for len in [100, 5000, 13_200, 20_000] {
        check(&disk, len, true);
    }
    for len in [0, 99, 101, 4096, 19_999, 20_001, 20_480, 1 << 20] {
        check(&disk, len, false);
    }
    let knobs = Knobs {
        len_intermediate: true,
        ..Knobs::default()
    };
    disk.set_knobs(knobs);
    check(&disk, 4096, true);
    check(&disk, 16_384, true);
    check(&disk, 4097, false);
    check(&disk, 0, false);
    check(&disk, 20_480, false);
    disk.sync(fd, false).unwrap();
    check(&disk, 13_200, true);
    check(&disk, 12_288, false);
    check(&disk, 20_000, false);
}

#[test]
fn reads_past_the_cache_show_what_is_durable() {
    for seed in 0..50 {
        let faults = Choices::new(seed).stream(Purpose::Faults, 0);
        let vfs = vfs(Knobs {
            evict: ALWAYS,
            ..Knobs::default()
        });
        vfs.set_faults(faults);
        let file = vfs.open(path("/a"), NEW).unwrap();
        file.write_at(0, &[1; 40_960]).unwrap();
        file.sync_all().unwrap();
        vfs.sync_dir(path("/")).unwrap();
        file.write_at(0, &[2; 40_960]).unwrap();
        let set_sync_error = |ratio| {
            vfs.with_disk(|disk| {
                let knobs = Knobs {
                    sync_error: ratio,
                    ..disk.knobs().clone()
                };
                disk.set_knobs(knobs);
            });
        };
        set_sync_error(ALWAYS);
        assert!(file.sync_data().is_err());
        set_sync_error(Ratio::NEVER);
        let mut read = vec![0; 40_960];
        assert_eq!(file.read_at(0, &mut read).unwrap(), read.len());
        vfs.with_disk(|disk| {
            for number in 0..20 {
                let mut cut = disk.clone();
                cut.power_cut(&mut crash_stream(number));
                assert_eq!(cut.image().file("/a"), Some(&read[..]), "seed {seed}");
            }
            check(disk, &[("/a", &read)], true, "what was read");
            let pending = vec![2; 40_960];
            let is_all = read == pending;
            check(disk, &[("/a", &pending)], is_all, "what the sync forgot");
        });
    }
}

#[test]
fn a_sync_has_no_error_for_what_is_covered() {
    for mode in SyncErrorMode::ALL {
        let vfs = vfs(Knobs {
            sync_error_mode: *mode,
            ..Knobs::default()
        });
        let file = vfs.open(path("/a"), NEW).unwrap();
        file.write_at(0, &[1; 5000]).unwrap();
        file.sync_data().unwrap();
        let other = vfs.open(path("/a"), WRITE).unwrap();
        vfs.with_disk(|disk| {
            let knobs = Knobs {
                sync_error: ALWAYS,
                ..disk.knobs().clone()
            };
            disk.set_knobs(knobs);
        });
        for _ in 0..20 {
            file.sync_data().unwrap();
            other.sync_all().unwrap();
        }
        other.write_at(0, b"x").unwrap();
        assert!(file.sync_data().is_err(), "a new write can fail: {mode:?}");
    }
}

#[test]
fn readers_see_what_was_written() {
    let mut errors = 0;
    for seed in 0..200 {
        let choices = Choices::new(seed);
        let mut work = choices.stream(Purpose::Workload, 0);
        // Only a cache that is reverted or evicted shows anything else, and nothing is shown by a
        // file system that was shut down.
        let modes = SyncErrorMode::ALL.iter().copied();
        let others = [SyncErrorMode::CleanRevertCache, SyncErrorMode::ShutDown];
        let keeps_cache = |mode: &SyncErrorMode| !others.contains(mode);
        let modes: Vec<SyncErrorMode> = modes.filter(keeps_cache).collect();
        let vfs = vfs(Knobs {
            sync_error: Ratio::new(1, 4),
            sync_error_mode: *work.pick(&modes),
            ..Knobs::default()
        });
        vfs.set_faults(choices.stream(Purpose::Faults, 0));
        let files = [NEW, WRITE].map(|how| vfs.open(path("/a"), how).unwrap());
        let mut model: Vec<u8> = Vec::new();
        for _ in 0..100 {
            let file = work.pick(&files);
            let offset = work.below(9000) as usize;
            let bytes = vec![work.within(1, 255) as u8; work.within(1, 5000) as usize];
            match work.below(4) {
                0 => errors += u32::from(file.sync_data().is_err()),
                1 if file.set_len(offset as u64).is_ok() => model.resize(offset, 0),
                2 | 3 if file.write_at(offset as u64, &bytes).is_ok() => {
                    let end = offset + bytes.len();
                    model.resize(model.len().max(end), 0);
                    model[offset..end].copy_from_slice(&bytes);
                }
                _ => {}
            }
            let mut read = vec![9; 16_384];
            let count = work.pick(&files).read_at(0, &mut read).unwrap();
            assert!(read[..count] == model[..], "seed {seed}");
        }
    }
    assert!(errors > 500, "only {errors} syncs failed");
}

#[test]
fn no_lock_survives_a_crash() {
    let crashes: [fn(&mut Disk); 2] = [Disk::kill, |disk| {
        disk.power_cut(&mut crash_stream(1));
    }];
    for crash in crashes {
        let vfs = vfs(Knobs::default());
        let file = vfs.open(path("/a"), NEW).unwrap();
        vfs.sync_dir(path("/")).unwrap();
        file.try_lock().unwrap();
        let other = vfs.open(path("/a"), WRITE).unwrap();
        assert!(other.try_lock().is_err(), "it is a lock");
        vfs.with_disk(crash);
        let again = vfs.open(path("/a"), WRITE).unwrap();
        again.try_lock().unwrap();
    }
}
