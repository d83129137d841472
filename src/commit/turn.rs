//! Turns: who leads, who sleeps meanwhile, and who is woken when a turn is over.
//!
//! A turn has a number. A thread that waits for a record sleeps until the turn that makes it
//! durable has ended: the one under way, if its leader has taken the record already, or else the
//! next one. So the end of a turn wakes those whom it has served, and of the others just one, to
//! lead.

use std::ops::ControlFlow;

use super::queue::{Queue, Sleepers, Stage, side};
use super::{Committer, QueueGuard};
use crate::env::sync::Condvar;
use crate::error::{Error, Result};
use crate::segment::writer::Writer;
use crate::types::Lsn;

/// How many turns a leader takes in a row. Its own record waits for one; the others are for those
/// that came meanwhile, and it must come back to its caller some day.
const TURNS_MAX: u32 = 4;

/// How many threads have to wait for the next turn, so that its leader is not woken for it. With
/// fewer, each comes back for more about as soon, and would only miss the turn: measured, 2 threads
/// get half as far.
const CROWD: usize = 4;

impl Committer {
    /// Commits as the leader, in a turn of its own. Then, while many wait for the next turn, it
    /// leads that, too, a few times: the disk need not wait until one of them is awake, which takes
    /// as long as a flush.
    ///
    /// `None` when the target is not durable yet.
    pub(super) fn lead_commit(&self, queue: QueueGuard<'_>, target: Lsn) -> Option<Result<()>> {
        let mut own = None;
        let mut turns = 0;
        self.lead_on(queue, Writer::write_and_sync, |queue, result| {
            turns += 1;
            let is_served = queue.durable >= target;
            if turns == 1 {
                own = match result {
                    // Those whose records were written before the disk was full are not concerned.
                    Ok(()) | Err(Error::Full { .. }) if is_served => Some(queue.check_failed()),
                    Ok(()) => None,
                    Err(error) => Some(Err(error)),
                };
            }
            let may_go_on =
                queue.failed.is_none() && queue.stage == Stage::Open && queue.free.is_some();
            match is_served && may_go_on && turns < TURNS_MAX && queue.waiting_for_next() >= CROWD {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(own.take()),
            }
        })
    }

    /// Takes a turn as the leader: stages the pending frame, does `work` without the lock,
    /// publishes the outcome, lets `seen` see it before anybody else does, and wakes whom it
    /// concerns. `seen` may go on with another turn, or end it.
    fn lead_on<T>(
        &self,
        mut queue: QueueGuard<'_>,
        mut work: impl FnMut(&mut Writer) -> Result<()>,
        mut seen: impl FnMut(&mut Queue, Result<()>) -> ControlFlow<T>,
    ) -> T {
        assert!(!queue.is_led, "there is one leader at a time");
        queue.is_led = true;
        let mut frame = queue.begin_turn();
        drop(queue);
        let mut lead = Lead {
            committer: self,
            is_over: false,
        };
        let mut writer = self.writer.lock();
        loop {
            if let Some(frame) = frame {
                writer.stage(frame);
            }
            let result = work(&mut writer);
            // Told here, where no lock that others need is held.
            match &result {
                Ok(()) => {}
                Err(error @ Error::Full { .. }) => tracing::warn!(%error, "no space"),
                Err(error) => tracing::error!(%error, "the log is poisoned"),
            }

            let mut queue = self.queue.lock();
            queue.publish(&mut writer);
            let result = result.map_err(|error| queue.fail_unless_full(error));
            let (turn, sleepers) = (queue.turn, queue.sleepers);
            match seen(&mut queue, result) {
                ControlFlow::Continue(()) => {
                    frame = queue.begin_turn();
                    drop(queue);
                    self.wake_served(turn, sleepers);
                }
                ControlFlow::Break(seen) => {
                    let has_failed = queue.failed.is_some();
                    queue.is_led = false;
                    lead.is_over = true;
                    drop(writer);
                    drop(queue);
                    match has_failed {
                        true => self.wake_all(),
                        false => self.wake_next(turn, sleepers),
                    }
                    return seen;
                }
            }
        }
    }

    /// Takes a single turn as the leader.
    pub(super) fn lead(
        &self,
        queue: QueueGuard<'_>,
        work: impl FnOnce(&mut Writer) -> Result<()>,
        seen: impl FnOnce(&mut Queue),
    ) -> Result<()> {
        let (mut work, mut seen) = (Some(work), Some(seen));
        let work = |writer: &mut Writer| work.take().expect("it is one turn")(writer);
        self.lead_on(queue, work, |queue, result| {
            if result.is_ok() {
                seen.take().expect("it is one turn")(queue);
            }
            ControlFlow::Break(result)
        })
    }

    /// Sleeps until a turn has ended, or something else that everybody has to know has happened.
    pub(super) fn sleep<'a>(&'a self, mut queue: QueueGuard<'a>) -> QueueGuard<'a> {
        queue.sleepers.any += 1;
        queue = self.any_turn_ended.wait(queue);
        queue.sleepers.any -= 1;
        queue
    }

    /// Sleeps until this turn has ended, or it may have to be led.
    pub(super) fn sleep_until<'a>(
        &'a self,
        mut queue: QueueGuard<'a>,
        turn: u64,
    ) -> QueueGuard<'a> {
        queue.sleepers.of_turn[side(turn)] += 1;
        queue = self.turn_ended[side(turn)].wait(queue);
        queue.sleepers.of_turn[side(turn)] -= 1;
        queue
    }

    /// Wakes whom a turn that has ended was for. The lock is let go before, so that nobody wakes
    /// only to wait for it.
    fn wake_served(&self, turn: u64, sleepers: Sleepers) {
        if sleepers.of_turn[side(turn)] > 0 {
            self.turn_ended[side(turn)].notify_all();
        }
        if sleepers.any > 0 {
            self.any_turn_ended.notify_all();
        }
    }

    /// The same, and before that somebody who is to lead the next one.
    fn wake_next(&self, turn: u64, sleepers: Sleepers) {
        if sleepers.of_turn[side(turn + 1)] > 0 {
            self.turn_ended[side(turn + 1)].notify_one();
        }
        self.wake_served(turn, sleepers);
    }

    pub(super) fn wake_all(&self) {
        self.turn_ended.iter().for_each(Condvar::notify_all);
        self.any_turn_ended.notify_all();
    }
}

/// A leader at work. One that ends in a panic fails the log: its waiters must not wait for ever.
struct Lead<'a> {
    committer: &'a Committer,
    is_over: bool,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            tracing::error!("the log is poisoned: its leader panicked");
            let mut queue = self.committer.queue.lock();
            queue.fail_unless_full(Error::LeaderPanicked);
            queue.is_led = false;
            drop(queue);
            self.committer.wake_all();
        }
    }
}
