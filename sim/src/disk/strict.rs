//! What the calls themselves have earned by the strict reading of POSIX, whatever this disk forgives.
//!
//! A name is covered by a sync of its directory that began when it was there, and by nothing else;
//! a write by a sync of its file that began when it was done. Once one has failed, no later one in
//! the same life of the process proves anything about what it was to cover. The disk itself may
//! keep more than that, by its knobs or by luck; a program that relies on that has a mistake which
//! no power cut on this disk can show.
//!
//! It only watches: no call looks at it.
// Source: fsync(2): "Calling fsync() does not necessarily ensure that the entry in the directory
// containing the file has also reached disk. For that an explicit fsync() on a file descriptor for
// the directory is also needed."

use super::Disk;
use super::dir::{Ino, Key};

/// What no sync has covered.
#[derive(Clone, Debug, Default)]
pub(super) struct Strict {
    /// When the call began that is being performed, and what time it is. The time is a count of
    /// calls: one that began at the time when another was done, or later, began after it.
    began: u64,
    now: u64,
    names: Vec<Name>,
    /// By number.
    files: Vec<Writes>,
}

/// A name that leads to something only if a directory operation was durable that nothing covers.
#[derive(Clone, Debug)]
struct Name {
    at: Key,
    ino: Ino,
    done: u64,
    /// A sync of the directory has failed since.
    is_doubtful: bool,
}

/// The writes to one file.
#[derive(Clone, Debug, Default)]
struct Writes {
    /// It was made in this life.
    is_new: bool,
    pending: Vec<Write>,
    /// When the newest write began that a sync has covered.
    covered: Option<u64>,
    /// A sync of the file has failed in this life.
    is_doubtful: bool,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    began: u64,
    done: u64,
    start: u64,
    /// Where the rest of it is to follow, if it fell short.
    rest: Option<u64>,
}

impl Strict {
    /// A call is performed that began then.
    pub(super) fn perform(&mut self, began: u64, now: u64) {
        self.began = began;
        self.now = now;
    }

    /// A write of `len` bytes to `start` has returned. Nobody relies on what one leaves that fails,
    /// nor on the beginning of one whose rest fails.
    pub(super) fn wrote(&mut self, ino: Ino, start: u64, len: u64, count: Option<u64>) {
        let (began, done) = (self.began, self.now);
        let pending = &mut self.file(ino).pending;
        if let Some(count) = count {
            pending.push(Write {
                began,
                done,
                start,
                rest: (count < len).then_some(start + count),
            });
            return;
        }
        let mut start = start;
        while let Some(beginning) = pending.pop_if(|write| write.rest == Some(start)) {
            start = beginning.start;
        }
    }

    /// A sync of a file has returned.
    pub(super) fn synced(&mut self, ino: Ino, is_ok: bool) {
        let began = self.began;
        let file = self.file(ino);
        file.is_doubtful |= !is_ok;
        if file.is_doubtful {
            return;
        }
        let done = file.pending.extract_if(.., |write| write.done <= began);
        file.covered = done.map(|write| write.began).max().max(file.covered);
    }

    /// A sync begins now, and is done.
    pub(super) fn begin_now(&mut self) {
        self.began = self.now;
    }

    /// A file or directory was made at `at`.
    pub(super) fn made(&mut self, at: &Key, ino: Ino) {
        self.file(ino).is_new = true;
        self.named(at, ino);
    }

    fn named(&mut self, at: &Key, ino: Ino) {
        let (at, done) = (at.clone(), self.now);
        self.names.push(Name {
            at,
            ino,
            done,
            is_doubtful: false,
        });
    }

    /// What was at `from` is at `to` now, in place of something else if it `replaces` that. A
    /// covered name that is bound anew still leads to something, before and after.
    pub(super) fn renamed(&mut self, from: &Key, to: &Key, ino: Ino, replaces: bool) {
        let was_covered = replaces && !self.names.iter().any(|name| name.at == *to);
        self.removed(from);
        self.removed(to);
        if !was_covered {
            self.named(to, ino);
        }
    }

    pub(super) fn removed(&mut self, at: &Key) {
        self.names.retain(|name| name.at != *at);
    }

    /// A sync of a directory has returned.
    pub(super) fn dir_synced(&mut self, dir: Ino, is_ok: bool) {
        let began = self.began;
        let is_covered = |name: &Name| name.done <= began && !name.is_doubtful;
        match is_ok {
            true => self
                .names
                .retain(|name| name.at.dir != dir || !is_covered(name)),
            false => {
                let concerned = self.names.iter_mut().filter(|name| name.at.dir == dir);
                concerned.for_each(|name| name.is_doubtful = true);
            }
        }
    }

