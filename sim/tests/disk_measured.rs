//! What real file systems were seen to leave behind, as the reality check found it: legal, and drawn.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

use std::path::Path;

use seawall::env::vfs::OpenHow;
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Disk, Entry, FdId, Image, Knobs, Strategy};

fn strict() -> Disk {
    Disk::new(Knobs {
        len_intermediate: true,
        ..Knobs::default()
    })
}

fn create(disk: &mut Disk, path: &str) -> FdId {
    let new = OpenHow::CreateNew { direct: false };
    disk.open(Path::new(path), new).unwrap()
}

fn image(entries: &[(&str, Entry)]) -> Image {
    let own = entries.iter().cloned();
    Image {
        entries: own.map(|(path, entry)| (path.into(), entry)).collect(),
    }
}

/// How many of many cuts leave this image.
fn drawn(disk: &Disk, wanted: &Image) -> usize {
    let leaves = |seed: &u64| {
        let mut disk = disk.clone();
        let mut stream = Choices::new(*seed).stream(Purpose::Crash, 0);
        disk.power_cut_with(Strategy::Independent, &mut stream);
        disk.image() == *wanted
    };
    (0..3000).filter(leaves).count()
}

/// ext4: the allocation sets the length on the disk, and what was written behind it is not there.
#[test]
fn an_allocation_may_leave_its_end_as_the_length() {
    let mut disk = strict();
    let file = create(&mut disk, "/a");
    disk.write(file, 0, &[1; 700]).unwrap();
    disk.sync(file, false).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk.write(file, 700, &[2; 700]).unwrap();
    disk.allocate(file, 600, 300).unwrap();
    let left = |len: usize| {
        let mut bytes = vec![1; 700];
        bytes.resize(len, 0);
        image(&[("/a", Entry::File(bytes))])
    };
    assert!(disk.contains(&left(900)));
    assert!(!disk.contains(&left(901)));
    assert!(drawn(&disk, &left(900)) > 0);
    disk.sync(file, false).unwrap();
    assert!(!disk.contains(&left(900)));
}

/// btrfs: a sync of the second file makes its name durable, and nothing of the first, whose name it
/// was before that was renamed.
#[test]
fn a_new_file_may_be_gone_and_the_next_one_under_its_name_there() {
    let mut disk = strict();
    disk.create_dir(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let first = create(&mut disk, "/b");
    disk.write(first, 0, b"first").unwrap();
    disk.rename(Path::new("/b"), Path::new("/d/b")).unwrap();
    let second = create(&mut disk, "/b");
    disk.write(second, 0, b"second").unwrap();
    disk.sync(second, false).unwrap();
    let is = |bytes: &[u8]| Entry::File(bytes.to_vec());
    let left = image(&[("/d", Entry::Dir), ("/b", is(b"second"))]);
    assert!(disk.contains(&left));
    assert!(drawn(&disk, &left) > 0);
    let by_half = image(&[
        ("/d", Entry::Dir),
        ("/b", is(b"first")),
        ("/d/b", is(b"first")),
    ]);
    assert!(!disk.contains(&by_half));
    assert_eq!(drawn(&disk, &by_half), 0);
    disk.sync_dir(Path::new("/d")).unwrap();
    assert!(
        disk.contains(&left),
        "the rename waits for the other directory"
    );
    let mut synced = disk.clone();
    synced.sync(first, false).unwrap();
    assert!(!synced.contains(&left), "nor is what was synced");
    disk.sync_dir(Path::new("/")).unwrap();
    assert!(!disk.contains(&left), "what is durable is not forgotten");
}

/// The same where the forgotten file had replaced one that is durable.
#[test]
fn what_a_forgotten_file_had_replaced_makes_room_for_the_next_one() {
    let mut disk = strict();
    let old = create(&mut disk, "/a");
    disk.sync(old, false).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    create(&mut disk, "/b");
    disk.rename(Path::new("/b"), Path::new("/a")).unwrap();
    disk.rename(Path::new("/a"), Path::new("/c")).unwrap();
    create(&mut disk, "/a");
    let file = Entry::File(Vec::new());
    let left = image(&[("/a", file.clone())]);
    assert!(disk.contains(&left));
    assert!(drawn(&disk, &left) > 0);
    let both = image(&[("/a", file.clone()), ("/b", file.clone()), ("/c", file)]);
    assert!(!disk.contains(&both));
}

/// btrfs: a file that another one has replaced is not written by a sync, and the replacement may be
/// lost.
#[test]
fn a_sync_of_a_file_without_a_name_may_do_nothing() {
    let mut disk = strict();
    let old = create(&mut disk, "/a");
    disk.write(old, 0, b"old").unwrap();
    disk.sync(old, false).unwrap();
    create(&mut disk, "/b");
    disk.sync_dir(Path::new("/")).unwrap();
    disk.rename(Path::new("/b"), Path::new("/a")).unwrap();
    disk.write(old, 0, b"new").unwrap();
    disk.sync(old, true).unwrap();
    let empty = Entry::File(Vec::new());
    for bytes in [b"old", b"new"] {
        let found = Entry::File(bytes.to_vec());
        let left = image(&[("/a", found), ("/b", empty.clone())]);
        assert!(disk.contains(&left));
        assert!(drawn(&disk, &left) > 0);
    }
}
