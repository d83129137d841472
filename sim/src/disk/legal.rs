//! Whether a state is one that a power cut may leave.
//!
//! The judge of the sampler, and of a real kernel's states: it shares with the sampler only
//! the versions of units, and knows neither strategies nor inode numbers of the state it
//! judges. Names are a question of logic: each pending change of names is a variable, each
//! name that reads so or so a clause of two, so the question has a fast answer.
//!
//! Not judged exactly: with `garbage_tail`, sectors behind the synced length may hold anything.

use super::dir::{Ino, Key, Name, ROOT};
use super::file::{FileNode, PAGE};
use super::image::{Entry, Image};
use super::knobs::Knobs;
use super::versions::{Chain, Versions, lengths};
use super::{Disk, Inode};

/// A change of names is durable, or is not.
type Literal = (usize, bool);
/// One of these holds; the same twice where it is only one.
type Clause = (Literal, Literal);

/// A directory of the disk, and its path with a slash at the end.
type Place = (Ino, String);

impl Disk {
    /// Whether a power cut now could leave this image: the membership test of the model.
    ///
    /// Where the image is not legal its time doubles with each new file that was never synced and whose
    /// name another one has had since; there are few.
    pub fn contains(&self, image: &Image) -> bool {
        if !image.is_tree() {
            return false;
        }
        if self.explains_names(image) {
            return true;
        }
        let forgettable = self.forgettable();
        let mut without = self.clone();
        (1..1_u64 << forgettable.len()).any(|subset| {
            let place = |ino| forgettable.iter().position(|&one| one == ino);
            without.atoms = self
                .atoms
                .without(|ino| place(ino).is_some_and(|at| subset >> at & 1 == 1));
            without.explains_names(image)
        })
    }

    fn explains_names(&self, image: &Image) -> bool {
        let mut clauses = Vec::new();
        let atoms = self.atoms.list();
        for (later, atom) in atoms.iter().enumerate() {
            for key in atom.op.keys() {
                let has_key = |earlier: &usize| atoms[*earlier].op.keys().any(|its| its == key);
                if let Some(earlier) = (0..later).rev().find(has_key) {
                    clauses.push(((later, false), (earlier, true)));
                }
            }
        }
        self.explains(image, vec![(ROOT, "/".into())], clauses)
    }

    fn explains(&self, image: &Image, mut todo: Vec<Place>, mut clauses: Vec<Clause>) -> bool {
        let Some((dir, path)) = todo.pop() else {
            return satisfiable(self.atoms.list().len(), &clauses);
        };
        // A name with several directories to be: each is tried.
        let mut open = Vec::new();
        for (name, seen) in self.names_of(dir, &path, image) {
            let chain = self.chain_of_key(dir, &name);
            let bindings: Vec<Option<Ino>> = (0..=chain.len())
                .map(|count| self.binding(dir, &name, &chain[..count]))
                .collect();
            let legal = |binding: &Option<Ino>| match (binding, seen) {
                (None, None) => true,
                (Some(ino), Some(_)) => self.reads_as(*ino, seen),
                (None, Some(_)) | (Some(_), None) => false,
            };
            for (count, binding) in bindings.iter().enumerate() {
                if !legal(binding) && !forbid(&chain, count, &mut clauses) {
                    return false;
                }
            }
            if seen == Some(&Entry::Dir) {
                let mut inos: Vec<Ino> = bindings.into_iter().filter(legal).flatten().collect();
                inos.dedup();
                match inos[..] {
                    [] => return false,
                    [only] => todo.push((only, format!("{path}{name}/"))),
                    _ => open.push((name, chain, inos)),
                }
            }
        }
        self.explains_open(image, &path, open, todo, clauses, dir)
    }

