//! Snapshots: the disk as it was at the end of a life, put back before a later one.
//!
//! The model goes back with the disk, but for the numbers of appends: those that were made since are
//! refused ones now, so that nothing of the time that was undone may ever be there. The keys
//! do not go back: who restores an old disk has all keys that it may need.

use super::Runner;
use crate::choice::Purpose;
use crate::coverage::LifePhase;
use crate::disk::{Disk, Strategy};
use crate::events::{self, Saying};
use crate::keyholder::Keyholder;
use crate::model::{Model, Payload};
use crate::scenario::{Damage, Life};
use crate::trace;

/// What was at the end of each life, in a run that needs it.
#[derive(Default)]
pub(super) struct Past {
    snapshots: Vec<Snapshot>,
    /// Those that the disk of now has come from, without what was undone, by their places.
    line: Vec<usize>,
}

struct Snapshot {
    line: Vec<usize>,
    disk: Disk,
    model: Model,
    keys: Keyholder,
}

impl Past {
    /// The disks that the one of now has come from, the oldest first. What was undone is another
    /// history: to put a file of it back is to go back to that one.
    pub(super) fn disks(&self) -> impl Iterator<Item = &Disk> {
        let snapshots = &self.snapshots;
        self.line.iter().map(|&place| &snapshots[place].disk)
    }
}

impl Runner<'_> {
    /// Keeps what there is at the end of a life, if a later one goes back to any.
    pub(super) fn remember(&mut self) {
        let is_older = |life: &Life| {
            let forged = life.probe.map(|probe| probe.damage);
            life.restore.is_some() || forged == Some(Damage::ForgeOlder)
        };
        let lives = &self.scenario.lives;
        if self.scenario.without_crashes || !lives.iter().any(is_older) {
            return;
        }
        // A snapshot has what is durable: nothing is in a cache when it is put back.
        let mut disk = self.world.with_disk(|disk| disk.clone());
        let mut stream = self.choices.stream(Purpose::Snapshots, self.figures.lives);
        disk.power_cut_with(Strategy::LoseAll, &mut stream);
        self.past.line.push(self.past.snapshots.len());
        self.past.snapshots.push(Snapshot {
            line: self.past.line.clone(),
            disk,
            model: self.session.model.borrow().clone(),
            keys: self.session.keys.borrow().clone(),
        });
    }

    /// Puts the disk back that a life begins with, if it begins with an older one.
    pub(super) fn go_back(&mut self, life: &Life) {
        let Some(number) = life.restore.filter(|_| !self.scenario.without_crashes) else {
            return;
        };
        let earlier = &self.past.snapshots[number as usize - 1];
        self.past.line.clone_from(&earlier.line);
        events::tell(Saying::Tried, || {
            format!("the disk is again what it was after life {number}")
        });
        trace::mix(u64::from(number));
        self.world.with_disk(|disk| disk.go_back_to(&earlier.disk));
        let mut model = earlier.model.clone();
        let now = self.session.model.replace(Model::default());
        while model.appends() < now.appends() {
            let undone = model.begin_append(0, Payload::plain(0), 0);
            model.refuse(undone);
        }
        self.session.model.replace(model);
        let mut keys = earlier.keys.clone();
        keys.remember(&self.session.keys.borrow());
        self.session.keys.replace(keys);
        self.figures.restored += 1;
        self.phase = LifePhase::AfterPowerCut;
    }
}
