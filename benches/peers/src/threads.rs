//! Appends of several threads at once, each of which waits until its own are durable.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::child::Meter;
use crate::job::Outcome;
use crate::payload::Slots;
use crate::peer::{Log, Peer, Setup};
use crate::queue::Queue;

/// When it is enough.
#[derive(Clone, Copy)]
pub enum Limit {
    /// After this time; a quarter of it before is warm-up, and not measured.
    Time(Duration),
    /// After this number of appends on each thread, and all is measured.
    Appends(u64),
}

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const OVER: u8 = 2;

/// Opens the log, lets the threads append, and tells how fast.
pub fn append(
    peer: &dyn Peer,
    setup: &Setup,
    threads: usize,
    burst: usize,
    limit: Limit,
) -> Result<Outcome> {
    let log = peer.open(setup)?;
    let queue = Queue::new(log.as_ref());
    let is_queued = threads > 1 && !peer.commits_together();
    let phase = AtomicU8::new(match limit {
        Limit::Time(_) => WARMING,
        Limit::Appends(_) => MEASURING,
    });
    let barrier = Barrier::new(threads + 1);
    let (mut outcome, latency) = std::thread::scope(|scope| -> Result<_> {
        let client = |number| Client {
            log: log.as_ref(),
            queue: is_queued.then_some(&queue),
            phase: &phase,
            slots: Slots::new(burst, setup.record_bytes),
            // Numbers of its own, which nobody else has.
            next: (number as u64) << 40,
        };
        let clients = (0..threads).map(|number| {
            let mut client = client(number);
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                client.run(limit)
            })
        });
        let clients: Vec<_> = clients.collect();
        barrier.wait();
        if let Limit::Time(time) = limit {
            std::thread::sleep(time / 4);
        }
        let meter = Meter::start();
        if let Limit::Time(time) = limit {
            phase.store(MEASURING, Ordering::Relaxed);
            std::thread::sleep(time);
            phase.store(OVER, Ordering::Relaxed);
        }
        // Before the clients end: nobody looks at the rate where appends are counted.
        let outcome = meter.stop(1)?;
        let mut latency = histogram();
        for client in clients {
            latency.add(client.join().expect("no panic")?)?;
        }
        Ok((outcome, latency))
    })?;
    let records = latency.len() * burst as u64;
    outcome.rate *= records as f64;
    outcome.cpu_us /= records.max(1) as f64;
    outcome.p50_us = Some(latency.value_at_quantile(0.5) as f64 / 1e3);
    outcome.p99_us = Some(latency.value_at_quantile(0.99) as f64 / 1e3);
    log.close()?;
    Ok(outcome)
}

/// Nanoseconds, up to a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds that make sense")
}

struct Client<'a> {
    log: &'a dyn Log,
    queue: Option<&'a Queue<'a>>,
    phase: &'a AtomicU8,
    slots: Slots,
    next: u64,
}

impl Client<'_> {
    fn run(&mut self, limit: Limit) -> Result<Histogram<u64>> {
        let mut latency = histogram();
        let appends_max = match limit {
            Limit::Time(_) => u64::MAX,
            Limit::Appends(appends) => appends,
        };
        for _ in 0..appends_max {
            self.slots.number(self.next);
            let records = self.slots.records();
            self.next += records.len() as u64;
            let start = Instant::now();
            match self.queue {
                Some(queue) => queue.append(&records)?,
                None => self.log.append(&records)?,
            }
            let waited = start.elapsed();
            match self.phase.load(Ordering::Relaxed) {
                WARMING => {}
                MEASURING => latency.saturating_record(waited.as_nanos() as u64),
                _ => break,
            }
        }
        Ok(latency)
    }
}