    fn explains_open(
        &self,
        image: &Image,
        path: &str,
        mut open: Vec<(Name, Vec<usize>, Vec<Ino>)>,
        todo: Vec<Place>,
        clauses: Vec<Clause>,
        dir: Ino,
    ) -> bool {
        let Some((name, chain, inos)) = open.pop() else {
            return self.explains(image, todo, clauses);
        };
        inos.into_iter().any(|ino| {
            let mut clauses = clauses.clone();
            let mut todo = todo.clone();
            todo.push((ino, format!("{path}{name}/")));
            let possible = (0..=chain.len()).all(|count| {
                self.binding(dir, &name, &chain[..count]) == Some(ino)
                    || forbid(&chain, count, &mut clauses)
            });
            possible && self.explains_open(image, path, open.clone(), todo, clauses, dir)
        })
    }

    /// All names that a directory has, may have, or is seen to have, with what is seen.
    fn names_of<'a>(
        &self,
        dir: Ino,
        path: &str,
        image: &'a Image,
    ) -> Vec<(Name, Option<&'a Entry>)> {
        let Inode::Dir(node) = &self.inodes[dir.0 as usize] else {
            unreachable!("only directories are explained");
        };
        let mut names: Vec<Name> = node.dur.keys().cloned().collect();
        let pending = self.atoms.list().iter().flat_map(|atom| atom.op.keys());
        names.extend(
            pending
                .filter(|key| key.dir == dir)
                .map(|key| key.name.clone()),
        );
        names.extend(image.children(path).map(|(name, _)| Name::from(name)));
        names.sort_unstable();
        names.dedup();
        let seen = |name: Name| {
            let entry = image.entries.get(&format!("{path}{name}"));
            (name, entry)
        };
        names.into_iter().map(seen).collect()
    }

    fn chain_of_key(&self, dir: Ino, name: &Name) -> Vec<usize> {
        let is_key = |key: &Key| key.dir == dir && key.name == *name;
        let atoms = self.atoms.list().iter().enumerate();
        atoms
            .filter(|(_, atom)| atom.op.keys().any(is_key))
            .map(|(index, _)| index)
            .collect()
    }

    /// What is behind a name once these changes of it are durable.
    fn binding(&self, dir: Ino, name: &Name, chain: &[usize]) -> Option<Ino> {
        let key = Key {
            dir,
            name: name.clone(),
        };
        match chain.last() {
            Some(&last) => self.atoms.list()[last].op.binding(&key),
            None => self.dir(dir).ok()?.dur.get(name).copied(),
        }
    }

    fn reads_as(&self, ino: Ino, seen: Option<&Entry>) -> bool {
        match (&self.inodes[ino.0 as usize], seen) {
            (Inode::Dir(_), Some(Entry::Dir)) => true,
            (Inode::File(file), Some(Entry::File(bytes))) => {
                may_read(file, bytes, &self.knobs, self.knobs.atomic_unit)
            }
            _ => false,
        }
    }
}

/// Forbids that just the first `count` changes of a chain are durable. False if that leaves
/// nothing.
fn forbid(chain: &[usize], count: usize, clauses: &mut Vec<Clause>) -> bool {
    let less = count.checked_sub(1).map(|last| (chain[last], false));
    let more = chain.get(count).map(|&next| (next, true));
    match (less, more) {
        (None, None) => return false,
        (Some(one), None) | (None, Some(one)) => clauses.push((one, one)),
        (Some(less), Some(more)) => clauses.push((less, more)),
    }
    true
}

/// Whether all clauses can hold at once.
// Source: Even, Itai, Shamir, "On the Complexity of Timetable and Multicommodity Flow
// Problems", SIAM J. Comput. 5(4), 1976: a value that propagates without contradiction
// never has to be taken back when no clause has more than two literals.
fn satisfiable(variables: usize, clauses: &[Clause]) -> bool {
    let mut values: Vec<Option<bool>> = vec![None; variables];
    for variable in 0..variables {
        if values[variable].is_some() {
            continue;
        }
        let tried = [true, false]
            .into_iter()
            .find_map(|value| propagate(values.clone(), (variable, value), clauses));
        match tried {
            Some(consistent) => values = consistent,
            None => return false,
        }
    }
    true
}

