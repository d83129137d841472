//! What clients hold back from truncation, each under a name of its own.

use seawall::{Error, Lsn};

use super::{Client, Flow};
use crate::checker::holds::name_of;
use crate::checker::{Property, Violation, ensure};

impl Client<'_> {
    pub(super) fn set_hold(&self, lsn: u64) -> Result<Flow, Violation> {
        let name = name_of(self.index as u16);
        self.begin_hold(Some(lsn));
        let is_refusal = |error: &Error| matches!(error, Error::BelowLowWater { .. });
        let result = self.call_unless("set_hold", is_refusal, || {
            self.wal.set_hold(&name, Lsn::new(lsn))
        })?;
        match result {
            Ok(()) => {
                self.end_hold(Some(lsn))?;
                // All records before a hold are durable with it.
                self.acknowledged(lsn - 1)
            }
            Err(error) => {
                self.keep_hold(&error)?;
                if !is_refusal(&error) {
                    return self.after_error(&error);
                }
                let possible = self.model(|model| model.low_water.possible);
                ensure(Property::Holds, lsn < possible, || {
                    format!(
                        "a hold at {lsn} was refused, but nothing above {possible} was truncated"
                    )
                })?;
                Ok(Flow::GoOn)
            }
        }
    }

    pub(super) fn release_hold(&self) -> Result<Flow, Violation> {
        let name = name_of(self.index as u16);
        let told = self.begin_hold(None);
        match self.call("release_hold", || self.wal.release_hold(&name))? {
            Ok(was_there) => {
                ensure(Property::Holds, was_there == told.is_some(), || {
                    format!("releasing the hold {told:?} returned {was_there}")
                })?;
                self.end_hold(None)?;
                Ok(Flow::GoOn)
            }
            Err(error) => {
                self.keep_hold(&error)?;
                self.after_error(&error)
            }
        }
    }

    /// A call is about to change the client's hold; returns what it is so far.
    fn begin_hold(&self, value: Option<u64>) -> Option<u64> {
        self.model(|model| {
            let view = model.holds.entry(self.index as u16).or_default();
            view.begin(value);
            view.told
        })
    }

    fn end_hold(&self, value: Option<u64>) -> Result<(), Violation> {
        self.tally(|tally| tally.evaluated(Property::Holds));
        self.model(|model| {
            let view = model.holds.entry(self.index as u16).or_default();
            view.became(value);
        });
        self.look_at_hold()
    }

    /// A call has failed: the hold is what it was, unless the log is poisoned.
    fn keep_hold(&self, error: &Error) -> Result<(), Violation> {
        let is_open = !matches!(error, Error::Poisoned { .. });
        self.model(|model| {
            let view = model.holds.get_mut(&(self.index as u16));
            let view = view.expect("the call has begun");
            view.is_changing = false;
        });
        match is_open {
            true => self.look_at_hold(),
            false => Ok(()),
        }
    }

    /// Checks what the log says of the client's hold, which nobody else changes.
    fn look_at_hold(&self) -> Result<(), Violation> {
        let name = name_of(self.index as u16);
        let told = self.model(|model| model.holds[&(self.index as u16)].told);
        let holds = self.wal.holds();
        let found = holds.iter().find(|hold| hold.name == name);
        let found = found.map(|hold| hold.lsn.as_u64());
        ensure(Property::Holds, found == told, || {
            format!("the hold `{name}` is {found:?}, not {told:?}")
        })
    }
}
