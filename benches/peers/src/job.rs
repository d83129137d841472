//! What a parent asks of a child process, and what it hears back; both as JSON.
//!
//! Each measurement has a process of its own, so that nobody inherits another one's memory, threads
//! or page tables, and its peak of memory is its own.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One measurement of one peer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Job {
    /// Whose.
    pub peer: String,
    /// The log's directory.
    pub dir: PathBuf,
    /// A file with a key, for an encrypted log.
    pub key: Option<PathBuf>,
    /// The length of a record.
    pub record_bytes: usize,
    /// How many bytes the log has, or will have; 0 where time decides.
    pub bytes: u64,
    /// What to do.
    pub action: Action,
}

/// The things a child can do.
#[derive(Clone, Serialize, Deserialize)]
pub enum Action {
    /// Append from several threads until the time is over.
    Append {
        /// How many threads.
        threads: usize,
        /// Records for each wait.
        burst: usize,
        /// The measured time; a quarter of it comes before as a warm-up.
        millis: u64,
    },
    /// Append a number of records on each thread, to have the system calls counted.
    Count {
        /// How many threads.
        threads: usize,
        /// Records of each thread.
        appends: u64,
    },
    /// Write all records, a batch of a MiB at a time, and close.
    Write,
    /// Open the log and verify all records.
    Replay,
    /// Open the log, and nothing else.
    Reopen,
}

/// What was measured.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Records a second for appends, MiB a second for all else, opens a second for a reopen.
    pub rate: f64,
    /// Median of the time to be durable, in microseconds.
    pub p50_us: Option<f64>,
    /// And its 99th percentile.
    pub p99_us: Option<f64>,
    /// Time of all processors, user and system, a record, in microseconds.
    pub cpu_us: f64,
    /// The most memory the process had, in MiB.
    pub rss_mib: f64,
    /// Bytes that read calls returned, in MiB. What is mapped into memory is not among them.
    pub read_mib: f64,
}
