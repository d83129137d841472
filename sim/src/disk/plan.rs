//! The plan of a power cut: what its strategy is about, and which names are durable.
//!
//! A plan decides nothing about legality: the set of names that it chooses was closed by
//! [`Atoms`](super::dir::Atoms). What it means for the bytes of a file is in `sample`.

use crate::choice::{Ratio, Stream};

use super::Disk;
use super::dir::Ino;
use super::file::ChangeKind;
use super::strategy::Strategy;
use super::versions::units_of;

/// The one thing that a strategy is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    None,
    /// The change of names at this index.
    Atom(usize),
    /// A change of a file, by its index in the file's log; one unit of it, or all.
    Change {
        ino: Ino,
        index: usize,
        unit: Option<u64>,
    },
}

/// What a power cut does to all that is pending.
pub(super) struct Plan {
    pub(super) strategy: Strategy,
    /// Everything up to here is durable, for the strategies that look at time.
    pub(super) cutoff: u64,
    /// The chance of each thing, for `Independent`.
    pub(super) chance: Ratio,
    pub(super) target: Target,
    /// For `TearOne`: which units of the target are durable.
    pub(super) torn: Vec<bool>,
    /// Everything up to here is committed, on a file system that commits in order.
    pub(super) moment: u64,
    /// The write behind it that is committed in part, where that can be.
    pub(super) half_committed: Option<u64>,
    /// For the strategies about one write: whether names are kept; without them most of
    /// these states would be an empty directory.
    keeps_names: bool,
}

impl Plan {
    /// A plan for a power cut.
    pub(super) fn draw(disk: &Disk, strategy: Strategy, stream: &mut Stream) -> Plan {
        let mut plan = Plan {
            strategy,
            ..Plan::independent(stream)
        };
        match strategy {
            Strategy::SeqPrefix => plan.cutoff = draw_cutoff(disk, stream),
            Strategy::AllButOne | Strategy::OnlyOne => plan.draw_target(disk, stream),
            Strategy::TearOne => plan.draw_tear(disk, stream),
            _ => {}
        }
        if disk.knobs.rules().names_in_order {
            let points = pending_seqs(disk);
            plan.draw_moment(&disk.knobs, disk.forced, &points, stream);
        }
        plan
    }

    /// A plan in which each thing has the same chance by itself.
    pub(super) fn independent(stream: &mut Stream) -> Plan {
        Plan {
            strategy: Strategy::Independent,
            cutoff: u64::MAX,
            chance: *stream.pick(&[Ratio::new(1, 10), Ratio::new(1, 2), Ratio::new(9, 10)]),
            target: Target::None,
            torn: Vec::new(),
            moment: u64::MAX,
            half_committed: None,
            keeps_names: stream.happens(Ratio::new(1, 2)),
        }
    }

    fn draw_target(&mut self, disk: &Disk, stream: &mut Stream) {
        let atoms = disk.atoms.list().len() as u64;
        let changes: u64 = disk.files().map(|(_, file)| file.log.len() as u64).sum();
        if atoms + changes == 0 {
            return;
        }
        let mut left = stream.below(atoms + changes);
        if left < atoms {
            self.target = Target::Atom(left as usize);
            return;
        }
        left -= atoms;
        for (ino, file) in disk.files() {
            let count = file.log.len() as u64;
            if left < count {
                let index = left as usize;
                let units = units_of(&file.log[index], disk.knobs.unit_bytes());
                let whole = units.is_empty() || stream.happens(Ratio::new(1, 2));
                let unit = (!whole).then(|| stream.within(units.start, units.end - 1));
                self.target = Target::Change { ino, index, unit };
                return;
            }
            left -= count;
        }
        unreachable!("the draw is below the number of pending things");
    }

