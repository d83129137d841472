//! Whether a state is one that a power cut may leave on a file system that commits in order.
//!
//! The judge of [`ordered`](super::ordered), and of what a real kernel leaves. It tries each moment
//! up to which all may be committed; what the names are then, and which bytes a file may have, is
//! no choice any more but for the runs, and those are judged one unit at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::dir::{Ino, Key, ROOT};
use super::file::{Change, FileNode};
use super::image::{Entry, Image};
use super::legal::{may_read, may_read_unit};
use super::ordered::{Bounds, Run, cut_to, is_run, is_write, page_ends};
use super::plan::pending_seqs;
use super::profile::Data;
use super::versions::{Versions, lengths};
use super::{Disk, Inode};
use crate::choice::{Choices, Purpose};

impl Disk {
    /// Whether a power cut now could leave this image on the file system that this disk behaves
    /// like. Whatever it could leave, [`contains`](Disk::contains) holds for as well.
    pub fn contains_in_profile(&self, image: &Image) -> bool {
        let rules = self.knobs.rules();
        if let Some(only) = rules.strategy {
            let mut after = self.clone();
            after.power_cut_with(only, &mut Choices::new(0).stream(Purpose::Crash, 0));
            return after.image() == *image;
        }
        if !rules.names_in_order {
            return self.contains(image);
        }
        let seqs = pending_seqs(self);
        let moments = std::iter::once(self.forced).chain(seqs.iter().copied());
        moments.filter(|&moment| moment >= self.forced).any(|at| {
            let next = seqs.iter().copied().find(|&seq| seq > at);
            self.explains_moment(image, at, next)
        })
    }

    fn explains_moment(&self, image: &Image, moment: u64, next: Option<u64>) -> bool {
        let names = self.names_at(moment);
        let mut found = 0;
        let mut todo = vec![(ROOT, "/".to_string())];
        while let Some((dir, path)) = todo.pop() {
            let first = Key {
                dir,
                name: "".into(),
            };
            let here = names.range(first..).take_while(|(key, _)| key.dir == dir);
            for (key, &ino) in here {
                let path = format!("{path}{}", key.name);
                found += 1;
                match (&self.inodes[ino.0 as usize], image.entries.get(&path)) {
                    (Inode::Dir(_), Some(Entry::Dir)) => todo.push((ino, path + "/")),
                    (Inode::File(file), Some(Entry::File(seen)))
                        if self.may_read_at(file, seen, (names.renamed(ino), moment), next) => {}
                    _ => return false,
                }
            }
        }
        found == image.entries.len()
    }

    /// The names once all changes of them up to a moment are durable.
    fn names_at(&self, moment: u64) -> Names {
        let mut names = Names::default();
        for (index, inode) in self.inodes.iter().enumerate() {
            let Inode::Dir(dir) = inode else {
                continue;
            };
            for (name, &ino) in &dir.dur {
                let key = Key {
                    dir: Ino(index as u32),
                    name: name.clone(),
                };
                names.bindings.insert(key, ino);
            }
        }
        for atom in self.atoms.list().iter().filter(|atom| atom.seq <= moment) {
            for key in atom.op.keys() {
                match atom.op.binding(key) {
                    Some(ino) => names.bindings.insert(key.clone(), ino),
                    None => names.bindings.remove(key),
                };
            }
            if atom.op.replaces() {
                names.renamed.insert(atom.op.ino(), atom.seq);
            }
        }
        names
    }

    /// Whether a file may read so when all is committed up to a moment; the changes of the file
    /// before `renamed` have their blocks.
    fn may_read_at(
        &self,
        file: &FileNode,
        seen: &[u8],
        (renamed, moment): (u64, u64),
        next: Option<u64>,
    ) -> bool {
        let judge = Judge {
            disk: self,
            file,
            seen,
            moment,
            allocated: renamed.max(file.allocated),
        };
        match self.knobs.rules().data {
            Data::Free => may_read(file, seen, &self.knobs, self.knobs.unit_bytes()),
            Data::Prefix => judge.is_prefix(next),
            Data::Extents => {
                judge.has_length(&|_| true) && judge.has_units(Data::Extents, &|_, _| true)
            }
            Data::ExtentsWhenWritten => judge.has_written_runs(),
            Data::Copied => judge.has_copied_runs(),
        }
    }
}

/// Names at some moment, and which files were renamed over others before it.
#[derive(Default)]
struct Names {
    bindings: BTreeMap<Key, Ino>,
    renamed: BTreeMap<Ino, u64>,
}

impl Names {
    fn renamed(&self, ino: Ino) -> u64 {
        self.renamed.get(&ino).copied().unwrap_or(0)
    }

    fn range(&self, from: std::ops::RangeFrom<Key>) -> impl Iterator<Item = (&Key, &Ino)> {
        self.bindings.range(from)
    }
}

/// One file, what is seen of it, and the moment.
struct Judge<'a> {
    disk: &'a Disk,
    file: &'a FileNode,
    seen: &'a [u8],
    moment: u64,
    allocated: u64,
}

