//! What a power cut may do beyond losing versions, where the knobs allow it: torn units and
//! stale bytes. Neither touches what a sync has covered.

use crate::choice::{Ratio, Stream};

use super::content::Content;
use super::counts::{Counts, Fault};
use super::file::{FileNode, PAGE};
use super::knobs::Knobs;
use super::versions::{Chain, Versions};

/// Mixes two neighbouring versions of a unit at some byte.
pub(super) fn tear(
    versions: &Versions,
    file: &FileNode,
    chain: Chain<'_>,
    unit: &mut [u8],
    stream: &mut Stream,
) {
    let newer = stream.within(1, chain.len() as u64) as usize;
    let (head, tail) = match stream.happens(Ratio::new(1, 2)) {
        true => (newer, newer - 1),
        false => (newer - 1, newer),
    };
    let split = stream.within(1, unit.len() as u64 - 1) as usize;
    let mut other = [0; PAGE as usize];
    let other = &mut other[..unit.len()];
    versions.compose(file, chain.unit(), chain, head, unit);
    versions.compose(file, chain.unit(), chain, tail, other);
    unit[split..].copy_from_slice(&other[split..]);
}

/// Leaves stale bytes in sectors that were never synced and got no data.
pub(super) fn litter(
    content: &mut Content,
    synced_len: u64,
    is_fresh: impl Fn(u64) -> bool,
    knobs: &Knobs,
    counts: &mut Counts,
    stream: &mut Stream,
) {
    const SECTOR: u64 = 512;
    let len = content.len();
    for sector in synced_len.div_ceil(SECTOR)..len.div_ceil(SECTOR) {
        let offset = sector * SECTOR;
        let is_stale = !is_fresh(offset / knobs.unit_bytes()) && stream.happens(knobs.garbage_tail);
        if is_stale && counts.fire(Fault::GarbageTail) {
            let mut stale = [0; SECTOR as usize];
            stream.fill(&mut stale);
            content.put(offset, &stale);
            content.set_len(len);
        }
    }
}
