//! From a scenario to a report: life after life on one disk, judged after each open.
//!
//! A life opens the log, judges what it shows, lets the clients work and ends as the scenario
//! says; then the disk is what a crash makes of it. At the end the power is cut once more, the
//! faults stop, and the log has to open, take appends from everybody, close, and have it all
//! after one more cut that loses whatever was not synced.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use seawall::{WalConfig, WalManager, WalTuning};

use crate::checker::errors::Excuses;
use crate::checker::guarantee::Remainder;
use crate::checker::{Property, Tally, Violation, ensure, hidden_work, progress};
use crate::choice::{Choices, Purpose, Record, Recording};
use crate::classes;
use crate::coverage::LifePhase;
use crate::decoy;
use crate::disk::Strategy;
use crate::events::{self, Event, Happened};
use crate::features::{self, Feature};
use crate::figures::Figures;
use crate::ledger::Ledger;
use crate::legacy;
use crate::scenario::{How, Life, LogShape, Scenario};
use crate::sched::Scheduler;
use crate::sched::outcome::Outcome;
use crate::sched::plan::{FrozenStacks, Plan};
use crate::sched::policy::PolicyKind;
use crate::trace::{self, Recorded};
use crate::workload::{Client, Seat, Session};
use crate::world::{Repair, SiteCounts, World};

mod closing;
mod forger;
mod last;
mod media;
mod opening;
mod past;
pub(crate) mod probe;

use opening::Opened;
use past::Past;

/// More scheduling points than any life needs, by far.
const STEPS_MAX: u64 = 2_000_000;

/// What a run did and found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is wrong, if anything is.
    pub violation: Option<Violation>,
    /// Everything that happened.
    pub trace: Recorded,
    /// What it did.
    pub figures: Figures,
}

/// What is to be known of a run beside its report.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// The trace's lines.
    pub text: bool,
    /// All choices.
    pub record: bool,
    /// What happened, event by event.
    pub events: bool,
    /// With them, how each has changed the disk.
    pub changes: bool,
    /// Where the log made its syncs and renames.
    pub sites: bool,
    /// What guides a search.
    pub features: bool,
    /// Something is made durable that the log has not synced.
    pub repair: Option<Repair>,
}

/// A report, and what else was wanted; the rest is empty.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The report.
    pub report: Report,
    /// All choices.
    pub record: Record,
    /// What happened, and who did it.
    pub events: Vec<Happened>,
    /// How often which call was made where.
    pub sites: SiteCounts,
    /// What guides a search.
    pub features: Vec<Feature>,
}

/// Runs a scenario; `with_text` keeps the trace's lines.
pub fn run(scenario: &Scenario, with_text: bool) -> Report {
    let wants = Wants {
        text: with_text,
        ..Wants::default()
    };
    watch(scenario, wants).report
}

/// Runs a scenario, and keeps all its choices.
pub fn record(scenario: &Scenario) -> (Report, Record) {
    let wants = Wants {
        record: true,
        ..Wants::default()
    };
    let watched = watch(scenario, wants);
    (watched.report, watched.record)
}

/// Runs a scenario. Where the simulator itself panics, that is the violation; the log's own panics
/// are caught where its tasks run.
pub fn watch(scenario: &Scenario, wants: Wants) -> Watched {
    // What is made once for all runs belongs to none of them.
    decoy::prepare();
    trace::start(wants.text);
    events::start(wants.events, wants.changes);
    if wants.features {
        features::start();
    }
    let recording = Recording::default();
    let choices = Choices::new(scenario.seed.0).with_tape(scenario.tape.clone());
    let choices = match wants.record {
        true => choices.recorded(&recording),
        false => choices,
    };
    let performed = catch_unwind(AssertUnwindSafe(|| perform(scenario, choices, &wants)));
    let (report, sites) = performed.unwrap_or_else(|_| {
        let story = "the simulator panicked; its message is above";
        let report = Report {
            violation: Some(Violation::new(Property::Simulator, story)),
            trace: trace::finish(),
            figures: Figures::default(),
        };
        (report, SiteCounts::new())
    });
    let features = match wants.features {
        true => {
            features::note_faults(&report.figures.disk);
            features::finish()
        }
        false => Vec::new(),
    };
    Watched {
        report,
        record: recording.take(),
        events: events::finish(),
        sites,
        features,
    }
}

fn perform(scenario: &Scenario, choices: Choices, wants: &Wants) -> (Report, SiteCounts) {
    let mut runner = Runner {
        scenario,
        world: World::new(&scenario.disk, choices.clone()),
        choices,
        session: Session {
            tally: Tally::leaving_out(scenario.unchecked).into(),
            ..Session::default()
        },
        figures: Figures::default(),
        shape: None,
        phase: LifePhase::First,
        past: Past::default(),
        judged: Default::default(),
        forgotten: 0,
        is_over: false,
    };
    if let Some(repair) = &wants.repair {
        runner.world.repair(repair.clone());
    }
    runner.figures.profiles[scenario.disk.profile as usize] = 1;
    match &scenario.without {
        Some(site) => runner.world.do_without(site.clone()),
        None if wants.sites => runner.world.count_sites(),
        None => {}
    }
    let result = runner.run();
    let sites = runner.world.take_sites();
    (runner.report(result.err()), sites)
}

