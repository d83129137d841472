//! Does a workload once, and keeps the disk and the model as they were before each call that changes
//! the disk, or what of it is durable.
//!
//! Between two such calls every power cut meets the same disk, and what a caller knows only grows; so
//! the last moment before the call stands for all of them, and the end of a step for what it has
//! acknowledged. What a power cut within a write leaves, one after it may leave as well.

use std::cell::{OnceCell, RefCell};
use std::hash::Hasher;
use std::path::Path;
use std::rc::Rc;

use seawall::{KeyRing, WalManager};

use super::digest::Digest;
use super::workload::{Step, Workload};
use crate::checker::{Recovered, Violation, closed, errors, judge_recovery, progress};
use crate::choice::{Choices, Purpose};
use crate::coverage::{LifePhase, Operation};
use crate::disk::{Disk, Knobs};
use crate::keyholder::Keyholder;
use crate::ledger::Ledger;
use crate::model::Model;
use crate::run::config_of;
use crate::scenario::Op;
use crate::sched::Scheduler;
use crate::sched::plan::Plan;
use crate::sched::policy::PolicyKind;
use crate::workload::{Client, Seat, Session};
use crate::world::{LOG_DIR, World};
use crate::{decoy, legacy};

/// What a caller knows, and has.
pub(crate) struct Known {
    pub(crate) model: Model,
    pub(crate) keys: Option<KeyRing>,
    /// Two that are alike judge every recovery alike.
    pub(crate) digest: u64,
    /// The part of it that is about keys.
    pub(crate) keys_digest: u64,
}

impl Known {
    fn new(model: Model, keyholder: &Keyholder) -> Known {
        let mut digest = Digest::new();
        keyholder
            .kept()
            .into_iter()
            .chain(keyholder.current())
            .for_each(|number| digest.word(u64::from(number)));
        Known::with(model, keyholder.ring(), digest.finish())
    }

    fn with(model: Model, keys: Option<KeyRing>, keys_digest: u64) -> Known {
        let mut digest = Digest::new();
        digest.word(keys_digest);
        model.digest(&mut digest);
        Known {
            model,
            keys,
            digest: digest.finish(),
            keys_digest,
        }
    }

    /// The same keys, and a model that knows more.
    pub(crate) fn and(&self, model: Model) -> Known {
        Known::with(model, self.keys.clone(), self.keys_digest)
    }
}

/// A moment of a workload.
pub(crate) struct Moment {
    /// How many steps were done or begun: 0 for the first open.
    pub(crate) step: usize,
    pub(crate) disk: Disk,
    pub(crate) known: Rc<Known>,
}

struct Recorder {
    session: Rc<Session>,
    step: usize,
    moments: Vec<Moment>,
}

thread_local! {
    // The gate that calls back belongs to the disk and is shared; what it tells is this thread's.
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

impl Recorder {
    fn keep(&mut self, disk: &Disk) {
        let model = self.session.model.borrow().clone();
        let known = Rc::new(Known::new(model, &self.session.keys.borrow()));
        self.moments.push(Moment {
            step: self.step,
            disk: disk.clone(),
            known,
        });
    }
}

fn keep(disk: &Disk) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.keep(disk);
        }
    });
}

/// All moments of a workload, in order.
///
/// # Errors
/// What is wrong without any crash.
pub(crate) fn record(workload: &Workload, knobs: &Knobs) -> Result<Vec<Moment>, Violation> {
    if workload
        .steps
        .iter()
        .any(|step| matches!(step, Step::Do(Op::Decoy(_))))
    {
        decoy::prepare();
    }
    let session = Rc::new(Session::default());
    session.only_crashes_judge.set(true);
    RECORDER.set(Some(Recorder {
        session: Rc::clone(&session),
        step: 0,
        moments: Vec::new(),
    }));
    let world = World::new(knobs, Choices::new(0));
    let result = Rehearsal {
        workload,
        session: &session,
        world: &world,
        lives: 0,
    }
    .perform();
    let recorder = RECORDER.take().expect("nobody else takes it");
    result.map(|()| recorder.moments)
}

struct Rehearsal<'a> {
    workload: &'a Workload,
    session: &'a Session,
    world: &'a World,
    lives: u64,
}

