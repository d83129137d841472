//! Directories, and the pending changes of their names.
//!
//! Each change is one atom with one place in a global order. A rename is one atom on two
//! names, so no state of the disk shows it by half. A set of atoms is legal when, for each
//! name, it has a prefix of the atoms on that name: [`Atoms`] closes a set towards that. Before that
//! a new file may be *forgotten* that no sync has covered: as if it had never been there.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A name in a directory.
pub(super) type Name = Arc<str>;

/// The number of a file or directory; never reused by a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ino(pub u32);

/// The root directory.
pub(super) const ROOT: Ino = Ino(0);

/// A directory without its own name.
#[derive(Clone, Debug)]
pub(super) struct DirNode {
    /// What readers see.
    pub(super) cur: BTreeMap<Name, Ino>,
    /// What is durable whatever happens.
    pub(super) dur: BTreeMap<Name, Ino>,
    /// Where readers see it; the root's is itself.
    pub(super) parent: Ino,
}

impl DirNode {
    pub(super) fn new(parent: Ino) -> DirNode {
        DirNode {
            cur: BTreeMap::new(),
            dur: BTreeMap::new(),
            parent,
        }
    }
}

/// A place for a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) dir: Ino,
    pub(super) name: Name,
}

/// A change of names.
#[derive(Clone, Debug)]
pub(super) enum DirOp {
    Link {
        at: Key,
        ino: Ino,
    },
    Unlink {
        at: Key,
        ino: Ino,
    },
    Rename {
        from: Key,
        to: Key,
        ino: Ino,
        replaced: Option<Ino>,
    },
}

impl DirOp {
    /// The names that it changes.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let (first, second) = match self {
            DirOp::Link { at, .. } | DirOp::Unlink { at, .. } => (at, None),
            DirOp::Rename { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(first).chain(second)
    }

    /// The file or directory that it names.
    pub(super) fn ino(&self) -> Ino {
        match self {
            DirOp::Link { ino, .. } | DirOp::Unlink { ino, .. } | DirOp::Rename { ino, .. } => *ino,
        }
    }

    /// What is behind `key` after this change, which concerns it.
    pub(super) fn binding(&self, key: &Key) -> Option<Ino> {
        match self {
            DirOp::Link { ino, .. } => Some(*ino),
            DirOp::Unlink { .. } => None,
            DirOp::Rename { to, ino, .. } => (key == to).then_some(*ino),
        }
    }

    /// Whether it gives a name to something in place of something else.
    pub(super) fn replaces(&self) -> bool {
        matches!(
            self,
            DirOp::Rename {
                replaced: Some(_),
                ..
            }
        )
    }

    fn mentions(&self, ino: Ino) -> bool {
        match self {
            DirOp::Rename { replaced, .. } => self.ino() == ino || *replaced == Some(ino),
            DirOp::Link { .. } | DirOp::Unlink { .. } => self.ino() == ino,
        }
    }

    fn shares_a_key(&self, other: &DirOp) -> bool {
        self.keys().any(|key| other.keys().any(|its| its == key))
    }
}

/// A pending change of names.
#[derive(Clone, Debug)]
pub(super) struct Atom {
    pub(super) seq: u64,
    pub(super) op: DirOp,
    /// The directories among those it touches that were synced since.
    synced: Vec<Ino>,
    /// No sync covers it, nor what needs it: a lie.
    is_loose: bool,
}

/// All pending changes of names, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Atoms {
    list: Vec<Atom>,
}

impl Atoms {
    pub(super) fn list(&self) -> &[Atom] {
        &self.list
    }

    pub(super) fn push(&mut self, seq: u64, op: DirOp) {
        assert!(self.list.last().is_none_or(|last| last.seq < seq));
        self.list.push(Atom {
            seq,
            op,
            synced: Vec::new(),
            is_loose: false,
        });
    }

    /// From now on no sync covers the newest change.
    pub(super) fn loosen_last(&mut self) {
        let last = self.list.last_mut();
        last.expect("it was just pushed").is_loose = true;
    }

    /// Whether a change is there that no sync covers.
    pub(super) fn any_loose(&self) -> bool {
        self.list.iter().any(|atom| atom.is_loose)
    }

    /// Takes the changes from a set that no sync covers, and what can't be without them; but for those
    /// that are `kept`.
    pub(super) fn close_without_loose(&self, chosen: &mut [bool], mut kept: impl FnMut() -> bool) {
        for (atom, chosen) in self.list.iter().zip(&mut *chosen) {
            if atom.is_loose && *chosen {
                *chosen = kept();
            }
        }
        self.close_without_later(chosen);
    }

    /// Notes a sync of `dir` that covers what came up to a moment; returns the set of atoms that it
    /// makes durable.
    pub(super) fn sync(&mut self, dir: Ino, rename_needs_both: bool, until: u64) -> Vec<bool> {
        let mut chosen = vec![false; self.list.len()];
        for (atom, chosen) in self.list.iter_mut().zip(&mut chosen) {
            if atom.seq <= until && atom.op.keys().any(|key| key.dir == dir) {
                if !atom.synced.contains(&dir) {
                    atom.synced.push(dir);
                }
                *chosen =
                    !rename_needs_both || atom.op.keys().all(|key| atom.synced.contains(&key.dir));
            }
        }
        self.close_with_earlier(&mut chosen);
        chosen
    }

