//! The file systems that are looked at: how each is made and mounted, on a loop device over a
//! device that remembers.

// The tools of the file systems are called, on files beside them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use seawall_sim::disk::Profile;

use crate::device::{Blocks, Device};
use crate::fuse::Served;

/// A file system, made in one way.
pub struct FileSystem {
    /// What people call it here.
    pub name: &'static str,
    kind: &'static str,
    /// About the smallest on which its mkfs agrees.
    mebibytes: u64,
    mkfs: &'static [&'static str],
    options: &'static str,
    /// What the simulator has for it.
    pub profile: Profile,
}

/// All of them.
pub const ALL: [FileSystem; 5] = [
    FileSystem {
        name: "ext4",
        kind: "ext4",
        mebibytes: 32,
        mkfs: EXT4,
        options: "",
        profile: Profile::Ext4Ordered,
    },
    FileSystem {
        name: "ext4-nodelalloc",
        kind: "ext4",
        mebibytes: 32,
        mkfs: EXT4,
        options: "nodelalloc",
        profile: Profile::Ext4Ordered,
    },
    FileSystem {
        name: "ext4-journal",
        kind: "ext4",
        mebibytes: 32,
        mkfs: EXT4,
        options: "data=journal",
        profile: Profile::Ext4Journal,
    },
    FileSystem {
        name: "xfs",
        kind: "xfs",
        mebibytes: 300,
        mkfs: &["mkfs.xfs", "-q", "-K"],
        options: "",
        profile: Profile::Xfs,
    },
    FileSystem {
        name: "btrfs",
        kind: "btrfs",
        mebibytes: 128,
        mkfs: &["mkfs.btrfs", "-q", "-K"],
        options: "",
        profile: Profile::Btrfs,
    },
];

/// Inode tables and the journal are made at once, so that no thread of the kernel writes them later.
const EXT4: &[&str] = &[
    "mkfs.ext4",
    "-q",
    "-F",
    "-b4096",
    "-Enodiscard,lazy_itable_init=0,lazy_journal_init=0",
];

/// The directory on the file system that stands for the simulated disk's root.
const ROOT: &str = "root";

impl FileSystem {
    /// Finds one by its name.
    pub fn find(name: &str) -> Result<&'static FileSystem, String> {
        let found = ALL.iter().find(|one| one.name == name);
        let names = || ALL.map(|one| one.name).join(", ");
        found.ok_or_else(|| format!("`{name}` is none of {}", names()))
    }

    /// The size of its device.
    pub fn bytes(&self) -> u64 {
        self.mebibytes << 20
    }

    /// Makes it in a file and reads that.
    fn make(&self, work: &Path) -> io::Result<Blocks> {
        let path = work.join("new");
        fs::File::create(&path)?.set_len(self.bytes())?;
        run(Command::new(self.mkfs[0]).args(&self.mkfs[1..]).arg(&path))?;
        let blocks = Blocks::load(&path)?;
        fs::remove_file(&path)?;
        Ok(blocks)
    }
}

/// A loop device over a device that remembers, with a place to mount it; undone when dropped.
pub struct Stand<'a> {
    /// What is looked at.
    pub filesystem: &'static FileSystem,
    /// The device at the bottom.
    pub device: Arc<Device>,
    /// A new file system with nothing but the root in it.
    pub base: Blocks,
    mountpoint: PathBuf,
    loop_device: LoopDevice,
    /// Let go last.
    _served: Served<'a>,
}

impl<'a> Stand<'a> {
    /// Sets it up in an empty directory; `image` is a file there. A device that ignores flushes is one
    /// that everybody who looks has to notice.
    pub fn new(
        filesystem: &'static FileSystem,
        work: &Path,
        image: &'a Path,
        ignores_flushes: bool,
    ) -> io::Result<Stand<'a>> {
        let device = Arc::new(Device::new(filesystem.bytes(), ignores_flushes));
        fs::write(image, [])?;
        let mountpoint = work.join("mounted");
        fs::create_dir_all(&mountpoint)?;
        let served = Served::mount(Arc::clone(&device), image)?;
        let loop_device = LoopDevice::attach(image)?;
        let mut stand = Stand {
            filesystem,
            device,
            base: filesystem.make(work)?,
            mountpoint,
            loop_device,
            _served: served,
        };
        let mounted = stand.mount(stand.base.clone())?;
        fs::create_dir(mounted.root())?;
        drop(mounted);
        stand.base = stand.device.content();
        Ok(stand)
    }

    /// Mounts what a device with these bytes has on it.
    pub fn mount(&self, blocks: Blocks) -> io::Result<Mounted<'_>> {
        self.device.insert(blocks);
        let options = std::ffi::CString::new(self.filesystem.options)?;
        let (device, path) = (&self.loop_device.path, &self.mountpoint);
        let flags = MountFlags::NOATIME;
        mount(
            device,
            path,
            self.filesystem.kind,
            flags,
            options.as_c_str(),
        )?;
        Ok(Mounted { path })
    }
}

/// A mounted file system; unmounted when dropped.
pub struct Mounted<'a> {
    path: &'a Path,
}

impl Mounted<'_> {
    /// The directory that stands for the simulated disk's root.
    pub fn root(&self) -> PathBuf {
        self.path.join(ROOT)
    }

    /// Makes all that the mount did durable; returns what is on the device then, which forgets what
    /// it was asked so far.
    pub fn settle(&self, device: &Device) -> io::Result<Blocks> {
        rustix::fs::syncfs(fs::File::open(self.path)?)?;
        let blocks = device.content();
        device.insert(blocks.clone());
        Ok(blocks)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        if let Err(error) = unmount(self.path, UnmountFlags::empty()) {
            eprintln!("{}: {error}", self.path.display());
        }
    }
}

/// A loop device; detached when dropped.
struct LoopDevice {
    path: String,
    /// Its path is in this file as long as it is there, for whoever cleans up after a kill.
    note: PathBuf,
}

impl LoopDevice {
    fn attach(file: &Path) -> io::Result<LoopDevice> {
        let losetup = ["--find", "--show", "--direct-io=on"];
        let path = run(Command::new("losetup").args(losetup).arg(file))?;
        let path = path.trim().to_owned();
        let note = file.with_file_name("loop");
        fs::write(&note, &path)?;
        Ok(LoopDevice { path, note })
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let detached = run(Command::new("losetup").arg("--detach").arg(&self.path));
        let forgotten = detached.and_then(|_| fs::remove_file(&self.note));
        if let Err(error) = forgotten {
            eprintln!("{}: {error}", self.path);
        }
    }
}

fn run(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = format!("{command:?}: {}: {errors}", output.status);
        return Err(io::Error::other(text));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
