//! The bodies of the fuzz targets, as plain functions over bytes.
//!
//! `tests/corpus.rs` of the log includes this file, so the committed corpus runs with every
//! `cargo test`, without a fuzzer and without a second copy of the checks.

pub mod decode_frame;
pub mod disk;
pub mod migrate_legacy;
pub mod open_directory;
pub mod open_files;
pub mod open_sealed;
pub mod structured;
