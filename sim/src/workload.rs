//! Clients at work: each operation of a scenario as calls to the log, with what it tells the model
//! and what is checked of its outcome.

use std::cell::{Cell, RefCell};

use seawall::{Error, Lsn, RecordType, TenantId, VShardId, WalManager, WalTail};

use crate::checker::guarantee::{self, is_about_damage};
use crate::checker::{Property, Tally, Violation, closed, covered, ensure, errors, final_failure};
use crate::coverage::{LifePhase, Operation};
use crate::disk::{Disk, FaultClass};
use crate::events::{self, Event, Saying};
use crate::features;
use crate::keyholder::Keyholder;
use crate::model::{AppendId, Model, Payload};
use crate::scenario::Op;
use crate::sched::Scheduler;
use crate::trace;
use crate::world::World;

mod batches;
mod following;
mod holds;
mod keys;
mod readers;
mod truncations;
mod visits;

use following::Following;
use readers::Held;

/// What the tasks of a run share. Nothing in it stays borrowed while tasks switch.
#[derive(Default)]
pub struct Session {
    /// What a caller knows.
    pub model: RefCell<Model>,
    /// The checks that were made.
    pub tally: RefCell<Tally>,
    /// The first that failed.
    pub violation: RefCell<Option<Violation>>,
    /// Calls that failed for a reason.
    pub failed_calls: Cell<u64>,
    /// Segments that truncations said they deleted.
    pub segments_truncated: Cell<u64>,
    /// Appends with the image of another log in them.
    pub decoys: Cell<u64>,
    /// The log's keys.
    pub keys: RefCell<Keyholder>,
    /// Rotations that succeeded.
    pub rotations: Cell<u64>,
    /// Segments that were encrypted anew.
    pub segments_reencrypted: Cell<u64>,
    /// Keys that the log let go.
    pub keys_retired: Cell<u64>,
    /// Truncations that succeeded.
    pub truncations: Cell<u64>,
    /// Clients that follow the log.
    pub following: Following,
    /// Calls that were refused as the medium had damaged something, by its class.
    pub damage_reported: RefCell<[u64; FaultClass::COUNT]>,
    /// Reads from a reader since the making of which a truncation has succeeded.
    pub reads_over_truncation: Cell<u64>,
    /// What calls have earned is not judged, only what crashes leave.
    pub only_crashes_judge: Cell<bool>,
}

impl Session {
    /// Records a violation and stops the world there, so that the trace ends with it.
    pub fn fail(&self, violation: Violation) {
        trace::line(|| format!("VIOLATION of {}: {}", violation.property, violation.story));
        self.violation.borrow_mut().get_or_insert(violation);
        let scheduler = Scheduler::of_this_thread();
        if scheduler.can_cut() {
            scheduler.cut();
        }
    }
}

/// A client's belongings. They belong to the life, not to the task: a task that is frozen while
/// it borrows one leaves nothing behind.
#[derive(Default)]
pub struct Seat {
    /// Room for its payloads.
    payload: RefCell<Vec<u8>>,
    /// Room for the payloads of a batch.
    batch: RefCell<Vec<Vec<u8>>>,
    /// The reader that it keeps between its operations.
    held: RefCell<Option<Held>>,
    /// The tail that it follows just now.
    tail: RefCell<Option<WalTail>>,
}

/// A client of the log.
pub struct Client<'a> {
    /// What it shares with the others.
    pub session: &'a Session,
    /// The world that it lives in.
    pub world: &'a World,
    /// The log.
    pub wal: &'a WalManager,
    /// Which client it is, from 0.
    pub index: usize,
    /// Whether it is the only one in its life.
    pub is_alone: bool,
    /// What it keeps.
    pub seat: &'a Seat,
}

/// Whether a client goes on after an operation.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    /// The log is poisoned or closed: nothing more can be done in this life.
    Stop,
}

