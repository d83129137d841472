//! A child process: does one job and prints its outcome.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};

use crate::job::{Action, Job, Outcome};
use crate::payload::{Slots, Verifier};
use crate::peer::{Peer, Setup};
use crate::threads;

const BATCH_BYTES: usize = 1 << 20;
const MIB: f64 = (1 << 20) as f64;

/// Does the job.
pub fn work(peer: &dyn Peer, job: &Job) -> Result<Outcome> {
    let setup = Setup {
        dir: job.dir.clone(),
        bytes: job.bytes,
        record_bytes: job.record_bytes,
        keeps_all: job.bytes > 0,
        key: job.key.clone(),
    };
    match job.action {
        Action::Append {
            threads,
            burst,
            millis,
        } => {
            let time = Duration::from_millis(millis);
            let limit = threads::Limit::Time(time);
            threads::append(peer, &setup, threads, burst, limit)
        }
        Action::Count { threads, appends } => {
            threads::append(peer, &setup, threads, 1, threads::Limit::Appends(appends))
        }
        Action::Write => write(peer, &setup),
        Action::Replay => replay(peer, &setup),
        Action::Reopen => reopen(peer, &setup),
    }
}

/// The records of one MiB.
fn batch_slots(setup: &Setup) -> usize {
    BATCH_BYTES / setup.record_bytes
}

fn write(peer: &dyn Peer, setup: &Setup) -> Result<Outcome> {
    let log = peer.open(setup)?;
    let per_batch = batch_slots(setup);
    let mut slots = Slots::new(per_batch, setup.record_bytes);
    let meter = Meter::start();
    let batches = setup.bytes / BATCH_BYTES as u64;
    for batch in 0..batches {
        slots.number(batch * per_batch as u64);
        log.append(&slots.records())?;
    }
    let mut outcome = meter.stop(batches * per_batch as u64)?;
    log.close()?;
    outcome.rate *= setup.record_bytes as f64 / MIB;
    Ok(outcome)
}

fn replay(peer: &dyn Peer, setup: &Setup) -> Result<Outcome> {
    let verifier = Verifier::new(batch_slots(setup), setup.record_bytes);
    let verifier = Arc::new(Mutex::new(verifier));
    let meter = Meter::start();
    peer.replay(setup, &verifier)?;
    let records = setup.bytes / setup.record_bytes as u64;
    let mut outcome = meter.stop(records)?;
    let seen = verifier.lock().expect("one thread").count();
    ensure!(seen == records, "{seen} records of {records}");
    outcome.rate *= setup.record_bytes as f64 / MIB;
    Ok(outcome)
}

fn reopen(peer: &dyn Peer, setup: &Setup) -> Result<Outcome> {
    let meter = Meter::start();
    let log = peer.open(setup)?;
    let outcome = meter.stop(1)?;
    log.close()?;
    Ok(outcome)
}

/// Clocks and counters of this process, from a start to a stop.
pub struct Meter {
    wall: Instant,
    cpu: Duration,
    read: u64,
}

impl Meter {
    /// From now on.
    pub fn start() -> Meter {
        Meter {
            wall: Instant::now(),
            cpu: cpu_time(),
            read: bytes_read().unwrap_or(0),
        }
    }

    /// Until now, in which so many records were done.
    pub fn stop(self, records: u64) -> Result<Outcome> {
        let wall = self.wall.elapsed();
        let cpu = cpu_time() - self.cpu;
        let read = bytes_read()? - self.read;
        Ok(Outcome {
            rate: records as f64 / wall.as_secs_f64(),
            p50_us: None,
            p99_us: None,
            cpu_us: cpu.as_secs_f64() * 1e6 / records.max(1) as f64,
            rss_mib: peak_kib()? as f64 / 1024.0,
            read_mib: read as f64 / MIB,
        })
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Source: proc(5), `/proc/pid/io`: `rchar` counts what read calls returned, cached or not.
fn bytes_read() -> Result<u64> {
    number_in("/proc/self/io", "rchar:")
}

/// Source: proc(5), `/proc/pid/status`: the peak of the resident set.
fn peak_kib() -> Result<u64> {
    number_in("/proc/self/status", "VmHWM:")
}

fn number_in(path: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    Ok(word
        .with_context(|| format!("{path} has no {name}"))?
        .parse()?)
}
