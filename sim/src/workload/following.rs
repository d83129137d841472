//! Clients that follow the log while others append.
//!
//! A follower waits for records that become durable. Nobody would wake it for ever once all others
//! are done: so the last one that appends syncs what there is. Followers that have seen all of
//! that are stopped then; the others have to be woken by the sync, and end when they have seen it.
//! A wake-up that is lost leaves one asleep, and the scheduler calls that a deadlock.
//!
//! A client may also stop all followers while others go on. What a tail returns after that was durable
//! when the stop returned, and it ends, however much is appended: nobody stops it again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use seawall::{Lsn, TailStopper};

use super::{Client, Flow};
use crate::checker::{Property, Violation, ensure};
use crate::coverage::Operation;

/// The clients of a life that follow, and those that don't.
#[derive(Default)]
pub struct Following {
    /// How many clients are at work otherwise.
    working: Cell<usize>,
    followers: RefCell<BTreeMap<usize, Follower>>,
    /// Whoever has seen this LSN need not wait for more.
    end: Cell<Option<u64>>,
    /// Tails that were begun in this run.
    tails: Cell<u64>,
    /// Tails that were stopped while others were at work, over all lives.
    pub stopped: Cell<u64>,
    /// Those of them that ended beside somebody who was still at work.
    pub ended_under_load: Cell<u64>,
    /// A stopper of each tail of this life: they may outlive the log.
    stoppers: RefCell<Vec<TailStopper>>,
}

struct Follower {
    stopper: TailStopper,
    /// The last LSN that it has seen, or that it did not want to see.
    seen: u64,
    /// Which tail it is, since a client may follow more than once.
    number: u64,
    stop: Option<Stop>,
}

/// A stop of a tail while others are at work.
#[derive(Clone, Copy)]
struct Stop {
    /// What was durable before it was called: the tail has to return it.
    durable_before: u64,
    /// What was durable when it had returned: the tail returns no more; no limit so far.
    durable_after: u64,
}

impl Following {
    /// So many clients begin to work; nobody follows.
    pub fn begin(&self, clients: usize) {
        self.working.set(clients);
        self.followers.borrow_mut().clear();
        self.end.set(None);
    }

    /// Drops what is left of the life's tails: their stoppers.
    pub fn forget_stoppers(&self) {
        self.stoppers.borrow_mut().clear();
    }

    fn stop_of(&self, client: usize) -> Option<Stop> {
        let followers = self.followers.borrow();
        followers.get(&client).and_then(|own| own.stop)
    }
}

