//! The deterministic simulator that proves the seawall log.
pub mod choice;
pub mod disk;
pub mod sched;
pub mod trace;
