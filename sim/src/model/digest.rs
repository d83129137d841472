//! What two models have in common that judge every recovery alike.

use std::hash::{Hash, Hasher};

use super::{Fate, Model};

impl Model {
    /// Adds all that the judgement of a recovery, and of what follows it, looks at; not when an append
    /// began, nor what its frame promises.
    pub fn digest(&self, into: &mut impl Hasher) {
        self.appends.len().hash(into);
        for append in &self.appends {
            append.vshard.hash(into);
            (append.payload.len, append.payload.is_decoy).hash(into);
            let (kind, lsn) = match append.fate {
                Fate::InFlight => (0, 0),
                Fate::Accepted(lsn) => (1, lsn),
                Fate::Refused => (2, 0),
                Fate::Lost => (3, 0),
                Fate::MaybeBelow(lsn) => (4, lsn),
            };
            (kind, lsn).hash(into);
        }
        for holder in &self.by_lsn {
            holder.map_or(u32::MAX, |id| id.0).hash(into);
        }
        (self.accepted, self.acked, self.shown).hash(into);
        (self.low_water.certain, self.low_water.possible).hash(into);
        for batch in &self.batches[self.batches_settled..] {
            (batch.start(), batch.end()).hash(into);
        }
        for (client, hold) in &self.holds {
            (client, hold.told, &hold.tried, &hold.ever).hash(into);
            hold.is_changing.hash(into);
        }
    }
}