    /// The atoms on the names of `ino` and, recursively, on those of its parents; with
    /// `only_links`, those that created it and them.
    pub(super) fn chain_of(&self, ino: Ino, only_links: bool) -> Vec<bool> {
        let mut chosen = vec![false; self.list.len()];
        let mut todo = vec![ino];
        while let Some(ino) = todo.pop() {
            for (atom, chosen) in self.list.iter().zip(&mut chosen) {
                let wanted = !only_links || matches!(atom.op, DirOp::Link { .. });
                if atom.op.ino() == ino && wanted && !*chosen {
                    *chosen = true;
                    todo.extend(atom.op.keys().map(|key| key.dir));
                }
            }
        }
        self.close_with_earlier(&mut chosen);
        chosen
    }

    /// Adds to a set what must come before its members.
    pub(super) fn close_with_earlier(&self, chosen: &mut [bool]) {
        assert_eq!(chosen.len(), self.list.len());
        for later in (0..self.list.len()).rev() {
            let (before, from_later) = chosen.split_at_mut(later);
            if from_later[0] {
                for (atom, chosen) in self.list.iter().zip(before) {
                    *chosen |= atom.op.shares_a_key(&self.list[later].op);
                }
            }
        }
    }

    /// Takes from a set what can't be without those that are missing.
    pub(super) fn close_without_later(&self, chosen: &mut [bool]) {
        assert_eq!(chosen.len(), self.list.len());
        for earlier in 0..self.list.len() {
            let (to_earlier, after) = chosen.split_at_mut(earlier + 1);
            if !to_earlier[earlier] {
                for (atom, chosen) in self.list[earlier + 1..].iter().zip(after) {
                    *chosen &= !atom.op.shares_a_key(&self.list[earlier].op);
                }
            }
        }
    }

    /// The files and directories whose creation is pending and whose names somebody else has had
    /// since: where one of these is forgotten, the later one's name does not wait for it.
    pub(super) fn forgettable(&self) -> Vec<Ino> {
        let is_created = |atom: &&Atom| matches!(atom.op, DirOp::Link { .. });
        let created = self
            .list
            .iter()
            .filter(is_created)
            .map(|atom| atom.op.ino());
        let has_heir = |ino: &Ino| {
            let others = |atom: &&Atom| atom.op.ino() != *ino;
            (0..self.list.len()).any(|earlier| {
                let own = &self.list[earlier].op;
                let mut later = self.list[earlier..].iter().filter(others);
                own.ino() == *ino && later.any(|atom| atom.op.shares_a_key(own))
            })
        };
        created.filter(has_heir).collect()
    }

    /// The same changes without those of some files and directories.
    pub(super) fn without(&self, forgotten: impl Fn(Ino) -> bool) -> Atoms {
        let kept = |atom: &&Atom| !forgotten(atom.op.ino());
        Atoms {
            list: self.list.iter().filter(kept).cloned().collect(),
        }
    }

    /// Removes a closed set and hands it out, oldest first.
    pub(super) fn take(&mut self, chosen: &[bool]) -> Vec<Atom> {
        assert_eq!(chosen.len(), self.list.len());
        let mut index = 0;
        self.list
            .extract_if(.., |_| {
                index += 1;
                chosen[index - 1]
            })
            .collect()
    }

    /// Whether a pending change could bring this file or directory back.
    pub(super) fn mention(&self, ino: Ino) -> bool {
        self.list.iter().any(|atom| atom.op.mentions(ino))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            dir: ROOT,
            name: Arc::from(name),
        }
    }

    fn atoms() -> Atoms {
        let mut atoms = Atoms::default();
        let (a, b, c) = (key("a"), key("b"), key("c"));
        let ino = Ino(1);
        atoms.push(1, DirOp::Link { at: a.clone(), ino });
        let (from, to) = (a, b.clone());
        let replaced = None;
        atoms.push(
            2,
            DirOp::Rename {
                from,
                to,
                ino,
                replaced,
            },
        );
        atoms.push(3, DirOp::Link { at: c, ino: Ino(2) });
        atoms.push(4, DirOp::Unlink { at: b, ino });
        atoms
    }

    #[test]
    fn a_change_needs_the_earlier_ones_on_its_names() {
        let mut chosen = vec![false, false, false, true];
        atoms().close_with_earlier(&mut chosen);
        assert_eq!(chosen, [true, true, false, true]);
    }

    #[test]
    fn a_missing_change_takes_the_later_ones_on_its_names_away() {
        let mut chosen = vec![true, false, true, true];
        atoms().close_without_later(&mut chosen);
        assert_eq!(chosen, [true, false, true, false]);
    }

    #[test]
    fn taking_a_set_leaves_the_rest_in_order() {
        let mut atoms = atoms();
        let taken = atoms.take(&[true, false, true, false]);
        assert_eq!(
            taken.iter().map(|atom| atom.seq).collect::<Vec<_>>(),
            [1, 3]
        );
        assert_eq!(
            atoms.list().iter().map(|atom| atom.seq).collect::<Vec<_>>(),
            [2, 4]
        );
        assert!(atoms.mention(Ino(1)));
        assert!(!atoms.mention(Ino(2)));
    }
}
