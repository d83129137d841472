//! A write-ahead log manager for a database node.
pub mod env;
