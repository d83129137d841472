//! Each thing that a medium does, on a disk without a log.
//!
//! *Verified:* what a caller sees of it, what is left of it after a power cut and a kill, and what the
//! incident says.
//! *Not verified:* what a log makes of it: that is for campaigns.

use std::path::Path;
use std::sync::Arc;

use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::disk::{
    Disk, Fault, FaultClass, Knobs, Media, MediaEvent, MediaKind, OpenGate, SimVfs, Strategy,
};

fn choices() -> Choices {
    Choices::new(1)
}

fn vfs(media: Media) -> Arc<SimVfs> {
    let faults = choices().stream(Purpose::Faults, 0);
    let vfs = SimVfs::new(Disk::new(Knobs::default()), Arc::new(OpenGate), faults);
    vfs.with_disk(|disk| {
        disk.set_media(media);
        disk.begin_media_life(1);
    });
    vfs
}

/// A medium to which one thing happens, in its second life.
fn once(kind: MediaKind) -> Media {
    let (life, call, number) = (2, 0, 7);
    let event = MediaEvent {
        kind,
        life,
        call,
        number,
    };
    Media {
        events: vec![event],
        ..Media::default()
    }
}

fn make(vfs: &SimVfs, name: &str, byte: u8) -> Arc<dyn File> {
    let how = OpenHow::CreateNew { direct: false };
    let file = vfs.open(Path::new(name), how).expect("it is free");
    assert_eq!(file.write_at(0, &[byte; 1536]).ok(), Some(1536));
    file.sync_all().expect("no error was drawn");
    vfs.sync_dir(Path::new("/")).expect("no error was drawn");
    file
}

fn power_cut(vfs: &SimVfs) {
    let mut stream = choices().stream(Purpose::Crash, 0);
    vfs.with_disk(|disk| disk.power_cut_with(Strategy::LoseAll, &mut stream));
}

/// Two files, and then the second life.
fn two_files(kind: MediaKind) -> (Arc<SimVfs>, Arc<dyn File>) {
    let vfs = vfs(once(kind));
    let file = make(&vfs, "/a1", 1);
    drop(make(&vfs, "/b2", 2));
    vfs.with_disk(|disk| disk.begin_media_life(2));
    (vfs, file)
}

fn read(file: &dyn File, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let count = file.read_at(offset, &mut bytes).expect("it can be read");
    bytes.truncate(count);
    bytes
}

fn incidents(vfs: &SimVfs) -> Vec<(Fault, FaultClass)> {
    vfs.with_disk(|disk| {
        let incidents = disk.incidents().iter();
        incidents.map(|one| (one.fault, one.class)).collect()
    })
}

#[test]
fn a_flush_that_lies_loses_at_a_power_cut_and_not_before() {
    let media = Media {
        flush_lies: Ratio::new(1, 1),
        ..Media::default()
    };
    let vfs = vfs(media);
    let file = make(&vfs, "/a1", 1);
    assert_eq!(read(&*file, 0, 2000), [1; 1536]);
    assert!(!vfs.with_disk(|disk| disk.is_sound()));
    drop(file);
    vfs.with_disk(Disk::kill);
    assert!(incidents(&vfs).is_empty());
    power_cut(&vfs);
    assert!(incidents(&vfs).contains(&(Fault::FlushLost, FaultClass::FlushLie)));
    assert!(vfs.metadata(Path::new("/a1")).is_err());
}

#[test]
fn a_truth_makes_good_for_a_lie() {
    let media = Media {
        flush_lies: Ratio::new(1, 1),
        ..Media::default()
    };
    let vfs = vfs(media);
    let file = make(&vfs, "/a1", 1);
    vfs.with_disk(Disk::heal_media);
    file.sync_data().expect("no error was drawn");
    vfs.sync_dir(Path::new("/")).expect("no error was drawn");
    assert!(vfs.with_disk(|disk| disk.is_sound()));
    drop(file);
    power_cut(&vfs);
    assert!(incidents(&vfs).is_empty());
    assert_eq!(
        vfs.metadata(Path::new("/a1")).map(|it| it.len).ok(),
        Some(1536)
    );
}

