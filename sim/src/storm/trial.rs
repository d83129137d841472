//! One run of a storm: its seed, and the choices that are not left to it.

use serde::{Deserialize, Serialize};

use super::{Ending, Figures, LIFE_SHIFT, Sky, Stop, Storm, Verdict};
use crate::case::{Case, Seen};
use crate::checker::{Property, Violation};
use crate::choice::{Choices, Purpose, Record, Recording, Stream, Tape, TrackId};
use crate::disk::{Fate, Profile};
use crate::events::{self, Event, Happened};
use crate::explain::{Ending as Change, Explainer, Explanation, describe, explain_with};
use crate::recording::LifeAbout;
use crate::run::Wants;
use crate::sched::outcome::Outcome;
use crate::sched::panics::judged;
use crate::seed::Seed;
use crate::shrink::shrink_tape;
use crate::site::Program;
use crate::trace::{self, Recorded};
use crate::world::After;

/// So many places are told of a call.
const FRAMES_MAX: usize = 3;

/// One run of a storm, to be made again as often as wanted.
pub struct Trial<'a, B> {
    storm: &'a Storm<B>,
    seed: Seed,
    tape: Tape,
}

/// What a run did and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, if anything is.
    pub violation: Option<Violation>,
    /// Everything that happened.
    pub trace: Recorded,
    /// What it did.
    pub figures: Figures,
}

/// A trial as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    seed: Seed,
    tape: Tape,
}

impl<B: Fn(&Sky) -> Verdict> Storm<B> {
    /// The run of a seed.
    pub fn trial(&self, seed: Seed) -> Trial<'_, B> {
        self.trial_with(seed, Tape::default())
    }

    /// The same, with what is not left to the seed.
    pub(super) fn trial_with(&self, seed: Seed, tape: Tape) -> Trial<'_, B> {
        Trial {
            storm: self,
            seed,
            tape,
        }
    }

    /// Reads a trial from its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(&self, text: &str) -> Result<Trial<'_, B>, String> {
        let saved: Saved = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(self.trial_with(saved.seed, saved.tape))
    }

    /// The first of so many seeds that fails.
    pub fn find(&self, first: Seed, seeds: u64) -> Option<Trial<'_, B>> {
        let mut trials = (0..seeds).map(|index| self.trial(first.plus(index)));
        trials.find(|trial| trial.run(false).violation.is_some())
    }
}

impl<B: Fn(&Sky) -> Verdict> Trial<'_, B> {
    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The file system.
    pub(super) fn profile(&self) -> Profile {
        self.storm.knobs.profile
    }

    /// Runs it; `with_text` keeps the trace's lines.
    pub fn run(&self, with_text: bool) -> Report {
        let wants = Wants {
            text: with_text,
            ..Wants::default()
        };
        self.look(wants).0
    }

    /// Runs it twice.
    ///
    /// # Errors
    /// When the two runs differ: something in them comes from neither seed nor tape.
    pub fn run_twice(&self) -> Result<Report, Violation> {
        self.run_again(self.run(false))
    }

    /// Runs it once more.
    ///
    /// # Errors
    /// When it differs from the run that there was.
    pub(super) fn run_again(&self, one: Report) -> Result<Report, Violation> {
        let other = self.run(false);
        let is_same = (&one.violation, one.trace.hash, one.figures)
            == (&other.violation, other.trace.hash, other.figures);
        match is_same {
            true => Ok(one),
            false => Err(Violation::new(
                Property::Determinism,
                format!(
                    "two runs differ: trace {:016x} and {:016x}",
                    one.trace.hash, other.trace.hash
                ),
            )),
        }
    }

    /// How many steps are on its tape.
    pub fn steps(&self) -> usize {
        let tracks = self.tape.tracks();
        let is_step = |number: u64| number & 0xffff != 0;
        let taken = tracks.filter(|(id, track)| {
            id.purpose == Purpose::Storm && is_step(id.number) && track.at(0) != 0
        });
        taken.count()
    }

    /// How much of it a person has to read, where it has its choices on a tape.
    pub(super) fn size(&self) -> String {
        let (steps, choices) = (self.steps(), self.tape.places().len());
        let plural = if steps == 1 { "" } else { "s" };
        format!("{steps} step{plural}, {choices} choices on the tape")
    }

    /// The smallest run that fails in the same way, after at most so many; `None` where it does not
    /// fail.
    #[must_use]
    pub fn shrunk(&self, runs_max: u64) -> Option<Self> {
        self.shrunk_with(runs_max, &mut |_| {})
            .map(|(trial, _)| trial)
    }

    /// The same, and how many runs that took; `tell` hears after each of them.
    pub(super) fn shrunk_with(
        &self,
        runs_max: u64,
        tell: &mut dyn FnMut(u64),
    ) -> Option<(Self, u64)> {
        let mut structured = self.clone();
        structured.tape = structure_of(&self.recorded());
        // A tape may say what no seed does; but what it was made of, it does again.
        shrink_tape(&structured, runs_max, tell)
    }

    /// Why it fails; `None` where it does not. It has its choices on a tape, as [`Trial::shrunk`] leaves
    /// it.
    pub fn explain(&self) -> Option<Explanation<Self>> {
        explain_with(self, |explainer| explainer.endings())
    }

    /// As text: what [`Storm::parse`] reads.
    pub fn print(&self) -> String {
        let saved = Saved {
            seed: self.seed,
            tape: self.tape.clone(),
        };
        toml::to_string(&saved).expect("a tape is plain data")
    }

    fn recorded(&self) -> Record {
        let wants = Wants {
            record: true,
            ..Wants::default()
        };
        self.watch(wants).record
    }

    fn look(&self, wants: Wants) -> (Report, Record, Vec<Happened>) {
        trace::start(wants.text);
        let after = wants.repair.as_ref().map(|repair| &repair.after);
        let with_sites = matches!(after, Some(After::Site(_)));
        let program = self.storm.program();
        events::start_of(program, wants.events, wants.changes, with_sites);
        let recording = Recording::default();
        let choices = Choices::new(self.seed.0).with_tape(self.tape.clone());
        let choices = match wants.record {
            true => choices.recorded(&recording),
            false => choices,
        };
        let sky = Sky::new(&self.storm.knobs, choices, !self.tape.is_empty());
        sky.gate.repair(wants.repair);
        let violation = match judged(|| (self.storm.body)(&sky)) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => violation_of(&*error),
            Err(message) => Some(Violation::new(Property::Panic, message)),
        };
        let report = Report {
            violation,
            trace: trace::finish(),
            figures: sky.figures.get(),
        };
        (report, recording.take(), events::finish())
    }
}

