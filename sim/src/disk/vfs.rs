//! The disk behind the seam of the log: [`Vfs`] on paths, and the common way of every call.
//!
//! Each call arrives at the gate, then draws its faults, is performed and traced, in that
//! order. The lock around the disk is never contended, since all tasks share one thread; it
//! is only there to make the disk shareable in the eyes of the compiler, and it is never held
//! at the gate.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use seawall::env::vfs::{File, Metadata, OpenHow, Vfs};

use crate::choice::Stream;
use crate::trace;

use super::counts::CallKind;
use super::dir::{Ino, ROOT};
use super::errno::Errno;
use super::gate::{Call, Fate, Gate, Performed};
use super::handle::SimFile;
use super::{Disk, Mode};

/// The simulated disk as a file system for the log.
pub struct SimVfs {
    shared: Arc<Shared>,
}

/// What the file system and its handles share.
pub(super) struct Shared {
    // Not `env::sync::Mutex`: that one is a scheduling point, and the gate is one already.
    #[allow(clippy::disallowed_types)]
    state: std::sync::Mutex<State>,
    pub(super) gate: Arc<dyn Gate>,
    dead: AtomicBool,
    /// How many calls have begun.
    begun: AtomicU64,
}

pub(super) struct State {
    pub(super) disk: Disk,
    pub(super) faults: Stream,
}

/// How much of a call is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// The task dies within the call.
    Part,
}

impl SimVfs {
    /// A file system on `disk`, with `gate` before each call; `faults` tells what goes wrong.
    pub fn new(disk: Disk, gate: Arc<dyn Gate>, faults: Stream) -> Arc<SimVfs> {
        #[allow(clippy::disallowed_types)] // See `Shared::state`.
        let state = std::sync::Mutex::new(State { disk, faults });
        Arc::new(SimVfs {
            shared: Arc::new(Shared {
                state,
                gate,
                dead: AtomicBool::new(false),
                begun: AtomicU64::new(0),
            }),
        })
    }

    /// Reaches the disk itself: to kill, cut, count and judge. `reach` makes no calls through
    /// this file system and drops none of its handles.
    pub fn with_disk<T>(&self, reach: impl FnOnce(&mut Disk) -> T) -> T {
        self.shared.with_state(|state| reach(&mut state.disk))
    }

    /// How many calls have begun so far: the time by which a call began before or after another.
    pub fn now(&self) -> u64 {
        self.shared.begun.load(Ordering::Relaxed)
    }

    /// Sets the stream that tells what goes wrong, for the next life.
    pub fn set_faults(&self, faults: Stream) {
        self.shared.with_state(|state| state.faults = faults);
    }

    /// While dead, every call fails and touches nothing: for the destructors of a dead life.
    pub fn set_dead(&self, dead: bool) {
        self.shared.dead.store(dead, Ordering::Relaxed);
    }

    /// Removes an empty directory, as no log has to: the seam does not know this call.
    ///
    /// # Errors
    /// As rmdir(2).
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let body = |disk: &mut Disk, faults: &mut Stream| disk.faulty_remove_dir(path, faults);
        self.call(CallKind::RemoveFile, path, body, |()| 0)
    }

    /// A call on a path.
    fn call<T>(
        &self,
        kind: CallKind,
        path: &Path,
        body: impl FnOnce(&mut Disk, &mut Stream) -> Result<T, Errno>,
        code: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        if self.shared.is_dead() {
            return Err(Errno::EIO.into());
        }
        let ino = self.with_disk(|disk| identity(disk, path));
        let call = Call {
            kind,
            ino,
            offset: 0,
            len: 0,
        };
        trace::mix_bytes(path.as_os_str().as_encoded_bytes());
        let name = || path.display().to_string();
        let body = |state: &mut State, _| body(&mut state.disk, &mut state.faults);
        self.shared.perform(call, None, name, body, code)
    }
}

/// What is at `path`, or else its parent, or else the root.
fn identity(disk: &mut Disk, path: &Path) -> Ino {
    let found = disk.resolve_first(path).ok();
    let parent = || path.parent().and_then(|parent| disk.resolve(parent).ok());
    found.or_else(parent).unwrap_or(ROOT)
}

impl Shared {
    /// Whether calls come from a destructor of a dead life, or from a panic.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed) || std::thread::panicking()
    }

    /// Asked before the call arrives, as others may run then.
    pub(super) fn has_effect(&self, kind: CallKind) -> bool {
        self.is_dead() || self.gate.has_effect(kind)
    }

    pub(super) fn with_state<T>(&self, reach: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        reach(&mut state)
    }

    /// The common way of every call. `generation` is that of the handle, for a call on one.
    ///
    /// # Panics
    /// When the handle belongs to a life that is over: then a dead task ran.
    pub(super) fn perform<T>(
        &self,
        call: Call,
        generation: Option<u64>,
        name: impl Fn() -> String,
        body: impl FnOnce(&mut State, Extent) -> Result<T, Errno>,
        code: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        if self.is_dead() {
            return Err(Errno::EIO.into());
        }
        let began = self.begun.fetch_add(1, Ordering::Relaxed);
        let fate = self.gate.arrive(call);
        let place = self.gate.place();
        let extent = match fate {
            Fate::Run | Fate::CutAfter => Some(Extent::Whole),
            Fate::CutWithin if leaves_a_part(call.kind) => Some(Extent::Part),
            Fate::CutWithin | Fate::CutBefore => None,
        };
        let done = self.with_state(|state| {
            if let Some(generation) = generation {
                let now = state.disk.generation();
                assert!(
                    generation == now,
                    "a handle of life {generation} was used in life {now}: a dead task ran"
                );
            }
            let now = self.begun.load(Ordering::Relaxed);
            state.disk.strict.perform(began, now);
            state.disk.counts.go_to(place);
            state.disk.counts.call(call.kind);
            let done = extent.map(|extent| match state.disk.mode() {
                Mode::ShutDown => Err(Errno::EIO),
                _ => match state.disk.media_call(call.kind) {
                    Some(errno) => Err(errno),
                    None => body(state, extent),
                },
            });
            let result = match &done {
                None => None,
                Some(Ok(value)) => Some(Ok(code(value))),
                Some(Err(errno)) => Some(Err(*errno)),
            };
            let performed = Performed {
                call,
                name: &name,
                result,
                fate,
            };
            record(&performed);
            self.gate.performed(&mut state.disk, performed);
            done
        });
        match (fate, done) {
            (Fate::Run, Some(done)) => done.map_err(io::Error::from),
            _ => self.gate.cut(),
        }
    }
}

