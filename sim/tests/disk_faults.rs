//! What failed calls and lying disks leave: errors as a kernel has them, and no more damage
//! than the model allows.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::choice::{Choices, Purpose, Ratio};
use seawall_sim::disk::{
    Call, CallKind, Disk, Errno, Fate, Fault, Gate, Knobs, Lie, Mode, Profile, SimVfs, Strategy,
    SyncErrorMode,
};

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
fn a_file_system_that_was_shut_down_answers_nothing() {
    let (vfs, file, other) = after_failed_sync(SyncErrorMode::ShutDown);
    let number = |result: io::Result<()>| result.unwrap_err().raw_os_error();
    let eio = Some(Errno::EIO.number());
    assert_eq!(number(file.read_at(0, &mut [0; 8]).map(drop)), eio);
    assert_eq!(number(file.len().map(drop)), eio);
    assert_eq!(number(other.sync_data()), eio);
    assert_eq!(number(vfs.metadata(path("/a")).map(drop)), eio);
    assert_eq!(number(vfs.open(path("/a"), OpenHow::Read).map(drop)), eio);
    vfs.with_disk(|disk| disk.power_cut(&mut crash_stream(1)));
    assert!(vfs.metadata(path("/a")).is_ok(), "it is mounted again");
}

/// A synced file of ones, overwritten with twos that the background has lost.
fn after_failed_writeback() -> (Arc<SimVfs>, Arc<dyn File>) {
    let vfs = vfs(Knobs::default());
    let file = vfs.open(path("/a"), NEW).unwrap();
    file.write_at(0, &[1; 40_960]).unwrap();
    file.sync_all().unwrap();
    vfs.sync_dir(path("/")).unwrap();
    file.write_at(0, &[2; 40_960]).unwrap();
    let faulty = |ratio| Knobs {
        writeback_error: ratio,
        ..Knobs::default()
    };
    vfs.with_disk(|disk| disk.set_knobs(faulty(ALWAYS)));
    assert_eq!(read(&file), [2; 40_960], "the cache has it");
    vfs.with_disk(|disk| disk.set_knobs(faulty(Ratio::new(1, 1000))));
    let lost = vfs.with_disk(|disk| disk.counts().faults(Fault::WritebackError));
    assert_eq!(lost, 1);
    (vfs, file)
}

#[test]
fn who_syncs_first_hears_of_what_the_background_has_lost() {
    let (vfs, file) = after_failed_writeback();
    let later = vfs.open(path("/a"), WRITE).unwrap();
    assert!(later.sync_data().is_err(), "nobody had heard of it");
    assert!(
        file.sync_data().is_err(),
        "each descriptor hears of it once"
    );
    assert!(file.sync_data().is_ok());
    let last = vfs.open(path("/a"), WRITE).unwrap();
    assert!(last.sync_data().is_ok(), "it was opened after it was heard");
    vfs.with_disk(|disk| disk.power_cut(&mut crash_stream(1)));
    let bytes = read(&vfs.open(path("/a"), OpenHow::Read).unwrap());
    assert!(bytes.contains(&1), "no sync has written what was lost");
}

#[test]
fn what_left_the_cache_is_forgotten_with_its_error() {
    // Half of the time it has left the cache when it is opened again.
    let mut forgotten = 0;
    for seed in 0..20 {
        let (vfs, file) = after_failed_writeback();
        vfs.set_faults(Choices::new(seed).stream(Purpose::Faults, 1));
        drop(file);
        let file = vfs.open(path("/a"), WRITE).unwrap();
        let counted = vfs.with_disk(|disk| disk.counts().faults(Fault::WritebackErrorForgotten));
        assert_eq!(file.sync_data().is_ok(), counted == 1);
        assert_eq!(read(&file) != [2; 40_960], counted == 1);
        forgotten += counted;
    }
    assert!((1..20).contains(&forgotten), "{forgotten} of 20");
}

#[test]
fn nobody_hears_of_what_was_hushed() {
    let (vfs, file) = after_failed_writeback();
    drop(file);
    vfs.with_disk(Disk::hush_failures);
    let file = vfs.open(path("/a"), WRITE).unwrap();
    assert!(file.sync_data().is_ok());
    assert_eq!(read(&file), [2; 40_960], "what readers saw stays");
}