impl Client<'_> {
    /// Does all of `ops`, up to the first that finds the log poisoned or closed.
    pub fn work(&self, ops: &[Op]) {
        let result = self.perform_all(ops).and_then(|()| self.leave());
        if let Err(violation) = result {
            self.session.fail(violation);
        }
    }

    fn perform_all(&self, ops: &[Op]) -> Result<(), Violation> {
        let mut last = None;
        for op in ops {
            events::tell(Saying::Begins, || format!("client {} {op}", self.index));
            if self.perform(*op, &mut last)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    fn perform(&self, op: Op, last: &mut Option<u64>) -> Result<Flow, Violation> {
        self.world.enter(Operation::of(op));
        match op {
            Op::Append(len) => self.append(Payload::plain(len), last),
            Op::Decoy(len) => {
                let decoys = &self.session.decoys;
                decoys.set(decoys.get() + 1);
                self.append(Payload::decoy(len), last)
            }
            Op::Durable(len) => self.append_durable(Payload::plain(len), last),
            Op::Batch { count, len } => self.append_batch(count, len, last),
            Op::Sync => self.sync(),
            Op::Prepare(kib) => self.prepare(kib),
            Op::Wait => self.wait(*last),
            Op::Replay => self.replay(None),
            Op::ReplayFrom(eighths) => self.replay(Some(self.place(eighths))),
            Op::Stream => self.stream(None),
            Op::StreamFrom(eighths) => self.stream(Some(self.place(eighths))),
            Op::Read(count) => self.read(count),
            Op::Follow(eighths) => self.follow(self.place(eighths)),
            Op::Hold(eighths) => self.set_hold(self.place(eighths)),
            Op::Release => self.release_hold(),
            Op::Truncate(eighths) => self.truncate(eighths),
            Op::TruncateTooFar => self.truncate_too_far(),
            Op::ReadTooEarly => self.read_too_early(),
            Op::Stop => self.stop_followers(),
            Op::NoSpace(calls) => self.change_disk(|disk| disk.refuse_space(calls)),
            Op::FillUp(blocks) => {
                self.change_disk(|disk| disk.leave_room(u64::from(blocks) * 4096))
            }
            Op::MakeRoom => self.change_disk(Disk::make_room),
            Op::SecondOpen => self.second_open(),
            Op::Look => self.look(),
            Op::Rotate(number) => self.rotate(number),
            Op::Reencrypt => self.reencrypt(),
            Op::Retire => self.retire(),
            Op::Close => self.close(),
        }
    }

    fn model<T>(&self, reach: impl FnOnce(&mut Model) -> T) -> T {
        reach(&mut self.session.model.borrow_mut())
    }

    fn tally<T>(&self, reach: impl FnOnce(&mut Tally) -> T) -> T {
        reach(&mut self.session.tally.borrow_mut())
    }

    /// Makes a call that nothing but the disk may make fail, and judges its outcome as far as that
    /// is the same for all calls.
    fn call<T>(
        &self,
        what: &str,
        call: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Result<T, Error>, Violation> {
        self.call_unless(what, |_| false, call)
    }

    /// The same for a call that may be refused: `is_refusal` tells that error from the others.
    fn call_unless<T>(
        &self,
        what: &str,
        is_refusal: impl FnOnce(&Error) -> bool,
        call: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Result<T, Error>, Violation> {
        let (was_poisoned, was_closed) = self.model(|model| (model.is_poisoned, model.is_closed));
        let result = call();
        if was_poisoned {
            self.tally(|tally| final_failure::check(what, &result, tally))?;
        } else if was_closed {
            self.tally(|tally| closed::check(what, &result, tally))?;
        } else if let Err(error) = &result
            && !is_refusal(error)
        {
            self.excuse(what, error)?;
        }
        let error = result.as_ref().err();
        features::note_outcome(what, self.world.phase(), error);
        if let Some(error) = error {
            self.remember(error);
        }
        Ok(result)
    }

    /// Checks that something excuses an error that is no refusal.
    fn excuse(&self, what: &str, error: &Error) -> Result<(), Violation> {
        events::tell(Saying::Failed, || {
            format!("client {} {what}: {}", self.index, errors::tell(error))
        });
        self.session
            .failed_calls
            .set(self.session.failed_calls.get() + 1);
        let excuses = errors::Excuses {
            disk: self.world.disk_is_to_blame(),
            damage: self.world.is_damaged(),
            close: self.model(|model| model.closing > 0),
        };
        self.tally(|tally| errors::check(what, error, excuses, tally))?;
        if is_about_damage(error) {
            let class = self.world.worst_class().expect("something excuses it");
            if let Some(places) = self.world.with_disk(|disk| guarantee::places(disk)) {
                let check = |model: &mut Model| {
                    self.tally(|tally| guarantee::check_place(model, &places, error, tally))
                };
                self.model(check)?;
            }
            self.session.damage_reported.borrow_mut()[class as usize] += 1;
        }
        Ok(())
    }

    /// What an error says about all later calls.
    fn remember(&self, error: &Error) {
        self.model(|model| match error {
            Error::Poisoned { .. } => model.is_poisoned = true,
            Error::Closed => model.is_closed = true,
            _ => {}
        });
        match error {
            Error::Poisoned { .. } => self.world.go_to(LifePhase::Poisoned),
            Error::Closed => self.world.go_to(LifePhase::Closing),
            _ => {}
        }
    }

    /// What follows an error: other calls where the log is poisoned or closed, to see that it
    /// stays so.
    fn after_error(&self, error: &Error) -> Result<Flow, Violation> {
        if !matches!(error, Error::Poisoned { .. } | Error::Closed) {
            return Ok(Flow::GoOn);
        }
        self.world.enter(Operation::Sync);
        self.call("sync", || self.wal.sync()).map(drop)?;
        self.world.enter(Operation::Append);
        let id = self.begin_append(Payload::plain(0));
        let appended = self.call("append", || self.append_record(id, Payload::plain(0)))?;
        if appended.is_err() {
            self.model(|model| model.refuse(id));
        }
        Ok(Flow::Stop)
    }

    fn begin_append(&self, contents: Payload) -> AppendId {
        let now = self.world.now();
        self.model(|model| model.begin_append(self.index as u16, contents, now))
    }

    fn append(&self, contents: Payload, last: &mut Option<u64>) -> Result<Flow, Violation> {
        let before = self.model(|model| model.settled().max(model.accepted));
        let id = self.begin_append(contents);
        match self.call("append", || self.append_record(id, contents))? {
            Ok(lsn) => {
                *last = Some(lsn.as_u64());
                self.accepted(id, lsn, before)?;
                Ok(Flow::GoOn)
            }
            Err(error) => {
                self.model(|model| model.refuse(id));
                self.after_error(&error)
            }
        }
    }

    fn append_durable(&self, contents: Payload, last: &mut Option<u64>) -> Result<Flow, Violation> {
        let before = self.model(|model| model.settled().max(model.accepted));
        let id = self.begin_append(contents);
        let (tenant, vshard) = (TenantId::new(id.0), VShardId::new(self.index as u16));
        let appended = self.call("append_durable", || {
            let mut payload = self.seat.payload.borrow_mut();
            id.payload(contents, &mut payload);
            self.wal.append_durable(id.verb(), tenant, vshard, &payload)
        })?;
        match appended {
            Ok(lsn) => {
                *last = Some(lsn.as_u64());
                self.accepted(id, lsn, before)?;
                self.acknowledged(lsn.as_u64())
            }
            // Whether it got an LSN, nobody knows: it stays in flight.
            Err(error) => self.after_error(&error),
        }
    }

    fn accepted(&self, id: AppendId, lsn: Lsn, before: u64) -> Result<(), Violation> {
        let lsn = lsn.as_u64();
        self.tally(|tally| tally.evaluated(Property::OwnLsn));
        ensure(Property::OwnLsn, lsn > before, || {
            format!(
                "append {} got lsn {lsn}, but lsn {before} was given before it began",
                id.0
            )
        })?;
        events::tell(Saying::Accepted, || {
            format!("client {} has lsn {lsn}", self.index)
        });
        self.model(|model| model.accept(id, lsn))
    }

    fn check_covered(&self, lsn: u64) -> Result<(), Violation> {
        if self.session.only_crashes_judge.get() {
            return Ok(());
        }
        let check = |disk: &mut Disk| {
            self.model(|model| {
                self.tally(|tally| covered::check_acknowledged(model, disk, lsn, tally))
            })
        };
        self.world.with_disk(check)
    }

    /// The log has said that everything up to `lsn` is durable.
    fn acknowledged(&self, lsn: u64) -> Result<Flow, Violation> {
        events::tell(Saying::Acked, || {
            format!(
                "client {} is told that all up to lsn {lsn} is durable",
                self.index
            )
        });
        events::keep(|| Event::Promised(lsn));
        self.check_covered(lsn)?;
        let is_sound = self.world.with_disk(|disk| disk.is_sound());
        self.model(|model| {
            model.acknowledge(lsn);
            if is_sound {
                model.sure = model.acked;
            }
        });
        self.tally(|tally| tally.evaluated(Property::Watermark));
        let durable = self.wal.durable_lsn().as_u64();
        ensure(Property::Watermark, durable >= lsn, || {
            format!("lsn {lsn} was acknowledged, but only {durable} counts as durable")
        })?;
        Ok(Flow::GoOn)
    }

    /// One of the ten verbs that append.
    fn append_record(&self, id: AppendId, contents: Payload) -> Result<Lsn, Error> {
        let mut payload = self.seat.payload.borrow_mut();
        id.payload(contents, &mut payload);
        let (tenant, vshard) = (TenantId::new(id.0), VShardId::new(self.index as u16));
        let wal = self.wal;
        match id.verb() {
            RecordType::Put => wal.append_put(tenant, vshard, &payload),
            RecordType::Delete => wal.append_delete(tenant, vshard, &payload),
            RecordType::VectorPut => wal.append_vector_put(tenant, vshard, &payload),
            RecordType::VectorDelete => wal.append_vector_delete(tenant, vshard, &payload),
            RecordType::VectorParams => wal.append_vector_params(tenant, vshard, &payload),
            RecordType::Transaction => wal.append_transaction(tenant, vshard, &payload),
            RecordType::CrdtDelta => wal.append_crdt_delta(tenant, vshard, &payload),
            RecordType::TimeseriesBatch => wal.append_timeseries_batch(tenant, vshard, &payload),
            RecordType::LogBatch => wal.append_log_batch(tenant, vshard, &payload),
            RecordType::Checkpoint => wal.append_checkpoint(tenant, vshard, id.checkpoint_lsn()),
            RecordType::Noop => unreachable!("no client appends one"),
        }
    }

    fn sync(&self) -> Result<Flow, Violation> {
        let target = self.model(|model| model.accepted);
        match self.call("sync", || self.wal.sync())? {
            Ok(()) => self.acknowledged(target),
            Err(error) => self.after_error(&error),
        }
    }

    fn prepare(&self, kib: u32) -> Result<Flow, Violation> {
        match self.call("prepare", || self.wal.prepare(u64::from(kib) << 10))? {
            Ok(()) => Ok(Flow::GoOn),
            Err(error) => self.after_error(&error),
        }
    }

    fn wait(&self, last: Option<u64>) -> Result<Flow, Violation> {
        let Some(lsn) = last else {
            return Ok(Flow::GoOn);
        };
        match self.call("wait_durable", || self.wal.wait_durable(Lsn::new(lsn)))? {
            Ok(()) => self.acknowledged(lsn),
            Err(error) => self.after_error(&error),
        }
    }

    /// Checks that a call was refused in the right way, or failed as the log is poisoned.
    fn refused(
        &self,
        property: Property,
        result: Result<(), Error>,
        is_right: impl FnOnce(&Error) -> bool,
    ) -> Result<Flow, Violation> {
        self.tally(|tally| tally.evaluated(property));
        match result {
            Err(error @ (Error::Poisoned { .. } | Error::Closed)) => self.after_error(&error),
            Err(error) if is_right(&error) => Ok(Flow::GoOn),
            other => {
                let story = format!("a call that had to be refused returned {other:?}");
                Err(Violation::new(property, story))
            }
        }
    }

    fn close(&self) -> Result<Flow, Violation> {
        let target = self.model(|model| {
            model.closing += 1;
            model.accepted
        });
        let is_refusal = |error: &Error| matches!(error, Error::Closed);
        match self.call_unless("close", is_refusal, || self.wal.close())? {
            Ok(()) => {
                self.model(|model| model.is_closed = true);
                self.world.go_to(LifePhase::Closing);
                self.acknowledged(target)?;
                self.after_error(&Error::Closed)
            }
            Err(error) => {
                let others = self.model(|model| {
                    model.closing -= 1;
                    model.closing
                });
                let is_excused = others > 0 || !matches!(error, Error::Closed);
                ensure(Property::Errors, is_excused, || {
                    "a close said that the log is closed, but nobody had closed it".into()
                })?;
                self.after_error(&error)
            }
        }
    }

    /// Changes the disk under the log; that can't fail.
    fn change_disk(&self, change: impl FnOnce(&mut Disk)) -> Result<Flow, Violation> {
        self.world.with_disk(change);
        Ok(Flow::GoOn)
    }
}
