//! Draws what a power cut leaves of a file: a version for each unit, and a length.
//!
//! Whatever it picks is a version that the unit had; damage beyond that is in `damage`.

use crate::choice::{Ratio, Stream};

use super::content::Content;
use super::counts::{Counts, Fault};
use super::damage::{litter, tear};
use super::dir::Ino;
use super::file::{ChangeKind, FileNode, PAGE};
use super::knobs::Knobs;
use super::plan::{Plan, Target};
use super::strategy::Strategy;
use super::versions::{Chain, Versions, lengths, units_of};

impl Plan {
    /// Draws what is durable of a file, with the damage that the knobs allow.
    pub(super) fn sample(
        &self,
        ino: Ino,
        file: &FileNode,
        knobs: &Knobs,
        counts: &mut Counts,
        stream: &mut Stream,
    ) -> Content {
        let mut content = file.dur.clone();
        if !file.is_pending() {
            return content;
        }
        let versions = Versions::of(file, knobs.unit_bytes());
        let len = self.choose_len(ino, file, knobs, counts, stream);
        let mut unit = [0; PAGE as usize];
        let unit = &mut unit[..knobs.unit_bytes() as usize];
        let mut fresh = Vec::new();
        for chain in versions.chains() {
            let count = self.choose_version(ino, file, chain, knobs, stream);
            let tears = self.may_tear(knobs) && stream.happens(knobs.byte_tear);
            if tears && counts.fire(Fault::ByteTear) {
                tear(&versions, file, chain, unit, stream);
            } else if count > 0 {
                versions.compose(file, chain.unit(), chain, count, unit);
            } else {
                continue;
            }
            versions.put(&mut content, chain.unit(), unit);
            fresh.push(chain.unit());
        }
        content.set_len(len);
        if knobs.profile.leaves_garbage() && !knobs.garbage_tail.is_never() {
            let is_fresh = |unit: u64| fresh.binary_search(&unit).is_ok();
            litter(
                &mut content,
                file.dur.len(),
                is_fresh,
                knobs,
                counts,
                stream,
            );
        }
        content
    }

    /// Draws what a failed sync left durable: some versions, none torn, and a length.
    pub(super) fn sample_whole_units(
        &self,
        ino: Ino,
        file: &FileNode,
        knobs: &Knobs,
        stream: &mut Stream,
    ) -> Content {
        let knobs = Knobs {
            byte_tear: Ratio::NEVER,
            garbage_tail: Ratio::NEVER,
            len_intermediate: false,
            ..knobs.clone()
        };
        self.sample(ino, file, &knobs, &mut Counts::default(), stream)
    }

    /// How many of the changes of a unit are durable.
    pub(super) fn choose_version(
        &self,
        ino: Ino,
        file: &FileNode,
        chain: Chain<'_>,
        knobs: &Knobs,
        stream: &mut Stream,
    ) -> usize {
        let all = chain.len();
        let until_cutoff = || {
            let kept = |index: &usize| file.log[*index].seq <= self.cutoff;
            chain.changes().take_while(kept).count()
        };
        let count = match self.strategy {
            Strategy::LoseAll | Strategy::DirOpsOnly | Strategy::LenWithoutData => return 0,
            Strategy::KeepAll | Strategy::FileDataOnly => return all,
            Strategy::SeqPrefix => return until_cutoff(),
            Strategy::DataWithoutLen => all,
            Strategy::Independent => draw_step(all, self.chance, stream),
            Strategy::AllButOne => self.position(ino, chain).unwrap_or(all),
            Strategy::OnlyOne => self.position(ino, chain).map_or(0, |position| position + 1),
            Strategy::TearOne => match self.position(ino, chain) {
                None => until_cutoff(),
                Some(position) => {
                    let Target::Change { index, .. } = self.target else {
                        unreachable!("a position is that of a change");
                    };
                    let first = units_of(&file.log[index], knobs.unit_bytes()).start;
                    match self.torn[(chain.unit() - first) as usize] {
                        true => until_cutoff(),
                        false => position,
                    }
                }
            },
        };
        // Without the knob, the zeros of a cut are not durable on their own.
        let is_cut = |count: usize| {
            let newest = count.checked_sub(1).and_then(|at| chain.changes().nth(at));
            newest.is_some_and(|index| file.log[index].kind == ChangeKind::Zeros)
        };
        match !knobs.trunc_partial_zero && is_cut(count) {
            true => count - 1,
            false => count,
        }
    }

