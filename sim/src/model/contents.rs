//! What an append is told to append: all of it follows from its number.

use seawall::RecordType;

use crate::{decoy, ledger};

/// The number of an append call over a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendId(pub u32);

/// What a payload is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Its length in bytes.
    pub len: u32,
    /// Whether it has the image of another log's segment in it.
    pub is_decoy: bool,
}

impl Payload {
    /// One of so many bytes that look like nothing.
    pub fn plain(len: u32) -> Payload {
        let is_decoy = false;
        Payload { len, is_decoy }
    }

    /// One of so many bytes, most of which look like a log.
    pub fn decoy(len: u32) -> Payload {
        let is_decoy = true;
        Payload { len, is_decoy }
    }
}

/// The verbs that append, in the order in which appends take turns with them.
pub const VERBS: [RecordType; 10] = [
    RecordType::Put,
    RecordType::Delete,
    RecordType::VectorPut,
    RecordType::VectorDelete,
    RecordType::VectorParams,
    RecordType::Transaction,
    RecordType::CrdtDelta,
    RecordType::TimeseriesBatch,
    RecordType::LogBatch,
    RecordType::Checkpoint,
];

impl AppendId {
    /// The verb that this append uses.
    pub fn verb(self) -> RecordType {
        VERBS[self.0 as usize % VERBS.len()]
    }

    /// The LSN that a checkpoint record names.
    pub fn checkpoint_lsn(self) -> u64 {
        u64::from(self.0) * 977
    }

    /// The bytes of the payload that belongs to it, unless it is a checkpoint's as given.
    pub fn payload(self, payload: Payload, into: &mut Vec<u8>) {
        into.clear();
        if self.verb() == RecordType::Checkpoint {
            rmp_serde::encode::write(into, &self.checkpoint_lsn())
                .expect("a number can be encoded");
            return;
        }
        // Any bytes that differ from append to append and from place to place will do.
        let number = u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let len = payload.len as usize;
        let decoy = payload.is_decoy.then(|| decoy::prefix(number >> 32));
        let plain_len = decoy.map_or(len, |prefix| prefix.min(len));
        let mut word = number | 1;
        while into.len() < plain_len {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            into.extend_from_slice(&word.to_le_bytes());
        }
        into.truncate(plain_len);
        ledger::plant(into);
        if payload.is_decoy {
            decoy::fill(number >> 16, len, into);
        }
    }
}
