//! Both sides of the disk as a few numbers, and how one state became the next.
//!
//! What is in a sector is told by a number: 0 is zeros or nothing, 1 the first content that was ever
//! seen in this sector, and so on. So two states tell whether a sector is as it was, without a byte of
//! what is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::disk::Fault;

/// A sector on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sector {
    /// The number of what readers see.
    pub cached: u32,
    /// The number of what is durable.
    pub durable: u32,
    /// How many changes of it no sync has covered yet.
    pub pending: u32,
}

/// A file on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its length for readers and its durable one, in bytes.
    pub lens: (u64, u64),
    /// Its sectors but those that are zeros, or nothing, on both sides.
    pub sectors: BTreeMap<u64, Sector>,
}

/// What a name leads to, by the file's number: for readers, and durably.
pub type Binding = (Option<u32>, Option<u32>);

/// Both sides of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// By their numbers.
    pub files: BTreeMap<u32, File>,
    /// By the number of the directory, and the name.
    pub names: BTreeMap<(u32, String), Binding>,
}

/// Sectors side by side that became the same: the first, how many, and what [`Sector`] tells of each.
pub type Run = (u64, u64, u32, u32, u32);

/// How a file became another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Its number.
    #[serde(rename = "f")]
    pub ino: u32,
    /// Its lengths for readers and on the medium; `None` where it is gone.
    #[serde(rename = "l")]
    pub lens: Option<(u64, u64)>,
    /// The sectors that changed.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub sectors: Vec<Run>,
    /// Sectors that a crash put back to something older: the first, and how many.
    #[serde(rename = "lost", default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<(u64, u64)>,
    /// Sectors that a crash left as they had never been: torn or damaged.
    #[serde(rename = "torn", default, skip_serializing_if = "Vec::is_empty")]
    pub torn: Vec<(u64, u64)>,
}

/// How a name became bound otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameChange {
    /// The number of the directory.
    #[serde(rename = "d")]
    pub dir: u32,
    /// The name.
    #[serde(rename = "n")]
    pub name: String,
    /// What it leads to for readers.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u32>,
    /// What it leads to on the medium.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<u32>,
}

/// How a state became the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What went wrong with the disk meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// The files that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileChange>,
    /// The names that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameChange>,
}

impl Change {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Change::default()
    }
}

impl State {
    /// How this state becomes `next`.
    pub fn change_to(&self, next: &State) -> Change {
        let mut change = Change::default();
        let none = File::default();
        for (&ino, file) in &next.files {
            let old = self.files.get(&ino);
            if old != Some(file) {
                change.files.push(FileChange {
                    ino,
                    lens: Some(file.lens),
                    sectors: runs(old.unwrap_or(&none), file),
                    ..FileChange::default()
                });
            }
        }
        let gone = self
            .files
            .keys()
            .filter(|ino| !next.files.contains_key(ino));
        change.files.extend(gone.map(|&ino| FileChange {
            ino,
            ..FileChange::default()
        }));
        let both = next.names.keys().chain(self.names.keys());
        let mut both: Vec<&(u32, String)> = both.collect();
        both.sort_unstable();
        both.dedup();
        for key in both {
            let binding = next.names.get(key).copied().unwrap_or_default();
            if self.names.get(key).copied().unwrap_or_default() != binding {
                change.names.push(NameChange {
                    dir: key.0,
                    name: key.1.clone(),
                    cached: binding.0,
                    durable: binding.1,
                });
            }
        }
        change
    }

    /// Becomes the next state.
    pub fn apply(&mut self, change: &Change) {
        for changed in &change.files {
            let Some(lens) = changed.lens else {
                self.files.remove(&changed.ino);
                continue;
            };
            let file = self.files.entry(changed.ino).or_default();
            file.lens = lens;
            for &(first, count, cached, durable, pending) in &changed.sectors {
                let sector = Sector {
                    cached,
                    durable,
                    pending,
                };
                for index in first..first + count {
                    match sector == Sector::default() {
                        true => file.sectors.remove(&index),
                        false => file.sectors.insert(index, sector),
                    };
                }
            }
        }
        for changed in &change.names {
            let key = (changed.dir, changed.name.clone());
            match (changed.cached, changed.durable) {
                (None, None) => self.names.remove(&key),
                binding => self.names.insert(key, binding),
            };
        }
    }

    /// How many sectors a power cut may still lose or have lost from the cache.
    pub fn volatile_sectors(&self) -> u64 {
        let sectors = self.files.values().flat_map(|file| file.sectors.values());
        let is_volatile = |sector: &&Sector| sector.pending > 0 || sector.cached != sector.durable;
        sectors.filter(is_volatile).count() as u64
    }
}

fn runs(old: &File, new: &File) -> Vec<Run> {
    let both = old.sectors.keys().chain(new.sectors.keys());
    let mut both: Vec<u64> = both.copied().collect();
    both.sort_unstable();
    both.dedup();
    let mut runs: Vec<Run> = Vec::new();
    for index in both {
        let of = |file: &File| file.sectors.get(&index).copied().unwrap_or_default();
        let now = of(new);
        if of(old) == now {
            continue;
        }
        let told = (now.cached, now.durable, now.pending);
        match runs.last_mut() {
            Some(run) if run.0 + run.1 == index && (run.2, run.3, run.4) == told => run.1 += 1,
            _ => runs.push((index, 1, told.0, told.1, told.2)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sector's place, and what it has.
    type Placed = (u64, [u32; 3]);

    fn state(files: &[(u32, &[Placed])], names: &[(&str, Binding)]) -> State {
        let file = |sectors: &[Placed]| File {
            lens: (sectors.len() as u64 * 512, 0),
            sectors: sectors
                .iter()
                .map(|&(index, [cached, durable, pending])| {
                    let sector = Sector {
                        cached,
                        durable,
                        pending,
                    };
                    (index, sector)
                })
                .collect(),
        };
        State {
            files: files
                .iter()
                .map(|&(ino, sectors)| (ino, file(sectors)))
                .collect(),
            names: names
                .iter()
                .map(|&(name, binding)| ((0, name.to_owned()), binding))
                .collect(),
        }
    }

    #[test]
    fn a_change_applied_to_the_one_state_is_the_other() {
        let states = [
            State::default(),
            state(&[(1, &[])], &[("a", (Some(1), None))]),
            state(
                &[(1, &[(0, [1, 0, 1]), (1, [1, 0, 1]), (5, [1, 0, 1])])],
                &[("a", (Some(1), Some(1)))],
            ),
            state(
                &[(1, &[(1, [1, 1, 0])]), (2, &[])],
                &[("b", (Some(1), None)), ("a", (None, Some(1)))],
            ),
        ];
        for from in &states {
            for to in &states {
                let change = from.change_to(to);
                assert_eq!(change.is_empty(), from == to);
                let mut now = from.clone();
                now.apply(&change);
                assert_eq!(now, *to);
                let text = serde_json::to_string(&change).expect("plain data");
                let again: Change = serde_json::from_str(&text).expect("its own text");
                assert_eq!(again, change);
            }
        }
        let runs = &states[1].change_to(&states[2]).files[0].sectors;
        assert_eq!(*runs, [(0, 2, 1, 0, 1), (5, 1, 1, 0, 1)]);
        assert_eq!(states[2].volatile_sectors(), 3);
        assert_eq!(states[3].volatile_sectors(), 0);
    }
}
