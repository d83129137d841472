//! What the callers of a subject remember, and what they may expect of it: no more than its
//! documentation promises.
//!
//! *Verified:* what was acknowledged is there; what is there was written, once, and in order for each
//! client, without a hole; what was seen after a power cut stays, and what was not there does not come
//! back. Each only where the subject promises it. *Not verified:* the order between clients; what a
//! client may see that others have not committed.

use std::collections::BTreeMap;

use seawall_sim::checker::{Property, Violation};

use crate::subject::Promises;

mod store;

pub use store::StoreModel;

/// What has become of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Somebody tries to add it, or has tried.
    Tried,
    /// The subject has taken it.
    Added,
    /// The subject has said that it is durable.
    Acknowledged,
    /// A recovery had it; nobody has said that it is durable, and no commit of a later life does.
    Found,
    /// A recovery did not have it.
    Gone,
}

#[derive(Clone, Debug)]
struct Entry {
    client: usize,
    fate: Fate,
    /// A recovery after a power cut had it: it was durable.
    was_seen: bool,
    /// Nobody needs it any more.
    is_trimmed: bool,
}

/// The entries of a log.
pub struct LogModel {
    promises: Promises,
    /// In the order in which they were tried.
    entries: Vec<Entry>,
    numbers: BTreeMap<Vec<u8>, usize>,
}

