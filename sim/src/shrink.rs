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

use crate::case::Case;
use crate::checker::Violation;
use crate::choice::Tape;
use crate::run::Wants;
use crate::scenario::Scenario;

mod fingerprint;
mod plainer;
mod portions;
mod size;
mod structure;

pub use fingerprint::Fingerprint;
pub(crate) use fingerprint::skeleton;
pub use size::Size;

use portions::take_away;

/// How many runs a scenario gets while its structure shrinks: with its own seed, and with fresh ones.
const ATTEMPTS: u64 = 24;
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
    let mut shrinker = Shrinker::begin(scenario, runs_max, tell)?;
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

/// Shrinks any case that has nothing but its tape, in the same way. `None` where it does not fail.
pub(crate) fn shrink_tape<C: Case>(
    case: &C,
    runs_max: u64,
    tell: &mut dyn FnMut(u64),
) -> Option<(C, u64)> {
    let mut shrinker = Shrinker::begin(case, runs_max, tell)?;
    shrinker.thin_until_nothing_goes();
    shrinker.pin();
    shrinker.thin_until_nothing_goes();
    Some((shrinker.best, shrinker.runs))
}

struct Shrinker<'a, C> {
    fingerprint: Fingerprint,
    /// The smallest that has failed in the same way.
    best: C,
    violation: Violation,
    runs: u64,
    runs_max: u64,
    tell: &'a mut dyn FnMut(u64),
}

impl<'a, C: Case> Shrinker<'a, C> {
    /// `None` where it does not fail.
    fn begin(case: &C, runs_max: u64, tell: &'a mut dyn FnMut(u64)) -> Option<Shrinker<'a, C>> {
        let violation = case.watch(Wants::default()).violation?;
        Some(Shrinker {
            fingerprint: Fingerprint::of(&violation),
            best: case.clone(),
            violation,
            runs: 1,
            runs_max,
            tell,
        })
    }

    /// Takes a case in place of the best one if it fails in the same way: as it is, or, if its
    /// choices are not on a tape yet, with fresh ones. It is none where it is no case at all.
    fn try_out(&mut self, case: C) -> bool {
        if case == self.best || !case.is_sound() {
            return false;
        }
        if self.fails(&case) {
            return true;
        }
        if case.is_pinned() {
            return false;
        }
        let mut stream = case.fresh_choices();
        for _ in 1..ATTEMPTS {
            if self.fails(&case.with_fresh_choices(&mut stream)) {
                return true;
            }
        }
        false
    }

    fn fails(&mut self, case: &C) -> bool {
        if self.runs >= self.runs_max {
            return false;
        }
        self.runs += 1;
        (self.tell)(self.runs);
        let same = case.watch(Wants::default()).violation;
        let Some(violation) = same.filter(|found| self.fingerprint.is_of(found)) else {
            return false;
        };
        self.best = case.clone();
        self.violation = violation;
        true
    }

    /// Puts all choices onto a tape, if the run is the same again from there.
    fn pin(&mut self) {
        let wants = Wants {
            record: true,
            ..Wants::default()
        };
        let record = self.best.watch(wants).record;
        self.fails(&self.best.pinned(&record));
    }

    fn thin_until_nothing_goes(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let at_first = self.best.clone();
            self.thin_the_tape();
            if self.best == at_first {
                break;
            }
        }
    }

    /// Takes choices off the tape, and makes those smaller that stay.
    fn thin_the_tape(&mut self) {
        let places = |case: &C| case.tape().places();
        take_away(self, places, |case, (id, place)| {
            case.tape_mut().track_mut(id).set(place, 0);
        });
        for (id, place) in self.best.tape().places() {
            let value = self
                .best
                .tape()
                .track(id)
                .map_or(0, |track| track.at(place));
            for smaller in [1, value / 2, value - 1] {
                let mut case = self.best.clone();
                case.tape_mut().track_mut(id).set(place, smaller);
                if smaller < value && self.try_out(case) {
                    break;
                }
            }
        }
    }
}
