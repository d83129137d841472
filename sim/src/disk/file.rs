//! One file: what readers see, what is durable, and the changes in between.
//!
//! Un-synced changes are kept as a log, not as pages: a write costs two copies, a sync replays
//! the log onto the durable bytes, and the versions of each sector are worked out only when a
//! power cut asks for them. This file knows neither names nor descriptors nor faults.

use std::collections::BTreeSet;

use super::content::Content;

/// The page cache's unit, in bytes.
pub(super) const PAGE: u64 = 4096;

/// What a change does to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    /// Puts the bytes that begin here in the arena.
    Bytes { start: usize },
    /// Zeros the range: the part of a cut that concerns the bytes.
    Zeros,
    /// Nothing; only the length changes.
    Length,
}

/// A change since the last covering sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) seq: u64,
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) kind: ChangeKind,
    /// The length that this change asks for, if it asks for one.
    pub(super) len_after: Option<u64>,
}

impl Change {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// A file without its names.
#[derive(Clone, Debug, Default)]
pub(super) struct FileNode {
    /// What readers see.
    pub(super) cur: Content,
    /// What is durable whatever happens.
    pub(super) dur: Content,
    /// The changes since the last covering sync, oldest first. All of them on `dur` give
    /// `cur`, but for the pages in `lost_pages`, which they do not touch, and for what lies
    /// behind the end of `cur`.
    pub(super) log: Vec<Change>,
    /// The bytes of those changes.
    arena: Vec<u8>,
    /// Whether a sync has ever covered it.
    pub(super) was_synced: bool,
    /// Where allocations since then ended that changed nothing for readers. The file may become so
    /// long before what was written behind them is there.
    // Source: ext4_do_fallocate in fs/ext4/extents.c of Linux sets the length on the disk to the end
    // of what it allocates; measured on Linux 6.18.
    pub(super) allocated_ends: BTreeSet<u64>,
    /// Pages that a failed sync left clean though `cur` and `dur` differ: no sync writes
    /// them, until a later write makes them dirty again.
    pub(super) lost_pages: BTreeSet<u64>,
    /// The length once all changes are durable. Differs from the length of `cur` only after
    /// a failed sync.
    promised_len: u64,
    /// How many syncs failed so that each descriptor has to hear of it.
    pub(super) sync_failures: u32,
    /// Up to which of them somebody has heard.
    pub(super) failures_heard: u32,
    /// The newest write that a lying sync has already left behind once.
    crossed: u64,
    /// The descriptor that has the lock.
    pub(super) lock: Option<u32>,
    /// Open descriptors.
    pub(super) opens: u32,
    /// Whether readers see a name for it.
    pub(super) linked: bool,
    /// Bytes of space it takes: whole blocks, and not given back before a sync.
    pub(super) charged: u64,
    /// Its changes before this one have their blocks, since it was renamed over another file.
    pub(super) allocated: u64,
}

fn apply(change: &Change, arena: &[u8], content: &mut Content) {
    match change.kind {
        ChangeKind::Bytes { start } => {
            content.put(change.offset, &arena[start..start + change.len as usize]);
        }
        ChangeKind::Zeros => content.zero(change.offset, change.end()),
        ChangeKind::Length => {}
    }
    if let Some(len) = change.len_after {
        content.set_len(len);
    }
}

impl FileNode {
    /// An empty file that has a name.
    pub(super) fn linked() -> FileNode {
        FileNode {
            linked: true,
            ..FileNode::default()
        }
    }

    /// Puts `data` at `offset` in what readers see, and remembers it as pending.
    pub(super) fn write(&mut self, seq: u64, offset: u64, data: &[u8]) {
        assert!(!data.is_empty(), "an empty write changes nothing");
        let end = offset + data.len() as u64;
        self.zero_regained(seq, end);
        self.cur.put(offset, data);
        let start = self.arena.len();
        let mut range = (offset, end);
        if self.lost_pages.is_empty() {
            self.arena.extend_from_slice(data);
        } else {
            range = self.make_dirty(offset, end);
            self.remember(range);
        }
        self.push(Change {
            seq,
            offset: range.0,
            len: range.1 - range.0,
            kind: ChangeKind::Bytes { start },
            // A page that was lost is written up to its end, and carries the length with it.
            len_after: (range.1 > self.promised_len).then_some(range.1),
        });
    }

