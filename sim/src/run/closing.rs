//! The end of a life that is not cut off: the last checks, and the close.

use std::cell::OnceCell;

use seawall::WalManager;

use super::Runner;
use crate::checker::{
    Property, Violation, closed, covered, ensure, errors, final_failure, lsn, progress,
};
use crate::coverage::Operation;
use crate::events::{self, Event};
use crate::scenario::{How, Life};
use crate::sched::outcome::Outcome;

impl Runner<'_> {
    /// After the clients' last operation: checks, and the close where the life has one.
    pub(super) fn finish(&mut self, life: &Life, wal: &WalManager) -> Result<Outcome, Violation> {
        {
            let model = self.session.model.borrow();
            let next_lsn = wal.next_lsn().as_u64();
            lsn::check_life(&model, next_lsn, &mut self.session.tally.borrow_mut())?;
        }
        if life.end.how != How::Close {
            return Ok(Outcome::Finished);
        }
        let closed = OnceCell::new();
        let outcome = self.schedule(life, 2, 1, &|_| {
            self.world.enter(Operation::Close);
            let close = wal.close();
            let later = close.is_ok().then(|| wal.sync());
            assert!(closed.set((close, later)).is_ok(), "the task runs once");
        });
        let mut tally = self.session.tally.borrow_mut();
        progress::check(&outcome, &mut tally)?;
        let Some((close, later)) = closed.into_inner() else {
            return Ok(outcome);
        };
        let mut model = self.session.model.borrow_mut();
        if model.is_poisoned {
            final_failure::check("close", &close, &mut tally)?;
        } else if model.is_closed {
            closed::check("close", &close, &mut tally)?;
        }
        match close {
            Ok(()) => {
                let accepted = model.accepted;
                self.world.with_disk(|disk| {
                    covered::check_acknowledged(&mut model, disk, accepted, &mut tally)
                })?;
                events::keep(|| Event::Promised(accepted));
                model.acknowledge(accepted);
                model.is_closed = true;
                let is_closed = matches!(later, Some(Err(seawall::Error::Closed)));
                ensure(Property::Errors, is_closed, || {
                    format!("a sync after the close returned {later:?}")
                })?;
            }
            // A client was faster.
            Err(seawall::Error::Closed) if model.is_closed => {}
            Err(error) => errors::check("close", &error, self.excuses(), &mut tally)?,
        }
        Ok(outcome)
    }
}
