//! Goes through everything that power cuts may leave: of a moment, all images; of each image, all that
//! a power cut in its recovery may leave, and so on.
//!
//! Images that a recovery cannot tell apart are done together, and so is what follows from them. What
//! was done before, with the same bytes before a model that judges alike, is not done again:
//! its figures are added. A recovery that is cut off before it has shown anything changes nothing of
//! what the next one owes; one that has shown the log binds all later ones.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, DEPTH_MAX};
use super::cut::{Cut, Question};
use super::digest::{Digest, Seen};
use super::life::Known;
use super::outcomes::Outcomes;
use super::recovery::{AFTERWARDS, How, Ran, Stage, run};
use super::trie::{End, Trie};
use crate::checker::{Property, Recovered, Tally, Violation, judge_recovery};
use crate::disk::{Disk, FileChoices, Ino};
use crate::model::AppendId;
use crate::run::config_of;
use crate::scenario::LogShape;

/// More than this is not remembered: then all is forgotten, which costs time and nothing else.
const DONE_MAX: usize = 1_000_000;
const JUDGED_MAX: usize = 200_000;

/// Where in a story a power cut comes, and what it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Before which of the calls that change the disk, from 0; behind the last one at the end.
    pub moment: usize,
    /// Which of the sets of names.
    pub names: usize,
    /// What was chosen, in the order in which the recovery looks at it.
    pub made: Vec<u32>,
}

/// A state in which the log did what it must not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offence {
    /// What is wrong.
    pub violation: Violation,
    /// The power cuts that lead there.
    pub turns: Vec<Turn>,
}

/// What may be there at a moment.
pub(super) struct Space<'a> {
    pub(super) disk: &'a Disk,
    /// What earlier cuts have left open.
    pub(super) open: &'a [(Ino, FileChoices)],
    pub(super) known: &'a Rc<Known>,
    /// Its number in the life, or the recovery, that it is a moment of.
    pub(super) moment: usize,
}

/// What a recovery shows, or why that is wrong, and what a caller knows then.
type Judged = Result<Rc<Known>, Violation>;

