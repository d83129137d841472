//! The simulated disk against a real directory: without faults, both answer every call alike.
//!
//! One body of random calls runs on both, and results, error numbers and bytes are compared
//! call by call. Left out on purpose, where the simulated disk is stricter than Linux:
//! opening a directory as a file, and syncing a file as a directory.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seawall::env::os::OsVfs;
use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::choice::{Choices, Purpose, Stream};
use seawall_sim::disk::{Disk, Knobs, OpenGate, SimVfs};

const PATHS: [&str; 9] = [
    "/a", "/b", "/d", "/d/a", "/d/b", "/e", "/e/a", "/e/f", "/e/f/a",
];

/// A file that is open on both.
struct Pair {
    sim: Arc<dyn File>,
    real: Arc<dyn File>,
}

struct Both {
    sim: Arc<SimVfs>,
    real: OsVfs,
    root: PathBuf,
    open: Vec<Pair>,
    stream: Stream,
    calls_ok: u32,
}

fn same<T: PartialEq + Debug>(what: &str, sim: &io::Result<T>, real: &io::Result<T>) {
    match (sim, real) {
        (Ok(sim), Ok(real)) => assert_eq!(sim, real, "{what}"),
        (Err(sim), Err(real)) => {
            assert_eq!(sim.kind(), real.kind(), "{what}: {sim} and {real}");
            // The standard library's error of a lock that is taken carries no number.
            let number = real.raw_os_error().or(sim.raw_os_error());
            assert_eq!(sim.raw_os_error(), number, "{what}");
        }
        _ => panic!("{what}: {sim:?} and {real:?}"),
    }
}

impl Both {
    fn real_path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn is_dir(&self, path: &str) -> bool {
        let found = self.sim.metadata(Path::new(path));
        found.is_ok_and(|metadata| metadata.is_dir)
    }

    fn on_path<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        path: &str,
        call: impl Fn(&dyn Vfs, &Path) -> io::Result<T>,
    ) {
        let sim = call(&*self.sim, Path::new(path));
        let real = call(&self.real, &self.real_path(path));
        same(&format!("{what} {path}"), &sim, &real);
        self.calls_ok += u32::from(sim.is_ok());
    }

    fn on_file<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        call: impl Fn(&dyn File) -> io::Result<T>,
    ) {
        if self.open.is_empty() {
            return;
        }
        let pair = self.stream.pick(&self.open);
        let sim = call(&*pair.sim);
        same(what, &sim, &call(&*pair.real));
        self.calls_ok += u32::from(sim.is_ok());
    }

    fn open(&mut self, path: &str) {
        let hows = [
            OpenHow::Read,
            OpenHow::Write { direct: false },
            OpenHow::CreateNew { direct: false },
            OpenHow::CreateNew { direct: false },
        ];
        let how = *self.stream.pick(&hows);
        if how == OpenHow::Read && self.is_dir(path) {
            return;
        }
        let sim = self.sim.open(Path::new(path), how);
        let real = self.real.open(&self.real_path(path), how);
        let told = |result: &io::Result<Arc<dyn File>>| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::from_raw_os_error(
                error.raw_os_error().expect("an error of the system"),
            )),
        };
        same(&format!("{how:?} {path}"), &told(&sim), &told(&real));
        if let (Ok(sim), Ok(real)) = (sim, real) {
            self.open.push(Pair { sim, real });
        }
    }

    fn step(&mut self) {
        let path = *self.stream.pick(&PATHS);
        let offset = self.stream.below(20_000);
        let len = self.stream.below(6000);
        let byte = self.stream.below(256) as u8;
        match self.stream.below(18) {
            0..=2 => self.open(path),
            3 => self.on_path("mkdir", path, |vfs, path| vfs.create_dir(path)),
            4 => self.on_path("unlink", path, |vfs, path| vfs.remove_file(path)),
            5 | 6 => self.rename(path),
            7 => self.on_path("readdir", path, |vfs, path| {
                let mut names = vfs.read_dir(path)?;
                names.sort();
                Ok(names)
            }),
            8 => self.on_path("stat", path, |vfs, path| {
                let metadata = vfs.metadata(path)?;
                let len = if metadata.is_dir { 0 } else { metadata.len };
                Ok((metadata.is_dir, len))
            }),
            9 if self.is_dir(path) => self.on_path("syncdir", path, |vfs, path| vfs.sync_dir(path)),
            10 | 11 => self.on_file("write", |file| {
                file.write_at(offset, &vec![byte; len as usize])
            }),
            12 => self.on_file("read", |file| {
                let mut bytes = vec![7; len as usize];
                let count = file.read_at(offset, &mut bytes)?;
                bytes.truncate(count);
                Ok(bytes)
            }),
            13 => self.on_file("truncate", |file| file.set_len(offset)),
            14 => self.on_file("allocate", |file| file.allocate(offset, len)),
            15 => self.on_file("len", |file| file.len()),
            16 => self.on_file("lock", |file| file.try_lock()),
            _ => match self.stream.below(2) {
                0 => self.on_file("fdatasync", |file| file.sync_data()),
                _ => self.close(),
            },
        }
    }

    fn rename(&mut self, from: &str) {
        let to = *self.stream.pick(&PATHS);
        let sim = self.sim.rename(Path::new(from), Path::new(to));
        let real = self.real.rename(&self.real_path(from), &self.real_path(to));
        same(&format!("rename {from} {to}"), &sim, &real);
        self.calls_ok += u32::from(sim.is_ok());
    }

    fn close(&mut self) {
        if self.open.len() > 4 {
            let index = self.stream.below(self.open.len() as u64) as usize;
            self.open.remove(index);
        }
    }
}

#[test]
fn every_call_is_answered_as_in_a_real_directory() {
    let mut calls_ok = 0;
    for seed in 0..60 {
        let directory = tempfile::tempdir().unwrap();
        let choices = Choices::new(seed);
        let faults = choices.stream(Purpose::Faults, 0);
        let mut both = Both {
            sim: SimVfs::new(Disk::new(Knobs::default()), Arc::new(OpenGate), faults),
            real: OsVfs,
            root: directory.path().to_path_buf(),
            open: Vec::new(),
            stream: choices.stream(Purpose::Workload, 0),
            calls_ok: 0,
        };
        for _ in 0..400 {
            both.step();
        }
        for path in PATHS {
            both.on_path("stat", path, |vfs, path| {
                vfs.metadata(path).map(|metadata| metadata.is_dir)
            });
        }
        calls_ok += both.calls_ok;
    }
    assert!(calls_ok > 8000, "only {calls_ok} calls did something");
}
