//! The open of a life, and the judgement of what it shows.

use std::cell::OnceCell;
use std::path::Path;

use seawall::WalManager;

use super::media::Before;
use super::{Runner, config_of};
use crate::checker::guarantee::{self, Guarantee};
use crate::checker::{Property, Recovered, Violation, covered, errors, listing, progress};
use crate::classes;
use crate::coverage::{LifePhase, Operation};
use crate::disk::Fault;
use crate::events::{self, Event, Saying};
use crate::features::{self, Aspect};
use crate::scenario::{Life, LogShape};
use crate::trace;
use crate::world::LOG_DIR;

/// How a life went on after its open.
pub(super) enum Opened {
    Log,
    Failed,
    Crashed,
}

impl Runner<'_> {
    /// Opens the log and reads it, in one task, since a crash may come at any call of either.
    pub(super) fn open(
        &mut self,
        life: &Life,
        wal: &OnceCell<WalManager>,
    ) -> Result<Opened, Violation> {
        let config = config_of(life.log);
        let env = self.world.env();
        let keys = self.session.keys.borrow_mut().begin_life(life.key);
        let is_encrypted = keys.is_some();
        self.world.ledger(|ledger| {
            let keys = self.session.keys.borrow();
            ledger.begin_life(keys.current());
            for number in keys.kept() {
                ledger.know(number);
            }
        });
        let shown = OnceCell::new();
        let operation = self.opening();
        let before = self.disk_before();
        self.world
            .with_disk(|disk| features::note_image(disk, self.phase as u64));
        let outcome = self.schedule(life, 0, 1, &|_| {
            self.world.enter(operation);
            let opened = WalManager::open_in(env.clone(), Path::new(LOG_DIR), config, keys.clone())
                .and_then(|opened| Recovered::of(wal.get_or_init(|| opened)));
            assert!(shown.set(opened).is_ok(), "the task runs once");
        });
        self.world.ledger(|ledger| ledger.check())?;
        progress::check(&outcome, &mut self.session.tally.borrow_mut())?;
        let was_refused = self.world.with_disk(|disk| disk.end_refusal());
        let guarantee = self.guarantee(before.as_ref());
        self.moved_what_is_unproven(before.as_ref());
        let shown = shown.into_inner();
        self.note_opened(shown.as_ref());
        let Some(shown) = shown else {
            return Ok(Opened::Crashed);
        };
        match shown {
            Ok(recovered) => {
                self.judge(&recovered, &guarantee, before.as_ref(), life.log)?;
                self.world.go_to(LifePhase::Working);
                self.figures.encrypted += u64::from(is_encrypted);
                Ok(Opened::Log)
            }
            Err(error) => {
                events::tell(Saying::Failed, || {
                    format!("the open failed: {}", errors::tell(&error))
                });
                if guarantee.explains(&error) {
                    self.detected(&guarantee, &error, wal.get().is_some(), before.as_ref())?;
                    return Ok(Opened::Failed);
                }
                if was_refused && wal.get().is_none() {
                    self.refused(before.as_ref())?;
                }
                let excuses = self.excuses();
                let mut tally = self.session.tally.borrow_mut();
                errors::check("open", &error, excuses, &mut tally)?;
                Ok(Opened::Failed)
            }
        }
    }

    fn judge(
        &mut self,
        recovered: &Recovered,
        guarantee: &Guarantee,
        before: Option<&Before>,
        shape: LogShape,
    ) -> Result<(), Violation> {
        self.figures.recoveries += 1;
        self.figures.first_opens += u64::from(self.figures.lives == 1);
        let mut tally = self.session.tally.borrow_mut();
        tally.evaluated(Property::Opens);
        if self.shape.is_some_and(|last| last != shape) && !recovered.records.is_empty() {
            self.figures.reshaped += 1;
        }
        self.shape = Some(shape);
        events::tell(Saying::Recovered, || {
            let (low, next) = (recovered.low_water, recovered.next_lsn);
            format!("recovered lsn {low} up to, not including, {next}")
        });
        events::keep(|| Event::Promised(recovered.next_lsn - 1));
        trace::mix(recovered.next_lsn);
        let mut model = self.session.model.borrow_mut();
        self.figures.acked += model.newly_acked();
        let remainder = guarantee::judge(&mut model, recovered, guarantee, &mut tally)?;
        self.world
            .with_disk(|disk| covered::check_opened(disk, model.accepted, &mut tally))?;
        let sizes = self.world.with_disk(|disk| {
            let sizes = recovered
                .segments
                .iter()
                .map(|segment| disk.metadata(&segment.path));
            sizes
                .map(|found| found.map_or(u64::MAX, |found| found.len))
                .collect::<Vec<_>>()
        });
        // A file that nobody had open may have got shorter since the open looked at it.
        let forgotten = self.forgotten();
        if std::mem::replace(&mut self.forgotten, forgotten) == forgotten {
            listing::check_sizes(&recovered.segments, &sizes, recovered.total_bytes)?;
        }
        drop((model, tally));
        self.medium_was_judged(before);
        match guarantee.class.filter(|_| guarantee.is_fresh) {
            Some(class) => self.count(class, remainder),
            None => self.count_whole(),
        }
        Ok(())
    }

    /// What an open came to, as a feature: after how the last life ended, and what the log had then.
    fn note_opened(&self, shown: Option<&Result<Recovered, seawall::Error>>) {
        if !features::are_wanted() {
            return;
        }
        let (kind, shape) = match shown {
            None => (0, 0),
            Some(Err(error)) => (1, features::kind_of(error)),
            Some(Ok(recovered)) => {
                let model = self.session.model.borrow();
                let lost = model.accepted.saturating_sub(recovered.next_lsn - 1) as usize;
                let counts = [
                    recovered.records.len(),
                    recovered.segments.len(),
                    recovered.holds.len(),
                    lost,
                ];
                let shape = counts
                    .iter()
                    .fold(0, |all, &count| all << 8 | features::few(count));
                (2, shape)
            }
        };
        let words = [self.phase as u64, kind, shape];
        features::note(Aspect::Opened, &words);
    }

    /// How often a file has left the cache with what a failed write-back had lost of it.
    fn forgotten(&self) -> u64 {
        let fault = Fault::WritebackErrorForgotten;
        self.world.with_disk(|disk| disk.counts().faults(fault))
    }

    /// The whole contract held: counts that for each class of faults that has struck since it was
    /// judged last.
    fn count_whole(&mut self) {
        let opened_twice = self.session.tally.borrow().of(Property::OneWriter);
        let restored = self.figures.restored;
        let fired = self
            .world
            .with_disk(|disk| classes::fired(disk.counts(), restored, opened_twice));
        for (index, (now, before)) in fired.iter().zip(&mut self.judged).enumerate() {
            self.figures.whole[index] += u64::from(now > before);
            *before = *now;
        }
    }

    /// What the next open does.
    fn opening(&self) -> Operation {
        match self.scenario.legacy.is_some() && !self.is_migrated() {
            true => Operation::Migrate,
            false => Operation::Open,
        }
    }
}
