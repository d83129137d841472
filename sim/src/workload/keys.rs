//! What clients do with the keys of an encrypted log.

use seawall::Error;

use super::{Client, Flow};
use crate::checker::{Property, Violation, ensure, keys};
use crate::keyholder::{Keyholder, key};

impl Client<'_> {
    fn keys<T>(&self, reach: impl FnOnce(&mut Keyholder) -> T) -> T {
        reach(&mut self.session.keys.borrow_mut())
    }

    pub(super) fn rotate(&self, number: u32) -> Result<Flow, Violation> {
        self.keys(|keys| keys.begin_rotation(number));
        self.world.ledger(|ledger| ledger.begin_rotation(number));
        let result = self.call("rotate_key", || self.wal.rotate_key_to(key(number)))?;
        self.keys(|keys| keys.end_rotation(number, result.is_ok()));
        if let Err(error) = result {
            return self.after_error(&error);
        }
        self.world
            .ledger(|ledger| ledger.end_rotation(number, self.is_alone));
        self.session.rotations.set(self.session.rotations.get() + 1);
        self.tally(|tally| tally.evaluated(Property::Keys));
        let current = self.wal.encryption_key().map(|key| key.id());
        ensure(
            Property::Keys,
            !self.is_alone || current == Some(key(number).id()),
            || format!("after the rotation to key {number} the current one is {current:?}"),
        )?;
        Ok(Flow::GoOn)
    }

    pub(super) fn reencrypt(&self) -> Result<Flow, Violation> {
        let done = match self.call("reencrypt", || self.wal.reencrypt())? {
            Ok(done) => done,
            Err(error) => return self.after_error(&error),
        };
        let count = &self.session.segments_reencrypted;
        count.set(count.get() + done.segments);
        self.tally(|tally| tally.evaluated(Property::Keys));
        let needed = self.wal.needed_keys();
        ensure(Property::Keys, !self.is_alone || needed.len() <= 1, || {
            format!(
                "all is encrypted anew, but {} keys are needed",
                needed.len()
            )
        })?;
        Ok(Flow::GoOn)
    }

    /// Lets all keys go that the log does not need.
    pub(super) fn retire(&self) -> Result<Flow, Violation> {
        let needed = self.wal.needed_keys();
        for number in self.keys(|keys| keys.kept()) {
            let id = key(number).id();
            let is_needed = needed.contains(&id);
            // Not asked for a key that is kept for nothing: the ring of a log that failed to open
            // with it, or of a rotation that did not happen, never had it.
            let is_known = self
                .wal
                .encryption_ring()
                .is_some_and(|ring| ring.find(id).is_some());
            let is_in_use = |error: &Error| matches!(error, Error::KeyInUse { .. });
            let result = self.call_unless("retire_key", is_in_use, || self.wal.retire_key(id))?;
            if self.is_alone && is_known {
                self.tally(|tally| keys::check_retirement(number, is_needed, &result, tally))?;
            }
            match result {
                Ok(_) => {
                    self.keys(|keys| keys.let_go(number));
                    let count = &self.session.keys_retired;
                    count.set(count.get() + 1);
                }
                Err(error) if is_in_use(&error) => {}
                Err(error) => return self.after_error(&error),
            }
        }
        Ok(Flow::GoOn)
    }
}
