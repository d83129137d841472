//! The fault model's disk a second time, by brute force: all sets of changes of names, all choices
//! of a version for each unit, all lengths, listed one by one.
//!
//! It is told what was done and shares no code with the disk. It knows no failing calls, no torn
//! units and no stale bytes, and whether a call succeeds it takes from the disk.

use std::collections::{BTreeMap, BTreeSet};

use seawall_sim::disk::{Entry, Image};

/// No file may have more states than this; a case with more is not judged.
const STATES_MAX: usize = 4000;
/// Lengths between two others are multiples of this.
const PAGE: usize = 4096;
const ROOT: usize = 0;

/// A directory by its number, and a name in it.
type Key = (usize, String);
/// What each path leads to.
pub type Tree = BTreeMap<String, usize>;

/// What the model may be asked to be like.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub unit: usize,
    pub len_intermediate: bool,
    pub rename_needs_both: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// The lengths that were asked for since the last sync.
    lens: Vec<usize>,
    /// Where allocations within the file have ended since then.
    allocated: Vec<usize>,
    /// Whether it was ever synced.
    was_synced: bool,
    /// What each unit was after each change of it since the last sync.
    versions: BTreeMap<usize, Vec<Vec<u8>>>,
}

impl File {
    /// Adds what these units are now to their versions.
    fn remember(&mut self, first: usize, end: usize, unit: usize) {
        for at in first..end {
            let durable = piece(&self.durable, at, unit);
            let versions = self.versions.entry(at).or_insert_with(|| vec![durable]);
            versions.push(piece(&self.now, at, unit));
        }
    }

    /// Every choice of a version for each unit, with every length.
    fn states(&self, rules: Rules) -> Option<BTreeSet<Vec<u8>>> {
        let mut lens: BTreeSet<usize> = self.lens.iter().copied().collect();
        lens.insert(self.durable.len());
        let (low, high) = (*lens.first()?, *lens.last()?);
        if rules.len_intermediate {
            let is_end = |len: &usize| len.is_multiple_of(PAGE) || self.allocated.contains(len);
            lens.extend((low + 1..high).filter(is_end));
        }
        let choices: Vec<(usize, BTreeSet<&Vec<u8>>)> = self
            .versions
            .iter()
            .map(|(at, versions)| (*at, versions.iter().collect()))
            .collect();
        let count = choices.iter().map(|(_, versions)| versions.len());
        if count.product::<usize>() * lens.len() > STATES_MAX {
            return None;
        }
        let mut base = self.durable.clone();
        base.resize(high.next_multiple_of(PAGE), 0);
        let mut contents = vec![base];
        for (at, versions) in choices {
            let with = |content: &Vec<u8>, version: &Vec<u8>| {
                let mut content = content.clone();
                let from = at * rules.unit;
                content.resize(content.len().max(from + rules.unit), 0);
                content[from..from + rules.unit].copy_from_slice(version);
                content
            };
            contents = contents
                .iter()
                .flat_map(|content| versions.iter().map(move |version| with(content, version)))
                .collect();
        }
        let cut = |content: &Vec<u8>, len| {
            let mut content = content.clone();
            content.resize(len, 0);
            content
        };
        let states = contents
            .iter()
            .flat_map(|content| lens.iter().map(move |&len| cut(content, len)));
        Some(states.collect())
    }
}

/// A unit of some bytes, with zeros behind their end.
fn piece(bytes: &[u8], at: usize, unit: usize) -> Vec<u8> {
    let from = (at * unit).min(bytes.len());
    let mut piece = bytes[from..bytes.len().min(from + unit)].to_vec();
    piece.resize(unit, 0);
    piece
}

#[derive(Clone, Debug)]
enum Node {
    Dir,
    File(File),
}

/// A change of names: what is behind each of its names afterwards.
#[derive(Clone, Debug)]
struct Change {
    sets: Vec<(Key, Option<usize>)>,
    /// The file or directory that it is about, and whether that is new with it.
    node: usize,
    is_creation: bool,
    synced: BTreeSet<usize>,
}

