//! A file system for the log that does every call on a real directory and on simulated disks, and
//! notes what the device below the real one had been asked by then.
//!
//! What all answer has to be the same. What the simulated disks are after each call that changes
//! them is kept: a moment, at which a power cut may come.

// The calls that hint at write-back go past the log's door: the log does not make them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{Advice, fadvise, syncfs};
use seawall::env::os::OsVfs;
use seawall::env::vfs::{DirectAlignment, File, Metadata, OpenHow, Vfs};
use seawall_sim::choice::Stream;
use seawall_sim::disk::{Disk, Knobs, OpenGate, Profile, SimVfs};

use crate::device::Device;

const PAGE: u64 = 4096;

/// After a call that changes the disk.
pub struct Moment {
    /// The call.
    pub call: String,
    /// What the device had been asked before it, and when it had returned.
    pub during: (usize, usize),
    /// What the simulated disk is now: one that is strict, and one that follows the profile of the
    /// file system that is looked at.
    pub disks: [Disk; 2],
}

/// What the kernel was told to do by itself, as it may at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nudges {
    /// To write pages of one file.
    pub write_back: u64,
    /// To commit all there is.
    pub commit: u64,
}

struct Notes {
    moments: Vec<Moment>,
    differences: Vec<String>,
    nudges: Nudges,
    hints: Stream,
}

/// The file system. A copy is the same one.
#[derive(Clone)]
pub struct Recorder {
    device: Arc<Device>,
    root: Arc<Path>,
    sims: [Arc<SimVfs>; 2],
    notes: Arc<Mutex<Notes>>,
}

/// A simulated disk with all the freedom that a power cut has there.
fn disk(profile: Profile) -> Disk {
    Disk::new(Knobs {
        profile,
        len_intermediate: true,
        ..Knobs::default()
    })
}

impl Recorder {
    /// Records what happens in `root`, which is empty and durable, on `device`. `hints` tells when
    /// the kernel writes by itself, and what; `faults` is drawn from by nobody.
    pub fn new(
        device: Arc<Device>,
        root: PathBuf,
        profile: Profile,
        hints: Stream,
        faults: &Stream,
    ) -> Recorder {
        let position = device.position();
        let sims = [Profile::Strict, profile]
            .map(|profile| SimVfs::new(disk(profile), Arc::new(OpenGate), faults.clone()));
        let beginning = Moment {
            call: "the beginning".into(),
            during: (position, position),
            disks: [Profile::Strict, profile].map(disk),
        };
        Recorder {
            device,
            root: root.into(),
            sims,
            notes: Arc::new(Mutex::new(Notes {
                moments: vec![beginning],
                differences: Vec::new(),
                nudges: Nudges::default(),
                hints,
            })),
        }
    }