/// Writes while a sync of the file is on its way.
#[derive(Default)]
struct Overtaker {
    file: OnceLock<Arc<dyn File>>,
    calls: AtomicU32,
}

impl Gate for Overtaker {
    fn arrive(&self, call: Call) -> Fate {
        let is_first = call.kind == CallKind::SyncData && self.calls.fetch_add(1, SeqCst) == 0;
        if let Some(file) = self.file.get().filter(|_| is_first) {
            file.write_at(4096, &[2; 4096]).unwrap();
        }
        Fate::Run
    }

    fn cut(&self) -> ! {
        panic!("nothing is cut");
    }
}

#[test]
fn a_sync_covers_what_was_written_before_it_was_called() {
    let ways = [(true, 4096), (false, 8192)].into_iter();
    let cases = ways.flat_map(|way| Profile::DRAWN.iter().map(move |&profile| (profile, way)));
    // One of the file systems loses nothing.
    for (profile, (sync_is_outrun, len)) in cases.filter(|case| case.0 != Profile::IdealKeep) {
        let knobs = Knobs {
            profile,
            sync_is_outrun,
            ..Knobs::default()
        };
        let gate = Arc::new(Overtaker::default());
        let faults = Choices::new(1).stream(Purpose::Faults, 0);
        let vfs = SimVfs::new(Disk::new(knobs), gate.clone(), faults);
        let file = vfs.open(path("/a"), NEW).unwrap();
        vfs.sync_dir(path("/")).unwrap();
        assert!(gate.file.set(file.clone()).is_ok());
        file.write_at(0, &[1; 4096]).unwrap();
        file.sync_data().unwrap();
        let outrun = vfs.with_disk(|disk| disk.counts().faults(Fault::SyncOutrun));
        assert_eq!(outrun, u64::from(sync_is_outrun));
        vfs.with_disk(|disk| disk.power_cut_with(Strategy::LoseAll, &mut crash_stream(1)));
        assert_eq!(
            vfs.metadata(path("/a")).unwrap().len,
            len,
            "{profile}, {sync_is_outrun}"
        );
    }
}

#[test]
fn direct_io_that_is_not_aligned_is_refused_or_goes_through_the_cache() {
    for (direct_falls_back, fault) in [
        (false, Fault::Misaligned),
        (true, Fault::MisalignedBuffered),
    ] {
        let mut disk = Disk::new(Knobs {
            direct_falls_back,
            ..Knobs::default()
        });
        let fd = disk
            .open(path("/a"), OpenHow::CreateNew { direct: true })
            .unwrap();
        assert_eq!(disk.write(fd, 0, &[1; 512]), Ok(512));
        let written = disk.write(fd, 512, &[1; 100]);
        assert_eq!(written.is_ok(), direct_falls_back);
        assert_eq!(disk.counts().faults(fault), 1);
    }
}

#[test]
fn a_full_disk_that_copies_on_write_refuses_to_overwrite() {
    let mut disk = Disk::new(Knobs {
        capacity: Some(8192),
        copies_on_write: true,
        ..Knobs::default()
    });
    let fd = disk.open(path("/a"), NEW).unwrap();
    assert_eq!(disk.write(fd, 0, &[1; 4096]), Ok(4096));
    disk.sync(fd, false).unwrap();
    assert_eq!(disk.write(fd, 0, &[2; 4096]), Ok(4096), "one block is free");
    assert_eq!(disk.write(fd, 4096, &[1; 4096]), Ok(4096));
    disk.sync(fd, false).unwrap();
    assert_eq!(disk.write(fd, 0, &[3; 4096]), Err(Errno::ENOSPC));
    assert_eq!(disk.counts().faults(Fault::NoSpaceToCopy), 1);
}

#[test]
fn space_that_can_t_be_reserved_leaves_the_length() {
    let mut disk = Disk::new(Knobs {
        allocate_refused: true,
        ..Knobs::default()
    });
    let fd = disk.open(path("/a"), NEW).unwrap();
    assert_eq!(disk.allocate(fd, 0, 4096), Err(Errno::EOPNOTSUPP));
    assert_eq!((disk.len(fd), disk.used()), (0, 0));
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
