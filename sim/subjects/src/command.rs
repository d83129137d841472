//! What a client of a simulated process is told to do, and what it answers, as bytes between the two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::subject::Change;

/// What a client does next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Opens the subject.
    Open,
    /// Adds these entries, one after another.
    Append(Vec<Vec<u8>>),
    /// Makes these changes.
    Put(Vec<Change>),
    /// Makes all that it has added or changed durable.
    Commit,
    /// Reads all.
    ReadAll,
    /// Does without the first entries.
    Trim(u64),
    /// Closes the subject.
    Close,
}

/// What a client found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Nothing but that it is done.
    Nothing,
    /// So many entries were added, and then there was this error.
    AppendedSome(u64, String),
    /// A log's entries.
    Entries(Vec<Vec<u8>>),
    /// A store's pairs.
    Pairs(BTreeMap<Vec<u8>, Vec<u8>>),
}

impl Command {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).expect("plain data")
    }

    /// From bytes.
    ///
    /// # Panics
    /// When these are none of [`Command::encode`].
    pub fn decode(bytes: &[u8]) -> Command {
        rmp_serde::from_slice(bytes).expect("what the kernel has encoded")
    }
}

impl Answer {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).expect("plain data")
    }

    /// From bytes; a process can send anything.
    pub fn decode(bytes: &[u8]) -> Option<Answer> {
        rmp_serde::from_slice(bytes).ok()
    }
}
