//! What a power cut leaves: legal, and no kinder than the model says.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;

use seawall::env::vfs::{OpenHow, Vfs};
use seawall_sim::disk::{Disk, Entry, Errno, Image, Knobs, Strategy, SyncNames};

use outcomes::{NEW, crash_stream, disk_with, outcomes, path, vfs};

#[test]
fn a_changed_byte_in_synced_data_is_illegal() {
    let (mut disk, fd) = disk_with(Knobs::default(), "/a", &[1; 2000]);
    disk.write(fd, 600, &[2; 100]).unwrap();
    let legal = disk.image();
    assert!(disk.contains(&legal));
    let change = |offset: usize, byte: u8| {
        let mut image = legal.clone();
        let Some(Entry::File(bytes)) = image.entries.get_mut("/a") else {
            panic!("the file is there");
        };
        bytes[offset] = byte;
        disk.contains(&image)
    };
    assert!(!change(0, 9), "a synced byte");
    assert!(!change(0, 0), "a synced byte is not zeros either");
    assert!(!change(650, 9), "a byte that was never written");
    assert!(!change(650, 1), "half of a sector's write");
    assert!(change(0, 1), "no change at all");
}

#[test]
fn half_a_rename_and_a_chain_out_of_order_are_illegal() {
    let (mut disk, _) = disk_with(Knobs::default(), "/a", b"x");
    disk.rename(path("/a"), path("/b")).unwrap();
    disk.rename(path("/b"), path("/c")).unwrap();
    let image = |names: &[&str]| Image {
        entries: names
            .iter()
            .map(|name| (name.to_string(), Entry::File(b"x".to_vec())))
            .collect(),
    };
    for legal in ["/a", "/b", "/c"] {
        assert!(disk.contains(&image(&[legal])), "{legal}");
    }
    assert!(!disk.contains(&image(&[])), "neither name");
    assert!(!disk.contains(&image(&["/a", "/b"])), "both names");
    assert!(
        !disk.contains(&image(&["/a", "/c"])),
        "the second without the first"
    );
    assert!(
        !disk.contains(&image(&["/d"])),
        "a name that was never there"
    );
    let seen = outcomes(&disk);
    for legal in ["/a", "/b", "/c"] {
        assert!(seen.contains(&image(&[legal])), "{legal} was never left");
    }
}

#[test]
fn a_length_that_nobody_asked_for_is_illegal() {
    let (mut disk, fd) = disk_with(Knobs::default(), "/a", &[1; 100]);
    disk.write(fd, 0, &[1; 9000]).unwrap();
    let image = |len: usize| Image {
        entries: [("/a".to_string(), Entry::File(vec![1; len]))].into(),
    };
    assert!(disk.contains(&image(100)));
    assert!(disk.contains(&image(9000)));
    assert!(!disk.contains(&image(9001)));
    assert!(!disk.contains(&image(4096)));
    let knobs = Knobs {
        len_intermediate: true,
        ..disk.knobs().clone()
    };
    disk.set_knobs(knobs);
    assert!(disk.contains(&image(4096)));
    assert!(!disk.contains(&image(4097)));
}

#[test]
fn a_synced_write_survives_every_power_cut() {
    let (mut disk, fd) = disk_with(Knobs::default(), "/a", &[1; 5000]);
    disk.write(fd, 3000, &[2; 3000]).unwrap();
    disk.sync(fd, false).unwrap();
    disk.write(fd, 8192, &[3; 512]).unwrap();
    for image in outcomes(&disk) {
        let bytes = image.file("/a").unwrap();
        assert_eq!(bytes[..3000], [1; 3000]);
        assert_eq!(bytes[3000..6000], [2; 3000]);
    }
}

#[test]
fn an_entry_without_a_directory_sync_can_vanish() {
    let mut disk = Disk::new(Knobs::default());
    let fd = disk.open(path("/a"), NEW).unwrap();
    disk.write(fd, 0, b"x").unwrap();
    disk.sync(fd, true).unwrap();
    assert!(
        outcomes(&disk)
            .iter()
            .any(|image| image.file("/a").is_none())
    );
    disk.sync_dir(path("/")).unwrap();
    assert!(
        outcomes(&disk)
            .iter()
            .all(|image| image.file("/a").is_some())
    );
}