/// Whether a call leaves something behind when its task dies within it.
fn leaves_a_part(kind: CallKind) -> bool {
    matches!(
        kind,
        CallKind::Write
            | CallKind::CreateNew
            | CallKind::CreateDir
            | CallKind::Rename
            | CallKind::RemoveFile
    )
}

fn record(performed: &Performed<'_>) {
    let &Performed {
        call,
        name,
        result,
        fate,
    } = performed;
    let code = match result {
        None => u64::MAX,
        Some(Ok(count)) => count << 8,
        Some(Err(errno)) => 1 << 62 | errno.number() as u64,
    };
    trace::mix(call.kind as u64 | (fate as u64) << 8 | u64::from(call.ino.0) << 32);
    trace::mix(call.offset);
    trace::mix(call.len);
    trace::mix(code);
    trace::line(|| {
        let kind = call.kind.name();
        let range = match (call.offset, call.len) {
            (0, 0) => String::new(),
            (offset, 0) => format!(" @{offset}"),
            (offset, len) => format!(" @{offset} +{len}"),
        };
        let result = match result {
            None => "nothing".to_string(),
            Some(Ok(count)) => count.to_string(),
            Some(Err(errno)) => errno.to_string(),
        };
        let end = match fate {
            Fate::Run => "",
            Fate::CutBefore => ", cut before",
            Fate::CutWithin => ", cut within",
            Fate::CutAfter => ", cut after",
        };
        format!("{kind:<9} {}{range} -> {result}{end}", name())
    });
}

impl Vfs for SimVfs {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Arc<dyn File>> {
        let kind = match how {
            OpenHow::CreateNew { .. } => CallKind::CreateNew,
            OpenHow::Read | OpenHow::ReadNoFollow | OpenHow::Write { .. } => CallKind::Open,
        };
        let (fd, ino, generation) = self.call(
            kind,
            path,
            |disk, faults| {
                let fd = disk.faulty_open(path, how, faults)?;
                Ok((fd, disk.ino(fd), disk.generation()))
            },
            |(_, ino, _)| u64::from(ino.0),
        )?;
        // What was opened has a path that the disk understood.
        let mut parts = path.to_str().unwrap_or_default().split('/');
        let name = parts.rfind(|part| !part.is_empty());
        let shared = Arc::clone(&self.shared);
        Ok(Arc::new(SimFile {
            shared,
            fd,
            ino,
            generation,
            name: name.unwrap_or_default().into(),
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let body = |disk: &mut Disk, faults: &mut Stream| disk.faulty_metadata(path, faults);
        self.call(CallKind::Metadata, path, body, |metadata| metadata.len)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let names = self.call(
            CallKind::ReadDir,
            path,
            |disk, faults| disk.faulty_read_dir(path, faults),
            |names| names.len() as u64,
        )?;
        Ok(names.into_iter().map(OsString::from).collect())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let body = |disk: &mut Disk, faults: &mut Stream| disk.faulty_create_dir(path, faults);
        self.call(CallKind::CreateDir, path, body, |()| 0)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        trace::mix_bytes(to.as_os_str().as_encoded_bytes());
        let has_effect = self.shared.has_effect(CallKind::Rename);
        let body =
            |disk: &mut Disk, faults: &mut Stream| disk.faulty_rename(from, to, has_effect, faults);
        self.call(CallKind::Rename, from, body, |()| 0)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let body = |disk: &mut Disk, faults: &mut Stream| disk.faulty_remove(path, faults);
        self.call(CallKind::RemoveFile, path, body, |()| 0)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let has_effect = self.shared.has_effect(CallKind::SyncDir);
        // Others may change names between here and when the call is done.
        let called = self.with_disk(|disk| disk.now());
        let body = |disk: &mut Disk, faults: &mut Stream| {
            let synced = disk.faulty_sync_dir(path, called, has_effect, faults);
            if let Ok(dir) = disk.resolve(path) {
                disk.strict.dir_synced(dir, synced.is_ok());
            }
            synced
        };
        self.call(CallKind::SyncDir, path, body, |()| 0)
    }

    /// There are no links and no working directory here: a path is the only one to what it names.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.metadata(path).map(|_| path.to_owned())
    }
}
