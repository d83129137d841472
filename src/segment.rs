//! Segment files: their names and set ([`catalog`]), the file being written ([`active`]), what
//! goes where ([`writer`]), reading ([`reader`]), whether there is direct I/O ([`direct`]).

pub(crate) mod active;
pub(crate) mod catalog;
pub(crate) mod chain;
pub(crate) mod direct;
pub(crate) mod keys;
pub(crate) mod reader;
pub(crate) mod tail;
pub(crate) mod transfer;
pub(crate) mod walk;
pub(crate) mod writer;
