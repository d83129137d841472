//! Everything that a power cut may leave, listed instead of drawn: sets of names, and for each file
//! its lengths and the versions of its units.
//!
//! Once the names are chosen, lengths and units are free of each other, so a caller who wants all
//! images multiplies. Listed are the sets of names with the order on each name, with and without the
//! new files that may be forgotten; each length that was asked for, and where the knobs say so
//! those between two; each version of a unit. *Not listed*: units torn inside (`byte_tear`), stale
//! bytes (`garbage_tail`), what profiles other than the strict one leave, what the medium does.

use std::collections::BTreeMap;

use super::content::Content;
use super::dir::{DirOp, Ino, Name, ROOT};
use super::file::PAGE;
use super::versions::{Versions, lengths};
use super::{Disk, Inode, Mode};

/// A set of names that a power cut may leave.
#[derive(Clone, Debug)]
pub struct Names {
    /// The new files that are forgotten, as if they had never been made.
    forgotten: Vec<Ino>,
    /// Which of the pending changes are durable, those of the forgotten files left out.
    kept: Vec<bool>,
    /// What is there, in the order of paths.
    pub entries: Vec<Named>,
}

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its path.
    pub path: String,
    /// Its number.
    pub ino: Ino,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// What a power cut may leave of a file. Each list begins with what readers see now.
#[derive(Clone, Debug, Default)]
pub struct FileChoices {
    /// Its lengths, each once.
    pub lens: Vec<u64>,
    /// The units that have more than one version, in their order.
    pub units: Vec<UnitChoices>,
}

/// What a power cut may leave of a unit.
#[derive(Clone, Debug)]
pub struct UnitChoices {
    /// Its number in the file.
    pub unit: u64,
    /// Its versions, the newest first; two of them may be the same bytes.
    pub versions: Vec<Box<[u8]>>,
}

type Tree = BTreeMap<Ino, BTreeMap<Name, Ino>>;

impl Disk {
    /// Bytes that a power cut never tears.
    pub fn unit_bytes(&self) -> u64 {
        self.knobs.unit_bytes()
    }

    /// Every set of names that a power cut now may leave, those that read the same once. The first
    /// has all that readers see now.
    pub fn names_after_cut(&self) -> Vec<Names> {
        let mut found: Vec<Names> = Vec::new();
        let forgettable = self.forgettable();
        for subset in 0..1_u64 << forgettable.len() {
            let is_in = |place: usize| subset >> place & 1 == 1;
            let numbered = forgettable.iter().enumerate();
            let forgotten: Vec<Ino> = numbered
                .filter(|(place, _)| is_in(*place))
                .map(|(_, ino)| *ino)
                .collect();
            let atoms = self.atoms.without(|ino| forgotten.contains(&ino));
            let mut sets = vec![Vec::new()];
            for _ in atoms.list() {
                let longer = |set: &Vec<bool>, kept| [set.as_slice(), &[kept]].concat();
                let both = |set: &Vec<bool>| [longer(set, true), longer(set, false)];
                sets = sets.iter().flat_map(both).collect();
                // What needs a change that is left out is left out with it.
                sets.retain(|set| {
                    let mut closed = set.clone();
                    closed.resize(atoms.list().len(), false);
                    atoms.close_without_later(&mut closed);
                    closed[..set.len()] == set[..]
                });
            }
            for kept in sets {
                let ops = atoms.list().iter().zip(&kept);
                let ops = ops.filter(|(_, kept)| **kept).map(|(atom, _)| &atom.op);
                let entries = self.entries_after(ops);
                if !found.iter().any(|names| names.entries == entries) {
                    found.push(Names {
                        forgotten: forgotten.clone(),
                        kept,
                        entries,
                    });
                }
            }
        }
        found
    }

