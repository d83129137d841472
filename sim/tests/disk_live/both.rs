//! Performs a sequence on two file systems, and holds their answers against each other.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::test_runner::{TestCaseError, TestCaseResult};
use seawall::env::os::OsVfs;
use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Disk, Errno, Knobs, OpenGate, SimVfs};

use crate::step::{CALLS, SLOTS, Step};

/// The type of a file in its mode. Source: inode(7), `S_IFMT`.
const TYPE_BITS: u32 = 0o170_000;

const SECTOR: u64 = 512;
/// What a file system lays out in one piece at least.
const BLOCK: u64 = 4096;

/// What a call returned, as far as it is promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    Count(u64),
    Bytes(Runs),
    Names(Vec<String>),
    /// Whether it is a directory, and else its length.
    Found(bool, u64),
    Told(Option<u32>),
    /// The standard library's error of a lock that is taken carries no number.
    Failed(ErrorKind, Option<i32>),
}

/// Bytes as runs, so that a difference is readable.
#[derive(Clone, PartialEq, Eq)]
pub struct Runs(Vec<(u8, usize)>);

impl Runs {
    fn of(bytes: &[u8]) -> Runs {
        let runs = bytes.chunk_by(|a, b| a == b);
        Runs(runs.map(|run| (run[0], run.len())).collect())
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.iter();
        f.debug_list()
            .entries(runs.map(|(byte, count)| format_args!("{count} x {byte}").to_string()))
            .finish()
    }
}

/// A file system with what is open on it.
struct Side<'a> {
    vfs: &'a dyn Vfs,
    root: PathBuf,
    slots: [Option<Arc<dyn File>>; SLOTS],
    /// Which of them were opened for direct I/O.
    direct: [bool; SLOTS],
}

