//! The deterministic simulator that proves the seawall log.
pub mod campaign;
pub mod checker;
pub mod choice;
pub mod decoy;
pub mod disk;
pub mod figures;
pub mod model;
pub mod mutants;
mod named;
pub mod report;
pub mod run;
pub mod scenario;
pub mod sched;
pub mod seed;
mod text;
pub mod trace;
pub mod workload;
pub mod world;