    /// Cuts or extends what readers see.
    pub(super) fn set_len(&mut self, seq: u64, len: u64) {
        if len == self.cur.len() && len == self.promised_len {
            return;
        }
        self.zero_regained(seq, len);
        let stored = self.cur.stored().len().max(self.dur.stored().len()) as u64;
        self.cur.set_len(len);
        let cuts_bytes = len < stored;
        self.push(Change {
            seq,
            offset: len,
            len: if cuts_bytes { stored - len } else { 0 },
            kind: match cuts_bytes {
                true => ChangeKind::Zeros,
                false => ChangeKind::Length,
            },
            len_after: Some(len),
        });
        if !self.lost_pages.is_empty() {
            // The cut zeros the rest of its page, and so makes all of the page dirty again.
            if !len.is_multiple_of(PAGE) {
                let range = self.make_dirty(len - 1, len);
                self.push_seen(seq, range);
            }
            self.lost_pages.split_off(&len.div_ceil(PAGE));
        }
    }

    /// Zeros what readers are about to see again behind a cut that a failed sync has lost:
    /// to them it is new, though the disk has bytes there.
    fn zero_regained(&mut self, seq: u64, end: u64) {
        let from = self.cur.len();
        let to = end.min(self.dur.stored().len() as u64);
        if self.promised_len > from && from < to {
            self.cur.set_len(to);
            let range = self.make_dirty(from, to);
            self.push_seen(seq, range);
        }
    }

    /// Remembers what readers see in a range as pending.
    fn push_seen(&mut self, seq: u64, range: (u64, u64)) {
        let start = self.arena.len();
        self.remember(range);
        self.push(Change {
            seq,
            offset: range.0,
            len: range.1 - range.0,
            kind: ChangeKind::Bytes { start },
            len_after: None,
        });
    }

    fn push(&mut self, change: Change) {
        assert!(self.log.last().is_none_or(|last| last.seq <= change.seq));
        if let Some(len) = change.len_after {
            self.promised_len = len;
        }
        self.log.push(change);
    }

    /// Takes the pages of a write out of `lost_pages`; returns the range that is dirty now.
    // Source: rewriting any byte of a page after a failed sync writes the whole page; measured
    // on Linux 6.18 with ext4, xfs and btrfs.
    fn make_dirty(&mut self, offset: u64, end: u64) -> (u64, u64) {
        let (first, last) = (offset / PAGE, (end - 1) / PAGE);
        let mut range = (offset, end);
        for page in first..=last {
            if self.lost_pages.remove(&page) {
                range.0 = range.0.min(page * PAGE);
                range.1 = range.1.max(((page + 1) * PAGE).min(self.cur.len()));
            }
        }
        range
    }

    /// Adds what readers see in a range to the arena.
    fn remember(&mut self, range: (u64, u64)) {
        let start = self.arena.len();
        self.arena.resize(start + (range.1 - range.0) as usize, 0);
        self.cur.copy(range.0, &mut self.arena[start..]);
    }

    /// The bytes of a change; none for a change without bytes.
    pub(super) fn bytes(&self, change: &Change) -> &[u8] {
        match change.kind {
            ChangeKind::Bytes { start } => &self.arena[start..start + change.len as usize],
            ChangeKind::Zeros | ChangeKind::Length => &[],
        }
    }

    /// Applies a change of the log to a content that has all that came before it.
    pub(super) fn apply(&self, change: &Change, content: &mut Content) {
        apply(change, &self.arena, content);
    }

    /// Whether a sync has something to do.
    pub(super) fn is_pending(&self) -> bool {
        !self.log.is_empty()
    }

    /// Makes all pending changes durable.
    pub(super) fn fold(&mut self) {
        self.was_synced = true;
        self.fold_first(self.log.len());
        self.charged = self.charged.min(self.cur.len().next_multiple_of(PAGE));
    }

    /// Makes the newest change durable, and those that it lies over; the others stay pending.
    pub(super) fn fold_newest(&mut self) {
        let Some(newest) = self.log.last().copied() else {
            return;
        };
        let is_cut = |change: &Change| change.kind == ChangeKind::Zeros;
        if self.log.len() == 1 || self.log.iter().any(is_cut) {
            return self.fold();
        }
        self.was_synced = true;
        let arena = &self.arena;
        let range = newest.offset..newest.end();
        let is_under =
            |change: &mut Change| change.offset < range.end && range.start < change.end();
        let mut len_from = 0;
        for change in self.log.extract_if(.., is_under) {
            apply(&change, arena, &mut self.dur);
            if change.len_after.is_some() {
                len_from = change.seq;
            }
        }
        self.dur.set_len(self.dur.len().max(newest.end()));
        // Lengths asked for before the durable one were overtaken, and no other cuts off what was synced.
        for change in &mut self.log {
            let after = change.len_after.filter(|_| change.seq > len_from);
            change.len_after = after.map(|after| after.max(newest.end()));
        }
        self.fold_first(0);
    }