fn propagate(
    mut values: Vec<Option<bool>>,
    first: Literal,
    clauses: &[Clause],
) -> Option<Vec<Option<bool>>> {
    let mut todo = vec![first];
    while let Some((variable, value)) = todo.pop() {
        match values[variable] {
            Some(known) if known == value => continue,
            Some(_) => return None,
            None => values[variable] = Some(value),
        }
        for &(one, other) in clauses {
            if one == (variable, !value) {
                todo.push(other);
            }
            if other == (variable, !value) {
                todo.push(one);
            }
        }
    }
    Some(values)
}

/// Whether a power cut may leave these bytes in a file.
pub(super) fn may_read(file: &FileNode, seen: &[u8], knobs: &Knobs, unit: u64) -> bool {
    let unit_bytes = unit as usize;
    let versions = Versions::of(file, unit);
    let garbage_from = match knobs.garbage_tail.is_never() {
        true => usize::MAX,
        false => file.dur.len().next_multiple_of(512) as usize,
    };
    may_have_len(file, seen.len() as u64, knobs)
        && (0..).zip(seen.chunks(unit_bytes)).all(|(unit, seen)| {
            let start = unit as usize * unit_bytes;
            let judged = garbage_from.saturating_sub(start).min(seen.len());
            let chain = versions.chain(unit);
            let tears = !knobs.byte_tear.is_never();
            may_read_unit(
                file,
                &versions,
                chain,
                (unit, &seen[..judged]),
                &|_| true,
                tears,
            )
        })
}

fn may_have_len(file: &FileNode, len: u64, knobs: &Knobs) -> bool {
    let lens = || std::iter::once(file.dur.len()).chain(lengths(file).map(|(_, len)| len));
    let (low, high) = lens().fold((u64::MAX, 0), |(low, high), len| {
        (low.min(len), high.max(len))
    });
    let is_end = len.is_multiple_of(PAGE) || file.allocated_ends.contains(&len);
    let between = knobs.len_intermediate && is_end && low < len && len < high;
    between || lens().any(|legal| legal == len)
}

/// Whether a unit may read so: as one of its versions that is allowed, or torn between two.
pub(super) fn may_read_unit(
    file: &FileNode,
    versions: &Versions,
    chain: Chain<'_>,
    (unit, seen): (u64, &[u8]),
    is_allowed: &dyn Fn(usize) -> bool,
    tears: bool,
) -> bool {
    let mut bytes = [[0; PAGE as usize]; 2];
    let unit_bytes = versions.unit_bytes() as usize;
    for count in 0..=chain.len() {
        let (first, second) = bytes.split_at_mut(1);
        let (now, before) = match count % 2 {
            0 => (&mut first[0][..unit_bytes], &second[0][..unit_bytes]),
            _ => (&mut second[0][..unit_bytes], &first[0][..unit_bytes]),
        };
        versions.compose(file, unit, chain, count, now);
        if is_allowed(count) && now[..seen.len()] == *seen {
            return true;
        }
        let torn = tears && count > 0;
        if torn && (is_mix(now, before, seen) || is_mix(before, now, seen)) {
            return true;
        }
    }
    false
}

/// Whether `seen` begins as `head` and goes on as `tail`.
fn is_mix(head: &[u8], tail: &[u8], seen: &[u8]) -> bool {
    let same_head = head.iter().zip(seen).take_while(|(a, b)| a == b).count();
    tail[same_head..seen.len()] == seen[same_head..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_of_two_are_solved() {
        let implies = |a, b| ((a, false), (b, true));
        assert!(satisfiable(2, &[implies(0, 1), ((0, true), (0, true))]));
        let contradiction = [
            implies(0, 1),
            ((0, true), (0, true)),
            ((1, false), (1, false)),
        ];
        assert!(!satisfiable(2, &contradiction));
        assert!(satisfiable(0, &[]));
    }

    #[test]
    fn a_mix_has_one_seam() {
        assert!(is_mix(b"aaaa", b"bbbb", b"aabb"));
        assert!(!is_mix(b"aaaa", b"bbbb", b"bbaa"));
        assert!(!is_mix(b"aaaa", b"bbbb", b"abab"));
    }
}