    /// The process died. What it wrote and did not sync is for the next one to judge by its
    /// content; its names are there for the next one to sync.
    pub(super) fn killed(&mut self) {
        self.files.clear();
        self.names
            .iter_mut()
            .for_each(|name| name.is_doubtful = false);
    }

    /// The machine died: what is there now is durable.
    pub(super) fn power_cut(&mut self) {
        self.files.clear();
        self.names.clear();
    }

    fn file(&mut self, ino: Ino) -> &mut Writes {
        let index = ino.0 as usize;
        if self.files.len() <= index {
            self.files.resize_with(index + 1, Writes::default);
        }
        &mut self.files[index]
    }
}

impl Disk {
    /// The names that no sync of their directory has covered: each with its directory, and with what
    /// it leads to.
    pub fn uncovered_names(&self) -> impl Iterator<Item = (Ino, &str, Ino)> {
        let names = self.strict.names.iter();
        names.map(|name| (name.at.dir, &*name.at.name, name.ino))
    }

    /// When the newest write of this life to a file began that a sync of it has covered.
    pub fn newest_covered_write(&self, ino: Ino) -> Option<u64> {
        let file = self.strict.files.get(ino.0 as usize)?;
        file.covered
    }

    /// Counts all that is there as covered: whoever made it without calls says that it is durable.
    pub fn trust(&mut self) {
        self.strict.power_cut();
    }

    /// Whether a file was made in this life, and there is a write to it that no sync has covered.
    pub fn is_new_and_uncovered(&self, ino: Ino) -> bool {
        let file = self.strict.files.get(ino.0 as usize);
        file.is_some_and(|file| file.is_new && !file.pending.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::dir::ROOT;
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            dir: ROOT,
            name: name.into(),
        }
    }

    fn names(strict: &Strict) -> Vec<&str> {
        strict.names.iter().map(|name| &*name.at.name).collect()
    }

    #[test]
    fn a_sync_covers_what_was_done_when_it_began() {
        let mut strict = Strict::default();
        let file = Ino(1);
        // Two writes; a sync begins between them and ends after both.
        strict.perform(1, 2);
        strict.wrote(file, 0, 8, Some(8));
        strict.perform(3, 5);
        strict.wrote(file, 8, 8, Some(8));
        strict.perform(4, 6);
        strict.synced(file, true);
        assert_eq!(strict.file(file).covered, Some(1));
        assert_eq!(strict.file(file).pending.len(), 1);
        strict.perform(6, 7);
        strict.synced(file, true);
        assert_eq!(strict.file(file).covered, Some(3));
    }

    #[test]
    fn nobody_relies_on_the_beginning_of_a_write_whose_rest_fails() {
        let mut strict = Strict::default();
        let file = Ino(1);
        strict.wrote(file, 0, 8, Some(8));
        strict.wrote(file, 8, 8, Some(3));
        strict.wrote(file, 11, 5, Some(2));
        strict.wrote(file, 13, 3, None);
        assert_eq!(strict.file(file).pending.len(), 1, "the first was whole");
        strict.wrote(file, 8, 8, Some(3));
        strict.wrote(file, 64, 8, None);
        assert_eq!(strict.file(file).pending.len(), 2, "another one failed");
    }

    #[test]
    fn a_sync_that_is_tried_again_proves_nothing() {
        let mut strict = Strict::default();
        let file = Ino(1);
        strict.perform(1, 2);
        strict.wrote(file, 0, 8, Some(8));
        strict.made(&key("a"), file);
        for is_ok in [false, true] {
            strict.perform(3, 4);
            strict.synced(file, is_ok);
            strict.dir_synced(ROOT, is_ok);
        }
        assert_eq!(strict.file(file).covered, None);
        assert_eq!(names(&strict), ["a"]);
        strict.killed();
        strict.dir_synced(ROOT, true);
        assert!(strict.names.is_empty(), "the next process may sync a name");
    }

    #[test]
    fn a_covered_name_that_is_bound_anew_stays_covered() {
        let mut strict = Strict::default();
        let (old, new, other) = (key("old"), key("new"), key("other"));
        strict.made(&old, Ino(1));
        strict.dir_synced(ROOT, true);
        strict.made(&new, Ino(2));
        strict.renamed(&new, &old, Ino(2), true);
        assert!(strict.names.is_empty());
        strict.renamed(&old, &other, Ino(2), false);
        assert_eq!(names(&strict), ["other"]);
        strict.removed(&other);
        assert!(strict.names.is_empty());
    }
}