    /// All moments so far, the calls that were not answered alike, and what the kernel was told.
    pub fn take(&self) -> (Vec<Moment>, Vec<String>, Nudges) {
        let mut notes = self.notes();
        let moments = std::mem::take(&mut notes.moments);
        (
            moments,
            std::mem::take(&mut notes.differences),
            notes.nudges,
        )
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path on the simulated disks.
    fn path(&self, real: &Path) -> PathBuf {
        let below = real.strip_prefix(&self.root);
        Path::new("/").join(below.expect("the log stays where it was put"))
    }

    /// Compares what all have answered.
    fn compare<T: PartialEq + Debug>(
        &self,
        call: &str,
        real: &io::Result<T>,
        sims: [io::Result<T>; 2],
    ) {
        for sim in sims {
            let is_same = match (real, &sim) {
                (Ok(real), Ok(sim)) => real == sim,
                (Err(real), Err(sim)) => real.kind() == sim.kind(),
                _ => false,
            };
            if !is_same {
                let text = format!("{call}: really {real:?}, simulated {sim:?}");
                self.notes().differences.push(text);
            }
        }
    }

    /// A call on a path that changes nothing.
    fn look<T: PartialEq + Debug>(
        &self,
        what: &str,
        path: &Path,
        call: impl Fn(&dyn Vfs, &Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let inside = self.path(path);
        let real = call(&OsVfs, path);
        let sims = self.sims.each_ref().map(|sim| call(&**sim, &inside));
        self.compare(&format!("{what} {}", inside.display()), &real, sims);
        real
    }

    /// A call that changes the disk.
    fn change<T: PartialEq + Debug>(
        &self,
        call: String,
        real: impl FnOnce() -> io::Result<T>,
        sims: impl FnOnce() -> [io::Result<T>; 2],
    ) -> io::Result<T> {
        let before = self.device.position();
        let real = real();
        let during = (before, self.device.position());
        self.compare(&call, &real, sims());
        let disks = self.sims.each_ref();
        let disks = disks.map(|sim| sim.with_disk(|disk| disk.clone()));
        self.notes().moments.push(Moment {
            call,
            during,
            disks,
        });
        real
    }

    /// A call that changes the names in a directory.
    fn change_names(
        &self,
        what: &str,
        path: &Path,
        call: impl Fn(&dyn Vfs, &Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let inside = self.path(path);
        self.change(
            format!("{what} {}", inside.display()),
            || call(&OsVfs, path),
            || self.sims.each_ref().map(|sim| call(&**sim, &inside)),
        )
    }

    /// Lets the kernel do by itself what it may do at any time: write some pages of a file, or
    /// commit all there is.
    fn nudge(&self, file: &std::fs::File) {
        let mut notes = self.notes();
        let choice = notes.hints.weighted(&[16, 7, 1]);
        let (page, pages) = (notes.hints.below(8), notes.hints.below(4));
        let done = match choice {
            0 => return,
            1 => {
                notes.nudges.write_back += 1;
                // It begins to write the range, and waits for nothing; no length is all the rest.
                // Source: generic_fadvise in mm/fadvise.c of Linux, POSIX_FADV_DONTNEED.
                let len = NonZeroU64::new(pages * PAGE);
                fadvise(file, page * PAGE, len, Advice::DontNeed)
            }
            _ => {
                notes.nudges.commit += 1;
                syncfs(file)
            }
        };
        if let Err(error) = done {
            notes.differences.push(format!("a hint: {error}"));
        }
        drop(notes);
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Vfs for Recorder {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Arc<dyn File>> {
        let inside = self.path(path);
        let (mut found, mut simulated) = (None, None);
        let into = |opened: io::Result<Arc<dyn File>>, slot: &mut Option<Arc<dyn File>>| {
            opened.map(|file| *slot = Some(file))
        };
        let mut real = || into(OsVfs.open(path, how), &mut found);
        let mut sims = || {
            let opened = self.sims.each_ref().map(|sim| sim.open(&inside, how));
            let mut files = [None, None];
            let [one, other] = opened;
            let told = [into(one, &mut files[0]), into(other, &mut files[1])];
            simulated = Some(files);
            told
        };
        let call = format!("open {} {how:?}", inside.display());
        match how {
            OpenHow::CreateNew { .. } => self.change(call, real, sims)?,
            _ => {
                let (real, sims) = (real(), sims());
                self.compare(&call, &real, sims);
                real?;
            }
        }
        let (Some(real), Some([Some(strict), Some(profiled)])) = (found, simulated) else {
            return Err(io::Error::other("opened in one world only"));
        };
        Ok(Arc::new(RecordedFile {
            recorder: self.clone(),
            hinted: std::fs::File::open(path)?,
            name: inside,
            real,
            sims: [strict, profiled],
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.look("metadata", path, |vfs, path| {
            let mut found = vfs.metadata(path)?;
            // The length of a directory means nothing.
            found.len *= u64::from(!found.is_dir);
            Ok(found)
        })
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.look("read_dir", path, |vfs, path| {
            let mut names = vfs.read_dir(path)?;
            names.sort();
            Ok(names)
        })
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change_names("create_dir", path, |vfs, path| vfs.create_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from_inside, to_inside) = (self.path(from), self.path(to));
        let call = format!("rename {} {}", from_inside.display(), to_inside.display());
        let rename = |sim: &Arc<SimVfs>| sim.rename(&from_inside, &to_inside);
        self.change(
            call,
            || OsVfs.rename(from, to),
            || self.sims.each_ref().map(rename),
        )
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change_names("remove", path, |vfs, path| vfs.remove_file(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if !path.starts_with(&self.root) {
            // A new log makes all that it is in durable, up to the root of the machine.
            return OsVfs.sync_dir(path);
        }
        self.change_names("sync_dir", path, |vfs, path| vfs.sync_dir(path))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        OsVfs.canonicalize(path)
    }
}

/// A file that is open everywhere.
struct RecordedFile {
    recorder: Recorder,
    /// For what the kernel does by itself.
    hinted: std::fs::File,
    name: PathBuf,
    real: Arc<dyn File>,
    sims: [Arc<dyn File>; 2],
}

impl RecordedFile {
    /// A call that changes nothing.
    fn look<T: PartialEq + Debug>(
        &self,
        what: &str,
        call: impl Fn(&dyn File) -> io::Result<T>,
    ) -> io::Result<T> {
        let real = call(&*self.real);
        let sims = self.sims.each_ref().map(|sim| call(&**sim));
        let what = format!("{what} {}", self.name.display());
        self.recorder.compare(&what, &real, sims);
        real
    }

    /// A call that changes the file or makes it durable.
    fn change<T: PartialEq + Debug>(
        &self,
        what: &str,
        call: impl Fn(&dyn File) -> io::Result<T>,
    ) -> io::Result<T> {
        let done = self.recorder.change(
            format!("{what} {}", self.name.display()),
            || call(&*self.real),
            || self.sims.each_ref().map(|sim| call(&**sim)),
        );
        self.recorder.nudge(&self.hinted);
        done
    }
}

impl File for RecordedFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len();
        // Direct I/O wants the caller's own, aligned bytes.
        let real = self.real.read_at(offset, buf);
        let real = real.map(|count| buf[..count].to_vec());
        let sims = self.sims.each_ref().map(|sim| {
            let mut bytes = vec![0; len];
            let count = sim.read_at(offset, &mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        });
        let what = format!("read {offset}+{len} {}", self.name.display());
        self.recorder.compare(&what, &real, sims);
        real.map(|bytes| bytes.len())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let what = format!("write {offset}+{}", buf.len());
        self.change(&what, |file| file.write_at(offset, buf))
    }

    fn write_sync_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let what = format!("write_sync {offset}+{}", buf.len());
        self.change(&what, |file| file.write_sync_at(offset, buf))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change("sync_data", |file| file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.change("sync_all", |file| file.sync_all())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(&format!("set_len {len}"), |file| file.set_len(len))
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let what = format!("allocate {offset}+{len}");
        self.change(&what, |file| file.allocate(offset, len))
    }

    fn len(&self) -> io::Result<u64> {
        self.look("len", |file| file.len())
    }

    fn mode(&self) -> io::Result<u32> {
        self.real.mode()
    }

    fn direct_alignment(&self) -> Option<DirectAlignment> {
        self.real.direct_alignment()
    }

    fn try_lock(&self) -> io::Result<()> {
        self.look("try_lock", |file| file.try_lock())
    }
}