    /// Draws a write of more than one unit, and which of its units are durable. Half of the
    /// time it is the last thing that happened, as a write at the moment of the cut is.
    fn draw_tear(&mut self, disk: &Disk, stream: &mut Stream) {
        let unit_bytes = disk.knobs.unit_bytes();
        let mut wide = Vec::new();
        for (ino, file) in disk.files() {
            for (index, change) in file.log.iter().enumerate() {
                let units = units_of(change, unit_bytes);
                let is_write = matches!(change.kind, ChangeKind::Bytes { .. });
                if is_write && units.end - units.start > 1 {
                    wide.push((ino, index, units.end - units.start, change.seq));
                }
            }
        }
        if wide.is_empty() {
            self.strategy = Strategy::Independent;
            return;
        }
        let &(ino, index, count, seq) = stream.pick(&wide);
        let unit = None;
        self.target = Target::Change { ino, index, unit };
        if stream.happens(Ratio::new(1, 2)) {
            self.cutoff = seq;
        }
        let (low, high) = {
            let (a, b) = (stream.within(0, count), stream.within(1, count - 1));
            (a.min(b), a.max(b))
        };
        let shape = stream.below(4);
        self.torn = (0..count)
            .map(|unit| match shape {
                0 => unit < high.min(count - 1),
                1 => unit >= low.max(1),
                2 => (low..high).contains(&unit),
                _ => stream.happens(Ratio::new(1, 2)),
            })
            .collect();
    }

    /// Which pending changes of names are durable: a closed set.
    pub(super) fn choose_atoms(&self, disk: &Disk, stream: &mut Stream) -> Vec<bool> {
        let mut chosen = self.choose_covered_atoms(disk, stream);
        // Those that no sync covers may be lost in each state, an order of the file system or not.
        if disk.atoms.any_loose() {
            let half = Ratio::new(1, 2);
            let kept = || stream.happens(half);
            disk.atoms.close_without_loose(&mut chosen, kept);
        }
        chosen
    }

    fn choose_covered_atoms(&self, disk: &Disk, stream: &mut Stream) -> Vec<bool> {
        let atoms = disk.atoms.list();
        let all = |kept: bool| vec![kept; atoms.len()];
        if disk.knobs.rules().names_in_order {
            return atoms.iter().map(|atom| atom.seq <= self.moment).collect();
        }
        match self.strategy {
            Strategy::LoseAll | Strategy::FileDataOnly => all(false),
            Strategy::KeepAll
            | Strategy::DirOpsOnly
            | Strategy::DataWithoutLen
            | Strategy::LenWithoutData => all(true),
            Strategy::SeqPrefix | Strategy::TearOne => {
                atoms.iter().map(|atom| atom.seq <= self.cutoff).collect()
            }
            Strategy::Independent => {
                let mut chosen: Vec<bool> =
                    atoms.iter().map(|_| stream.happens(self.chance)).collect();
                disk.atoms.close_with_earlier(&mut chosen);
                chosen
            }
            Strategy::AllButOne => {
                let mut chosen = all(true);
                if let Target::Atom(index) = self.target {
                    chosen[index] = false;
                    disk.atoms.close_without_later(&mut chosen);
                }
                chosen
            }
            Strategy::OnlyOne => match self.target {
                Target::Atom(index) => {
                    let mut chosen = all(false);
                    chosen[index] = true;
                    disk.atoms.close_with_earlier(&mut chosen);
                    chosen
                }
                Target::Change { .. } | Target::None => all(self.keeps_names),
            },
        }
    }
}

/// When what is pending happened, in order.
pub(super) fn pending_seqs(disk: &Disk) -> Vec<u64> {
    let atoms = disk.atoms.list().iter().map(|atom| atom.seq);
    let changes = disk.files().flat_map(|(_, file)| file.log.iter());
    let mut seqs: Vec<u64> = atoms.chain(changes.map(|change| change.seq)).collect();
    seqs.sort_unstable();
    seqs
}

/// A point in time within what is pending.
fn draw_cutoff(disk: &Disk, stream: &mut Stream) -> u64 {
    let seqs = pending_seqs(disk);
    match stream.within(0, seqs.len() as u64) {
        0 => 0,
        count => seqs[count as usize - 1],
    }
}
