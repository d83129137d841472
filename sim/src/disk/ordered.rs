//! What a power cut leaves of a file on a file system that orders more than POSIX asks for.
//!
//! Such a file system has a *moment*: the changes of names and lengths up to it are there, those
//! behind it are not. A write that makes its file longer is a *run*: new blocks, which are not there,
//! or there as zeros, or there with their bytes, as the profile says. What was overwritten in place
//! follows the strategy, as in `sample`. Whatever comes of it, the strict model allows, too.

use crate::choice::{Ratio, Stream};

use super::content::Content;
use super::counts::{Counts, Fault};
use super::damage::tear;
use super::dir::Ino;
use super::file::{Change, ChangeKind, FileNode, PAGE};
use super::knobs::Knobs;
use super::plan::{Plan, Target};
use super::profile::Data;
use super::strategy::Strategy;
use super::versions::{Chain, Versions, lengths};

/// What became of a write that made its file longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Absent,
    Zeros,
    Bytes,
}

impl Plan {
    /// Draws what is durable of a file whose data has an order.
    pub(super) fn sample_ordered(
        &self,
        ino: Ino,
        file: &FileNode,
        knobs: &Knobs,
        counts: &mut Counts,
        stream: &mut Stream,
    ) -> Content {
        match knobs.rules().data {
            Data::Free => self.sample(ino, file, knobs, counts, stream),
            Data::Prefix => self.sample_prefix(file, counts, stream),
            data => self.sample_runs(ino, file, (knobs, data), counts, stream),
        }
    }

    /// All up to the moment, and the first pages of the write that follows it.
    fn sample_prefix(&self, file: &FileNode, counts: &mut Counts, stream: &mut Stream) -> Content {
        let mut content = file.dur.clone();
        for change in &file.log {
            if change.seq <= self.moment {
                file.apply(change, &mut content);
            } else if self.half_committed == Some(change.seq) && is_write(change) {
                let mut end = *stream.pick(&page_ends(change));
                let is_shorter = is_run(change) && end < change.end();
                if is_shorter && !counts.fire(Fault::LenIntermediate) {
                    end = change.end();
                }
                file.apply(&cut_to(change, end), &mut content);
            }
        }
        content
    }

    fn sample_runs(
        &self,
        ino: Ino,
        file: &FileNode,
        (knobs, data): (&Knobs, Data),
        counts: &mut Counts,
        stream: &mut Stream,
    ) -> Content {
        let runs = self.choose_runs(ino, file, data, stream);
        let bounds = Bounds {
            file,
            moment: self.moment,
            data,
            unit_bytes: knobs.unit_bytes(),
        };
        let versions = Versions::of(file, knobs.unit_bytes());
        let mut content = file.dur.clone();
        let mut unit = [0; PAGE as usize];
        let unit = &mut unit[..knobs.unit_bytes() as usize];
        for chain in versions.chains() {
            let wanted = self.choose_version(ino, file, chain, knobs, stream);
            let (low, high) = bounds.of(chain, |index| runs[index]);
            let count = wanted.min(high).max(low);
            let is_in_place = low == 0 && high == chain.len();
            let tears = is_in_place && self.may_tear(knobs) && stream.happens(knobs.byte_tear);
            if tears && counts.fire(Fault::ByteTear) {
                tear(&versions, file, chain, unit, stream);
            } else if count > 0 {
                versions.compose(file, chain.unit(), chain, count, unit);
            } else {
                continue;
            }
            versions.put(&mut content, chain.unit(), unit);
        }
        content.set_len(self.length(file, &runs));
        content
    }

    /// What became of each change that is a run; of no meaning for the others.
    fn choose_runs(&self, ino: Ino, file: &FileNode, data: Data, stream: &mut Stream) -> Vec<Run> {
        let mut is_there = true;
        let choose = |(index, change): (usize, &Change)| {
            if !is_run(change) {
                return Run::Absent;
            }
            let is_target = matches!(self.target,
                Target::Change { ino: target, index: at, .. } if target == ino && at == index);
            let lost = |stream: &mut Stream| *stream.pick(&[Run::Absent, Run::Zeros]);
            let run = match self.strategy {
                Strategy::LoseAll | Strategy::DirOpsOnly | Strategy::DataWithoutLen => Run::Absent,
                Strategy::KeepAll | Strategy::FileDataOnly => Run::Bytes,
                Strategy::LenWithoutData => Run::Zeros,
                Strategy::SeqPrefix if change.seq <= self.cutoff => Run::Bytes,
                Strategy::SeqPrefix => Run::Absent,
                Strategy::AllButOne if is_target => lost(stream),
                Strategy::AllButOne => Run::Bytes,
                Strategy::OnlyOne if is_target => Run::Bytes,
                Strategy::OnlyOne => Run::Absent,
                Strategy::Independent | Strategy::TearOne => match stream.happens(self.chance) {
                    true => Run::Bytes,
                    false => lost(stream),
                },
            };
            match (data, run) {
                // A rename over another file has given it its blocks, though not its bytes.
                (Data::Extents, Run::Absent) if change.seq < file.allocated => Run::Zeros,
                (Data::Extents, run) => run,
                (Data::Copied, run) => {
                    is_there &= run == Run::Bytes && change.seq <= self.moment;
                    match is_there {
                        true => Run::Bytes,
                        false => Run::Absent,
                    }
                }
                (_, Run::Zeros) => Run::Absent,
                (_, run) => run,
            }
        };
        file.log.iter().enumerate().map(choose).collect()
    }