    /// Whether there are changes from after a moment.
    pub(super) fn has_changed_since(&self, until: u64) -> bool {
        self.log.last().is_some_and(|change| change.seq > until)
    }

    /// Makes the changes up to a moment durable, of which there are later ones.
    pub(super) fn fold_until(&mut self, until: u64) {
        self.fold_first(self.log.partition_point(|change| change.seq <= until));
    }

    /// The file leaves the cache, with what was known of failures.
    pub(super) fn forget_cache(&mut self) {
        self.cur = self.dur.clone();
        self.lost_pages.clear();
        self.failures_heard = self.sync_failures;
    }

    /// The newest pending write by its index, unless it has been left behind before.
    pub(super) fn newest_write_to_cross(&self) -> Option<usize> {
        let is_write = |change: &Change| matches!(change.kind, ChangeKind::Bytes { .. });
        let newest = self.log.iter().rposition(is_write);
        newest.filter(|&newest| self.log[newest].seq > self.crossed)
    }

    /// Makes all pending changes durable but the write at this index and what came after it.
    pub(super) fn fold_but_from(&mut self, newest: usize) {
        self.crossed = self.log[newest].seq;
        self.fold_first(newest);
    }

    fn fold_first(&mut self, count: usize) {
        for change in &self.log[..count] {
            apply(change, &self.arena, &mut self.dur);
        }
        if count == self.log.len() {
            self.log.clear();
            self.arena.clear();
            self.allocated_ends.clear();
            assert_eq!(self.dur.len(), self.promised_len);
        } else {
            // The arena keeps the bytes of the folded changes until the next whole fold.
            self.log.drain(..count);
        }
    }

    /// A failed sync: `durable` is what it left, and nothing is dirty any more.
    pub(super) fn fail_clean(&mut self, durable: Content, revert_cache: bool) {
        self.dur = durable;
        self.forget_pending();
        if revert_cache {
            self.cur = self.dur.clone();
            self.lost_pages.clear();
            return;
        }
        let stored = self.cur.stored().len().max(self.dur.stored().len()) as u64;
        for page in 0..stored.div_ceil(PAGE) {
            if self.page(&self.cur, page) != self.page(&self.dur, page) {
                self.lost_pages.insert(page);
            }
        }
    }

    fn page(&self, content: &Content, page: u64) -> [u8; PAGE as usize] {
        let mut bytes = [0; PAGE as usize];
        content.copy(page * PAGE, &mut bytes);
        bytes
    }

    fn forget_pending(&mut self) {
        self.log.clear();
        self.arena.clear();
        self.allocated_ends.clear();
        self.promised_len = self.dur.len();
    }

    /// Whether readers see a lost page in a range.
    pub(super) fn shows_lost_pages(&self, offset: u64, end: u64) -> bool {
        let mut lost = self.lost_pages.range(offset / PAGE..end.div_ceil(PAGE));
        lost.next().is_some_and(|page| page * PAGE < self.cur.len())
    }

    /// Drops the lost pages of a range from the cache: they read as on the disk from now on.
    pub(super) fn evict(&mut self, offset: u64, end: u64) {
        let pages = offset / PAGE..end.div_ceil(PAGE);
        while let Some(&page) = self.lost_pages.range(pages.clone()).next() {
            self.lost_pages.remove(&page);
            let from = page * PAGE;
            let to = (from + PAGE).min(self.cur.len());
            if from < to {
                let bytes = self.page(&self.dur, page);
                self.cur.put(from, &bytes[..(to - from) as usize]);
            }
        }
    }

    /// The machine starts again with `durable`; returns whether readers lost something.
    pub(super) fn restart(&mut self, durable: Content) -> bool {
        let lost = !durable.reads_as(&self.cur);
        self.cur.clone_from(&durable);
        self.dur = durable;
        self.forget_pending();
        self.lost_pages.clear();
        self.sync_failures = 0;
        self.failures_heard = 0;
        self.lock = None;
        self.opens = 0;
        self.linked = true;
        self.charged = self.charged.min(self.cur.len().next_multiple_of(PAGE));
        lost
    }