#[test]
fn a_name_in_a_lost_directory_is_lost() {
    let mut disk = Disk::new(Knobs::default());
    disk.create_dir(path("/d")).unwrap();
    disk.open(path("/d/a"), NEW).unwrap();
    disk.sync_dir(path("/d")).unwrap();
    let seen = outcomes(&disk);
    assert!(seen.iter().any(|image| image.entries.is_empty()));
    assert!(!seen.iter().any(|image| image.entries.len() == 1));
}

#[test]
fn a_sync_covers_names_if_the_knob_says_so() {
    let check = |sync_covers_names, renamed: bool, survives: bool| {
        let knobs = Knobs {
            sync_covers_names,
            ..Knobs::default()
        };
        let mut disk = Disk::new(knobs);
        disk.create_dir(path("/d")).unwrap();
        let fd = disk.open(path("/d/a"), NEW).unwrap();
        let name = if renamed { "/d/b" } else { "/d/a" };
        if renamed {
            disk.rename(path("/d/a"), path(name)).unwrap();
        }
        disk.sync(fd, true).unwrap();
        let all = outcomes(&disk)
            .iter()
            .all(|image| image.file(name).is_some());
        assert_eq!(all, survives, "{sync_covers_names:?}");
    };
    check(SyncNames::Never, false, false);
    check(SyncNames::NewFile, false, true);
    check(SyncNames::NewFile, true, false);
    check(SyncNames::AllNames, true, true);
}

#[test]
fn a_rename_over_unsynced_content_can_expose_zeros_or_the_old_length() {
    let (mut disk, _) = disk_with(Knobs::default(), "/f", b"old");
    let fd = disk.open(path("/tmp"), NEW).unwrap();
    disk.write(fd, 0, &[7; 600]).unwrap();
    disk.rename(path("/tmp"), path("/f")).unwrap();
    disk.sync_dir(path("/")).unwrap();
    let seen = outcomes(&disk);
    let was = |bytes: &[u8]| seen.iter().any(|image| image.file("/f") == Some(bytes));
    assert!(was(&[0; 600]), "the new length, all zeros");
    assert!(was(b""), "the old length of the new file");
    assert!(was(&[7; 600]), "all of it");
    assert!(!was(b"old"), "the rename was synced");
}

#[test]
fn a_rename_across_directories_waits_for_both() {
    let check = |needs_both, survives: bool| {
        let knobs = Knobs {
            xdir_rename_needs_both: needs_both,
            ..Knobs::default()
        };
        let (mut disk, _) = disk_with(knobs, "/a", b"x");
        disk.create_dir(path("/d")).unwrap();
        disk.sync_dir(path("/")).unwrap();
        disk.rename(path("/a"), path("/d/a")).unwrap();
        disk.sync_dir(path("/d")).unwrap();
        let moved = |image: &Image| image.file("/d/a").is_some();
        assert_eq!(outcomes(&disk).iter().all(moved), survives);
        disk.sync_dir(path("/")).unwrap();
        assert!(outcomes(&disk).iter().all(moved));
    };
    check(true, false);
    check(false, true);
}

#[test]
fn a_cut_without_a_sync_can_leave_zeros_within_the_old_length() {
    let (mut disk, fd) = disk_with(Knobs::default(), "/a", &[1; 2048]);
    disk.set_len(fd, 700).unwrap();
    let seen = outcomes(&disk);
    let half = |bytes: &[u8]| bytes.len() == 2048 && bytes[700] == 0 && bytes[2047] == 1;
    assert!(seen.iter().any(|image| half(image.file("/a").unwrap())));
}