    fn length(&self, file: &FileNode, runs: &[Run]) -> u64 {
        lengths(file).fold(file.dur.len(), |len, (index, asked)| {
            let change = &file.log[index];
            match is_run(change) {
                true if runs[index] == Run::Absent => len,
                true => len.max(asked),
                false if change.seq <= self.moment => asked,
                false => len,
            }
        })
    }

    /// Whether a unit may be torn: where the strategy is about single units, and the file system
    /// writes in place.
    pub(super) fn may_tear(&self, knobs: &Knobs) -> bool {
        let single = matches!(
            self.strategy,
            Strategy::Independent | Strategy::AllButOne | Strategy::OnlyOne | Strategy::TearOne
        );
        single && knobs.profile.tears()
    }

    /// Draws the moment of a file system that has one: not before `forced`, up to which a sync has
    /// taken all. `points` are the moments to choose from.
    pub(super) fn draw_moment(
        &mut self,
        knobs: &Knobs,
        forced: u64,
        points: &[u64],
        stream: &mut Stream,
    ) {
        let data = knobs.rules().data;
        let any = |stream: &mut Stream| match stream.within(0, points.len() as u64) {
            0 => forced,
            number => points[number as usize - 1],
        };
        let moment = match self.strategy {
            Strategy::LoseAll => forced,
            Strategy::KeepAll => u64::MAX,
            _ if matches!(data, Data::Prefix | Data::Copied) => any(stream),
            Strategy::FileDataOnly => forced,
            Strategy::DirOpsOnly | Strategy::DataWithoutLen | Strategy::LenWithoutData => u64::MAX,
            Strategy::SeqPrefix | Strategy::TearOne => self.cutoff,
            Strategy::Independent | Strategy::AllButOne | Strategy::OnlyOne => any(stream),
        };
        self.moment = moment.max(forced);
        let may_be_half = data == Data::Prefix && knobs.len_intermediate;
        if may_be_half && self.strategy != Strategy::LoseAll && stream.happens(Ratio::new(1, 2)) {
            self.half_committed = points.iter().copied().find(|&seq| seq > self.moment);
        }
    }
}

/// How many of the changes of a unit may be durable.
pub(super) struct Bounds<'a> {
    pub(super) file: &'a FileNode,
    pub(super) moment: u64,
    pub(super) data: Data,
    pub(super) unit_bytes: u64,
}

impl Bounds<'_> {
    /// The least and the most; where the two cross, the least counts.
    pub(super) fn of(&self, chain: Chain<'_>, run: impl Fn(usize) -> Run) -> (usize, usize) {
        let start = chain.unit() * self.unit_bytes;
        // The last block of a file has its place already: what is added there overwrites it.
        let is_new = start >= self.file.dur.len().next_multiple_of(PAGE);
        let (mut low, mut high) = (0, chain.len());
        for (position, index) in chain.changes().enumerate() {
            let change = &self.file.log[index];
            if self.data == Data::Copied && change.seq > self.moment {
                high = high.min(position);
                break;
            }
            if is_run(change) {
                match run(index) {
                    Run::Bytes => low = position + 1,
                    Run::Absent | Run::Zeros if is_new => high = high.min(position),
                    Run::Absent | Run::Zeros => {}
                }
            } else if change.kind == ChangeKind::Zeros
                // The zeros of the page in which a file is cut are written for themselves.
                && start >= change.offset.next_multiple_of(PAGE)
            {
                match change.seq <= self.moment {
                    true => low = position + 1,
                    false => high = high.min(position),
                }
            }
        }
        (low, high)
    }
}

/// Whether a change is a write that made its file longer.
pub(super) fn is_run(change: &Change) -> bool {
    is_write(change) && change.len_after.is_some()
}

pub(super) fn is_write(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Bytes { .. })
}

/// Where the pages of a write end, its own end included.
pub(super) fn page_ends(change: &Change) -> Vec<u64> {
    let first = change.offset / PAGE + 1;
    let last = change.end().div_ceil(PAGE);
    (first..=last)
        .map(|page| (page * PAGE).min(change.end()))
        .collect()
}

/// The front of a write, up to `end`; it makes the file longer as far as it reaches.
pub(super) fn cut_to(change: &Change, end: u64) -> Change {
    Change {
        len: end - change.offset,
        len_after: None,
        ..*change
    }
}
