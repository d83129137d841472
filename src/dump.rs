//! Reading a log without opening it: nothing is created or changed, and nothing is made durable.

use std::path::Path;
use std::sync::Arc;

use crate::crypto::KeyRing;
use crate::env::Env;
use crate::error::Result;
use crate::manager::look_into;
use crate::replay::WalReader;
use crate::segment::chain::find_segments;
use crate::types::{Lsn, WalRecord};

/// An iterator over the records that an open would show, in LSN order, with one frame in memory.
///
/// Records of types that this version does not know are shown like all others. After an error it
/// ends. It holds the log's lock while it lives, where there is a lock file.
pub struct Dump {
    reader: WalReader,
}

impl Iterator for Dump {
    type Item = Result<WalRecord>;

    fn next(&mut self) -> Option<Result<WalRecord>> {
        self.reader.next()
    }
}

/// The records of the log in the directory `path` from `from` on, or all of them.
///
/// Those of a torn tail are not among them. Those that are valid but not proven are, as an open
/// would show them; it would make them durable first, though, and this does not.
///
/// # Errors
/// [`crate::Error::Locked`] when a writer has the log open; [`crate::Error::NoLog`] where there is none;
/// [`crate::Error::BelowLowWater`] when `from` was truncated; [`crate::Error::Corrupt`], [`crate::Error::Foreign`],
/// [`crate::Error::Version`], [`crate::Error::Encrypted`], [`crate::Error::Legacy`] and [`crate::Error::Io`] as an open. A
/// log with required types that this version does not know is shown all the same.
pub fn dump(path: &Path, from: Option<Lsn>, keys: Option<KeyRing>) -> Result<Dump> {
    dump_in(Env::os(), path, from, keys)
}

/// As [`dump`], in any world: the simulator's as well as the real one.
///
/// # Errors
/// As [`dump`].
pub fn dump_in(env: Env, path: &Path, from: Option<Lsn>, keys: Option<KeyRing>) -> Result<Dump> {
    let dir = Arc::new(look_into(env, path, keys)?);
    let found = find_segments(&dir)?;
    let reader = WalReader::of_unopened(dir, &found, from)?;
    Ok(Dump { reader })
}
