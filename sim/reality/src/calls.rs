//! Bare calls on a file system, without a log: all that the log is careful never to rely on.
//!
//! Files are written, cut, extended, renamed over each other and removed, and synced now and then:
//! so what a power cut leaves is mostly un-synced, which is what the simulated disk is a model of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::choice::Stream;

/// All that can be named; `d` and `e` become directories.
const FILES: [&str; 7] = ["a", "b", "c", "d/a", "d/b", "e/a", "e/f/a"];
const DIRS: [&str; 3] = ["d", "e", "e/f"];
/// Files that are open at once.
const OPEN_MAX: usize = 4;

/// Makes calls below `root`. That a call fails is nothing: it has to fail everywhere alike.
pub fn make(vfs: &dyn Vfs, root: &Path, stream: Stream) {
    let mut caller = Caller {
        vfs,
        root,
        stream,
        open: Vec::new(),
        written: 0,
    };
    for dir in DIRS {
        // Some are durable from the beginning on, as an application's are.
        drop(vfs.create_dir(&root.join(dir)));
    }
    for _ in 0..caller.stream.within(30, 120) {
        caller.step();
    }
}

struct Caller<'a> {
    vfs: &'a dyn Vfs,
    root: &'a Path,
    stream: Stream,
    open: Vec<Arc<dyn File>>,
    /// Tells every write from all others.
    written: u8,
}

impl Caller<'_> {
    fn file(&mut self) -> PathBuf {
        self.root.join(self.stream.pick(&FILES))
    }

    fn step(&mut self) {
        if self.open.is_empty() {
            return self.open();
        }
        let file = Arc::clone(self.stream.pick(&self.open));
        match self.stream.weighted(&[4, 10, 10, 5, 2, 4, 3, 3, 6, 2, 1]) {
            0 => self.open(),
            1 => self.write(&*file, true),
            2 => self.write(&*file, false),
            3 => drop(file.set_len(self.place())),
            4 => drop(file.allocate(self.place(), self.stream.within(1, 9000))),
            5 => drop(file.sync_data()),
            6 => drop(file.sync_all()),
            7 => {
                let dir = *self.stream.pick(&["", "d", "e", "e/f"]);
                drop(self.vfs.sync_dir(&self.root.join(dir)));
            }
            8 => {
                let (from, to) = (self.file(), self.file());
                drop(self.vfs.rename(&from, &to));
            }
            9 => drop(self.vfs.remove_file(&self.file())),
            _ => {
                let at = self.stream.below(self.open.len() as u64) as usize;
                drop(self.open.swap_remove(at));
            }
        }
    }

    /// A place in a file, mostly where blocks and sectors begin.
    fn place(&mut self) -> u64 {
        match self.stream.below(3) {
            0 => self.stream.below(8) * 4096,
            1 => self.stream.below(64) * 512,
            _ => self.stream.below(32_768),
        }
    }

    fn open(&mut self) {
        let path = self.file();
        let how = *self.stream.pick(&[
            OpenHow::Write { direct: false },
            OpenHow::CreateNew { direct: false },
        ]);
        if let Ok(file) = self.vfs.open(&path, how) {
            if self.open.len() == OPEN_MAX {
                self.open.remove(0);
            }
            self.open.push(file);
        }
    }

    fn write(&mut self, file: &dyn File, at_end: bool) {
        let offset = match (at_end, file.len()) {
            (true, Ok(len)) => len,
            _ => self.place(),
        };
        let len = match self.stream.below(3) {
            0 => self.stream.within(1, 700),
            1 => self.stream.within(1, 4) * 4096,
            _ => self.stream.within(1, 20_000),
        };
        // No byte is 0, so that zeros are none of them.
        self.written = self.written % 255 + 1;
        drop(file.write_at(offset, &vec![self.written; len as usize]));
    }
}
