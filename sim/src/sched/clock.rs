//! Virtual time: a microsecond a scheduling point.
//!
//! It starts at zero with each run, as a monotonic clock does with each boot, and it stands still
//! while nobody passes a scheduling point.

use std::time::Duration;

use seawall::env::time::Clock;

use super::Scheduler;

/// The clock of the calling thread's scheduler.
#[derive(Clone, Copy, Debug, Default)]
pub struct VirtualClock;

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        Duration::from_micros(Scheduler::of_this_thread().steps())
    }
}
