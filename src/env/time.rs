//! Monotonic time. No clock decides what the log writes; it only measures.

use std::time::Duration;

/// A clock that never goes back.
pub trait Clock: Send + Sync {
    /// The time since an arbitrary, fixed start.
    fn now(&self) -> Duration;
}
