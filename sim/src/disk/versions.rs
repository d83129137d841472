//! The versions of a file's units since the last sync, and contents made of them.
//!
//! A unit is what a power cut never tears: a sector or a block. Its versions are its content
//! after each change that touches it, so a version is named by how many of these changes it
//! has. Any choice of a version for each unit is a state that the disk may be in.

use super::content::Content;
use super::file::{Change, ChangeKind, FileNode};

/// For each unit that has pending changes, these changes, oldest first.
pub(super) struct Versions {
    unit_bytes: u64,
    /// Pairs of a unit and the index of a change in the file's log, in order.
    links: Vec<(u64, u32)>,
}

/// The pending changes of one unit.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a> {
    links: &'a [(u64, u32)],
}

impl Versions {
    pub(super) fn of(file: &FileNode, unit_bytes: u64) -> Versions {
        let mut links = Vec::new();
        for (index, change) in file.log.iter().enumerate() {
            for unit in units_of(change, unit_bytes) {
                links.push((unit, index as u32));
            }
        }
        links.sort_unstable();
        Versions { unit_bytes, links }
    }

    pub(super) fn unit_bytes(&self) -> u64 {
        self.unit_bytes
    }

    pub(super) fn chains(&self) -> impl Iterator<Item = Chain<'_>> {
        let same_unit = |a: &(u64, u32), b: &(u64, u32)| a.0 == b.0;
        self.links.chunk_by(same_unit).map(|links| Chain { links })
    }

    /// The chain of a unit; empty when nothing is pending there.
    pub(super) fn chain(&self, unit: u64) -> Chain<'_> {
        let start = self.links.partition_point(|link| link.0 < unit);
        let end = self.links.partition_point(|link| link.0 <= unit);
        Chain {
            links: &self.links[start..end],
        }
    }

    /// The content of a unit with the first `count` changes of its chain.
    pub(super) fn compose(
        &self,
        file: &FileNode,
        unit: u64,
        chain: Chain<'_>,
        count: usize,
        bytes: &mut [u8],
    ) {
        assert_eq!(bytes.len() as u64, self.unit_bytes);
        let start = unit * self.unit_bytes;
        file.dur.copy(start, bytes);
        for index in chain.changes().take(count) {
            let change = &file.log[index];
            let from = change.offset.max(start);
            let to = change.end().min(start + self.unit_bytes);
            let into = &mut bytes[(from - start) as usize..(to - start) as usize];
            match change.kind {
                ChangeKind::Bytes { .. } => {
                    let skip = (from - change.offset) as usize;
                    let source = file.bytes(change);
                    into.copy_from_slice(&source[skip..skip + into.len()]);
                }
                ChangeKind::Zeros => into.fill(0),
                ChangeKind::Length => unreachable!("a change of length has no units"),
            }
        }
    }

    /// Puts a unit into a content whose length will be set afterwards.
    pub(super) fn put(&self, content: &mut Content, unit: u64, bytes: &[u8]) {
        content.put(unit * self.unit_bytes, bytes);
    }
}

impl Chain<'_> {
    /// The unit.
    ///
    /// # Panics
    /// When the chain is empty.
    pub(super) fn unit(&self) -> u64 {
        self.links[0].0
    }

    /// How many changes it has.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// The indices of its changes in the file's log, oldest first.
    pub(super) fn changes(&self) -> impl Iterator<Item = usize> {
        self.links.iter().map(|link| link.1 as usize)
    }

    /// Where a change of the file's log stands in this chain.
    pub(super) fn position(&self, index: usize) -> Option<usize> {
        self.changes().position(|change| change == index)
    }
}

/// The units that a change touches.
pub(super) fn units_of(change: &Change, unit_bytes: u64) -> std::ops::Range<u64> {
    match change.len {
        0 => 0..0,
        _ => change.offset / unit_bytes..change.end().div_ceil(unit_bytes),
    }
}

/// The lengths that a file may have: the durable one, then each that was asked for since.
pub(super) fn lengths(file: &FileNode) -> impl Iterator<Item = (usize, u64)> {
    let asked = file.log.iter().enumerate();
    asked.filter_map(|(index, change)| change.len_after.map(|len| (index, len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_content_after_some_changes() {
        let mut file = FileNode::default();
        file.write(1, 0, &[1; 1024]);
        file.fold();
        file.write(2, 500, &[2; 24]);
        file.write(3, 0, &[3; 10]);
        let versions = Versions::of(&file, 512);
        let units: Vec<_> = versions
            .chains()
            .map(|chain| (chain.unit(), chain.len()))
            .collect();
        assert_eq!(units, [(0, 2), (1, 1)]);
        let mut bytes = [0; 512];
        let version = |count, bytes: &mut [u8; 512]| {
            versions.compose(&file, 0, versions.chain(0), count, bytes);
            (bytes[0], bytes[500])
        };
        assert_eq!(version(0, &mut bytes), (1, 1));
        assert_eq!(version(1, &mut bytes), (1, 2));
        assert_eq!(version(2, &mut bytes), (3, 2));
        assert_eq!(versions.chain(7).len(), 0);
    }
}
