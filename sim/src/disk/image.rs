//! A snapshot of what a reader would find: paths, and the bytes behind them.
//!
//! For comparing and judging, not for speed: it copies everything.

use std::collections::BTreeMap;

use super::dir::{Ino, ROOT};
use super::{Disk, Inode};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory.
    Dir,
    /// A file with these bytes.
    File(Vec<u8>),
}

/// All that a reader would find on a disk, by absolute path; the root itself is left out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Image {
    /// What is at each path.
    pub entries: BTreeMap<String, Entry>,
}

impl Image {
    /// The bytes of a file; `None` where there is no file.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match self.entries.get(path) {
            Some(Entry::File(bytes)) => Some(bytes),
            Some(Entry::Dir) | None => None,
        }
    }

    /// What is not in this image as it was before, a phrase each.
    pub fn lost_since(&self, before: &Image) -> Vec<String> {
        let mut lost = Vec::new();
        for (path, entry) in &before.entries {
            match (entry, self.entries.get(path)) {
                (_, None) => lost.push(format!("the name {path}")),
                (Entry::File(then), Some(Entry::File(now))) if then != now => {
                    lost.push(difference(path, then, now));
                }
                _ => {}
            }
        }
        let is_new = |path: &&String| !before.entries.contains_key(*path);
        let back = self.entries.keys().filter(is_new);
        lost.extend(back.map(|path| format!("the removal of {path}")));
        lost
    }

    /// Whether what is in a directory has that directory: otherwise no disk has it.
    pub(super) fn is_tree(&self) -> bool {
        self.entries.keys().all(|path| match path.rsplit_once('/') {
            Some(("", _)) => true,
            Some((parent, _)) => self.entries.get(parent) == Some(&Entry::Dir),
            None => false,
        })
    }

    /// The names in a directory, and what is behind them. `dir` ends in a slash.
    pub(super) fn children(&self, dir: &str) -> impl Iterator<Item = (&str, &Entry)> {
        assert!(dir.ends_with('/'));
        let from_here = self.entries.range(dir.to_string()..);
        let below =
            from_here.map_while(move |(path, entry)| Some((path.strip_prefix(dir)?, entry)));
        below.filter(|(name, _)| !name.is_empty() && !name.contains('/'))
    }
}

/// Where a file is not what it was.
fn difference(path: &str, then: &[u8], now: &[u8]) -> String {
    let same = then.iter().zip(now).take_while(|(then, now)| then == now);
    let first = same.count();
    let end = then.len().max(now.len());
    let range = format!("bytes {first} to {end} of {path}");
    match (now.len(), then.len()) {
        (now, then) if now < then && first == now => format!("{range}, which ends there now"),
        (now, then) if now != then => format!("{range}, which has {now} bytes now, not {then}"),
        _ => format!("some of {range}"),
    }
}

impl Disk {
    /// What a reader would find now; right after a power cut this is all there is.
    pub fn image(&self) -> Image {
        let mut image = Image::default();
        let mut todo: Vec<(Ino, String)> = vec![(ROOT, "/".into())];
        while let Some((at, path)) = todo.pop() {
            let dir = self.dir(at).expect("only directories are to be done");
            for (name, &ino) in &dir.cur {
                let path = format!("{path}{name}");
                let entry = match &self.inodes[ino.0 as usize] {
                    Inode::File(file) => {
                        let mut bytes = vec![0; file.cur.len() as usize];
                        file.cur.copy(0, &mut bytes);
                        Entry::File(bytes)
                    }
                    Inode::Dir(_) => {
                        todo.push((ino, format!("{path}/")));
                        Entry::Dir
                    }
                    Inode::Gone => unreachable!("a name leads to something"),
                };
                image.entries.insert(path, entry);
            }
        }
        image
    }
}