impl Rehearsal<'_> {
    fn perform(mut self) -> Result<(), Violation> {
        match &self.workload.legacy {
            Some(legacy) => {
                let mut model = self.session.model.borrow_mut();
                self.world
                    .with_disk(|disk| legacy::write(legacy, disk, &mut model));
                if legacy.key.is_none() {
                    self.world.ledger(Ledger::begins_plain);
                }
            }
            None => self.world.with_disk(|disk| keep(disk)),
        }
        self.world.before_changes(keep);
        let mut log = self.open(LifePhase::First)?;
        self.world.with_disk(|disk| keep(disk));
        for (place, step) in self.workload.steps.iter().enumerate() {
            RECORDER.with_borrow_mut(|recorder| {
                recorder.as_mut().expect("it is recorded").step = place + 1;
            });
            match step {
                Step::Do(op) => self.do_one(&log, *op)?,
                Step::Reopen => {
                    self.close(&log)?;
                    drop(log);
                    log = self.open(LifePhase::AfterClose)?;
                }
                Step::Kill => {
                    drop(log);
                    self.world.with_disk(Disk::kill);
                    log = self.open(LifePhase::AfterKill)?;
                }
            }
            self.world.with_disk(|disk| keep(disk));
        }
        Ok(())
    }

    fn open(&mut self, phase: LifePhase) -> Result<WalManager, Violation> {
        self.lives += 1;
        self.world.begin_life(self.lives, phase, None);
        self.session.model.borrow_mut().begin_life();
        let wanted = self.workload.key.filter(|_| self.lives == 1);
        let keys = self.session.keys.borrow_mut().begin_life(wanted);
        self.world.ledger(|ledger| {
            let keys = self.session.keys.borrow();
            ledger.begin_life(keys.current());
            keys.kept().into_iter().for_each(|number| {
                ledger.know(number);
            });
        });
        let opened = self.alone(|| {
            self.world.enter(Operation::Open);
            let env = self.world.env();
            let config = config_of(self.workload.shape);
            let opened = WalManager::open_in(env, Path::new(LOG_DIR), config, keys.clone());
            opened.and_then(|log| Recovered::of(&log).map(|shown| (log, shown)))
        })?;
        let mut tally = self.session.tally.borrow_mut();
        match opened {
            Ok((log, shown)) => {
                judge_recovery(&mut self.session.model.borrow_mut(), &shown, &mut tally)?;
                Ok(log)
            }
            Err(error) => {
                let wrong = errors::check("open", &error, errors::Excuses::default(), &mut tally);
                Err(wrong.expect_err("nothing excuses it"))
            }
        }
    }

    fn do_one(&self, log: &WalManager, op: Op) -> Result<(), Violation> {
        let seat = Seat::default();
        self.session.following.begin(1);
        self.alone(|| {
            let client = Client {
                session: self.session,
                world: self.world,
                wal: log,
                index: 0,
                is_alone: true,
                seat: &seat,
            };
            client.work(&[op]);
        })?;
        match self.session.violation.take() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    fn close(&self, log: &WalManager) -> Result<(), Violation> {
        let (result, later) = self.alone(|| {
            self.world.enter(Operation::Close);
            (log.close(), log.sync())
        })?;
        let mut tally = self.session.tally.borrow_mut();
        match result {
            Ok(()) => {
                let mut model = self.session.model.borrow_mut();
                let accepted = model.accepted;
                model.acknowledge(accepted);
                closed::check("sync", &later, &mut tally)
            }
            Err(error) => errors::check("close", &error, errors::Excuses::default(), &mut tally),
        }
    }

    /// Does something as the only task.
    fn alone<T>(&self, act: impl Fn() -> T) -> Result<T, Violation> {
        let done = OnceCell::new();
        let stream = Choices::new(0).stream(Purpose::Schedule, 0);
        let plan = Plan::new(PolicyKind::Walk, stream);
        let outcome = Scheduler::of_this_thread().run(1, plan, &|_| {
            assert!(done.set(act()).is_ok(), "the task runs once");
        });
        progress::check(&outcome, &mut Default::default())?;
        match done.into_inner() {
            Some(done) => Ok(done),
            // A violation ends the world there and then.
            None => Err(self.session.violation.take().expect("nothing else cuts")),
        }
    }
}
