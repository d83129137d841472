//! What the tests of the disk share: short names, and all that power cuts leave of a disk.

#![allow(dead_code)] // Each test takes what it needs.
#![allow(clippy::unwrap_used)] // A test that can't go on says so.

use std::path::Path;
use std::sync::Arc;

use seawall::env::vfs::OpenHow;
use seawall_sim::choice::{Choices, Purpose, Ratio, Stream};
use seawall_sim::disk::{Disk, FdId, Image, Knobs, OpenGate, SimVfs, Strategy};

pub const NEW: OpenHow = OpenHow::CreateNew { direct: false };
pub const WRITE: OpenHow = OpenHow::Write { direct: false };
pub const ALWAYS: Ratio = Ratio::new(1, 1);

pub fn crash_stream(number: u64) -> Stream {
    Choices::new(number).stream(Purpose::Crash, 0)
}

pub fn path(path: &str) -> &Path {
    Path::new(path)
}

pub fn vfs(knobs: Knobs) -> Arc<SimVfs> {
    let faults = Choices::new(1).stream(Purpose::Faults, 0);
    SimVfs::new(Disk::new(knobs), Arc::new(OpenGate), faults)
}

pub fn disk_with(knobs: Knobs, file: &str, bytes: &[u8]) -> (Disk, FdId) {
    let mut disk = Disk::new(knobs);
    let fd = disk.open(path(file), NEW).unwrap();
    disk.write(fd, 0, bytes).unwrap();
    disk.sync(fd, true).unwrap();
    disk.sync_dir(path("/")).unwrap();
    (disk, fd)
}

/// What many power cuts leave, each on its own copy of the disk; all judged legal.
pub fn outcomes(disk: &Disk) -> Vec<Image> {
    (0..600)
        .map(|number| {
            let mut cut = disk.clone();
            let mut stream = crash_stream(number);
            let strategy = Strategy::ALL[number as usize % Strategy::COUNT];
            cut.power_cut_with(strategy, &mut stream);
            let image = cut.image();
            assert!(disk.contains(&image), "{strategy:?} left {image:?}");
            image
        })
        .collect()
}