impl Client<'_> {
    pub(super) fn follow(&self, from: u64) -> Result<Flow, Violation> {
        let is_refusal =
            |error: &seawall::Error| matches!(error, seawall::Error::BelowLowWater { .. });
        let tail = match self.call_unless("tail", is_refusal, || self.wal.tail(Lsn::new(from)))? {
            Ok(tail) => tail,
            Err(error) => return self.not_read(Some(from), &error),
        };
        let following = &self.session.following;
        following.tails.set(following.tails.get() + 1);
        let follower = Follower {
            stopper: tail.stopper(),
            seen: from - 1,
            number: following.tails.get(),
            stop: None,
        };
        following.stoppers.borrow_mut().push(tail.stopper());
        following
            .followers
            .borrow_mut()
            .insert(self.index, follower);
        *self.seat.tail.borrow_mut() = Some(tail);
        let flow = self.leave().and_then(|()| {
            self.world.enter(Operation::Tail);
            self.follow_to_the_end(from)
        });
        *self.seat.tail.borrow_mut() = None;
        following.followers.borrow_mut().remove(&self.index);
        following.working.set(following.working.get() + 1);
        flow
    }

    fn follow_to_the_end(&self, from: u64) -> Result<Flow, Violation> {
        let following = &self.session.following;
        let mut next = from;
        loop {
            if following.end.get().is_some_and(|end| next > end) {
                return Ok(Flow::GoOn);
            }
            let record = match self
                .seat
                .tail
                .borrow_mut()
                .as_mut()
                .and_then(Iterator::next)
            {
                Some(Ok(record)) => record,
                Some(Err(error)) => {
                    self.excuse("following", &error)?;
                    self.remember(&error);
                    return self.after_error(&error);
                }
                None => return self.followed_to_the_end(next),
            };
            self.tally(|tally| tally.evaluated(Property::Following));
            let lsn = record.header.lsn;
            ensure(Property::Following, lsn == next, || {
                format!("a tail returned lsn {lsn} in place of {next}")
            })?;
            let durable = self.wal.durable_lsn().as_u64();
            ensure(Property::Following, lsn <= durable, || {
                format!("a tail returned lsn {lsn}, but only {durable} is durable")
            })?;
            let limit = following.stop_of(self.index).map(|stop| stop.durable_after);
            ensure(
                Property::Following,
                limit.is_none_or(|limit| lsn <= limit),
                || format!("a tail returned lsn {lsn}, but was stopped when {limit:?} was durable"),
            )?;
            self.model(|model| {
                model.see(&record)?;
                model.shown = model.shown.max(lsn);
                Ok(())
            })?;
            next = lsn + 1;
            if let Some(own) = following.followers.borrow_mut().get_mut(&self.index) {
                own.seen = lsn;
            }
        }
    }

    /// A tail has ended: somebody has stopped it, or closed the log, and nothing is left.
    fn followed_to_the_end(&self, next: u64) -> Result<Flow, Violation> {
        self.tally(|tally| tally.evaluated(Property::Following));
        let following = &self.session.following;
        let stop = following.stop_of(self.index);
        if let Some(stop) = stop {
            let before = stop.durable_before;
            ensure(Property::Following, before < next, || {
                format!("a tail ended before lsn {next}, but was stopped when {before} was durable")
            })?;
            if following.working.get() > 0 {
                let ended = &following.ended_under_load;
                ended.set(ended.get() + 1);
            }
        }
        let is_stopped = following.end.get().is_some() || stop.is_some();
        let is_closed = self.model(|model| model.closing > 0);
        ensure(Property::Following, is_stopped || is_closed, || {
            "a tail ended, but nobody had stopped it or closed the log".into()
        })?;
        let durable = self.wal.durable_lsn().as_u64();
        // One that was stopped ends there, whatever others do until it has heard of it.
        ensure(Property::Following, is_stopped || durable < next, || {
            format!("a tail ended before lsn {next}, but lsn {durable} is durable")
        })?;
        Ok(Flow::GoOn)
    }

    /// Stops all tails that are followed just now.
    pub(super) fn stop_followers(&self) -> Result<Flow, Violation> {
        let following = &self.session.following;
        loop {
            let durable_before = self.wal.durable_lsn().as_u64();
            let next = {
                let mut followers = following.followers.borrow_mut();
                let next = followers.values_mut().find(|one| one.stop.is_none());
                next.map(|one| {
                    one.stop = Some(Stop {
                        durable_before,
                        durable_after: u64::MAX,
                    });
                    (one.number, one.stopper.clone())
                })
            };
            let Some((number, stopper)) = next else {
                return Ok(Flow::GoOn);
            };
            stopper.stop();
            following.stopped.set(following.stopped.get() + 1);
            let durable_after = self.wal.durable_lsn().as_u64();
            let mut followers = following.followers.borrow_mut();
            let stopped = followers.values_mut().find(|one| one.number == number);
            if let Some(stop) = stopped.and_then(|one| one.stop.as_mut()) {
                stop.durable_after = durable_after;
            }
        }
    }

    /// The client does nothing more than to follow, or nothing at all. The last one that leaves
    /// sees to it that the followers end.
    pub(super) fn leave(&self) -> Result<(), Violation> {
        let following = &self.session.following;
        following.working.set(following.working.get() - 1);
        if following.working.get() > 0 || following.followers.borrow().is_empty() {
            return Ok(());
        }
        let target = self.model(|model| model.accepted);
        self.world.enter(Operation::Sync);
        let end = match self.call("sync", || self.wal.sync())? {
            Ok(()) => {
                self.acknowledged(target)?;
                target
            }
            // Then nobody can tell what will still come.
            Err(_) => 0,
        };
        following.end.set(Some(end));
        let mut stoppers = Vec::new();
        for follower in following.followers.borrow_mut().values_mut() {
            if follower.stop.is_none() && (end == 0 || follower.seen >= end) {
                // The first stop decides: a later one has nothing to say.
                follower.stop = Some(Stop {
                    durable_before: 0,
                    durable_after: u64::MAX,
                });
                stoppers.push(follower.stopper.clone());
            }
        }
        stoppers.iter().for_each(TailStopper::stop);
        Ok(())
    }
}
