//! From a scenario that fails to the smallest one that fails in the same way.
//!
//! Structure goes first: lives, clients, operations, faults, sizes, each tried with the seed's own
//! choices and then with fresh ones, since what is left of a schedule without an operation is
//! seldom the one that fails. Then the choices themselves go onto a tape, and those go that the
//! failure does not need. A failure of another kind is none: see [`Fingerprint`].
//!
//! It knows nothing of what fails, counts runs and never looks at a clock: so the same scenario
//! shrinks to the same one everywhere.
// Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE
// 2002, for taking away in ever smaller portions.

use crate::checker::Violation;
use crate::choice::{Choices, Purpose, Ratio, Stream, Tape};
use crate::run::{record, run};
use crate::scenario::Scenario;
use crate::sched::policy::PolicyKind;
use crate::seed::Seed;

mod fingerprint;
mod plainer;
mod portions;
mod size;
mod structure;

pub use fingerprint::Fingerprint;
pub use size::Size;

use portions::take_away;

/// How many runs a scenario gets while its structure shrinks: with its own seed, and with fresh ones.
const ATTEMPTS: u64 = 24;
/// How many calls later a crash may come in one of those.
const CALLS_MORE: u64 = 8;
/// Rounds over all that could go; each begins only if the one before has found something.
const ROUNDS_MAX: usize = 8;

/// A scenario that was shrunk.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest that was found.
    pub scenario: Scenario,
    /// How it fails: in the same way.
    pub violation: Violation,
    /// How large the first one was.
    pub before: Size,
    /// How large this one is.
    pub after: Size,
    /// How many runs it took.
    pub runs: u64,
}

/// Shrinks a scenario that fails, with at most so many runs; `tell` hears after each of how many
/// there were. `None` where it does not fail.
pub fn shrink(scenario: &Scenario, runs_max: u64, tell: &mut dyn FnMut(u64)) -> Option<Shrunk> {
    let violation = run(scenario, false).violation?;
    let mut shrinker = Shrinker {
        fingerprint: Fingerprint::of(&violation),
        best: scenario.clone(),
        violation,
        runs: 1,
        runs_max,
        tell,
    };
    let before = Size::of(scenario);
    // With fresh choices more can be taken away; what needs its own keeps them.
    let mut untaped = scenario.clone();
    untaped.tape = Tape::default();
    shrinker.try_out(untaped);
    for _ in 0..ROUNDS_MAX {
        let at_first = shrinker.best.clone();
        structure::shrink(&mut shrinker);
        plainer::shrink(&mut shrinker);
        if shrinker.best == at_first {
            break;
        }
    }
    shrinker.pin();
    for _ in 0..ROUNDS_MAX {
        let at_first = shrinker.best.clone();
        shrinker.thin_the_tape();
        plainer::shrink(&mut shrinker);
        structure::shrink_operations(&mut shrinker);
        if shrinker.best == at_first {
            break;
        }
    }
    Some(Shrunk {
        before,
        after: Size::of(&shrinker.best),
        scenario: shrinker.best,
        violation: shrinker.violation,
        runs: shrinker.runs,
    })
}

struct Shrinker<'a> {
    fingerprint: Fingerprint,
    /// The smallest that has failed in the same way.
    best: Scenario,
    violation: Violation,
    runs: u64,
    runs_max: u64,
    tell: &'a mut dyn FnMut(u64),
}

impl Shrinker<'_> {
    /// Takes a scenario in place of the best one if it fails in the same way: as it is, or, if its
    /// choices are not on a tape yet, with fresh ones. It is none where it is no scenario at all.
    fn try_out(&mut self, scenario: Scenario) -> bool {
        if scenario == self.best || scenario.check().is_err() {
            return false;
        }
        if self.fails(&scenario) {
            return true;
        }
        if !scenario.tape.is_empty() {
            return false;
        }
        let mut stream = Choices::new(scenario.seed.0).stream(Purpose::Workload, 1);
        for _ in 1..ATTEMPTS {
            if self.fails(&with_fresh_choices(&scenario, &mut stream)) {
                return true;
            }
        }
        false
    }

    fn fails(&mut self, scenario: &Scenario) -> bool {
        if self.runs >= self.runs_max {
            return false;
        }
        self.runs += 1;
        (self.tell)(self.runs);
        let same = run(scenario, false)
            .violation
            .filter(|found| self.fingerprint.is_of(found));
        let Some(violation) = same else {
            return false;
        };
        self.best = scenario.clone();
        self.violation = violation;
        true
    }

    /// Puts all choices onto a tape, if the run is the same again from there.
    fn pin(&mut self) {
        let (_, record) = record(&self.best);
        let mut pinned = self.best.clone();
        pinned.tape = record.tape();
        for life in &mut pinned.lives {
            // What plays the tape.
            life.policy = PolicyKind::Random;
        }
        self.fails(&pinned);
    }

    /// Takes choices off the tape, and makes those smaller that stay.
    fn thin_the_tape(&mut self) {
        let places = |scenario: &Scenario| scenario.tape.places();
        take_away(self, places, |scenario, (id, place)| {
            scenario.tape.track_mut(id).set(place, 0);
        });
        for (id, place) in self.best.tape.places() {
            let value = self.best.tape.track(id).map_or(0, |track| track.at(place));
            for smaller in [1, value / 2, value - 1] {
                let mut scenario = self.best.clone();
                scenario.tape.track_mut(id).set(place, smaller);
                if smaller < value && self.try_out(scenario) {
                    break;
                }
            }
        }
    }
}

/// The same scenario with another seed, and every second time with other crashes: with less to do,
/// what a crash waited for comes sooner; or later, where an earlier life has done less.
fn with_fresh_choices(scenario: &Scenario, stream: &mut Stream) -> Scenario {
    let mut fresh = scenario.clone();
    fresh.seed = Seed(stream.bits());
    if stream.happens(Ratio::new(1, 2)) {
        for at in fresh.lives.iter_mut().flat_map(|life| &mut life.end.at) {
            at.number = stream.within(1, u64::from(at.number) + CALLS_MORE) as u32;
        }
    }
    fresh
}
