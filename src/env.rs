//! The outside world as the log sees it: files, locks, a clock, randomness.
//!
//! Everything that leaves the process or differs between two runs comes through
//! [`Env`] or [`sync`]. Nothing else in the crate names `std::fs`, a clock, a source
//! of randomness or a lock. The simulator supplies its own `Env` and a
//! [`sync::Scheduler`]; the log's code is the same in both worlds.

use std::sync::Arc;

pub mod entropy;
pub mod os;
pub mod sync;
pub mod time;
pub mod vfs;

use entropy::Entropy;
use time::Clock;
use vfs::Vfs;

/// The world that a log lives in.
#[derive(Clone)]
pub struct Env {
    /// Files and directories.
    pub vfs: Arc<dyn Vfs>,
    /// Monotonic time. It is measured with, and decides nothing that is written.
    pub clock: Arc<dyn Clock>,
    /// Randomness for log ids and segment salts.
    pub entropy: Arc<dyn Entropy>,
}

impl Env {
    /// The operating system's files, clock and randomness.
    pub fn os() -> Env {
        Env {
            vfs: Arc::new(os::OsVfs),
            clock: Arc::new(os::OsClock::new()),
            entropy: Arc::new(os::OsEntropy),
        }
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env")
    }
}
