//! What a client of a simulated process is told to do, and what it answers, as bytes between the two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::subject::Change;

/// What a client does next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Opens the subject.
    Open,
    /// Adds these entries, one after another.
    Append(Vec<ByteBuf>),
    /// Makes these changes.
    Put(Vec<(ByteBuf, Option<ByteBuf>)>),
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
    Entries(Vec<ByteBuf>),
    /// A store's pairs.
    Pairs(BTreeMap<ByteBuf, ByteBuf>),
}

/// Byte strings as they are sent.
pub fn sent(bytes: Vec<Vec<u8>>) -> Vec<ByteBuf> {
    bytes.into_iter().map(ByteBuf::from).collect()
}

/// Byte strings as they were before they were sent.
pub fn received(bytes: Vec<ByteBuf>) -> Vec<Vec<u8>> {
    bytes.into_iter().map(ByteBuf::into_vec).collect()
}

impl Command {
    /// To make these changes.
    pub fn put(changes: Vec<Change>) -> Command {
        let sent = changes.into_iter();
        Command::Put(
            sent.map(|(key, value)| (key.into(), value.map(ByteBuf::from)))
                .collect(),
        )
    }

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