impl<'a> Side<'a> {
    fn new(vfs: &'a dyn Vfs, root: PathBuf) -> Side<'a> {
        Side {
            vfs,
            root,
            slots: Default::default(),
            direct: [false; SLOTS],
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        match path.trim_start_matches('/') {
            "" => self.root.clone(),
            inside => self.root.join(inside),
        }
    }

    /// Performs a step; `None` if it is about an empty slot.
    fn perform(&mut self, step: &Step) -> Option<Answer> {
        let answer = match step {
            Step::Open { slot, path, how } => {
                self.slots[*slot] = None;
                self.vfs.open(&self.at(path), *how).map(|file| {
                    self.slots[*slot] = Some(file);
                    self.direct[*slot] = is_direct(*how);
                    Answer::Done
                })
            }
            Step::Close(slot) => {
                self.slots[*slot].take()?;
                Ok(Answer::Done)
            }
            Step::Metadata(path) => self.vfs.metadata(&self.at(path)).map(|found| {
                let len = if found.is_dir { 0 } else { found.len };
                Answer::Found(found.is_dir, len)
            }),
            Step::ReadDir(path) => self.names(path).map(Answer::Names),
            Step::Canonicalize(path) => self.vfs.canonicalize(&self.at(path)).map(|found| {
                let inside = found.strip_prefix(&self.root).expect("below the root");
                Answer::Names(vec![inside.display().to_string()])
            }),
            Step::CreateDir(path) => done(self.vfs.create_dir(&self.at(path))),
            Step::RemoveFile(path) => done(self.vfs.remove_file(&self.at(path))),
            Step::SyncDir(path) => done(self.vfs.sync_dir(&self.at(path))),
            Step::Rename { from, to } => done(self.vfs.rename(&self.at(from), &self.at(to))),
            Step::Read { slot, offset, len } => read(self.file(*slot)?, *offset, *len),
            Step::Write {
                slot,
                offset,
                len,
                byte,
                synced,
            } => with_aligned(*len, *byte, |bytes| {
                let file = self.file(*slot)?;
                let written = match synced {
                    false => file.write_at(*offset, bytes),
                    true => file.write_sync_at(*offset, bytes),
                };
                Some(written.map(|count| Answer::Count(count as u64)))
            })?,
            Step::SetLen { slot, len } => done(self.file(*slot)?.set_len(*len)),
            Step::Allocate { slot, offset, len } => done(self.file(*slot)?.allocate(*offset, *len)),
            Step::SyncData(slot) => done(self.file(*slot)?.sync_data()),
            Step::SyncAll(slot) => done(self.file(*slot)?.sync_all()),
            Step::Len(slot) => self.file(*slot)?.len().map(Answer::Count),
            Step::Mode(slot) => {
                let mode = self.file(*slot)?.mode();
                mode.map(|mode| Answer::Count(u64::from(mode & TYPE_BITS)))
            }
            Step::DirectAlignment(slot) => {
                let told = self.file(*slot)?.direct_alignment();
                Ok(Answer::Told(told.map(|alignment| alignment.offset_bytes)))
            }
            Step::TryLock(slot) => done(self.file(*slot)?.try_lock()),
        };
        Some(answer.unwrap_or_else(|error| match error.kind() {
            ErrorKind::WouldBlock => Answer::Failed(ErrorKind::WouldBlock, None),
            kind => Answer::Failed(kind, error.raw_os_error()),
        }))
    }

    /// A direct write of several blocks that is not aligned: Linux may do some blocks of it before
    /// it finds that out and fails, and what that is depends on where they are on the device.
    // Source: iomap_dio_bio_iter in fs/iomap/direct-io.c of Linux, called piece by piece.
    fn is_left_out(&self, step: &Step) -> bool {
        let Step::Write {
            slot, offset, len, ..
        } = *step
        else {
            return false;
        };
        let spans_blocks = offset % BLOCK + len as u64 > BLOCK;
        let is_aligned = (offset | len as u64).is_multiple_of(SECTOR);
        self.direct[slot] && spans_blocks && !is_aligned
    }

    fn file(&self, slot: usize) -> Option<&dyn File> {
        self.slots[slot].as_deref()
    }

    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let names = self.vfs.read_dir(&self.at(path))?;
        let mut names: Vec<String> = names
            .into_iter()
            .map(|name| name.into_string().expect("a name that a step gave"))
            .collect();
        names.sort();
        Ok(names)
    }

    /// All that can be seen: every path with what is behind it, and every open file.
    fn seen(&self) -> Vec<(String, Answer)> {
        let mut seen = Vec::new();
        let mut todo = vec![String::new()];
        while let Some(dir) = todo.pop() {
            for name in self.names(&dir).expect("it is there") {
                let path = format!("{dir}/{name}");
                let found = self.vfs.metadata(&self.at(&path)).expect("it is there");
                let answer = if found.is_dir {
                    todo.push(path.clone());
                    Answer::Done
                } else {
                    let file = self.vfs.open(&self.at(&path), OpenHow::Read);
                    whole(&*file.expect("it is there"))
                };
                seen.push((path, answer));
            }
        }
        for (slot, file) in self.slots.iter().enumerate() {
            if let Some(file) = file {
                let len = file.len().expect("it is open");
                seen.push((format!("slot {slot}"), Answer::Count(len)));
            }
        }
        seen
    }
}

fn is_direct(how: OpenHow) -> bool {
    matches!(
        how,
        OpenHow::Write { direct: true } | OpenHow::CreateNew { direct: true }
    )
}

fn done(result: io::Result<()>) -> io::Result<Answer> {
    result.map(|()| Answer::Done)
}

fn whole(file: &dyn File) -> Answer {
    let len = file.len().expect("it is open");
    read(file, 0, len as usize + 1).expect("it is open to read")
}

fn read(file: &dyn File, offset: u64, len: usize) -> io::Result<Answer> {
    with_aligned(len, 0, |bytes| {
        let count = file.read_at(offset, bytes)?;
        Ok(Answer::Bytes(Runs::of(&bytes[..count])))
    })
}

/// Direct I/O needs aligned memory, everything else works with it.
fn with_aligned<T>(len: usize, byte: u8, call: impl FnOnce(&mut [u8]) -> T) -> T {
    const MEMORY_ALIGNMENT: usize = 4096;
    let mut bytes = vec![byte; len + MEMORY_ALIGNMENT];
    let start = bytes.as_ptr().align_offset(MEMORY_ALIGNMENT);
    call(&mut bytes[start..start + len])
}

/// What became of the calls of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub succeeded: u64,
    pub failed: u64,
    /// Where the simulated disk refuses more than Linux.
    pub stricter: u64,
}

