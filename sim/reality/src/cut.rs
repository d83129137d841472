//! Power cuts: what of a device's writes is on it afterwards.
//!
//! Everything before the last flush is; of what was written since, any subset may be, and of one
//! write any of its sectors. A cut leaves the same bytes at every moment from the last write that
//! it keeps up to the next flush, so what it leaves has to be legal at all of them.

use std::ops::RangeInclusive;

use seawall_sim::choice::{Ratio, Stream};

use crate::device::{Blocks, Event};

/// What no device tears.
const SECTOR: usize = 512;

/// A power cut.
#[derive(Clone, Debug)]
pub struct Cut {
    /// How the writes that it keeps were chosen.
    pub kind: Kind,
    /// Everything before this event is durable.
    flushed: usize,
    /// The later writes that it keeps.
    kept: Vec<usize>,
    /// One of them, of which it keeps just these sectors.
    torn: Option<(usize, Vec<usize>)>,
    /// The positions at which it may come.
    pub positions: RangeInclusive<usize>,
}

/// How a cut chooses among the writes since the last flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None.
    Flushed,
    /// All up to one of them.
    Prefix,
    /// All up to one of them, but for one.
    AllButOne,
    /// One.
    OnlyOne,
    /// Each with even odds.
    Some,
    /// All up to one of them, and one only in part.
    Torn,
}

/// All that a cut may be like.
pub const KINDS: [Kind; 6] = [
    Kind::Flushed,
    Kind::Prefix,
    Kind::AllButOne,
    Kind::OnlyOne,
    Kind::Some,
    Kind::Torn,
];

/// Cuts at every event: after each flush, after each write, and for each write one subset more.
pub fn plan(events: &[Event], stream: &mut Stream) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut flushed = 0;
    loop {
        let is_flush = |event: &Event| matches!(event, Event::Flush);
        let next = events[flushed..].iter().position(is_flush);
        let next = next.map_or(events.len(), |count| flushed + count);
        let cut = |kind, kept: Vec<usize>, torn| Cut {
            kind,
            flushed,
            positions: kept.last().map_or(flushed, |last| last + 1)..=next,
            kept,
            torn,
        };
        cuts.push(cut(Kind::Flushed, Vec::new(), None));
        for last in flushed..next {
            let all: Vec<usize> = (flushed..=last).collect();
            cuts.push(cut(Kind::Prefix, all.clone(), None));
            if let Some((kind, kept, torn)) = subset(events, all, stream) {
                cuts.push(cut(kind, kept, torn));
            }
        }
        if next == events.len() {
            return cuts;
        }
        flushed = next + 1;
    }
}

type Subset = (Kind, Vec<usize>, Option<(usize, Vec<usize>)>);

/// A subset of some writes, if it has any.
fn subset(events: &[Event], mut all: Vec<usize>, stream: &mut Stream) -> Option<Subset> {
    let one = *stream.pick(&all);
    let kind = *stream.pick(&[Kind::AllButOne, Kind::OnlyOne, Kind::Some, Kind::Torn]);
    let mut torn = None;
    match kind {
        Kind::Flushed | Kind::Prefix => unreachable!("they are there anyway"),
        Kind::AllButOne => all.retain(|&index| index != one),
        Kind::OnlyOne => all = vec![one],
        Kind::Some => all.retain(|_| stream.happens(Ratio::new(1, 2))),
        Kind::Torn => {
            let sectors = match &events[one] {
                Event::Write { bytes, .. } => bytes.len() / SECTOR,
                Event::Flush => unreachable!("only writes are pending"),
            };
            let first = stream.below(sectors as u64) as usize;
            let kept = match stream.below(3) {
                0 => (0..first).collect(),
                1 => (first..sectors).collect(),
                _ => (0..sectors)
                    .filter(|_| stream.happens(Ratio::new(1, 2)))
                    .collect(),
            };
            torn = Some((one, kept));
        }
    }
    (!all.is_empty()).then_some((kind, all, torn))
}

impl Cut {
    /// What is on the device after it.
    pub fn leave(&self, base: &Blocks, events: &[Event]) -> Blocks {
        let mut blocks = base.clone();
        for event in &events[..self.flushed] {
            if let Event::Write { offset, bytes } = event {
                blocks.write(*offset, bytes);
            }
        }
        for &index in &self.kept {
            let Event::Write { offset, bytes } = &events[index] else {
                unreachable!("only writes are pending");
            };
            match &self.torn {
                Some((torn, sectors)) if *torn == index => {
                    for &sector in sectors {
                        let start = sector * SECTOR;
                        let end = (start + SECTOR).min(bytes.len());
                        blocks.write(offset + start as u64, &bytes[start..end]);
                    }
                }
                _ => blocks.write(*offset, bytes),
            }
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use seawall_sim::choice::{Choices, Purpose};

    use super::*;

    fn write(offset: u64, byte: u8) -> Event {
        let bytes = [byte; 1024][..].into();
        Event::Write { offset, bytes }
    }

    #[test]
    fn a_cut_keeps_what_was_flushed_and_says_when_it_may_come() {
        let events = [
            write(0, 1),
            Event::Flush,
            write(0, 2),
            write(4096, 3),
            Event::Flush,
        ];
        let mut stream = Choices::new(1).stream(Purpose::Crash, 0);
        let cuts = plan(&events, &mut stream);
        let of = |kind| cuts.iter().filter(move |cut| cut.kind == kind);
        let ranges: Vec<_> = of(Kind::Flushed).map(|cut| cut.positions.clone()).collect();
        assert_eq!(
            ranges,
            [0..=1, 2..=4, 5..=5].map(|range: RangeInclusive<usize>| range)
        );
        let ranges: Vec<_> = of(Kind::Prefix).map(|cut| cut.positions.clone()).collect();
        assert_eq!(ranges, [1..=1, 3..=4, 4..=4]);
        for cut in &cuts {
            let left = cut.leave(&Blocks::default(), &events);
            let mut byte = [0];
            left.read(0, &mut byte);
            let first_is_durable = *cut.positions.start() > 1;
            assert!(byte[0] > 0 || !first_is_durable, "{cut:?}");
        }
    }

    #[test]
    fn every_kind_of_cut_comes() {
        let mut events = Vec::new();
        for index in 0..200 {
            events.push(write(index * 4096, 1));
            if index % 7 == 0 {
                events.push(Event::Flush);
            }
        }
        let mut stream = Choices::new(1).stream(Purpose::Crash, 0);
        let cuts = plan(&events, &mut stream);
        for kind in KINDS {
            assert!(cuts.iter().any(|cut| cut.kind == kind), "{kind:?}");
        }
    }
}
