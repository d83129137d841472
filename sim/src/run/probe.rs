//! Damage, tried on forks of the disk when a life is over.
//!
//! One fork stays as it is: to open it once more than the scenario does must show what the model
//! expects. Another is damaged in one place, opened and read in every way, and compared with the
//! first. The world itself goes on undamaged: the log has to bear with it, not the simulator.

use std::cell::OnceCell;
use std::path::Path;

use seawall::{Error, KeyRing, Lsn, SegmentMeta, WalManager, dump_in, verify_in};

use super::{Runner, config_of};
use crate::checker::errors::{self, Excuses};
use crate::checker::evidence::{self, Found, Intact, Proof};
use crate::checker::one_truth::{self, Looks, Readings};
use crate::checker::{
    Property, Recovered, Violation, ensure, judge_recovery, progress, structure, unknown_types,
};
use crate::choice::Purpose;
use crate::disk::{Entry, Image, Mode};
use crate::events::{self, Saying};
use crate::figures::Verdict;
use crate::model::Model;
use crate::scenario::{Damage, Life, Probe};
use crate::trace;
use crate::world::LOG_DIR;
use crate::world::fork::Fork;
use crate::world::fork::damage::inflict;

/// What an open of a fork showed.
pub(crate) struct Shown {
    pub(crate) found: Found,
    pub(crate) durable_lsn: u64,
    pub(crate) segments: Vec<SegmentMeta>,
    total_bytes: u64,
}

