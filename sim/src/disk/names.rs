//! Calls on names, without faults: open, create, rename, remove, list.
//!
//! Paths are absolute, of plain components, in UTF-8. The order of checks is Linux's, so
//! that the errors are the same as in a real directory.

use std::path::Path;

use seawall::env::vfs::{Metadata, OpenHow};

use super::counts::Fault;
use super::dir::{DirNode, DirOp, Ino, Key, Name, ROOT};
use super::errno::Errno;
use super::file::FileNode;
use super::io::FdId;
use super::{Disk, Inode};

impl Disk {
    /// Opens or creates a file.
    pub fn open(&mut self, path: &Path, how: OpenHow) -> Result<FdId, Errno> {
        match how {
            // There are no symbolic links here.
            OpenHow::Read | OpenHow::ReadNoFollow => {
                let ino = self.resolve_file(path)?;
                Ok(self.open_fd(ino, false, false))
            }
            OpenHow::Write { direct } => {
                let ino = self.resolve_file(path)?;
                self.check_mode()?;
                self.check_direct(direct)?;
                Ok(self.open_fd(ino, true, direct))
            }
            OpenHow::CreateNew { direct } => {
                let ino = self.create(path)?;
                self.check_direct(direct)?;
                Ok(self.open_fd(ino, true, direct))
            }
        }
    }

    // A file that was created stays, although it can't be opened.
    // Source: do_open in fs/namei.c of Linux: the file is created before `vfs_open` looks at
    // O_DIRECT.
    fn check_direct(&mut self, direct: bool) -> Result<(), Errno> {
        match direct && self.knobs.direct_refused && self.counts.fire(Fault::DirectRefused) {
            true => Err(Errno::EINVAL),
            false => Ok(()),
        }
    }

    /// Creates an empty file without opening it.
    pub(super) fn create(&mut self, path: &Path) -> Result<Ino, Errno> {
        self.link(path, |_| Inode::File(Box::new(FileNode::linked())))
    }

    /// Creates a directory.
    pub fn create_dir(&mut self, path: &Path) -> Result<(), Errno> {
        self.link(path, |parent| Inode::Dir(DirNode::new(parent)))?;
        Ok(())
    }

    fn link(&mut self, path: &Path, make: impl FnOnce(Ino) -> Inode) -> Result<Ino, Errno> {
        let Some(at) = self.resolve_key(path)? else {
            return Err(Errno::EEXIST);
        };
        if self.dir(at.dir)?.cur.contains_key(&at.name) {
            return Err(Errno::EEXIST);
        }
        self.check_mode()?;
        let ino = Ino(u32::try_from(self.inodes.len()).expect("a run makes few files"));
        self.inodes.push(make(at.dir));
        self.dir_mut(at.dir).cur.insert(at.name.clone(), ino);
        self.strict.made(&at, ino);
        let seq = self.next_seq();
        self.atoms.push(seq, DirOp::Link { at, ino });
        Ok(ino)
    }

    /// Removes a file's name. Its space is given back when nothing can bring it back.
    pub fn remove_file(&mut self, path: &Path) -> Result<(), Errno> {
        let Some(at) = self.resolve_key(path)? else {
            return Err(Errno::EISDIR);
        };
        let ino = self.lookup(&at)?;
        if self.is_dir(ino) {
            return Err(Errno::EISDIR);
        }
        self.check_mode()?;
        self.note_last_path(ino);
        self.dir_mut(at.dir).cur.remove(&at.name);
        self.strict.removed(&at);
        self.file_mut(ino).linked = false;
        let seq = self.next_seq();
        self.atoms.push(seq, DirOp::Unlink { at, ino });
        Ok(())
    }

    /// Removes an empty directory. One that a power cut brings back is as it was durable.
    pub fn remove_dir(&mut self, path: &Path) -> Result<(), Errno> {
        let Some(at) = self.resolve_key(path)? else {
            return Err(Errno::EBUSY);
        };
        let ino = self.lookup(&at)?;
        if !self.dir(ino)?.cur.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.check_mode()?;
        self.dir_mut(at.dir).cur.remove(&at.name);
        self.strict.removed(&at);
        let seq = self.next_seq();
        self.atoms.push(seq, DirOp::Unlink { at, ino });
        Ok(())
    }

    /// Renames a file or directory, replacing a file or an empty directory.
    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<(), Errno> {
        let (Some(from), Some(to)) = (self.resolve_key(from)?, self.resolve_key(to)?) else {
            return Err(Errno::EBUSY);
        };
        let ino = self.lookup(&from)?;
        if self.is_dir(ino) && self.is_within(to.dir, ino) {
            return Err(Errno::EINVAL);
        }
        let replaced = self.dir(to.dir)?.cur.get(&to.name).copied();
        if from == to {
            return Ok(());
        }
        if let Some(replaced) = replaced {
            self.check_replaceable(ino, &from, replaced)?;
        }
        self.check_mode()?;
        if let Some(replaced) = replaced {
            self.note_last_path(replaced);
        }
        self.dir_mut(from.dir).cur.remove(&from.name);
        self.dir_mut(to.dir).cur.insert(to.name.clone(), ino);
        self.strict.renamed(&from, &to, ino, replaced.is_some());
        if let Inode::Dir(dir) = &mut self.inodes[ino.0 as usize] {
            dir.parent = to.dir;
        }
        if let Some(Inode::File(file)) = replaced.map(|ino| &mut self.inodes[ino.0 as usize]) {
            file.linked = false;
        }
        let seq = self.next_seq();
        let op = DirOp::Rename {
            from,
            to,
            ino,
            replaced,
        };
        self.atoms.push(seq, op);
        Ok(())
    }