#[test]
fn a_big_write_is_torn_between_sectors_but_not_within() {
    let (mut disk, fd) = disk_with(Knobs::default(), "/a", &[1; 4096]);
    disk.write(fd, 0, &[2; 4096]).unwrap();
    let mut torn = 0;
    for image in outcomes(&disk) {
        let bytes = image.file("/a").unwrap();
        assert!(
            bytes
                .chunks(512)
                .all(|sector| sector == [1; 512] || sector == [2; 512])
        );
        torn += u32::from(bytes.contains(&1) && bytes.contains(&2));
    }
    assert!(torn > 50);
    let knobs = Knobs {
        atomic_unit: 4096,
        ..Knobs::default()
    };
    disk.set_knobs(knobs);
    for image in outcomes(&disk) {
        let bytes = image.file("/a").unwrap();
        assert!(bytes == [1; 4096] || bytes == [2; 4096]);
    }
}

#[test]
fn losing_all_loses_all_that_is_pending_and_keeping_all_keeps_it() {
    let (mut disk, fd) = disk_with(Knobs::default(), "/a", b"old");
    let before = disk.image();
    disk.write(fd, 0, b"newer").unwrap();
    disk.open(path("/b"), NEW).unwrap();
    let latest = disk.image();
    let mut lost = disk.clone();
    lost.power_cut_with(Strategy::LoseAll, &mut crash_stream(1));
    assert_eq!(lost.image(), before);
    assert_eq!(lost.counts().power_cuts_lossy(), 1);
    disk.power_cut_with(Strategy::KeepAll, &mut crash_stream(1));
    assert_eq!(disk.image(), latest);
    assert_eq!(disk.counts().power_cuts_lossy(), 0);
}

#[test]
fn direct_writes_must_be_aligned_and_still_need_a_sync() {
    let (mut disk, _) = disk_with(Knobs::default(), "/a", &[1; 1024]);
    let fd = disk
        .open(path("/a"), OpenHow::Write { direct: true })
        .unwrap();
    assert_eq!(disk.write(fd, 100, &[2; 512]), Err(Errno::EINVAL));
    assert_eq!(disk.write(fd, 0, &[2; 100]), Err(Errno::EINVAL));
    assert_eq!(disk.read(fd, 1, &mut [0; 512]), Err(Errno::EINVAL));
    assert_eq!(disk.write(fd, 0, &[2; 512]), Ok(512));
    assert!(
        outcomes(&disk)
            .iter()
            .any(|image| image.file("/a") == Some(&[1; 1024]))
    );
}

#[test]
fn a_file_without_its_directory_is_on_no_disk() {
    let disk = Disk::new(Knobs::default());
    let entries = [("/d/a".to_string(), Entry::File(Vec::new()))].into();
    assert!(!disk.contains(&Image { entries }));
}

#[test]
fn a_synced_write_makes_just_its_own_bytes_durable() {
    let vfs = vfs(Knobs::default());
    let file = vfs.open(path("/a"), NEW).unwrap();
    file.write_at(0, &[1; 1536]).unwrap();
    file.sync_all().unwrap();
    vfs.sync_dir(path("/")).unwrap();
    file.write_at(0, &[2; 512]).unwrap();
    assert_eq!(file.write_sync_at(1024, &[3; 1024]).unwrap(), 1024);
    file.write_at(512, &[4; 512]).unwrap();
    let mut seen = [0; 2];
    for image in vfs.with_disk(|disk| outcomes(disk)) {
        let bytes = image.file("/a").unwrap();
        assert_eq!(bytes[1024..], [3; 1024], "with the length that it needs");
        seen[0] += u32::from(bytes[..512] == [1; 512]);
        seen[1] += u32::from(bytes[512..1024] == [1; 512]);
    }
    assert!(seen.iter().all(|&lost| lost > 50), "{seen:?}");
    // One that goes over bytes that are pending settles them, too: only one of the two can be there.
    file.write_sync_at(256, &[5; 512]).unwrap();
    for image in vfs.with_disk(|disk| outcomes(disk)) {
        let bytes = image.file("/a").unwrap();
        assert!(bytes[..256] == [2; 256] && bytes[256..768] == [5; 512]);
    }
}
