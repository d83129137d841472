//! What failed calls and lying disks leave: errors as a kernel has them, and no more damage
//! than the model allows.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;

use std::sync::Arc;

use seawall::env::vfs::{File, Vfs};
use seawall_sim::choice::Ratio;
use seawall_sim::disk::{Disk, Errno, Fault, Knobs, Lie, Mode, SimVfs, SyncErrorMode};

use outcomes::{ALWAYS, NEW, WRITE, crash_stream, disk_with, outcomes, path, vfs};

#[test]
fn a_full_disk_takes_a_prefix_and_then_nothing() {
    let knobs = Knobs {
        capacity: Some(8192),
        ..Knobs::default()
    };
    let mut disk = Disk::new(knobs);
    let fd = disk.open(path("/a"), NEW).unwrap();
    assert_eq!(disk.write(fd, 0, &[1; 10_000]), Ok(8192));
    assert_eq!(disk.write(fd, 8192, &[1; 10]), Err(Errno::ENOSPC));
    assert_eq!(
        disk.write(fd, 0, &[2; 8192]),
        Ok(8192),
        "an overwrite takes no space"
    );
    disk.sync_dir(path("/")).unwrap();
    disk.remove_file(path("/a")).unwrap();
    disk.close(fd);
    let fd = disk.open(path("/b"), NEW).unwrap();
    assert_eq!(
        disk.write(fd, 0, b"x"),
        Err(Errno::ENOSPC),
        "the removal is pending"
    );
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(disk.used(), 0);
    assert_eq!(disk.write(fd, 0, b"x"), Ok(1));
    disk.set_capacity(None);
    assert_eq!(disk.write(fd, 0, &[1; 10_000]), Ok(10_000));
}

/// A file of synced ones, overwritten with twos, and a first sync that fails.
fn after_failed_sync(mode: SyncErrorMode) -> (Arc<SimVfs>, Arc<dyn File>, Arc<dyn File>) {
    let vfs = vfs(Knobs {
        sync_error_mode: mode,
        ..Knobs::default()
    });
    let file = vfs.open(path("/a"), NEW).unwrap();
    file.write_at(0, &[1; 40_960]).unwrap();
    file.sync_all().unwrap();
    vfs.sync_dir(path("/")).unwrap();
    let other = vfs.open(path("/a"), WRITE).unwrap();
    file.write_at(0, &[2; 40_960]).unwrap();
    let faulty = |ratio| {
        move |disk: &mut Disk| {
            let knobs = Knobs {
                sync_error: ratio,
                ..disk.knobs().clone()
            };
            disk.set_knobs(knobs);
        }
    };
    vfs.with_disk(faulty(ALWAYS));
    assert!(file.sync_data().is_err());
    vfs.with_disk(faulty(Ratio::NEVER));
    (vfs, file, other)
}

fn read(file: &Arc<dyn File>) -> Vec<u8> {
    let mut bytes = vec![0; 40_960];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

#[test]
fn a_failed_sync_can_forget_what_it_did_not_write() {
    let (vfs, file, other) = after_failed_sync(SyncErrorMode::CleanKeepCache);
    file.sync_data().unwrap();
    assert!(other.sync_data().is_err(), "each descriptor hears of it");
    other.sync_data().unwrap();
    let later = vfs.open(path("/a"), WRITE).unwrap();
    later.sync_data().unwrap();
    assert_eq!(read(&file), [2; 40_960], "the cache has the new bytes");
    let lost = |disk: &mut Disk| {
        outcomes(disk)
            .iter()
            .all(|image| image.file("/a").unwrap().contains(&1))
    };
    assert!(
        vfs.with_disk(lost),
        "the disk has old ones, whatever syncs say"
    );
    vfs.with_disk(|disk| {
        let knobs = Knobs {
            evict: ALWAYS,
            ..disk.knobs().clone()
        };
        disk.set_knobs(knobs);
    });
    assert!(
        read(&file).contains(&1),
        "and so has the cache once it was evicted"
    );
    file.write_at(0, &[3; 40_960]).unwrap();
    file.sync_data().unwrap();
    let healed = |disk: &mut Disk| {
        outcomes(disk)
            .iter()
            .all(|image| image.file("/a") == Some(&[3; 40_960]))
    };
    assert!(vfs.with_disk(healed), "a new write heals");
}

#[test]
fn a_failed_sync_can_revert_the_cache() {
    let (vfs, file, _) = after_failed_sync(SyncErrorMode::CleanRevertCache);
    let bytes = read(&file);
    assert!(bytes.contains(&1));
    assert!(
        outcomes(&vfs.with_disk(|disk| disk.clone()))
            .iter()
            .all(|image| image.file("/a") == Some(&bytes))
    );
}

#[test]
fn a_failed_sync_can_leave_all_dirty() {
    let (vfs, file, other) = after_failed_sync(SyncErrorMode::KeepDirty);
    let seen = outcomes(&vfs.with_disk(|disk| disk.clone()));
    assert!(
        seen.iter()
            .any(|image| image.file("/a") == Some(&[1; 40_960]))
    );
    other.sync_data().unwrap();
    file.sync_data().unwrap();
    let seen = outcomes(&vfs.with_disk(|disk| disk.clone()));
    assert!(
        seen.iter()
            .all(|image| image.file("/a") == Some(&[2; 40_960]))
    );
}

#[test]
fn a_failed_flush_is_told_once_and_syncs_lie_afterwards() {
    let (vfs, file, other) = after_failed_sync(SyncErrorMode::FlushErrNoReportSecond);
    file.sync_data().unwrap();
    other.sync_all().unwrap();
    let refused = file.write_at(0, b"x").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::EROFS.number()));
    assert_eq!(vfs.with_disk(|disk| disk.mode()), Mode::FlushLost);
    let seen = outcomes(&vfs.with_disk(|disk| disk.clone()));
    assert!(
        seen.iter()
            .any(|image| image.file("/a") == Some(&[1; 40_960]))
    );
    vfs.with_disk(|disk| disk.power_cut(&mut crash_stream(1)));
    assert_eq!(vfs.with_disk(|disk| disk.mode()), Mode::ReadWrite);
}

