//! Forgeries, copies and wrong keys, tried on forks of an encrypted log when a life is over.

use std::cell::OnceCell;
use std::path::Path;

use seawall::{Error, KeyRing, RecordType, TenantId, VShardId, WalManager, WalRecord};

use super::probe::{Shown, is_same, proof_of};
use super::{Runner, config_of};
use crate::checker::errors;
use crate::checker::evidence::Intact;
use crate::checker::{Property, Violation, ensure, forgery, one_truth, progress};
use crate::choice::{Purpose, Stream};
use crate::events::{self, Saying};
use crate::keyholder::key;
use crate::scenario::{Damage, Life, Probe};
use crate::trace;
use crate::world::LOG_DIR;
use crate::world::fork::Fork;
use crate::world::fork::forge::{Lore, forge, kinds};

/// A key that no client is ever given.
const STRANGERS_KEY: u32 = 1000;
/// The key that a copy is rotated to.
const COPYS_KEY: u32 = 1001;
/// Who appends to a copy.
const COPYS_TENANT: u32 = 0xc0de_0000;
const COPYS_RECORDS: u32 = 4;

impl Runner<'_> {
    fn copies(&self, part: u64) -> Stream {
        let number = self.figures.lives * Purpose::Copies.streams_per_life() + part;
        self.choices.stream(Purpose::Copies, number)
    }

    pub(super) fn try_keys(&mut self, life: &Life, probe: Probe) -> Result<(), Violation> {
        let Some(ring) = self.session.keys.borrow().ring() else {
            return Ok(());
        };
        self.world.ledger(|ledger| {
            ledger.know(STRANGERS_KEY);
            ledger.know(COPYS_KEY);
        });
        let before = self.world.with_disk(|disk| kinds(disk));
        match probe.damage {
            Damage::Copy if before.encrypted + before.plain > 0 => self.try_copy(life, probe, ring),
            _ if before.encrypted == 0 => Ok(()),
            Damage::WrongKey => {
                self.try_other_keys(life, probe, Some(KeyRing::new(key(STRANGERS_KEY))))
            }
            Damage::NoKey => self.try_other_keys(life, probe, None),
            _ => {
                let has_plain = before.plain > 0;
                self.try_forgery(life, probe, ring, has_plain)
            }
        }
    }

    fn try_forgery(
        &mut self,
        life: &Life,
        probe: Probe,
        ring: KeyRing,
        has_plain: bool,
    ) -> Result<(), Violation> {
        // A ring for encrypted logs only fits a log that is all encrypted.
        let mut lore = Lore {
            is_strict: !has_plain && probe.number % 2 == 1,
            ..Lore::default()
        };
        match probe.damage {
            Damage::ForgeOlder => lore.earlier = self.past.disks().cloned().collect(),
            Damage::ForgeForeign => lore.other = Some(self.another_log(life, probe, &ring)?),
            _ => {}
        }
        let forged = self.world.fork(self.copies(0));
        let mut stream = self.copies(1);
        let done = forged.with_disk(|disk| forge(probe, disk, &lore, &mut stream));
        let Some(done) = done else {
            return Ok(());
        };
        // Nothing tells a log that was all replaced by a plain one, but a ring that forbids it.
        let is_all_plain = forged.with_disk(|disk| kinds(disk)).encrypted == 0;
        if is_all_plain && has_plain {
            return Ok(());
        }
        let ring = match lore.is_strict || is_all_plain {
            true => ring.only_encrypted(),
            false => ring,
        };
        events::tell(Saying::Tried, || {
            format!("probe {probe}: {}: {}", done.path.display(), done.story)
        });
        let intact = self.look_at_undamaged(life, &self.world.fork(self.copies(2)))?;
        let found = self.look_and_open(life, &forged, Some(ring))?;
        self.tell(probe, &intact, &found);
        let mut tally = self.session.tally.borrow_mut();
        let records = intact.found.readings.eager.as_ref();
        let intact = Intact {
            low_water: intact.found.low_water,
            records: records.expect("it was judged"),
            holds: &intact.found.holds,
        };
        let model = self.session.model.borrow();
        let found = found.map(|shown| shown.found);
        forgery::check(
            &model,
            proof_of(&model, done.covers_the_end),
            intact,
            &found,
            &mut tally,
        )
    }

    fn try_other_keys(
        &mut self,
        life: &Life,
        probe: Probe,
        keys: Option<KeyRing>,
    ) -> Result<(), Violation> {
        let fork = self.world.fork(self.copies(0));
        let intact = self.look_at_undamaged(life, &self.world.fork(self.copies(2)))?;
        let found = self.look_and_open(life, &fork, keys)?;
        self.tell(probe, &intact, &found);
        let mut tally = self.session.tally.borrow_mut();
        forgery::check_refusal(found.as_ref().err(), &mut tally)
    }

    /// Looks at a fork and opens it: neither may change what it refuses, and both have to see the
    /// same.
    fn look_and_open(
        &mut self,
        life: &Life,
        fork: &Fork,
        keys: Option<KeyRing>,
    ) -> Result<Result<Shown, Error>, Violation> {
        let before = fork.with_disk(|disk| disk.image());
        let looked = self.look_at_fork(life, fork, keys.clone())?;
        let found = self.open_fork(life, fork, keys)?;
        let after = fork.with_disk(|disk| disk.image());
        if found.is_err() {
            ensure(Property::Forgery, is_same(&before, &after), || {
                "an open that failed has changed the log's files".into()
            })?;
        }
        let mut tally = self.session.tally.borrow_mut();
        let readings = found.as_ref().map(|shown| &shown.found.readings);
        if let Ok(readings) = readings {
            one_truth::check(readings, &mut tally)?;
        }
        one_truth::check_looks(&looked, readings, &mut tally)?;
        Ok(found)
    }

    /// A copy of the directory goes on by itself, and has to be as good as any log.
    fn try_copy(&mut self, life: &Life, probe: Probe, ring: KeyRing) -> Result<(), Violation> {
        let intact = self.look_at_undamaged(life, &self.world.fork(self.copies(2)))?;
        let copy = self.world.fork(self.copies(3));
        trace::line(|| "a copy of the directory goes on by itself".into());
        let appended = self.go_on(life, &copy, ring.clone())?;
        let found = self.open_fork(life, &copy, Some(ring.with_previous(key(COPYS_KEY))))?;
        self.figures.probes[probe.damage as usize] += 1;
        let shown = found.map_err(|error| trouble("opening a copy again", &error))?;
        let (was, is) = (intact.found.readings.eager, shown.found.readings.eager);
        let mut expected = was.expect("it was judged");
        expected.extend(appended);
        let records = is.map_err(|error| trouble("reading a copy", &error))?;
        let mut tally = self.session.tally.borrow_mut();
        tally.evaluated(Property::Prefix);
        ensure(Property::Prefix, records == expected, || {
            let (one, other) = (records.len(), expected.len());
            format!("a copy that went on has {one} records, not the {other} that it was given")
        })
    }

    /// Opens a copy, appends, rotates the key, appends, closes: returns what was appended.
    fn go_on(&self, life: &Life, copy: &Fork, ring: KeyRing) -> Result<Vec<WalRecord>, Violation> {
        let config = config_of(life.log);
        let done = OnceCell::new();
        let number = self.figures.lives;
        let work = || -> Result<Vec<WalRecord>, Error> {
            let wal =
                WalManager::open_in(copy.env(), Path::new(LOG_DIR), config, Some(ring.clone()))?;
            let first = wal.next_lsn();
            for index in 0..COPYS_RECORDS {
                if index == COPYS_RECORDS / 2 {
                    wal.rotate_key_to(key(COPYS_KEY))?;
                }
                let tenant = TenantId::new(COPYS_TENANT + index);
                let payload = format!("record {index} of a copy that was made after life {number}");
                let (put, vshard) = (RecordType::Put, VShardId::new(9));
                wal.append_durable(put, tenant, vshard, payload.as_bytes())?;
            }
            let appended = wal.replay_from(first)?;
            wal.close()?;
            Ok(appended)
        };
        let outcome = self.schedule(life, 3, 1, &|_| {
            assert!(done.set(work()).is_ok(), "the task runs once");
        });
        progress::check(&outcome, &mut self.session.tally.borrow_mut())?;
        let done = done.into_inner().expect("nothing cuts a fork off");
        done.map_err(|error| trouble("going on with a copy", &error))
    }

    /// The disk of another log that has the same keys: one that was a copy, or a fresh one.
    fn another_log(
        &self,
        life: &Life,
        probe: Probe,
        ring: &KeyRing,
    ) -> Result<crate::disk::Disk, Violation> {
        let other = match probe.number / 2 % 2 {
            0 => self.world.fork(self.copies(4)),
            _ => self.world.blank(self.copies(4)),
        };
        self.go_on(life, &other, ring.clone())?;
        Ok(other.with_disk(|disk| disk.clone()))
    }
}

fn trouble(what: &str, error: &Error) -> Violation {
    let story = format!("{what} failed without a cause: {}", errors::tell(error));
    Violation::new(Property::Errors, story)
}
