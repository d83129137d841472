//! Files that are missing, doubled, swapped, zeroed or renamed when the log is opened. Class F9.
//!
//! It happens between two lives, to files that have nothing pending, in directories that have
//! nothing pending: an operator's mistake, or what a file system check made of the disk.

use crate::choice::{Ratio, Stream};
use crate::disk::counts::Fault;
use crate::disk::dir::{Ino, Key, Name};
use crate::disk::{Disk, Inode, Mode};

use super::{FaultClass, MediaEvent, MediaKind, choices_of};

impl Disk {
    /// Does what is due to files as a whole, where there is one for it.
    pub(super) fn mix_files_up(&mut self) {
        let is_about_files = |event: &MediaEvent| event.kind.class() == FaultClass::Files;
        while let Some(index) = self.media.due(is_about_files) {
            let event = self.media.plan.events[index];
            let mut stream = choices_of(&event);
            let is_quiet = self.atoms.list().is_empty() && self.mode == Mode::ReadWrite;
            if !is_quiet || self.mix_up(event.kind, &mut stream).is_none() {
                return;
            }
            self.media.plan.events.remove(index);
        }
    }

    fn mix_up(&mut self, kind: MediaKind, stream: &mut Stream) -> Option<()> {
        let files = self.quiet_files();
        if files.is_empty() {
            return None;
        }
        let (key, ino) = stream.pick(&files).clone();
        let before = self.file(ino).dur.stored().to_vec();
        let range = (0, before.len() as u64);
        let at = match kind {
            MediaKind::DuplicateFile | MediaKind::RenameFile => Some(self.neighbour(&key, stream)?),
            _ => None,
        };
        let others: Vec<_> = files.iter().filter(|(_, other)| *other != ino).collect();
        let other = match kind {
            MediaKind::SwapFiles if others.is_empty() => return None,
            MediaKind::SwapFiles => Some((*stream.pick(&others)).clone()),
            _ => None,
        };
        let fault = match kind {
            MediaKind::DropFile => Fault::FileDropped,
            MediaKind::DuplicateFile => Fault::FileDuplicated,
            MediaKind::SwapFiles => Fault::FilesSwapped,
            MediaKind::ZeroFile => Fault::FileZeroed,
            _ => Fault::FileRenamed,
        };
        if !self.counts.fire(fault) {
            return Some(());
        }
        match (at, other) {
            (Some(at), _) if kind == MediaKind::DuplicateFile => {
                let copy = Ino(self.inodes.len() as u32);
                self.used += self.file(ino).charged;
                self.inodes.push(self.inodes[ino.0 as usize].clone());
                self.bind(&at, Some(copy));
            }
            (Some(at), _) => {
                self.bind(&key, None);
                self.bind(&at, Some(ino));
            }
            (None, Some((other_key, other))) => {
                self.bind(&key, Some(other));
                self.bind(&other_key, Some(ino));
                let before = self.file(other).dur.stored().to_vec();
                let range = (0, before.len() as u64);
                self.media.happened(fault, other, range, before);
            }
            (None, None) if kind == MediaKind::DropFile => {
                self.bind(&key, None);
                self.used -= self.file(ino).charged;
                self.inodes[ino.0 as usize] = Inode::Gone;
            }
            (None, None) => {
                let file = self.file_mut(ino);
                file.cur.zero(0, range.1);
                file.dur.zero(0, range.1);
            }
        }
        self.media.happened(fault, ino, range, before);
        Some(())
    }

    /// The files that have something in them, all of it durable, with their names.
    fn quiet_files(&self) -> Vec<(Key, Ino)> {
        let mut files = Vec::new();
        for (index, inode) in self.inodes.iter().enumerate() {
            let Inode::Dir(dir) = inode else {
                continue;
            };
            for (name, &ino) in &dir.cur {
                if let Inode::File(file) = &self.inodes[ino.0 as usize]
                    && !file.may_differ()
                    && !file.dur.stored().is_empty()
                {
                    let (dir, name) = (Ino(index as u32), name.clone());
                    files.push((Key { dir, name }, ino));
                }
            }
        }
        files
    }

    /// Lets a name lead somewhere, durably.
    fn bind(&mut self, key: &Key, to: Option<Ino>) {
        self.strict.removed(key);
        let dir = self.dir_mut(key.dir);
        for names in [&mut dir.cur, &mut dir.dur] {
            match to {
                Some(ino) => names.insert(key.name.clone(), ino),
                None => names.remove(&key.name),
            };
        }
    }

    /// A free name that looks much like this one: with another digit somewhere, or with something
    /// behind it.
    fn neighbour(&self, key: &Key, stream: &mut Stream) -> Option<Key> {
        let name: &str = &key.name;
        let digits: Vec<usize> = (0..name.len())
            .filter(|&at| name.as_bytes()[at].is_ascii_digit())
            .collect();
        let dir = self.dir(key.dir).ok()?;
        loop {
            let changed = match digits.is_empty() || stream.happens(Ratio::new(1, 4)) {
                true => format!("{name}~"),
                false => {
                    let at = *stream.pick(&digits);
                    let digit = stream.below(10);
                    format!("{}{digit}{}", &name[..at], &name[at + 1..])
                }
            };
            if !dir.cur.contains_key(&*changed) {
                let name = Name::from(changed);
                return Some(Key { dir: key.dir, name });
            }
            if digits.is_empty() {
                return None;
            }
        }
    }
}