impl LogModel {
    /// An empty log.
    pub fn new(promises: Promises) -> LogModel {
        LogModel {
            promises,
            entries: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// A new entry of `client`, of so many bytes or a few more; it will be tried.
    pub fn next_entry(&mut self, client: usize, len: usize) -> Vec<u8> {
        let number = self.entries.len();
        let mut bytes = format!("entry {number} of client {client};").into_bytes();
        let filler = (bytes.len()..len).map(|at| (number * 7 + at) as u8);
        bytes.extend(filler);
        self.numbers.insert(bytes.clone(), number);
        self.entries.push(Entry {
            client,
            fate: Fate::Tried,
            was_seen: false,
            is_trimmed: false,
        });
        bytes
    }

    /// The subject has taken the entry.
    pub fn added(&mut self, entry: &[u8]) {
        self.entries[self.numbers[entry]].fate = Fate::Added;
    }

    /// The entry was never handed over.
    pub fn withdrawn(&mut self, entry: &[u8]) {
        self.entries[self.numbers[entry]].fate = Fate::Gone;
    }

    /// A commit of `client` has returned.
    pub fn committed(&mut self, client: usize) {
        for entry in &mut self.entries {
            if entry.client == client && entry.fate == Fate::Added {
                entry.fate = Fate::Acknowledged;
            }
        }
    }

    /// Nobody needs the first `count` of `entries` any more.
    pub fn trimmed(&mut self, entries: &[Vec<u8>], count: usize) {
        for entry in &entries[..count] {
            if let Some(&number) = self.numbers.get(entry) {
                self.entries[number].is_trimmed = true;
            }
        }
    }

    /// What whoever begins to read now is to find.
    pub fn acknowledged(&self) -> Vec<bool> {
        let is_acknowledged = |entry: &Entry| entry.fate == Fate::Acknowledged;
        self.entries.iter().map(is_acknowledged).collect()
    }

    /// Judges what somebody reads in the middle of a life, who has begun when so much was
    /// [acknowledged](LogModel::acknowledged).
    ///
    /// # Errors
    /// What should not be so.
    pub fn judge_read(&self, read: &[Vec<u8>], acknowledged: &[bool]) -> Result<(), Violation> {
        let found = self.find(read)?;
        self.judge_acknowledged(&found, acknowledged)
    }

    /// Judges what a recovery has found, and remembers it.
    ///
    /// # Errors
    /// What should not be so.
    pub fn judge_recovery(&mut self, read: &[Vec<u8>], was_cut: bool) -> Result<(), Violation> {
        let found = self.find(read)?;
        self.judge_acknowledged(&found, &self.acknowledged())?;
        if self.promises.prefix.is_some() {
            self.judge_prefix(read, &found)?;
        }
        if self.promises.stable.is_some() {
            self.judge_stable(&found)?;
        }
        for (entry, is_there) in self.entries.iter_mut().zip(found) {
            match is_there {
                true if entry.fate != Fate::Acknowledged => entry.fate = Fate::Found,
                true => {}
                false => entry.fate = Fate::Gone,
            }
            entry.was_seen |= is_there && was_cut;
        }
        Ok(())
    }

    /// Which entries are there.
    fn find(&self, read: &[Vec<u8>]) -> Result<Vec<bool>, Violation> {
        let mut found = vec![false; self.entries.len()];
        for bytes in read {
            let number = self.numbers.get(bytes);
            let again = number.is_some_and(|&number| std::mem::replace(&mut found[number], true));
            let story = match number {
                Some(_) if !again => continue,
                Some(number) => format!("entry {number} is there twice"),
                None => format!("what is read was never written: {}", told(bytes)),
            };
            if self.promises.intact.is_some() {
                return Err(Violation::new(Property::Prefix, story));
            }
        }
        Ok(found)
    }

    fn judge_acknowledged(&self, found: &[bool], acknowledged: &[bool]) -> Result<(), Violation> {
        let wanted = acknowledged.iter().zip(found).zip(&self.entries);
        let lost = wanted
            .enumerate()
            .find(|(_, ((is_acknowledged, is_there), entry))| {
                **is_acknowledged && !**is_there && !entry.is_trimmed
            });
        match lost {
            Some((number, (_, entry))) if self.promises.durable.is_some() => {
                let story = format!(
                    "entry {number} of client {} was acknowledged, and is not there",
                    entry.client
                );
                Err(Violation::new(Property::Acknowledged, story))
            }
            _ => Ok(()),
        }
    }

    fn judge_prefix(&self, read: &[Vec<u8>], found: &[bool]) -> Result<(), Violation> {
        let mut last = BTreeMap::new();
        for number in read.iter().filter_map(|bytes| self.numbers.get(bytes)) {
            let client = self.entries[*number].client;
            if let Some(before) = last
                .insert(client, *number)
                .filter(|before| before > number)
            {
                let story =
                    format!("entry {number} of client {client} comes after its entry {before}");
                return Err(Violation::new(Property::Prefix, story));
            }
        }
        for (client, last) in last {
            let mut earlier = self.entries[..last].iter().enumerate();
            let missing = earlier.find(|(number, entry)| {
                let is_wanted =
                    matches!(entry.fate, Fate::Added | Fate::Acknowledged | Fate::Found);
                entry.client == client && is_wanted && !entry.is_trimmed && !found[*number]
            });
            if let Some((missing, _)) = missing {
                let story = format!(
                    "entry {last} of client {client} is there, its entry {missing} before it is not"
                );
                return Err(Violation::new(Property::Prefix, story));
            }
        }
        Ok(())
    }

    fn judge_stable(&self, found: &[bool]) -> Result<(), Violation> {
        for (number, (entry, &is_there)) in self.entries.iter().zip(found).enumerate() {
            if !is_there && entry.was_seen && !entry.is_trimmed {
                let story = format!("entry {number} was there after a power cut, and is gone");
                return Err(Violation::new(Property::Stability, story));
            }
            if is_there && entry.fate == Fate::Gone && !entry.is_trimmed {
                let story = format!("entry {number} was gone after a crash, and is there again");
                return Err(Violation::new(Property::Resurrection, story));
            }
        }
        Ok(())
    }
}

/// The beginning of what nobody has written, for people.
fn told(bytes: &[u8]) -> String {
    let begin = &bytes[..bytes.len().min(40)];
    format!("{} bytes, {}", bytes.len(), begin.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Promises = Promises::all("");

    /// Three entries of one client: the first acknowledged, the second added, the third tried.
    fn model(promises: Promises) -> (LogModel, [Vec<u8>; 3]) {
        let mut model = LogModel::new(promises);
        let entries = [(); 3].map(|()| model.next_entry(0, 40));
        model.added(&entries[0]);
        model.committed(0);
        model.added(&entries[1]);
        (model, entries)
    }

    fn verdict(promises: Promises, read: &[usize]) -> Option<Property> {
        let (mut model, entries) = model(promises);
        let read: Vec<_> = read.iter().map(|&at| entries[at].clone()).collect();
        let judged = model.judge_recovery(&read, true);
        judged.err().map(|violation| violation.property)
    }

    #[test]
    fn each_promise_can_be_broken() {
        for fine in [&[0][..], &[0, 1], &[0, 1, 2]] {
            assert_eq!(verdict(ALL, fine), None, "{fine:?}");
        }
        assert_eq!(verdict(ALL, &[]), Some(Property::Acknowledged));
        assert_eq!(verdict(ALL, &[0, 0]), Some(Property::Prefix));
        assert_eq!(verdict(ALL, &[0, 2]), Some(Property::Prefix));
        assert_eq!(verdict(ALL, &[1, 0]), Some(Property::Prefix));
        let none = Promises {
            durable: None,
            prefix: None,
            intact: None,
            ..ALL
        };
        for broken in [&[][..], &[0, 0], &[0, 2], &[1, 0]] {
            assert_eq!(verdict(none, broken), None, "{broken:?}");
        }
    }

    #[test]
    fn what_was_seen_stays_and_what_was_not_does_not_come_back() {
        let (mut log, entries) = model(ALL);
        log.judge_recovery(&entries[..2], true)
            .expect("all is well");
        let lost = log.judge_recovery(&entries[..1], true);
        assert_eq!(lost.expect_err("one is lost").property, Property::Stability);
        let (mut log, entries) = model(ALL);
        log.judge_recovery(&entries[..1], true)
            .expect("all is well");
        let back = log.judge_recovery(&entries[..2], true);
        assert_eq!(
            back.expect_err("one is back").property,
            Property::Resurrection
        );
        // After a kill it was in memory, and may have gone with it.
        let (mut log, entries) = model(ALL);
        log.judge_recovery(&entries[..2], false)
            .expect("all is well");
        log.judge_recovery(&entries[..1], true)
            .expect("all is well");
    }

    #[test]
    fn a_commit_covers_what_was_added_in_its_own_life() {
        let (mut log, entries) = model(ALL);
        log.judge_recovery(&entries[..2], false)
            .expect("all is well");
        log.committed(0);
        log.judge_recovery(&entries[..1], true)
            .expect("it was not added in that life");
    }

    #[test]
    fn what_is_trimmed_may_go() {
        let (mut log, entries) = model(ALL);
        log.trimmed(&entries[..1], 1);
        log.judge_recovery(&entries[1..2], true)
            .expect("all is well");
        log.judge_recovery(&entries[..2], true)
            .expect("it may be there, too");
    }

    #[test]
    fn foreign_bytes_are_noticed() {
        let (mut log, _) = model(ALL);
        let read = log.judge_recovery(&[b"x".to_vec()], true);
        assert_eq!(read.expect_err("foreign").property, Property::Prefix);
    }
}