impl Judge<'_> {
    fn runs(&self) -> impl Iterator<Item = (usize, &Change)> {
        let log = self.file.log.iter().enumerate();
        log.filter(|(_, change)| is_run(change))
    }

    fn is_prefix(&self, next: Option<u64>) -> bool {
        let mut content = self.file.dur.clone();
        let log = &self.file.log;
        let committed = log.partition_point(|change| change.seq <= self.moment);
        for change in &log[..committed] {
            self.file.apply(change, &mut content);
        }
        let is_half = self.disk.knobs.len_intermediate;
        let is_next = |change: &&Change| is_half && next == Some(change.seq) && is_write(change);
        let parts = log.get(committed).filter(is_next).into_iter();
        let parts = parts.flat_map(|change| {
            page_ends(change).into_iter().map(|end| {
                let mut content = content.clone();
                self.file.apply(&cut_to(change, end), &mut content);
                content
            })
        });
        let mut contents = std::iter::once(content.clone()).chain(parts);
        contents.any(|content| content.equals(self.seen))
    }

    /// Whether the file may be as long as it is, if runs may be there for which `may_be` holds.
    fn has_length(&self, may_be: &dyn Fn(usize) -> bool) -> bool {
        let mut lens = BTreeSet::from([self.file.dur.len()]);
        for (index, asked) in lengths(self.file) {
            let change = &self.file.log[index];
            if !is_run(change) {
                if change.seq <= self.moment {
                    lens = BTreeSet::from([asked]);
                }
                continue;
            }
            let grown: Vec<u64> = match may_be(index) {
                true => lens.iter().map(|&len| len.max(asked)).collect(),
                false => Vec::new(),
            };
            if may_be(index) && change.seq < self.allocated {
                lens.clear();
            }
            lens.extend(grown);
        }
        lens.contains(&(self.seen.len() as u64))
    }

    /// A file is as long as the last run that is there, and that has all its bytes.
    fn has_written_runs(&self) -> bool {
        let len = self.seen.len() as u64;
        // A run that reaches further is there only where a cut has followed it.
        let is_cut = |index: usize| {
            let mut later = self.file.log[index..].iter();
            later.any(|change| !is_write(change) && change.seq <= self.moment)
        };
        let reaches = |index: usize| self.file.log[index].len_after;
        let ends_here = self
            .runs()
            .filter(|&(index, _)| reaches(index) == Some(len));
        let mut lasts = std::iter::once(None).chain(ends_here.map(|(index, _)| Some(index)));
        lasts.any(|last| {
            let may_be = |index| reaches(index) < Some(len) || is_cut(index) || last == Some(index);
            self.has_length(&may_be)
                && self.has_units(Data::ExtentsWhenWritten, &|index, run| match run {
                    Run::Bytes => may_be(index),
                    Run::Absent | Run::Zeros => last != Some(index),
                })
        })
    }

    /// The first runs are there, and the others are not.
    fn has_copied_runs(&self) -> bool {
        let committed: Vec<usize> = self
            .runs()
            .filter(|(_, change)| change.seq <= self.moment)
            .map(|(index, _)| index)
            .collect();
        (0..=committed.len()).any(|count| {
            let is_there = |index: usize| committed[..count].contains(&index);
            let len = lengths(self.file).fold(self.file.dur.len(), |len, (index, asked)| {
                let change = &self.file.log[index];
                match is_run(change) {
                    true if is_there(index) => len.max(asked),
                    false if change.seq <= self.moment => asked,
                    _ => len,
                }
            });
            len == self.seen.len() as u64
                && self.has_units(Data::Copied, &|index, run| {
                    (run == Run::Bytes) == is_there(index)
                })
        })
    }

    /// Whether each unit may read as it does, if each run may be what `may_be` says.
    fn has_units(&self, data: Data, may_be: &dyn Fn(usize, Run) -> bool) -> bool {
        let knobs = &self.disk.knobs;
        let unit_bytes = knobs.unit_bytes();
        let versions = Versions::of(self.file, unit_bytes);
        let bounds = Bounds {
            file: self.file,
            moment: self.moment,
            data,
            unit_bytes,
        };
        let units = (0..).zip(self.seen.chunks(unit_bytes as usize));
        let mut is_legal = units.map(|(unit, seen)| {
            let chain = versions.chain(unit);
            if chain.len() == 0 {
                return may_read_unit(self.file, &versions, chain, (unit, seen), &|_| true, false);
            }
            let runs: Vec<usize> = chain
                .changes()
                .filter(|&index| is_run(&self.file.log[index]))
                .collect();
            let mut legal = vec![false; chain.len() + 1];
            let mut is_in_place = false;
            each_choice(&runs, may_be, &mut |chosen: &[Run]| {
                let run = |index| chosen[runs.iter().position(|&at| at == index).unwrap_or(0)];
                let (low, high) = bounds.of(chain, run);
                legal[low] |= low >= high;
                (low..=high).for_each(|count| legal[count] = true);
                is_in_place |= low == 0 && high == chain.len();
            });
            let tears = is_in_place && knobs.profile.tears() && !knobs.byte_tear.is_never();
            may_read_unit(
                self.file,
                &versions,
                chain,
                (unit, seen),
                &|count| legal[count],
                tears,
            )
        });
        is_legal.all(|legal| legal)
    }
}

/// All choices of what became of these runs.
fn each_choice(runs: &[usize], may_be: &dyn Fn(usize, Run) -> bool, see: &mut dyn FnMut(&[Run])) {
    let mut chosen = vec![Run::Absent; runs.len()];
    fn descend(
        at: usize,
        runs: &[usize],
        may_be: &dyn Fn(usize, Run) -> bool,
        chosen: &mut Vec<Run>,
        see: &mut dyn FnMut(&[Run]),
    ) {
        if at == runs.len() {
            return see(chosen);
        }
        // Zeros are as good as nothing, to a unit.
        for run in [Run::Absent, Run::Bytes] {
            if may_be(runs[at], run) {
                chosen[at] = run;
                descend(at + 1, runs, may_be, chosen, see);
            }
        }
    }
    descend(0, runs, may_be, &mut chosen, see);
}
