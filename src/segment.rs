//! Segment files: their names and set ([`catalog`]), their directory ([`place`]), the file being
//! written ([`active`]), what goes where ([`writer`]), reading ([`reader`]), whether there is direct
//! I/O ([`direct`]), syncs ([`gate`]), a new log at one go ([`new_log`]), what a log was migrated from ([`evidence`]).

pub(crate) mod active;
pub(crate) mod catalog;
pub(crate) mod chain;
pub(crate) mod direct;
pub(crate) mod evidence;
pub(crate) mod gate;
pub(crate) mod keys;
pub(crate) mod new_log;
pub(crate) mod place;
pub(crate) mod reader;
pub(crate) mod tail;
pub(crate) mod transfer;
pub(crate) mod walk;
pub(crate) mod window;
pub(crate) mod writer;