impl Change {
    fn has(&self, key: &Key) -> bool {
        self.sets.iter().any(|(its, _)| its == key)
    }

    fn apply(&self, names: &mut BTreeMap<Key, usize>) {
        for (key, ino) in &self.sets {
            match ino {
                None => names.remove(key),
                Some(ino) => names.insert(key.clone(), *ino),
            };
        }
    }
}

/// A disk as the fault model has it.
#[derive(Clone, Debug)]
pub struct Model {
    rules: Rules,
    nodes: Vec<Node>,
    names: BTreeMap<Key, usize>,
    durable: BTreeMap<Key, usize>,
    pending: Vec<Change>,
}

impl Model {
    /// An empty disk.
    pub fn new(rules: Rules) -> Model {
        Model {
            rules,
            nodes: vec![Node::Dir],
            names: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// A disk on which just this is there, all of it durable.
    pub fn restarted(rules: Rules, image: &Image) -> Model {
        let mut model = Model::new(rules);
        // In the order of paths a directory comes before what is in it.
        for (path, entry) in &image.entries {
            let node = match entry {
                Entry::Dir => Node::Dir,
                Entry::File(bytes) => Node::File(File {
                    now: bytes.clone(),
                    durable: bytes.clone(),
                    ..File::default()
                }),
            };
            let key = model.key(path);
            model.names.insert(key, model.nodes.len());
            model.nodes.push(node);
        }
        model.durable = model.names.clone();
        model
    }

    /// How many files and directories there have been, the root included.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// How many changes of names are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    pub fn create(&mut self, path: &str, is_dir: bool) {
        let node = match is_dir {
            true => Node::Dir,
            false => Node::File(File::default()),
        };
        self.nodes.push(node);
        let node = self.nodes.len() - 1;
        let sets = vec![(self.key(path), Some(node))];
        self.change(sets, node, true);
    }

    pub fn remove(&mut self, path: &str) {
        let sets = vec![(self.key(path), None)];
        self.change(sets, self.resolve(path), false);
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        if from != to {
            let ino = self.resolve(from);
            let sets = vec![(self.key(from), None), (self.key(to), Some(ino))];
            self.change(sets, ino, false);
        }
    }

    pub fn write(&mut self, path: &str, offset: usize, bytes: &[u8]) {
        let unit = self.rules.unit;
        let file = self.file(path);
        let end = offset + bytes.len();
        if end > file.now.len() {
            file.now.resize(end, 0);
            file.lens.push(end);
        }
        file.now[offset..end].copy_from_slice(bytes);
        file.remember(offset / unit, end.div_ceil(unit), unit);
    }

    /// Cuts or extends.
    pub fn set_len(&mut self, path: &str, len: usize) {
        let unit = self.rules.unit;
        let file = self.file(path);
        let before = file.now.len();
        file.now.resize(len, 0);
        file.lens.push(len);
        if len < before {
            file.remember(len / unit, before.div_ceil(unit), unit);
        }
    }

    /// Extends only, as far as readers see.
    pub fn allocate(&mut self, path: &str, end: usize) {
        match end > self.file(path).now.len() {
            true => self.set_len(path, end),
            false => self.file(path).allocated.push(end),
        }
    }

    pub fn sync(&mut self, path: &str) {
        let file = self.file(path);
        file.durable.clone_from(&file.now);
        file.lens.clear();
        file.allocated.clear();
        file.was_synced = true;
        file.versions.clear();
    }

    pub fn sync_dir(&mut self, path: &str) {
        let dir = self.resolve(path);
        let mut durable: Vec<bool> = Vec::new();
        for change in &mut self.pending {
            let dirs: BTreeSet<usize> = change.sets.iter().map(|(key, _)| key.0).collect();
            if dirs.contains(&dir) {
                change.synced.insert(dir);
            }
            let both = self.rules.rename_needs_both;
            durable.push(match both {
                true => change.synced == dirs,
                false => !change.synced.is_empty(),
            });
        }
        for later in (0..self.pending.len()).rev() {
            for earlier in 0..later {
                let shares = |(key, _): &(Key, _)| self.pending[earlier].has(key);
                durable[earlier] |= durable[later] && self.pending[later].sets.iter().any(shares);
            }
        }
        let mut still = Vec::new();
        for (change, durable) in self.pending.drain(..).zip(durable) {
            match durable {
                true => change.apply(&mut self.durable),
                false => still.push(change),
            }
        }
        self.pending = still;
    }

    /// What the names are when just these pending changes are durable; `None` if they lead in a
    /// circle, which is never legal.
    pub fn tree(&self, chosen: &[bool]) -> Option<Tree> {
        let mut names = self.durable.clone();
        for (change, _) in self
            .pending
            .iter()
            .zip(chosen)
            .filter(|(_, chosen)| **chosen)
        {
            change.apply(&mut names);
        }
        let mut tree = Tree::new();
        let mut todo = vec![(ROOT, String::new())];
        while let Some((dir, path)) = todo.pop() {
            for ((_, name), &ino) in names.iter().filter(|(key, _)| key.0 == dir) {
                let path = format!("{path}/{name}");
                // Deeper than there are directories, some directory is below itself.
                if path.matches('/').count() > self.nodes.len() {
                    return None;
                }
                if matches!(self.nodes[ino], Node::Dir) {
                    todo.push((ino, path.clone()));
                }
                tree.insert(path, ino);
            }
        }
        Some(tree)
    }

    /// Whether nothing is left of a new file that was never synced.
    fn is_forgotten(&self, node: usize, chosen: &[bool]) -> bool {
        let own = || {
            self.pending
                .iter()
                .zip(chosen)
                .filter(|(change, _)| change.node == node)
        };
        let is_new = own().any(|(change, _)| change.is_creation);
        let never_synced = matches!(&self.nodes[node], Node::File(file) if !file.was_synced);
        is_new && never_synced && own().all(|(_, chosen)| !chosen)
    }

    /// Whether a set of pending changes has a prefix of those on each name, but for files that are
    /// forgotten.
    pub fn is_closed(&self, chosen: &[bool]) -> bool {
        (0..self.pending.len()).all(|later| {
            let keys = || self.pending[later].sets.iter().map(|(key, _)| key);
            let needs = |earlier: usize| keys().any(|key| self.pending[earlier].has(key));
            let is_excused = |earlier: usize| {
                chosen[earlier] || self.is_forgotten(self.pending[earlier].node, chosen)
            };
            !chosen[later] || (0..later).all(|earlier| is_excused(earlier) || !needs(earlier))
        })
    }

    /// All states of each file, by number, none for a directory; `None` if they are too many.
    pub fn states(&self) -> Option<Vec<BTreeSet<Vec<u8>>>> {
        let states = self.nodes.iter().map(|node| match node {
            Node::File(file) => file.states(self.rules),
            Node::Dir => Some(BTreeSet::new()),
        });
        states.collect()
    }

    pub fn is_dir(&self, ino: usize) -> bool {
        matches!(self.nodes[ino], Node::Dir)
    }

    fn change(&mut self, sets: Vec<(Key, Option<usize>)>, node: usize, is_creation: bool) {
        let change = Change {
            sets,
            node,
            is_creation,
            synced: BTreeSet::new(),
        };
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn resolve(&self, path: &str) -> usize {
        let parts = path.split('/').filter(|part| !part.is_empty());
        parts.fold(ROOT, |dir, part| self.names[&(dir, part.to_owned())])
    }

    fn key(&self, path: &str) -> Key {
        let (parent, name) = path.rsplit_once('/').expect("a path");
        (self.resolve(parent), name.to_owned())
    }

    fn file(&mut self, path: &str) -> &mut File {
        let ino = self.resolve(path);
        match &mut self.nodes[ino] {
            Node::File(file) => file,
            Node::Dir => panic!("{path} is a directory"),
        }
    }
}