    /// What there is when just these pending changes are durable.
    fn entries_after<'a>(&self, ops: impl Iterator<Item = &'a DirOp>) -> Vec<Named> {
        let dirs = self.inodes.iter().enumerate();
        let mut tree: Tree = dirs
            .filter_map(|(index, inode)| match inode {
                Inode::Dir(dir) => Some((Ino(index as u32), dir.dur.clone())),
                Inode::File(_) | Inode::Gone => None,
            })
            .collect();
        for op in ops {
            for key in op.keys() {
                let dir = tree.get_mut(&key.dir).expect("directories stay");
                match op.binding(key) {
                    Some(ino) => dir.insert(key.name.clone(), ino),
                    None => dir.remove(&key.name),
                };
            }
        }
        let mut entries = Vec::new();
        let mut todo = vec![(ROOT, String::new())];
        while let Some((dir, path)) = todo.pop() {
            for (name, &ino) in &tree[&dir] {
                let path = format!("{path}/{name}");
                let is_dir = tree.contains_key(&ino);
                if is_dir {
                    todo.push((ino, path.clone()));
                }
                entries.push(Named { path, ino, is_dir });
            }
        }
        entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        entries
    }

    /// What a power cut now may leave of a file that then has a name.
    ///
    /// # Panics
    /// When it is no file.
    pub fn choices_after_cut(&self, ino: Ino) -> FileChoices {
        let file = self.file(ino);
        let asked: Vec<u64> = lengths(file).map(|(_, len)| len).collect();
        let mut all: Vec<u64> = asked.iter().rev().copied().collect();
        all.push(file.dur.len());
        if self.knobs.len_intermediate {
            let low = all.iter().min().expect("there is one").to_owned();
            let high = all.iter().max().expect("there is one").to_owned();
            let is_between = |len: &u64| low < *len && *len < high;
            all.extend((1..=high / PAGE).map(|page| page * PAGE).filter(is_between));
            all.extend(file.allocated_ends.iter().copied().filter(is_between));
        }
        let mut lens: Vec<u64> = Vec::new();
        for len in all {
            if !lens.contains(&len) {
                lens.push(len);
            }
        }
        let versions = Versions::of(file, self.unit_bytes());
        let compose = |chain, unit, count| {
            let mut bytes = vec![0; self.unit_bytes() as usize].into_boxed_slice();
            versions.compose(file, unit, chain, count, &mut bytes);
            bytes
        };
        let units = versions.chains().map(|chain| UnitChoices {
            unit: chain.unit(),
            versions: (0..=chain.len())
                .rev()
                .map(|count| compose(chain, chain.unit(), count))
                .collect(),
        });
        FileChoices {
            lens,
            units: units.collect(),
        }
    }

    /// What readers see of a file: what is stored of it, behind which there are zeros, and its length.
    ///
    /// # Panics
    /// When it is no file.
    pub fn seen(&self, ino: Ino) -> (&[u8], u64) {
        let cur = &self.file(ino).cur;
        (cur.stored(), cur.len())
    }

    /// The disk after a power cut that left these names, and of each file what readers see now.
    pub fn cut_to(&self, names: &Names) -> Disk {
        let mut disk = self.clone();
        disk.atoms = self.atoms.without(|ino| names.forgotten.contains(&ino));
        let reachable = disk.keep_names(&names.kept);
        disk.used = 0;
        for (inode, is_reachable) in disk.inodes.iter_mut().zip(reachable) {
            if !is_reachable {
                *inode = Inode::Gone;
            }
            if let Inode::File(file) = inode {
                match file.may_differ() {
                    true => {
                        let seen = file.cur.clone();
                        file.restart(seen);
                    }
                    false => file.restart_unchanged(),
                }
                disk.used += file.charged;
            }
        }
        disk.restart_machine();
        assert!(disk.mode == Mode::ReadWrite);
        disk
    }

    /// Gives a file other bytes and another length, right after a power cut: as if that had left them.
    ///
    /// # Panics
    /// When it is no file.
    pub fn left_instead(&mut self, ino: Ino, bytes: &[u8], len: u64) {
        let mut content = Content::default();
        content.put(0, bytes);
        content.set_len(len);
        self.file_mut(ino).restart(content);
    }
}