/// A real directory to hold the simulated disk against, with what it said of direct I/O.
pub struct Bench {
    base: PathBuf,
    knobs: Knobs,
    pub has_direct: bool,
    tallies: RefCell<[Tally; CALLS.len()]>,
}

impl Bench {
    /// A bench below `base`, a real directory.
    pub fn new(base: &Path) -> Bench {
        let directory = tempfile::tempdir_in(base).expect("a directory of one's own");
        let how = OpenHow::CreateNew { direct: true };
        let probe = OsVfs.open(&directory.path().join("probe"), how);
        let alignment = probe.ok().and_then(|file| file.direct_alignment());
        let mut knobs = Knobs::default();
        match alignment {
            Some(alignment) => knobs.direct_alignment = alignment.offset_bytes,
            None => knobs.direct_alignment_told = false,
        }
        Bench {
            base: base.to_owned(),
            knobs,
            has_direct: alignment.is_some(),
            tallies: Default::default(),
        }
    }

    /// Runs a sequence on both.
    ///
    /// # Errors
    /// Fails with the first difference.
    pub fn run(&self, steps: &[Step]) -> TestCaseResult {
        let directory = tempfile::tempdir_in(&self.base).expect("a directory of one's own");
        let root = OsVfs.canonicalize(directory.path()).expect("it is there");
        let faults = Choices::new(0).stream(Purpose::Faults, 0);
        let disk = SimVfs::new(Disk::new(self.knobs.clone()), Arc::new(OpenGate), faults);
        let mut sim = Side::new(&*disk, "/".into());
        let mut real = Side::new(&OsVfs, root);
        for (number, step) in steps.iter().enumerate() {
            if sim.is_left_out(step) {
                continue;
            }
            let answers = (sim.perform(step), real.perform(step));
            let (Some(simulated), Some(real_one)) = answers else {
                continue;
            };
            let mut tallies = self.tallies.borrow_mut();
            let tally = &mut tallies[step.call()];
            if simulated == real_one {
                match simulated {
                    Answer::Failed(..) => tally.failed += 1,
                    _ => tally.succeeded += 1,
                }
            } else if is_stricter(step, &simulated, &real_one) {
                tally.stricter += 1;
                if let Step::Open { slot, .. } = step {
                    real.slots[*slot] = None;
                }
            } else {
                let told =
                    format!("step {number}, {step:?}: simulated {simulated:?}, real {real_one:?}");
                return Err(TestCaseError::fail(told));
            }
        }
        let (simulated, real) = (sim.seen(), real.seen());
        match simulated == real {
            true => Ok(()),
            false => Err(TestCaseError::fail(format!(
                "at the end: simulated {simulated:?}, real {real:?}"
            ))),
        }
    }

    /// What became of the calls, by their names.
    pub fn tallies(&self) -> Vec<(&'static str, Tally)> {
        CALLS.into_iter().zip(*self.tallies.borrow()).collect()
    }
}

/// Whether the simulated disk refuses on purpose what Linux does.
fn is_stricter(step: &Step, simulated: &Answer, real: &Answer) -> bool {
    let Answer::Failed(_, Some(number)) = *simulated else {
        return false;
    };
    let refused = |errno: Errno| number == errno.number();
    match (step, real) {
        (Step::Open { how, .. }, Answer::Done) => {
            let to_read = matches!(how, OpenHow::Read | OpenHow::ReadNoFollow);
            to_read && refused(Errno::EISDIR)
        }
        (Step::SyncDir(_), Answer::Done) => refused(Errno::ENOTDIR),
        // Source: iomap_dio_iter in fs/iomap/direct-io.c of Linux: each piece of a range is looked
        // at by itself, with no look at the alignment of what has no data, and none behind the end.
        (Step::Read { .. }, Answer::Bytes(_)) => refused(Errno::EINVAL),
        _ => false,
    }
}