    // Source: rename(2): EISDIR, ENOTDIR and ENOTEMPTY.
    fn check_replaceable(&self, ino: Ino, from: &Key, replaced: Ino) -> Result<(), Errno> {
        match (self.is_dir(ino), self.is_dir(replaced)) {
            (false, false) => Ok(()),
            // An ancestor of what is renamed is never empty, whatever its kind.
            (false, true) if self.is_within(from.dir, replaced) => Err(Errno::ENOTEMPTY),
            (false, true) => Err(Errno::EISDIR),
            (true, false) => Err(Errno::ENOTDIR),
            (true, true) if self.dir(replaced)?.cur.is_empty() => Ok(()),
            (true, true) => Err(Errno::ENOTEMPTY),
        }
    }

    /// Whether `dir` is `ancestor` or below it.
    fn is_within(&self, mut dir: Ino, ancestor: Ino) -> bool {
        loop {
            if dir == ancestor {
                return true;
            }
            match self.dir(dir) {
                Ok(node) if dir != ROOT => dir = node.parent,
                _ => return false,
            }
        }
    }

    /// Kind and length of what is at `path`.
    pub fn metadata(&self, path: &Path) -> Result<Metadata, Errno> {
        let ino = self.resolve(path)?;
        Ok(match self.is_dir(ino) {
            true => Metadata {
                is_dir: true,
                len: 0,
            },
            false => Metadata {
                is_dir: false,
                len: self.file(ino).cur.len(),
            },
        })
    }

    /// The names in a directory, sorted.
    pub fn read_dir(&self, path: &Path) -> Result<Vec<String>, Errno> {
        let dir = self.dir(self.resolve(path)?)?;
        Ok(dir.cur.keys().map(|name| name.to_string()).collect())
    }

    /// What is in the directory at `path`, in the order of the names; nothing where there is none.
    pub fn entries(&self, path: &Path) -> impl DoubleEndedIterator<Item = (&str, Ino)> {
        let dir = self.resolve(path).and_then(|ino| self.dir(ino)).ok();
        let entries = dir.into_iter().flat_map(|dir| dir.cur.iter());
        entries.map(|(name, &ino)| (&**name, ino))
    }

    /// What is at `path`.
    pub fn resolve(&self, path: &Path) -> Result<Ino, Errno> {
        if let Some(ino) = self.resolved.of(path) {
            return Ok(ino);
        }
        let mut at = ROOT;
        for component in components(path)? {
            let next = self.dir(at)?.cur.get(component?);
            at = *next.ok_or(Errno::ENOENT)?;
        }
        Ok(at)
    }

    /// The same, and kept for those who resolve this path next.
    pub(super) fn resolve_first(&mut self, path: &Path) -> Result<Ino, Errno> {
        let ino = self.resolve(path)?;
        self.resolved.keep(path, ino);
        Ok(ino)
    }

    fn resolve_file(&self, path: &Path) -> Result<Ino, Errno> {
        let ino = self.resolve(path)?;
        match self.is_dir(ino) {
            true => Err(Errno::EISDIR),
            false => Ok(ino),
        }
    }

    /// The place for the last component of `path`; none for the root.
    fn resolve_key(&self, path: &Path) -> Result<Option<Key>, Errno> {
        let mut dir = ROOT;
        let mut name: Option<&str> = None;
        for component in components(path)? {
            if let Some(parent) = name.replace(component?) {
                let next = self.dir(dir)?.cur.get(parent);
                dir = *next.ok_or(Errno::ENOENT)?;
            }
        }
        self.dir(dir)?;
        Ok(name.map(|name| Key {
            dir,
            name: Name::from(name),
        }))
    }

    fn lookup(&self, key: &Key) -> Result<Ino, Errno> {
        let found = self.dir(key.dir)?.cur.get(&key.name);
        found.copied().ok_or(Errno::ENOENT)
    }
}

/// What was resolved last, until a name changes: one call resolves its path more than once.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    path: String,
    ino: Option<Ino>,
}

impl Resolved {
    fn of(&self, path: &Path) -> Option<Ino> {
        let is_it = path.as_os_str().as_encoded_bytes() == self.path.as_bytes();
        self.ino.filter(|_| is_it)
    }

    fn keep(&mut self, path: &Path, ino: Ino) {
        if self.of(path) == Some(ino) {
            return;
        }
        self.path.clear();
        self.path.push_str(path.to_str().unwrap_or_default());
        self.ino = Some(ino);
    }

    pub(super) fn forget(&mut self) {
        self.ino = None;
    }
}

type Component<'a> = Result<&'a str, Errno>;

fn components(path: &Path) -> Result<impl Iterator<Item = Component<'_>>, Errno> {
    let path = path.to_str().ok_or(Errno::EINVAL)?;
    let path = path.strip_prefix('/').ok_or(Errno::EINVAL)?;
    let parts = path.split('/').filter(|part| !part.is_empty());
    Ok(parts.map(|part| match part {
        "." | ".." => Err(Errno::EINVAL),
        part => Ok(part),
    }))
}
