//! The power cut: one legal state becomes the whole truth.
//!
//! What it leaves is a disk on which everything is durable, nothing is open and nothing is
//! locked, mounted again for reading and writing.

use crate::choice::{Ratio, Stream};

use super::counts::Fault;
use super::dir::{Ino, ROOT};
use super::file::Change;
use super::knobs::Lie;
use super::plan::Plan;
use super::strategy::Strategy;
use super::{Disk, Inode, Mode};

impl Disk {
    /// Cuts the power with a strategy of the caller's choice. Returns the one that was used:
    /// `TearOne` needs a write of two units, and is `Independent` where there is none.
    ///
    /// A profile may have but one strategy, and uses that.
    pub fn power_cut_with(&mut self, strategy: Strategy, stream: &mut Stream) -> Strategy {
        let strategy = self.knobs.rules().strategy.unwrap_or(strategy);
        let has_forgotten = self.forget_some(strategy, stream);
        let plan = Plan::draw(self, strategy, stream);
        let strategy = plan.strategy;
        let chosen = plan.choose_atoms(self, stream);
        let mut lossy = has_forgotten || chosen.iter().any(|&kept| !kept);
        let reachable = self.keep_names(&chosen);
        // Only a disk that flips bits has to know what was synced.
        let flip = (self.knobs.lie == Some(Lie::BitFlip))
            .then(|| self.draw_flip(&reachable, stream))
            .flatten();
        self.used = 0;
        for (index, inode) in self.inodes.iter_mut().enumerate() {
            let ino = Ino(index as u32);
            if !reachable[index] {
                *inode = Inode::Gone;
            }
            let Inode::File(file) = inode else {
                continue;
            };
            if file.may_differ() {
                let hit = self.media.hit(file, self.knobs.atomic_unit, stream);
                let durable = plan.sample_ordered(ino, file, &self.knobs, &mut self.counts, stream);
                if file.restart(durable) {
                    lossy = true;
                    self.media.lost(ino, &mut self.counts);
                }
                if let Some(hit) = hit {
                    self.media.damage(ino, file, hit, &mut self.counts, stream);
                }
            } else {
                file.restart_unchanged();
            }
            self.used += file.charged;
        }
        if let Some((ino, offset, mask)) = flip
            && self.counts.fire(Fault::LieBitFlip)
        {
            self.flip(ino, offset, mask);
        }
        self.restart_machine();
        self.counts.power_cut(strategy, lossy);
        strategy
    }

    /// Makes a closed set of the pending changes of names durable, and forgets the others. Returns
    /// what names lead to, by number.
    pub(super) fn keep_names(&mut self, chosen: &[bool]) -> Vec<bool> {
        self.cut_names(chosen);
        for atom in self.atoms.take(chosen) {
            self.apply_durably(&atom);
        }
        self.atoms = Default::default();
        self.strict.power_cut();
        self.restart_dirs()
    }

    /// Nothing is open, and the file system is mounted for reading and writing.
    pub(super) fn restart_machine(&mut self) {
        self.media.restart();
        self.generation += 1;
        self.fds.clear();
        self.free_fds.clear();
        self.mode = Mode::ReadWrite;
    }

    /// The new files that may be forgotten though somebody else has had their names since.
    // Source: measured on Linux 6.18 with btrfs, whose syncs log a file by itself: a new file that was
    // renamed and never synced is gone, and the next one under its old name is there.
    pub(super) fn forgettable(&self) -> Vec<Ino> {
        let mut found = self.atoms.forgettable();
        found.retain(|ino| match &self.inodes[ino.0 as usize] {
            Inode::File(file) => !file.was_synced,
            Inode::Dir(_) | Inode::Gone => false,
        });
        found
    }

    /// Forgets some of the new files that later ones need not wait for. Returns whether it has.
    fn forget_some(&mut self, strategy: Strategy, stream: &mut Stream) -> bool {
        let picks = matches!(
            strategy,
            Strategy::Independent | Strategy::AllButOne | Strategy::OnlyOne
        );
        if !picks || self.knobs.rules().names_in_order {
            return false;
        }
        let mut forgotten = self.forgettable();
        forgotten.retain(|_| stream.happens(Ratio::new(1, 4)));
        if forgotten.is_empty() || !self.counts.fire(Fault::FileForgotten) {
            return false;
        }
        let is_kept = |ino: Ino| !forgotten.contains(&ino);
        let atoms = self.atoms.list().iter();
        let kept: Vec<bool> = atoms.map(|atom| is_kept(atom.op.ino())).collect();
        self.cut_names(&kept);
        self.atoms = self.atoms.without(|ino| !is_kept(ino));
        true
    }

    /// Lets readers see the durable names. Returns what they lead to, by number.
    fn restart_dirs(&mut self) -> Vec<bool> {
        let mut reachable = vec![false; self.inodes.len()];
        reachable[ROOT.0 as usize] = true;
        let mut todo = vec![ROOT];
        while let Some(at) = todo.pop() {
            let dir = self.dir_mut(at);
            if dir.cur != dir.dur {
                dir.cur.clone_from(&dir.dur);
            }
            let children: Vec<Ino> = dir.cur.values().copied().collect();
            for child in children {
                assert!(!reachable[child.0 as usize], "{child:?} has two names");
                reachable[child.0 as usize] = true;
                if let Inode::Dir(dir) = &mut self.inodes[child.0 as usize] {
                    dir.parent = at;
                    todo.push(child);
                }
            }
        }
        reachable
    }

    /// Chooses a bit of a byte that a sync has covered and that nothing pending touches: one
    /// that is not zero if there is one, since zeros are what nobody reads.
    fn draw_flip(&self, reachable: &[bool], stream: &mut Stream) -> Option<(Ino, u64, u8)> {
        let mut covered: Vec<(Ino, u64)> = Vec::new();
        for (ino, file) in self.files().filter(|(ino, _)| reachable[ino.0 as usize]) {
            let shortest = file.log.iter().filter_map(|change| change.len_after).min();
            let end = shortest.unwrap_or(u64::MAX);
            for (offset, &byte) in (0..end).zip(file.dur.stored()) {
                let touched = |offset| {
                    let holds = |change: &Change| (change.offset..change.end()).contains(&offset);
                    file.log.iter().any(holds)
                };
                if byte != 0 && !touched(offset) {
                    covered.push((ino, offset));
                }
            }
        }
        if covered.is_empty() {
            return None;
        }
        let &(ino, offset) = stream.pick(&covered);
        Some((ino, offset, 1 << stream.below(8)))
    }

    fn flip(&mut self, ino: Ino, offset: u64, mask: u8) {
        let file = self.file_mut(ino);
        file.dur.flip(offset, mask);
        file.cur.flip(offset, mask);
    }
}