impl Runner<'_> {
    /// Tries the life's probe, if it has one.
    pub(super) fn probe(&mut self, life: &Life) -> Result<(), Violation> {
        let is_over = self.world.with_disk(|disk| disk.mode() == Mode::ReadWrite);
        // Those who only look at a log do not migrate it first, as an open does.
        let is_migrated = self.scenario.legacy.is_none() || self.is_migrated();
        match life.probe {
            Some(probe) if is_over && is_migrated && !self.scenario.without_crashes => {
                match Damage::OF_KEYS.contains(&probe.damage) {
                    true => self.try_keys(life, probe),
                    false => self.try_out(life, probe),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether a log that began in the legacy format is in the new one.
    pub(super) fn is_migrated(&self) -> bool {
        let is_there = |name| {
            let path = Path::new(LOG_DIR).join(name);
            self.world.with_disk(|disk| disk.resolve(&path)).is_ok()
        };
        is_there("migrated-from") && !is_there("unfinished-migration.wal")
    }

    fn try_out(&mut self, life: &Life, probe: Probe) -> Result<(), Violation> {
        let number = self.figures.lives * Purpose::Probe.streams_per_life();
        let stream = |part| self.choices.stream(Purpose::Probe, number + part);
        let damaged = self.world.fork(stream(0));
        let done = damaged.with_disk(|disk| inflict(probe, disk, &mut stream(1)));
        let Some(done) = done else {
            return Ok(());
        };
        events::tell(Saying::Tried, || {
            format!("probe {probe}: {}: {}", done.path.display(), done.story)
        });
        let keys = self.session.keys.borrow().ring();
        let intact = self.look_at_undamaged(life, &self.world.fork(stream(2)))?;
        let before = damaged.with_disk(|disk| disk.image());
        let looked = self.look_at_fork(life, &damaged, keys.clone())?;
        let untouched = damaged.with_disk(|disk| disk.image());
        ensure(Property::OneTruth, is_same(&before, &untouched), || {
            "looking at a log has changed its files".into()
        })?;
        let found = self.open_fork(life, &damaged, keys)?;
        let after = damaged.with_disk(|disk| disk.image());
        let is_missed = is_missed(&intact, &done.path);
        self.tell(probe, &intact, &found);

        let mut tally = self.session.tally.borrow_mut();
        let has_to_fail = match probe.damage {
            Damage::Foreign | Damage::NewerVersion => true,
            Damage::Remove => is_missed,
            _ => false,
        };
        if has_to_fail {
            structure::check(probe.damage, found.as_ref().err(), &mut tally)?;
        }
        if found.is_err() {
            ensure(Property::Structure, is_same(&before, &after), || {
                "an open that failed has changed the log's files".into()
            })?;
        }
        let readings = found.as_ref().map(|shown| &shown.found.readings);
        if let Ok(readings) = readings {
            one_truth::check(readings, &mut tally)?;
        }
        one_truth::check_looks(&looked, readings, &mut tally)?;
        let records = intact.found.readings.eager.as_ref();
        let intact = Intact {
            low_water: intact.found.low_water,
            records: records.expect("it was judged"),
            holds: &intact.found.holds,
        };
        let found = found.map(|shown| shown.found);
        if probe.damage == Damage::NewerType {
            return unknown_types::check(intact, &found, &mut tally);
        }
        let model = self.session.model.borrow();
        let proof = proof_of(&model, probe.damage == Damage::Cut);
        evidence::check(&model, proof, intact, &found, &mut tally)
    }

    /// Looks at an undamaged fork, opens it, and judges both.
    pub(super) fn look_at_undamaged(
        &mut self,
        life: &Life,
        undamaged: &Fork,
    ) -> Result<Shown, Violation> {
        let keys = self.session.keys.borrow().ring();
        let looked = self.look_at_fork(life, undamaged, keys.clone())?;
        let intact = self.open_fork(life, undamaged, keys)?;
        let intact = self.judge_intact(intact)?;
        let mut tally = self.session.tally.borrow_mut();
        one_truth::check_intact_looks(&looked, &intact.found.readings, &mut tally)?;
        Ok(intact)
    }

    /// Counts and tells what became of a damaged fork.
    pub(super) fn tell(&mut self, probe: Probe, intact: &Shown, found: &Result<Shown, Error>) {
        self.figures.probes[probe.damage as usize] += 1;
        let verdict = verdict(intact, found);
        self.figures.verdicts[verdict as usize] += 1;
        trace::mix(verdict as u64);
        events::tell(Saying::Tried, || match found {
            Err(error) => format!("the damaged fork did not open: {}", errors::tell(error)),
            Ok(shown) => match &shown.found.readings.eager {
                Err(error) => format!("the damaged fork: {}", errors::tell(error)),
                Ok(_) => format!("the damaged fork: up to lsn {}", shown.found.next_lsn),
            },
        });
    }

    /// Judges the undamaged fork as any recovery, with a model that is thrown away.
    fn judge_intact(&mut self, shown: Result<Shown, Error>) -> Result<Shown, Violation> {
        let mut tally = self.session.tally.borrow_mut();
        tally.evaluated(Property::Opens);
        let unexpected = |error: &Error, tally: &mut _| {
            errors::check("opening a fork", error, Excuses::default(), tally)
        };
        let mut shown = match shown {
            Ok(shown) => shown,
            Err(error) => {
                return Err(unexpected(&error, &mut tally).expect_err("nothing excuses it"));
            }
        };
        one_truth::check(&shown.found.readings, &mut tally)?;
        let records = match shown.found.readings.eager {
            Ok(records) => records,
            Err(error) => {
                return Err(unexpected(&error, &mut tally).expect_err("nothing excuses it"));
            }
        };
        let recovered = Recovered {
            records,
            low_water: shown.found.low_water,
            next_lsn: shown.found.next_lsn,
            durable_lsn: shown.durable_lsn,
            segments: shown.segments,
            total_bytes: shown.total_bytes,
            holds: std::mem::take(&mut shown.found.holds),
        };
        let mut model = self.session.model.borrow().clone();
        judge_recovery(&mut model, &recovered, &mut tally)?;
        self.figures.repeated += 1;
        shown.found.readings.eager = Ok(recovered.records);
        shown.found.holds = recovered.holds;
        shown.segments = recovered.segments;
        Ok(shown)
    }

    /// Looks at a fork without opening the log in it.
    pub(super) fn look_at_fork(
        &self,
        life: &Life,
        fork: &Fork,
        keys: Option<KeyRing>,
    ) -> Result<Looks, Violation> {
        let looks = OnceCell::new();
        let outcome = self.schedule(life, 3, 1, &|_| {
            let dir = Path::new(LOG_DIR);
            let seen = Looks {
                verdict: verify_in(fork.env(), dir, keys.clone()).map(|report| report.verdict()),
                dumped: dump_in(fork.env(), dir, None, keys.clone()).and_then(Iterator::collect),
            };
            assert!(looks.set(seen).is_ok(), "the task runs once");
        });
        progress::check(&outcome, &mut self.session.tally.borrow_mut())?;
        Ok(looks.into_inner().expect("nothing cuts a fork off"))
    }

    /// Opens a fork as the life did, with these keys, and reads it in every way.
    pub(super) fn open_fork(
        &self,
        life: &Life,
        fork: &Fork,
        keys: Option<KeyRing>,
    ) -> Result<Result<Shown, Error>, Violation> {
        let config = config_of(life.log);
        let shown = OnceCell::new();
        let outcome = self.schedule(life, 3, 1, &|_| {
            let opened = WalManager::open_in(fork.env(), Path::new(LOG_DIR), config, keys.clone());
            let result = opened.map(|wal| show(&wal));
            assert!(shown.set(result).is_ok(), "the task runs once");
        });
        progress::check(&outcome, &mut self.session.tally.borrow_mut())?;
        Ok(shown.into_inner().expect("nothing cuts a fork off"))
    }
}

/// Reads an open log in every way.
pub(crate) fn show(wal: &WalManager) -> Shown {
    let (low_water, next_lsn) = (wal.low_water_lsn().as_u64(), wal.next_lsn().as_u64());
    let mut streamed = Vec::new();
    let mut stream_error = None;
    match wal.reader() {
        Err(error) => stream_error = Some(error),
        Ok(reader) => {
            for record in reader {
                match record {
                    Ok(record) => streamed.push(record),
                    Err(error) => stream_error = Some(error),
                }
            }
        }
    }
    let eager = wal.replay();
    let unknown_skipped = wal.stats().unknown_skipped;
    let from = low_water + next_lsn.saturating_sub(low_water) / 2;
    Shown {
        found: Found {
            low_water,
            next_lsn,
            unknown_skipped,
            holds: wal.holds(),
            readings: Readings {
                eager,
                streamed,
                stream_error,
                from,
                eager_from: wal.replay_from(Lsn::new(from)),
            },
        },
        durable_lsn: wal.durable_lsn().as_u64(),
        segments: wal.list_segments(),
        total_bytes: wal.total_size_bytes(),
    }
}

/// What is proven of a log by more than one place of it.
pub(super) fn proof_of(model: &Model, is_cut: bool) -> Proof {
    let has_acked = model.is_recovered && model.newly_acked() > 0;
    Proof {
        of_all: model.is_closed && !is_cut,
        of_old_holds: has_acked && !is_cut,
        up_to: match (model.newly_acked(), is_cut) {
            (0, _) => 0,
            // A cut takes the frames that vouch with those that they vouch for.
            (_, true) => model.shown_at_open(),
            (_, false) => model.shown_at_open().max(model.vouched()),
        },
    }
}

/// Whether the undamaged log has records in the segment at `path`, going by what it lists.
fn is_missed(intact: &Shown, path: &Path) -> bool {
    let mut pairs = intact.segments.windows(2);
    let end = pairs.find_map(|pair| (pair[0].path == path).then_some(pair[1].first_lsn));
    let first = intact.segments.iter().find(|segment| segment.path == path);
    match (first, end) {
        (Some(first), Some(end)) => first.first_lsn.max(intact.found.low_water) < end,
        _ => false,
    }
}

fn verdict(intact: &Shown, damaged: &Result<Shown, Error>) -> Verdict {
    match damaged {
        Err(_) => Verdict::Refused,
        Ok(shown) if shown.found.readings.eager.is_err() => Verdict::Refused,
        Ok(shown) if shown.found.next_lsn < intact.found.next_lsn => Verdict::Shortened,
        Ok(_) => Verdict::Unharmed,
    }
}

/// Whether two images have the same segments. The lock's file may have come, and what was in the
/// making may have gone.
pub(crate) fn is_same(before: &Image, after: &Image) -> bool {
    let segments = |image: &Image| -> Vec<(String, Entry)> {
        let entries = image.entries.iter();
        let segments = entries.filter(|(path, _)| path.contains("/seg-"));
        segments
            .map(|(path, entry)| (path.clone(), entry.clone()))
            .collect()
    };
    segments(before) == segments(after)
}