    /// Where the target stands in a chain, if it is about this unit.
    fn position(&self, ino: Ino, chain: Chain<'_>) -> Option<usize> {
        match self.target {
            Target::Change {
                ino: target,
                index,
                unit,
            } if target == ino && unit.is_none_or(|unit| unit == chain.unit()) => {
                chain.position(index)
            }
            _ => None,
        }
    }

    fn choose_len(
        &self,
        ino: Ino,
        file: &FileNode,
        knobs: &Knobs,
        counts: &mut Counts,
        stream: &mut Stream,
    ) -> u64 {
        let asked: Vec<(usize, u64)> = lengths(file).collect();
        let all = asked.len();
        let half = Ratio::new(1, 2);
        let targeted = match self.target {
            Target::Change {
                ino: target, index, ..
            } if target == ino => asked.iter().position(|&(change, _)| change == index),
            _ => None,
        };
        let until_cutoff = || {
            let kept = |asked: &&(usize, u64)| file.log[asked.0].seq <= self.cutoff;
            asked.iter().take_while(kept).count()
        };
        let count = match self.strategy {
            Strategy::LoseAll | Strategy::DirOpsOnly | Strategy::DataWithoutLen => 0,
            Strategy::KeepAll | Strategy::FileDataOnly | Strategy::LenWithoutData => all,
            Strategy::SeqPrefix => until_cutoff(),
            Strategy::Independent => match draw_intermediate(file, &asked, knobs, stream) {
                Some(len) if counts.fire(Fault::LenIntermediate) => return len,
                _ => draw_step(all, self.chance, stream),
            },
            Strategy::AllButOne => match targeted {
                Some(position) if stream.happens(half) => position,
                _ => all,
            },
            Strategy::OnlyOne => targeted.map_or(0, |position| position + 1),
            Strategy::TearOne => match targeted {
                Some(_) if stream.happens(half) => stream.within(0, all as u64) as usize,
                _ => until_cutoff(),
            },
        };
        match count.checked_sub(1) {
            None => file.dur.len(),
            Some(last) => asked[last].1,
        }
    }
}

/// How many of `all` steps are durable: with `chance` some, most often all of them.
fn draw_step(all: usize, chance: Ratio, stream: &mut Stream) -> usize {
    if all == 0 {
        return 0;
    }
    let newest = stream.happens(Ratio::new(1, 2));
    match (stream.happens(chance), newest) {
        (true, true) => all,
        (true, false) => stream.within(1, all as u64) as usize,
        (false, true) => 0,
        (false, false) => stream.within(0, all as u64 - 1) as usize,
    }
}

/// A length between those that the file may have, one time in four: a multiple of 4096, or the end
/// of an allocation.
fn draw_intermediate(
    file: &FileNode,
    asked: &[(usize, u64)],
    knobs: &Knobs,
    stream: &mut Stream,
) -> Option<u64> {
    if !knobs.len_intermediate
        || !knobs.profile.halves_lengths()
        || !stream.happens(Ratio::new(3, 4))
    {
        return None;
    }
    let lens = || std::iter::once(file.dur.len()).chain(asked.iter().map(|&(_, len)| len));
    let (low, high) = (lens().min()?, lens().max()?);
    let between = |&&end: &&u64| low < end && end < high;
    let ends: Vec<u64> = file
        .allocated_ends
        .iter()
        .filter(between)
        .copied()
        .collect();
    if !ends.is_empty() && stream.happens(Ratio::new(1, 2)) {
        return Some(*stream.pick(&ends));
    }
    let (first, end) = (low / PAGE + 1, high.div_ceil(PAGE));
    (first < end).then(|| stream.within(first, end - 1) * PAGE)
}