/// A search on one thread.
pub(super) struct Search<'a> {
    depth: usize,
    /// How many groups of images of one cut with its names chosen are done at most.
    groups_max: u64,
    /// Whether it is to give up.
    is_over: &'a dyn Fn() -> bool,
    pub(super) gave_up: bool,
    shape: LogShape,
    /// By how many recoveries came before.
    tries: Vec<Trie>,
    pub(super) outcomes: Outcomes,
    judged: Seen<Judged>,
    done: Seen<Counts>,
    pub(super) tally: Tally,
    pub(super) recoveries: u64,
    /// Groups that were judged, and not known from before with all that follows.
    pub(super) judged_afresh: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(depth: usize, groups_max: u64, is_over: &'a dyn Fn() -> bool) -> Search<'a> {
        assert!((1..=DEPTH_MAX).contains(&depth));
        Search {
            depth,
            groups_max,
            is_over,
            gave_up: false,
            shape: LogShape {
                direct: false,
                block: 0,
                buffer: 0,
                segment: 0,
            },
            tries: (0..depth).map(|_| Trie::default()).collect(),
            outcomes: Outcomes::default(),
            judged: Seen::default(),
            done: Seen::default(),
            tally: Tally::default(),
            recoveries: 0,
            judged_afresh: 0,
        }
    }

    /// From now on logs are opened so.
    pub(super) fn open_as(&mut self, shape: LogShape) {
        self.shape = shape;
    }

    /// Goes through all that a power cut may leave after these others.
    ///
    /// # Errors
    /// The first state in which something is wrong.
    pub(super) fn explore(&mut self, space: &Space, turns: &[Turn]) -> Result<Counts, Offence> {
        let level = turns.len();
        let mut counts = Counts::default();
        counts.levels[level].moments = 1;
        for (number, names) in space.disk.names_after_cut().iter().enumerate() {
            let mut cut = Cut::new(space.disk, names, space.open);
            let (legal, distinct) = cut.sizes();
            let mut judged = 0_u128;
            for groups in 1.. {
                let (weight, behind) = self.do_group(space, &mut cut, number, turns)?;
                judged = judged.saturating_add(weight);
                counts.add(&behind);
                counts.levels[level].groups += 1;
                self.gave_up |= (self.is_over)();
                if !cut.advance() {
                    assert!(
                        self.gave_up || judged == distinct,
                        "{judged} of {distinct} images"
                    );
                    break;
                }
                if self.gave_up || groups >= self.groups_max {
                    break;
                }
            }
            let here = &mut counts.levels[level];
            here.legal = here.legal.saturating_add(legal);
            here.distinct = here.distinct.saturating_add(distinct);
            here.judged = here.judged.saturating_add(judged);
        }
        Ok(counts)
    }

    /// Does the images that agree with the choices made so far on all that the recovery looks at.
    /// Returns how many they are, and what was done behind them.
    fn do_group(
        &mut self,
        space: &Space,
        cut: &mut Cut,
        names: usize,
        turns: &[Turn],
    ) -> Result<(u128, Counts), Offence> {
        let level = turns.len();
        let root = self.root(space.known);
        let is_last = level + 1 == self.depth;
        let end = self.tries[level].walk(root, cut);
        let mut behind = Counts::default();
        let offence = |violation, cut: &Cut| Offence {
            violation,
            turns: [turns, &[turn(space, cut, names)]].concat(),
        };
        if let Some(end) = end.filter(|_| is_last) {
            let judged = self.judge(end.outcome, space.known);
            judged.map_err(|violation| offence(violation, cut))?;
            return Ok((cut.weight(), behind));
        }
        let memo = |end: End, cut: &mut Cut| {
            let parts = [
                level as u64,
                end.seen,
                cut.unseen_digest(),
                space.known.digest,
            ];
            Digest::of_words(&parts)
        };
        if let Some(end) = end
            && let Some(done) = self.done.get(&memo(end, cut))
        {
            return Ok((cut.weight(), *done));
        }
        let id = AppendId(space.known.model.appends() as u32);
        let how = How {
            config: config_of(self.shape),
            keys: space.known.keys.clone(),
            level,
            goes_on: (!is_last).then_some(id),
        };
        let ran = run(cut.disk(), &how);
        self.recoveries += 1;
        let outcome = self.outcomes.number(&ran.shown);
        let asked = asked(&ran, cut);
        let end = self.tries[level].add(root, cut, &asked, outcome);
        let end =
            end.map_err(|story| offence(Violation::new(Property::Determinism, story), cut))?;
        let settled = self.judge(outcome, space.known);
        let settled = settled.map_err(|violation| offence(violation, cut))?;
        if !is_last {
            let stages = stages(space.known, settled, &ran);
            let stages = stages.map_err(|violation| offence(violation, cut))?;
            let turns = [turns, &[turn(space, cut, names)]].concat();
            let open = cut.unseen();
            for (moment, (stage, disk)) in ran.moments.iter().enumerate() {
                let space = Space {
                    disk,
                    open: &open,
                    known: &stages[*stage as usize],
                    moment,
                };
                behind.add(&self.explore(&space, &turns)?);
            }
            if !self.gave_up {
                self.remember(memo(end, cut), behind);
            }
        }
        Ok((cut.weight(), behind))
    }

    fn remember(&mut self, what: u64, behind: Counts) {
        if self.done.len() >= DONE_MAX {
            self.done.clear();
        }
        self.done.insert(what, behind);
    }

    /// All that a recovery knows before it looks at the disk.
    fn root(&self, known: &Known) -> u64 {
        let LogShape {
            direct,
            block,
            buffer,
            segment,
        } = self.shape;
        Digest::of_words(&[
            u64::from(direct),
            u64::from(block),
            u64::from(buffer),
            segment,
            known.keys_digest,
        ])
    }

    fn judge(&mut self, outcome: u32, known: &Rc<Known>) -> Judged {
        self.judged_afresh += 1;
        let what = Digest::of_words(&[u64::from(outcome), known.digest]);
        if let Some(judged) = self.judged.get(&what) {
            return judged.clone();
        }
        let judged = judge(self.outcomes.of(outcome), known, &mut self.tally);
        if self.judged.len() >= JUDGED_MAX {
            self.judged.clear();
        }
        self.judged.insert(what, judged.clone());
        judged
    }
}

fn turn(space: &Space, cut: &Cut, names: usize) -> Turn {
    Turn {
        moment: space.moment,
        names,
        made: cut.made().collect(),
    }
}

/// What the recovery has asked, and been told.
fn asked(ran: &Ran, cut: &mut Cut) -> Vec<(Question, u64)> {
    let mut asked = Vec::new();
    cut.begin();
    for &look in &ran.looks {
        cut.questions(look, |question, answer| asked.push((question, answer)));
    }
    asked
}

/// Judges a recovery. What a caller knows then is the same, but for what it has seen.
pub(super) fn judge(
    shown: &Result<Recovered, Violation>,
    known: &Known,
    tally: &mut Tally,
) -> Judged {
    tally.evaluated(Property::Opens);
    let shown = shown.as_ref().map_err(Violation::clone)?;
    let mut model = known.model.clone();
    model.begin_life();
    judge_recovery(&mut model, shown, tally)?;
    Ok(Rc::new(known.and(model)))
}

/// What a caller knows at each stage of a recovery.
pub(super) fn stages(
    before: &Rc<Known>,
    settled: Rc<Known>,
    ran: &Ran,
) -> Result<[Rc<Known>; Stage::COUNT], Violation> {
    let mut model = settled.model.clone();
    let id = model.begin_append(0, AFTERWARDS, 0);
    let appending = Rc::new(settled.and(model.clone()));
    let mut acknowledged = Rc::clone(&appending);
    if let Some(appended) = &ran.appended {
        let lsn = appended.as_ref().map_err(Violation::clone)?.as_u64();
        model.accept(id, lsn)?;
        model.acknowledge(lsn);
        acknowledged = Rc::new(settled.and(model));
    }
    Ok([Rc::clone(before), appending, acknowledged])
}