#[test]
fn an_aborted_file_system_refuses_changes_and_syncs() {
    let (vfs, file, other) = after_failed_sync(SyncErrorMode::AbortRo);
    let erofs = Some(Errno::EROFS.number());
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), erofs);
    assert_eq!(other.sync_all().unwrap_err().raw_os_error(), erofs);
    assert_eq!(vfs.sync_dir(path("/")).unwrap_err().raw_os_error(), erofs);
    assert_eq!(
        vfs.create_dir(path("/d")).unwrap_err().raw_os_error(),
        erofs
    );
    assert_eq!(read(&file), [2; 40_960], "reads go on from the cache");
}

#[test]
fn a_calm_disk_has_no_faults() {
    let knobs = Knobs {
        short_write: ALWAYS,
        eintr: ALWAYS,
        sync_error: ALWAYS,
        write_error: ALWAYS,
        metadata_error: ALWAYS,
        ..Knobs::default()
    };
    let vfs = vfs(knobs);
    vfs.with_disk(|disk| {
        disk.set_calm(true);
        disk.set_capacity(None);
    });
    let file = vfs.open(path("/a"), NEW).unwrap();
    for _ in 0..100 {
        assert_eq!(file.write_at(0, &[1; 5000]).unwrap(), 5000);
        file.sync_all().unwrap();
    }
    vfs.with_disk(|disk| disk.set_calm(false));
    assert!(file.write_at(0, b"xy").is_err());
}

/// Whether a power cut can hurt synced data, and how often the disk lied.
fn hurt_by(lie: Lie, fault: Fault) -> bool {
    let knobs = Knobs {
        lie: Some(lie),
        ..Knobs::default()
    };
    let (disk, _) = disk_with(knobs, "/a", &[1; 1500]);
    let mut hurt = false;
    let mut fired = disk.counts().faults(fault);
    for number in 0..200 {
        let mut cut = disk.clone();
        cut.power_cut(&mut crash_stream(number));
        hurt |= cut.image().file("/a") != Some(&[1; 1500]);
        fired += cut.counts().faults(fault);
    }
    assert!(fired > 0, "{lie:?} never happened");
    hurt
}

#[test]
fn each_lie_hurts_synced_data_and_honesty_does_not() {
    assert!(hurt_by(Lie::FileSync, Fault::LieFileSync));
    assert!(hurt_by(Lie::DirSync, Fault::LieDirSync));
    assert!(hurt_by(Lie::WriteCrossesSync, Fault::LieWriteCrossesSync));
    assert!(hurt_by(Lie::BitFlip, Fault::LieBitFlip));
    let (disk, _) = disk_with(Knobs::default(), "/a", &[1; 1500]);
    let honest = outcomes(&disk);
    assert!(
        honest
            .iter()
            .all(|image| image.file("/a") == Some(&[1; 1500]))
    );
}