#[test]
fn a_power_cut_damages_a_unit_beside_what_was_on_its_way() {
    let media = Media {
        unit_damage: Ratio::new(1, 1),
        ..Media::default()
    };
    let vfs = vfs(media);
    let file = make(&vfs, "/a1", 1);
    assert_eq!(file.write_at(600, &[9; 10]).ok(), Some(10));
    drop(file);
    power_cut(&vfs);
    assert_eq!(
        incidents(&vfs),
        [(Fault::UnitDamage, FaultClass::UnitDamage)]
    );
    let file = vfs
        .open(Path::new("/a1"), OpenHow::Read)
        .expect("it is there");
    assert_eq!(read(&*file, 0, 512), [1; 512]);
    assert_ne!(read(&*file, 512, 512), [1; 512]);
    assert_eq!(read(&*file, 1024, 512), [1; 512]);
}

#[test]
fn a_flipped_bit_stays() {
    let (vfs, file) = two_files(MediaKind::Flip);
    let other = vfs
        .open(Path::new("/b2"), OpenHow::Read)
        .expect("it is there");
    let is_whole = |file: &dyn File, byte| read(file, 0, 1536) == [byte; 1536];
    assert_ne!(is_whole(&*file, 1), is_whole(&*other, 2));
    assert_eq!(incidents(&vfs), [(Fault::BitRot, FaultClass::Rot)]);
    power_cut(&vfs);
    vfs.with_disk(|disk| disk.settle_incidents(1));
    assert_eq!(incidents(&vfs).len(), 1, "it is judged, but still there");
}

#[test]
fn an_unreadable_sector_gives_what_is_before_it_and_is_healed_by_a_write() {
    let (vfs, first) = two_files(MediaKind::LatentSector);
    let how = OpenHow::Write { direct: false };
    let second = vfs.open(Path::new("/b2"), how).expect("it is there");
    let is_bad = |file: &dyn File, sector: u64| file.read_at(sector * 512, &mut [0; 1]).is_err();
    let sectors = |file: &dyn File| (0..3).filter(|&one| is_bad(file, one)).collect::<Vec<_>>();
    let (file, sector) = match (sectors(&*first).as_slice(), sectors(&*second).as_slice()) {
        (&[sector], []) => (first, sector),
        ([], &[sector]) => (second, sector),
        found => panic!("one sector is bad, not {found:?}"),
    };
    if sector > 0 {
        assert_eq!(read(&*file, 0, 1536).len() as u64, sector * 512);
    }
    assert_eq!(file.write_at(sector * 512, &[5; 511]).ok(), Some(511));
    assert!(is_bad(&*file, sector), "only a whole sector heals");
    assert_eq!(file.write_at(sector * 512, &[5; 512]).ok(), Some(512));
    assert!(!is_bad(&*file, sector));
    vfs.with_disk(|disk| disk.settle_incidents(1));
    assert!(incidents(&vfs).is_empty());
}

#[test]
fn a_lost_write_leaves_what_was_there() {
    let (vfs, file) = two_files(MediaKind::LostWrite);
    assert_eq!(file.write_at(512, &[9; 2048]).ok(), Some(2048));
    file.sync_all().expect("no error was drawn");
    let mut expected = vec![1; 1536];
    expected.resize(2560, 0);
    assert_eq!(read(&*file, 0, 4096), expected);
    assert_eq!(incidents(&vfs), [(Fault::LostWrite, FaultClass::Misplaced)]);
}