impl<B> Storm<B> {
    fn program(&self) -> Program {
        Program {
            source: self.source,
            seam: None,
            passage: None,
            // Nobody else knows what is a helper: the innermost places are told.
            helpers: Some(self.source),
            knows: None,
            frames_max: FRAMES_MAX,
        }
    }
}

fn violation_of(error: &(dyn std::error::Error + 'static)) -> Option<Violation> {
    if let Some(violation) = error.downcast_ref::<Violation>() {
        return Some(violation.clone());
    }
    let (property, story) = match error.downcast_ref() {
        Some(Stop::Cut) => return None,
        Some(Stop::Broken(Outcome::Panicked { message, .. })) => (Property::Panic, message.clone()),
        Some(stop) => (Property::Progress, stop.to_string()),
        None => (Property::Acknowledged, error.to_string()),
    };
    Some(Violation::new(property, story))
}

/// The tape of a run with its lives and steps alone.
fn structure_of(record: &Record) -> Tape {
    let mut tape = record.tape();
    let others: Vec<_> = tape.tracks().map(|(id, _)| id).collect();
    for id in others.into_iter().filter(|id| id.purpose != Purpose::Storm) {
        tape.remove(id);
    }
    tape
}

impl<B> Clone for Trial<'_, B> {
    fn clone(&self) -> Self {
        Trial {
            storm: self.storm,
            seed: self.seed,
            tape: self.tape.clone(),
        }
    }
}

impl<B> PartialEq for Trial<'_, B> {
    fn eq(&self, other: &Self) -> bool {
        (self.seed, &self.tape) == (other.seed, &other.tape)
    }
}

impl<B: Fn(&Sky) -> Verdict> Case for Trial<'_, B> {
    const WHO: &'static str = "the code";

    fn watch(&self, wants: Wants) -> Seen {
        let (report, record, events) = self.look(wants);
        Seen {
            violation: report.violation,
            record,
            events,
            trace: report.trace.hash,
        }
    }

    fn tape(&self) -> &Tape {
        &self.tape
    }

    fn tape_mut(&mut self) -> &mut Tape {
        &mut self.tape
    }

    fn is_sound(&self) -> bool {
        true
    }

    fn is_pinned(&self) -> bool {
        let mut tracks = self.tape.tracks();
        tracks.any(|(id, _)| id.purpose != Purpose::Storm)
    }

    fn pinned(&self, record: &Record) -> Self {
        Trial {
            tape: record.tape(),
            ..self.clone()
        }
    }

    fn with_fresh_choices(&self, stream: &mut Stream) -> Self {
        Trial {
            seed: Seed(stream.bits()),
            ..self.clone()
        }
    }

    fn fresh_choices(&self) -> Stream {
        Choices::new(self.seed.0).stream(Purpose::Mutation, 0)
    }

    fn unit_bytes(&self) -> u64 {
        self.storm.knobs.unit_bytes()
    }

    /// Those that ended, each in the place of its number; the last one does not end.
    fn lives(&self, seen: &Seen) -> Vec<LifeAbout> {
        let mut lives: Vec<LifeAbout> = Vec::new();
        let (mut number, mut clients) = (0, 0);
        for (task, event) in &seen.events {
            clients = task.map_or(clients, |task| clients.max(task + 1));
            match event {
                Event::Life(begun) => (number, clients) = (*begun as usize, 0),
                Event::Lost { by, .. } => {
                    lives.resize_with(number - 1, || LifeAbout {
                        end: "nothing: it was left out".to_owned(),
                        clients: 0,
                    });
                    lives.push(LifeAbout {
                        end: by.to_string(),
                        clients,
                    });
                }
                _ => {}
            }
        }
        lives
    }
}

impl<B: Fn(&Sky) -> Verdict> Explainer<'_, Trial<'_, B>> {
    /// At which calls lives end, and whether they have to.
    fn endings(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        for life in 1..=self.last_life() {
            let cut = self.calls(life).find(|made| made.fate != Fate::Run);
            let Some(cut) = cut.map(describe) else {
                continue;
            };
            let mut goes_on = self.case.clone();
            let id = TrackId {
                purpose: Purpose::Storm,
                number: life << LIFE_SHIFT,
            };
            goes_on.tape.track_mut(id).set(Ending::AT, 0);
            let is_needed = self.try_out(&goes_on) == Change::Passes;
            told.push(match is_needed {
                true => {
                    format!("Life {life} ends at {cut}; it passes if that life goes on to its end.")
                }
                false => format!("Life {life} ends at {cut}."),
            });
        }
        told
    }
}