    /// The machine starts again, and all was durable as readers saw it.
    pub(super) fn restart_unchanged(&mut self) {
        assert!(!self.is_pending());
        assert!(self.lost_pages.is_empty());
        debug_assert!(self.cur.reads_as(&self.dur));
        self.sync_failures = 0;
        self.failures_heard = 0;
        self.lock = None;
        self.opens = 0;
        self.linked = true;
    }

    /// Whether what is durable may differ from what readers see.
    pub(super) fn may_differ(&self) -> bool {
        self.is_pending() || !self.lost_pages.is_empty() || self.cur.len() != self.dur.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(content: &Content) -> Vec<u8> {
        let mut bytes = vec![0; content.len() as usize];
        content.copy(0, &mut bytes);
        bytes
    }

    #[test]
    fn a_fold_makes_durable_what_readers_see() {
        let mut file = FileNode::default();
        file.write(1, 0, b"hello");
        file.set_len(2, 3);
        file.write(3, 4, b"x");
        assert_eq!(file.dur.len(), 0);
        file.fold();
        assert!(!file.is_pending());
        assert_eq!(read_all(&file.dur), b"hel\0x");
        assert!(file.dur.reads_as(&file.cur));
    }

    #[test]
    fn a_write_that_is_synced_leaves_others_pending() {
        let mut file = FileNode::default();
        file.write(1, 0, b"ab");
        file.write(2, 2, b"cd");
        file.fold_newest();
        assert_eq!(read_all(&file.dur), b"\0\0cd");
        assert!(file.is_pending());
        file.write(5, 6, b"zz");
        file.write(6, 4, b"ef");
        file.fold_newest();
        assert_eq!(read_all(&file.dur), b"\0\0cdef", "not what is behind it");
        file.fold();
        assert_eq!(read_all(&file.dur), b"abcdefzz");
        file.write(7, 0, b"y");
        file.fold_newest();
        assert_eq!(read_all(&file.dur), b"ybcdefzz");
    }

    #[test]
    fn a_crossing_write_is_left_behind_once() {
        let mut file = FileNode::default();
        file.write(1, 0, b"a");
        file.write(2, 1, b"b");
        let newest = file.newest_write_to_cross();
        file.fold_but_from(newest.expect("it is the second"));
        assert_eq!(read_all(&file.dur), b"a");
        assert_eq!(read_all(&file.cur), b"ab");
        assert_eq!(file.newest_write_to_cross(), None);
        file.fold();
        assert_eq!(read_all(&file.dur), b"ab");
    }

    #[test]
    fn a_write_to_a_lost_page_brings_the_whole_page_back() {
        let mut file = FileNode::default();
        file.write(1, 0, &[1; 8192]);
        file.fail_clean(Content::default(), false);
        assert_eq!(file.lost_pages.len(), 2);
        file.fold();
        assert_eq!(file.dur.len(), 0, "a second sync has nothing to write");
        file.write(2, 100, b"x");
        file.fold();
        assert_eq!(file.dur.len(), 4096, "the page carries the length with it");
        file.write(3, 8191, b"y");
        file.fold();
        assert!(file.dur.reads_as(&file.cur));
    }

    #[test]
    fn what_a_lost_cut_had_hidden_reads_as_zeros_when_it_comes_back() {
        let mut file = FileNode::default();
        file.write(1, 0, &[1; 300]);
        file.fold();
        file.set_len(2, 100);
        file.fail_clean(file.dur.clone(), false);
        file.evict(0, 4096);
        file.write(3, 200, &[2; 10]);
        file.set_len(4, 300);
        file.fold();
        assert!(file.dur.reads_as(&file.cur));
        assert_eq!(read_all(&file.dur)[100..200], [0; 100]);
    }

    #[test]
    fn an_evicted_page_reads_as_on_the_disk() {
        let mut file = FileNode::default();
        file.write(1, 0, &[1; 10]);
        file.fold();
        file.write(2, 0, &[2; 10]);
        file.fail_clean(file.dur.clone(), false);
        assert_eq!(read_all(&file.cur), [2; 10]);
        assert!(file.shows_lost_pages(0, 1));
        file.evict(0, 1);
        assert_eq!(read_all(&file.cur), [1; 10]);
        assert!(!file.shows_lost_pages(0, 1));
    }
}
