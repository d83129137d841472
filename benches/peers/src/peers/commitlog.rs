//! commitlog: its `flush` syncs nothing, so an `fdatasync` of its newest segment is added here.
//!
//! It flushes the writer of std's `File`, which has no buffer and never syncs. What it acknowledges
//! without the added sync is in the page cache only. Its index, which is mapped into memory, is not
//! synced here either: it can be made again from the segments.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ::commitlog::message::{MessageBuf, MessageSet};
use ::commitlog::{CommitLog, LogOptions, ReadLimit};
use anyhow::{Context, Result};

use crate::peer::{Log, Peer, Setup, SharedVerifier};

const READ_BYTES: usize = 1 << 20;
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// See the file's head.
pub struct Commitlog;

impl Peer for Commitlog {
    fn name(&self) -> &'static str {
        "commitlog+fds"
    }

    fn setting(&self) -> &'static str {
        "defaults, with an fdatasync after each batch that the log itself does not make"
    }

    fn commits_together(&self) -> bool {
        false
    }

    fn reopens(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        let log = CommitLog::new(options(setup))?;
        let dir = setup.path("log");
        let (path, file) = newest_segment(&dir)?;
        Ok(Box::new(SyncedLog {
            dir,
            state: Mutex::new(State {
                log,
                buffer: MessageBuf::default(),
                path,
                file,
                written: 0,
            }),
        }))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let log = CommitLog::new(options(setup))?;
        let mut next = 0;
        loop {
            let messages = log.read(next, ReadLimit::max_bytes(READ_BYTES))?;
            if messages.is_empty() {
                return Ok(());
            }
            for message in messages.iter() {
                verifier.see(message.payload())?;
                next = message.offset() + 1;
            }
        }
    }
}

fn options(setup: &Setup) -> LogOptions {
    let mut options = LogOptions::new(setup.path("log"));
    options.message_max_bytes(MESSAGE_BYTES_MAX);
    options
}

fn newest_segment(dir: &Path) -> Result<(PathBuf, File)> {
    let entries = std::fs::read_dir(dir)?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    let segments = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|it| it == "log"));
    let newest = segments.max().context("no segment")?;
    let file = File::open(&newest)?;
    Ok((newest, file))
}

struct SyncedLog {
    dir: PathBuf,
    state: Mutex<State>,
}

struct State {
    log: CommitLog,
    buffer: MessageBuf,
    /// The newest segment, as far as it is known.
    path: PathBuf,
    file: File,
    /// What went there.
    written: u64,
}

impl Log for SyncedLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let state = &mut *self.state.lock().expect("no panic under the lock");
        state.buffer.clear();
        for record in records {
            state
                .buffer
                .push(record)
                .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        }
        state.written += state.buffer.bytes().len() as u64;
        state.log.append(&mut state.buffer)?;
        if state.file.metadata()?.len() < state.written {
            // It went into a new segment.
            state.file.sync_data()?;
            (state.path, state.file) = newest_segment(&self.dir)?;
            state.written = state.file.metadata()?.len();
        }
        Ok(state.file.sync_data()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self
            .state
            .lock()
            .expect("no panic under the lock")
            .log
            .flush()?)
    }
}
