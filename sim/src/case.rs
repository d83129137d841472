//! What can be run again and again with one thing changed: all that the shrinker and the explainer
//! have to know of it.

use crate::checker::Violation;
use crate::choice::{Choices, Purpose, Ratio, Record, Stream, Tape};
use crate::events::Happened;
use crate::recording::LifeAbout;
use crate::run::{Wants, watch};
use crate::scenario::Scenario;
use crate::sched::policy::PolicyKind;
use crate::seed::Seed;

/// How many calls later a crash may come with fresh choices.
const CALLS_MORE: u64 = 8;

/// A run that can be made again, or with other choices.
pub trait Case: Clone + PartialEq {
    /// Who is tested, in a sentence: "the log".
    const WHO: &'static str;

    /// Runs it; what was not wanted is empty.
    fn watch(&self, wants: Wants) -> Seen;

    /// The choices that are not left to the seed.
    fn tape(&self) -> &Tape;

    /// The same, to be changed.
    fn tape_mut(&mut self) -> &mut Tape;

    /// Whether it is one at all.
    fn is_sound(&self) -> bool;

    /// Whether all that happens by chance is on the tape.
    fn is_pinned(&self) -> bool;

    /// The same run with all choices on the tape.
    #[must_use]
    fn pinned(&self, record: &Record) -> Self;

    /// Another run of the same structure.
    #[must_use]
    fn with_fresh_choices(&self, stream: &mut Stream) -> Self;

    /// Where fresh choices come from: the same in every search.
    fn fresh_choices(&self) -> Stream;

    /// What a power cut never tears, in bytes.
    fn unit_bytes(&self) -> u64;

    /// What is to be known of its lives beforehand, or was seen of them.
    fn lives(&self, seen: &Seen) -> Vec<LifeAbout>;
}

/// What was seen of a run.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What is wrong, if anything is.
    pub violation: Option<Violation>,
    /// All choices.
    pub record: Record,
    /// What happened, and who did it.
    pub events: Vec<Happened>,
    /// The hash of the trace.
    pub trace: u64,
}

impl Case for Scenario {
    const WHO: &'static str = "the log";

    fn watch(&self, wants: Wants) -> Seen {
        let watched = watch(self, wants);
        Seen {
            violation: watched.report.violation,
            record: watched.record,
            events: watched.events,
            trace: watched.report.trace.hash,
        }
    }

    fn tape(&self) -> &Tape {
        &self.tape
    }

    fn tape_mut(&mut self) -> &mut Tape {
        &mut self.tape
    }

    fn is_sound(&self) -> bool {
        self.check().is_ok()
    }

    fn is_pinned(&self) -> bool {
        !self.tape.is_empty()
    }

    fn pinned(&self, record: &Record) -> Scenario {
        let mut pinned = self.clone();
        pinned.tape = record.tape();
        for life in &mut pinned.lives {
            // What plays the tape.
            life.policy = PolicyKind::Random;
        }
        pinned
    }

    /// The same scenario with another seed, and every second time with other crashes: with less to do,
    /// what a crash waited for comes sooner; or later, where an earlier life has done less.
    fn with_fresh_choices(&self, stream: &mut Stream) -> Scenario {
        let mut fresh = self.clone();
        fresh.seed = Seed(stream.bits());
        if stream.happens(Ratio::new(1, 2)) {
            for at in fresh.lives.iter_mut().flat_map(|life| &mut life.end.at) {
                at.number = stream.within(1, u64::from(at.number) + CALLS_MORE) as u32;
            }
        }
        fresh
    }

    fn fresh_choices(&self) -> Stream {
        Choices::new(self.seed.0).stream(Purpose::Workload, 1)
    }

    fn unit_bytes(&self) -> u64 {
        self.disk.unit_bytes()
    }

    fn lives(&self, _seen: &Seen) -> Vec<LifeAbout> {
        let lives = self.lives.iter().map(|life| LifeAbout {
            end: life.end.to_string(),
            clients: life.clients.len(),
        });
        lives.collect()
    }
}
