//! What recoveries have shown, each once.

use std::hash::Hasher;

use super::digest::{Digest, Seen};
use crate::checker::{Recovered, Violation};

/// All outcomes, by number.
#[derive(Default)]
pub(super) struct Outcomes {
    all: Vec<Result<Recovered, Violation>>,
    numbers: Seen<u32>,
}

impl Outcomes {
    pub(super) fn of(&self, number: u32) -> &Result<Recovered, Violation> {
        &self.all[number as usize]
    }

    /// What tells them from each other.
    #[cfg(test)]
    pub(super) fn digests(&self) -> std::collections::BTreeSet<u64> {
        self.all.iter().map(digest).collect()
    }

    /// The number of an outcome, known or new.
    pub(super) fn number(&mut self, outcome: &Result<Recovered, Violation>) -> u32 {
        let all = &mut self.all;
        *self.numbers.entry(digest(outcome)).or_insert_with(|| {
            all.push(copy(outcome));
            all.len() as u32 - 1
        })
    }
}

fn copy(outcome: &Result<Recovered, Violation>) -> Result<Recovered, Violation> {
    let shown = outcome.as_ref().map_err(Violation::clone)?;
    Ok(Recovered {
        records: shown.records.clone(),
        segments: shown.segments.clone(),
        holds: shown.holds.clone(),
        ..*shown
    })
}

fn digest(outcome: &Result<Recovered, Violation>) -> u64 {
    let mut digest = Digest::new();
    let shown = match outcome {
        Ok(shown) => shown,
        Err(violation) => {
            digest.word(violation.property as u64);
            digest.write(violation.story.as_bytes());
            return digest.finish();
        }
    };
    for record in &shown.records {
        let header = record.header;
        digest.word(header.lsn);
        digest.word(u64::from(header.tenant_id));
        digest.word(u64::from(header.record_type) << 16 | u64::from(header.vshard_id));
        digest.write(&record.payload);
    }
    for word in [
        shown.records.len() as u64,
        shown.low_water,
        shown.next_lsn,
        shown.durable_lsn,
        shown.total_bytes,
    ] {
        digest.word(word);
    }
    for segment in &shown.segments {
        digest.write(segment.path.as_os_str().as_encoded_bytes());
        digest.word(segment.first_lsn);
        digest.word(segment.file_size);
    }
    for hold in &shown.holds {
        digest.write(hold.name.as_bytes());
        digest.word(hold.lsn.as_u64());
    }
    digest.finish()
}