struct Runner<'a> {
    scenario: &'a Scenario,
    choices: Choices,
    world: World,
    session: Session,
    figures: Figures,
    /// How the log was opened last.
    shape: Option<LogShape>,
    /// In which phase the next open is.
    phase: LifePhase,
    past: Past,
    /// How often a file had left the cache with what was lost of it, when a recovery was judged last.
    forgotten: u64,
    /// What had struck when a recovery was judged last.
    judged: classes::Fired,
    /// Damage was noticed that stays: there is nothing more to demand of the log.
    is_over: bool,
}

impl Runner<'_> {
    fn run(&mut self) -> Result<(), Violation> {
        if let Some(media) = &self.scenario.media {
            self.world.with_disk(|disk| disk.set_media(media.clone()));
        }
        if let Some(legacy) = &self.scenario.legacy {
            let mut model = self.session.model.borrow_mut();
            self.world
                .with_disk(|disk| legacy::write(legacy, disk, &mut model));
            legacy
                .key
                .into_iter()
                .for_each(|key| self.session.keys.borrow_mut().keep(key));
            if legacy.key.is_none() {
                self.world.ledger(Ledger::begins_plain);
            }
            self.figures.migrations += 1;
        }
        for life in &self.scenario.lives {
            self.live(life)?;
            self.check_promise()?;
            if self.is_over {
                return Ok(());
            }
        }
        self.demand_progress()
    }

    fn report(mut self, violation: Option<Violation>) -> Report {
        // What was handed over comes before all that it led to.
        let sealed = self.world.ledger(|ledger| ledger.check());
        let (at_the_gate, violation_there) = self.world.take_findings();
        // A violation leaves a life in its middle; the disk must outlive what leads to it.
        self.session.following.forget_stoppers();
        self.figures.tally.add(&self.session.tally.borrow());
        self.figures.tally.add(&at_the_gate);
        self.figures.appends = self.session.model.borrow().appends();
        self.figures.cuts = self.world.cuts();
        self.figures.segments_truncated = self.session.segments_truncated.get();
        self.figures.decoys = self.session.decoys.get();
        self.figures.reads_over_truncation = self.session.reads_over_truncation.get();
        self.figures.tails_stopped = self.session.following.stopped.get();
        self.figures.tails_ended_under_load = self.session.following.ended_under_load.get();
        self.figures.rotations = self.session.rotations.get();
        self.figures.segments_reencrypted = self.session.segments_reencrypted.get();
        self.figures.keys_retired = self.session.keys_retired.get();
        self.figures.ledger = self.world.ledger(|ledger| ledger.size());
        let live = self.session.damage_reported.borrow();
        for (into, from) in self.figures.media.iter_mut().zip(live.iter()) {
            into[Remainder::DetectedLive as usize] += from;
        }
        drop(live);
        self.figures.disk = self.world.with_disk(|disk| disk.counts().clone());
        Report {
            violation: sealed.err().or(violation).or(violation_there),
            trace: trace::finish(),
            figures: self.figures,
        }
    }

    /// One life of the scenario, and what its end makes of the disk.
    fn live(&mut self, life: &Life) -> Result<(), Violation> {
        self.go_back(life);
        self.begin(life);
        let wal = OnceCell::new();
        let is_frozen = match self.open(life, &wal)? {
            Opened::Crashed => {
                self.figures.crashes_in_recovery += 1;
                true
            }
            Opened::Failed => {
                self.figures.failed_opens += 1;
                false
            }
            Opened::Log => {
                let wal = wal.get().expect("it was opened");
                let mut outcome = self.work(life, wal)?;
                if outcome == Outcome::Finished {
                    outcome = self.finish(life, wal)?;
                }
                outcome != Outcome::Finished
            }
        };
        self.bury(wal, is_frozen)?;
        self.crash(life.end.how, None);
        self.remember();
        self.probe(life)
    }

    fn begin(&mut self, life: &Life) {
        self.figures.lives += 1;
        trace::line(|| {
            format!(
                "life {} begins, to end with {}",
                self.figures.lives, life.end
            )
        });
        trace::mix(self.figures.lives);
        events::keep(|| Event::Life(self.figures.lives));
        let crash = life.end.at.filter(|_| !self.scenario.without_crashes);
        self.world.begin_life(self.figures.lives, self.phase, crash);
        self.world.with_disk(|disk| {
            disk.set_calm(life.calm);
            events::observe(disk);
        });
        self.session.model.borrow_mut().begin_life();
    }

    /// Lets the clients work.
    fn work(&mut self, life: &Life, wal: &WalManager) -> Result<Outcome, Violation> {
        let (session, world) = (&self.session, &self.world);
        let clients = &life.clients;
        let seats: Vec<Seat> = clients.iter().map(|_| Seat::default()).collect();
        session.following.begin(clients.len());
        let outcome = self.schedule(life, 1, clients.len(), &|index| {
            let client = Client {
                session,
                world,
                wal,
                index,
                is_alone: clients.len() == 1,
                seat: &seats[index],
            };
            client.work(&clients[index]);
        });
        session.following.begin(0);
        self.figures.steps += Scheduler::of_this_thread().steps();
        self.world.ledger(|ledger| ledger.check())?;
        match self.session.violation.take() {
            Some(violation) => Err(violation),
            None => {
                progress::check(&outcome, &mut self.session.tally.borrow_mut())?;
                Ok(outcome)
            }
        }
    }

    /// What excuses an error of a call that nobody makes beside others.
    fn excuses(&self) -> Excuses {
        Excuses {
            disk: self.world.disk_is_to_blame(),
            damage: self.world.is_damaged(),
            close: false,
        }
    }

    /// Drops the log of a life that is over: that makes no call. Where no crash froze a task, it
    /// also gives back every file, the lock with them.
    fn bury(&mut self, wal: OnceCell<WalManager>, is_frozen: bool) -> Result<(), Violation> {
        if let Some(wal) = wal.into_inner() {
            let before = self.world.calls();
            drop(wal);
            let calls = self.world.calls() - before;
            hidden_work::check(calls, &mut self.session.tally.borrow_mut())?;
        }
        let open = self.world.with_disk(|disk| disk.open_files());
        // Whoever can stop a tail keeps nothing of the log: the next one may open it.
        self.session.following.forget_stoppers();
        if !is_frozen {
            self.world.rest();
        }
        ensure(Property::OneWriter, is_frozen || open == 0, || {
            format!("the log is gone, but {open} of its files are still open")
        })
    }

    /// Ends a life: what the process or the machine had in memory is gone.
    fn crash(&mut self, how: How, strategy: Option<Strategy>) {
        if self.scenario.without_crashes {
            return;
        }
        self.phase = match how {
            How::Kill => LifePhase::AfterKill,
            How::Close if self.session.model.borrow().is_closed => LifePhase::AfterClose,
            How::Close | How::PowerCut => LifePhase::AfterPowerCut,
        };
        let mut stream = self.choices.stream(Purpose::Crash, self.figures.lives);
        let image = || self.world.with_disk(|disk| disk.image());
        let before = events::are_kept().then(image);
        let by = self.world.with_disk(|disk| {
            let pending = features::are_wanted().then(|| disk.pending());
            let text = match (how, strategy) {
                (How::Kill, _) => {
                    disk.kill();
                    "killed"
                }
                (_, Some(strategy)) => disk.power_cut_with(strategy, &mut stream).name(),
                (_, None) => disk.power_cut(&mut stream).name(),
            };
            trace::line(|| format!("life {} is over: {text}", self.figures.lives));
            trace::mix_bytes(text.as_bytes());
            if let Some(pending) = pending {
                features::note_lost(text, pending);
            }
            text
        });
        if let Some(before) = before {
            let lost = image().lost_since(&before);
            events::keep(|| Event::Lost { by, lost });
            self.world.with_disk(|disk| events::observe_crash(disk));
        }
        self.world.scan();
    }

    /// Each life promises to end in a crash; a run without them proves nothing.
    fn check_promise(&self) -> Result<(), Violation> {
        self.session.tally.borrow_mut().evaluated(Property::Vacuity);
        let came = self
            .world
            .with_disk(|disk| disk.counts().kills + disk.counts().power_cuts);
        ensure(Property::Vacuity, came >= self.figures.lives, || {
            format!("{} crashes were promised, {came} came", self.figures.lives)
        })
    }

    /// Runs tasks under the life's policy. `part` keeps the streams of a life's parts apart.
    fn schedule(&self, life: &Life, part: u64, tasks: usize, body: &dyn Fn(usize)) -> Outcome {
        let number = self.figures.lives * Purpose::Schedule.streams_per_life() + part;
        let stream = self.choices.stream(Purpose::Schedule, number);
        let policy = match self.choices.is_on_tape(Purpose::Schedule, number) {
            true => PolicyKind::Random,
            false => life.policy,
        };
        let remaining = match part {
            1 => life
                .clients
                .iter()
                .map(|ops| 2 * ops.len() as u32)
                .collect(),
            _ => Vec::new(),
        };
        let plan = Plan {
            step_limit: STEPS_MAX,
            end: match life.unwind {
                true => FrozenStacks::Unwind,
                false => FrozenStacks::Drop,
            },
            remaining,
            spurious: life.spurious,
            ..Plan::new(policy, stream)
        };
        Scheduler::of_this_thread().run(tasks, plan, body)
    }
}

pub(crate) fn config_of(shape: LogShape) -> WalConfig {
    WalConfig {
        use_direct_io: shape.direct,
        segment_target_size: shape.segment,
        tuning: WalTuning {
            write_buffer_size: shape.buffer as usize,
            alignment: shape.block as usize,
        },
    }
}