#[test]
fn a_misdirected_write_has_two_victims() {
    for kind in [MediaKind::MisdirectWithin, MediaKind::MisdirectOther] {
        let (vfs, file) = two_files(kind);
        assert_eq!(file.write_at(512, &[9; 512]).ok(), Some(512));
        assert_eq!(read(&*file, 512, 512), [1; 512]);
        let other = vfs
            .open(Path::new("/b2"), OpenHow::Read)
            .expect("it is there");
        let hits = |file: &dyn File| {
            read(file, 0, 4096)
                .iter()
                .filter(|&&byte| byte == 9)
                .count()
        };
        let expected = match kind {
            MediaKind::MisdirectWithin => (512, 0),
            _ => (0, 512),
        };
        assert_eq!((hits(&*file), hits(&*other)), expected);
        assert_eq!(incidents(&vfs).len(), 2);
    }
}

#[test]
fn a_misdirected_read_happens_once() {
    let (vfs, file) = two_files(MediaKind::MisdirectedRead);
    let is_wrong = |_: &u32| read(&*file, 0, 512) != [1; 512];
    assert_eq!((0..20).filter(is_wrong).count(), 1);
    assert_eq!(
        incidents(&vfs),
        [(Fault::MisdirectedRead, FaultClass::Misplaced)]
    );
    vfs.with_disk(Disk::forget_transient_incidents);
    assert!(incidents(&vfs).is_empty());
}

#[test]
fn files_are_mixed_up_between_lives() {
    let check = |kind: MediaKind, fault: Fault, names: usize, zeros: bool| {
        let vfs = vfs(once(kind));
        drop(make(&vfs, "/a1", 1));
        drop(make(&vfs, "/b2", 2));
        power_cut(&vfs);
        vfs.with_disk(|disk| disk.begin_media_life(2));
        assert!(
            incidents(&vfs).contains(&(fault, FaultClass::Files)),
            "{kind}"
        );
        let found = vfs.read_dir(Path::new("/")).expect("it can be listed");
        assert_eq!(found.len(), names, "{kind}");
        let first_byte = |name: &str| {
            let file = vfs.open(Path::new(name), OpenHow::Read).ok()?;
            read(&*file, 0, 1).first().copied()
        };
        let (a, b) = (first_byte("/a1"), first_byte("/b2"));
        match kind {
            MediaKind::DuplicateFile => assert_eq!((a, b), (Some(1), Some(2))),
            MediaKind::SwapFiles => assert_eq!((a, b), (Some(2), Some(1))),
            MediaKind::ZeroFile => assert!(a == Some(0) || b == Some(0)),
            _ => assert!(a.is_none() != b.is_none()),
        }
        assert_eq!(zeros, a == Some(0) || b == Some(0));
    };
    check(MediaKind::DropFile, Fault::FileDropped, 1, false);
    check(MediaKind::DuplicateFile, Fault::FileDuplicated, 3, false);
    check(MediaKind::SwapFiles, Fault::FilesSwapped, 2, false);
    check(MediaKind::ZeroFile, Fault::FileZeroed, 2, true);
    check(MediaKind::RenameFile, Fault::FileRenamed, 2, false);
}

#[test]
fn refusals_last_until_the_open_is_over() {
    for kind in [MediaKind::ReadOnly, MediaKind::NoListing, MediaKind::NoOpen] {
        let (vfs, _) = two_files(kind);
        let tries = || {
            let opened = vfs.open(Path::new("/a1"), OpenHow::Read).is_ok();
            let listed = vfs.read_dir(Path::new("/")).is_ok();
            let created = vfs.create_dir(Path::new(&format!("/{kind}"))).is_ok();
            [opened, listed, created]
        };
        let expected = match kind {
            MediaKind::ReadOnly => [true, true, false],
            MediaKind::NoListing => [true, false, true],
            _ => [false, true, true],
        };
        assert_eq!(tries(), expected, "{kind}");
        assert!(vfs.with_disk(Disk::end_refusal));
        let [opened, listed, _] = tries();
        assert!(opened && listed, "{kind}");
        assert!(!vfs.with_disk(Disk::end_refusal));
    }
}
