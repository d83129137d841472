//! The storm for anybody's storage code: lives on one simulated disk, clients as tasks under the
//! scheduler, power cuts at any call, and a judge that you write.
//!
//! A run is a closure over a [`Sky`]. What it keeps in its own variables is what the callers of your
//! code remember: that outlives power cuts, as callers do. What [`Life`] runs, recovery with
//! [`Life::alone`] and clients with [`Life::tasks`], can stop at any call to the disk, and nothing of
//! it runs any further: so what it shares with the body, such as a `RefCell`, is not to be held across
//! a call. Every life but the last ends in a power cut or a kill, somewhere. The last one is calm:
//! there the judge has the last word. What the body does outside of both is not cut.
//!
//! All choices come from a seed, and can be put onto a tape: which steps a client takes, who runs
//! next, which call a life ends at, what of the disk survives. So a run that fails can be made
//! [smaller](Trial::shrunk), [explained](Trial::explain) and [kept](Trial::print).
//!
//! ```
//! use std::cell::Cell;
//! use std::path::Path;
//! use seawall::env::vfs::{File, OpenHow, Vfs};
//! use seawall_sim::seed::Seed;
//! use seawall_sim::storm::Storm;
//!
//! // A counter that says "counted" before it has synced.
//! let storm = Storm::new(file!(), |sky| {
//!     let counted = Cell::new(0);
//!     sky.lives(2, |life| {
//!         let (vfs, path) = (life.vfs(), Path::new("/counter"));
//!         let (file, found) = life.alone(|| {
//!             let opened = vfs.open(path, OpenHow::Write { direct: false });
//!             let file = opened.or_else(|_| vfs.open(path, OpenHow::CreateNew { direct: false }))?;
//!             let mut byte = [0];
//!             let count = file.read_at(0, &mut byte)?;
//!             Ok::<_, std::io::Error>((file, byte[0] * count as u8))
//!         })?;
//!         if found < counted.get() {
//!             return Err(format!("{found} of {} are there", counted.get()).into());
//!         }
//!         counted.set(found);
//!         life.tasks(1, |task| {
//!             for _ in task.steps(3) {
//!                 file.write_at(0, &[counted.get() + 1])?;
//!                 counted.set(counted.get() + 1);
//!             }
//!             Ok(())
//!         })
//!     })
//! });
//! let failed = storm.find(Seed(1), 100).expect("it loses a count");
//! let small = failed.shrunk(2000).expect("it fails");
//! assert!(small.steps() <= 2);
//! let told = small.explain().expect("it fails").sentences.join(" ");
//! assert!(told.contains("had been synced") || told.contains("made durable"), "{told}");
//! ```

use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;

use crate::choice::{Choices, Purpose, Ratio, Stream};
use crate::disk::{Disk, Knobs, SimVfs};
use crate::events::{self, Event};
use crate::scenario::Phase;
use crate::sched::Scheduler;
use crate::sched::outcome::Outcome;
use crate::sched::plan::Plan;
use crate::sched::policy::PolicyKind;
use crate::trace;

mod campaign;
mod cli;
mod cpu;
mod figures;
mod film;
mod gate;
mod life;
mod named;
mod table;
mod trial;

pub use figures::Figures;
pub use life::{Life, Step, Task};
pub use named::{Body, Named, Storms};
pub use trial::{Report, Trial};

use gate::{Breaker, CutAt};
use life::{LIFE_SHIFT, Tasks};

/// How a body ends; `?` takes the errors of calls, and a text makes one. Who knows which property does
/// not hold says so with a [`Violation`](crate::checker::Violation).
pub type Verdict = Result<(), Box<dyn Error>>;

/// A program under the storm.
pub struct Storm<B> {
    source: &'static str,
    knobs: Knobs,
    body: B,
}

/// One run: the disk, and the lives on it.
pub struct Sky {
    vfs: Arc<SimVfs>,
    gate: Arc<Breaker>,
    choices: Choices,
    /// Whether the steps are on the tape: what is not there is not done.
    is_structured: bool,
    has_begun: Cell<bool>,
    /// Whether the life was cut off: nothing of it runs any further.
    is_cut: Cell<bool>,
    was_killed: Cell<bool>,
    is_spared_kills: Cell<bool>,
    figures: Cell<Figures>,
}

/// What a run stops with that is no error of the body's.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The life is over.
    Cut,
    /// It ended as nothing should.
    Broken(Outcome),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Cut => f.write_str("the life is over"),
            Stop::Broken(outcome) => write!(f, "{outcome}"),
        }
    }
}

impl Error for Stop {}

impl<B: Fn(&Sky) -> Verdict> Storm<B> {
    /// A storm over `body`. `source` is where the code under test is, and an explanation tells places
    /// there: within this repository a path from its root, such as `file!()`; of code from elsewhere what
    /// its files' paths have in common from some directory on, such as `okaywal-0.3.1/src/`. Several parts
    /// have a space between them.
    pub fn new(source: &'static str, body: B) -> Storm<B> {
        Storm {
            source,
            knobs: Knobs::default(),
            body,
        }
    }

    /// The same on another disk: of another profile, or one whose calls fail.
    #[must_use]
    pub fn on(self, knobs: Knobs) -> Storm<B> {
        Storm { knobs, ..self }
    }

    /// The same, of a type that all storms can have.
    pub fn boxed(self) -> Storm<Body>
    where
        B: 'static,
    {
        Storm {
            source: self.source,
            knobs: self.knobs,
            body: Box::new(self.body),
        }
    }
}

impl Sky {
    fn new(knobs: &Knobs, choices: Choices, is_structured: bool) -> Sky {
        let gate = Arc::new(Breaker::default());
        let faults = choices.stream(Purpose::Faults, 0);
        let vfs = SimVfs::new(Disk::new(knobs.clone()), Arc::clone(&gate) as _, faults);
        Sky {
            vfs,
            gate,
            choices,
            is_structured,
            has_begun: Cell::new(false),
            is_cut: Cell::new(false),
            was_killed: Cell::new(false),
            is_spared_kills: Cell::new(false),
            figures: Cell::default(),
        }
    }

    /// Choices that belong to the seed and are on no tape: what a run is like, not what happens in it.
    pub fn choices(&self) -> Stream {
        self.choices.aside().stream(Purpose::Workload, 0)
    }

    /// From now on all lives end in power cuts, none in a kill. Whoever starts again on the kernel that
    /// has failed to sync can't learn from it that what he reads was lost on its way to the disk.
    pub fn spare_kills(&self) {
        self.is_spared_kills.set(true);
    }

    /// Lets the code live up to `count` times on one disk, and once more, when the storm is over.
    ///
    /// # Errors
    /// The first error of a body that is not the end of its life.
    ///
    /// # Panics
    /// When it is called a second time: a run has one disk.
    pub fn lives(&self, count: u64, body: impl Fn(&Life<'_>) -> Verdict) -> Verdict {
        assert!(!self.has_begun.replace(true), "a run has one disk");
        for number in 1..=count {
            if let Some(mut stream) = self.stream_if_taken(number << LIFE_SHIFT, (7, 8)) {
                let mut ending = Ending::draw(&mut stream);
                ending.is_kill &= !self.is_spared_kills.get();
                self.live(number, Some(ending), &body)?;
            }
        }
        self.live(count + 1, None, &body)
    }

    fn live(
        &self,
        number: u64,
        ending: Option<Ending>,
        body: &impl Fn(&Life<'_>) -> Verdict,
    ) -> Verdict {
        self.count(|figures| figures.lives += 1);
        trace::line(|| format!("life {number} begins"));
        trace::mix(number);
        events::keep(|| Event::Life(number));
        self.vfs
            .set_faults(self.choices.stream(Purpose::Faults, number));
        self.vfs.with_disk(|disk| {
            disk.set_calm(ending.is_none());
            events::observe(disk);
        });
        self.gate
            .begin_life(number, ending.and_then(|ending| ending.at));
        let ended = body(&Life {
            sky: self,
            number,
            is_last: ending.is_none(),
            parts: Cell::new(0),
        });
        self.vfs.set_dead(false);
        self.is_cut.set(false);
        match ended {
            Err(error) if !matches!(error.downcast_ref(), Some(Stop::Cut)) => return Err(error),
            _ => {}
        }
        if let Some(ending) = ending {
            self.end(number, ending);
        }
        Ok(())
    }

    /// What the process or the machine had in memory is gone.
    fn end(&self, number: u64, ending: Ending) {
        self.was_killed.set(ending.is_kill);
        self.count(|figures| match ending.is_kill {
            true => figures.kills += 1,
            false => figures.power_cuts += 1,
        });
        let mut stream = self.choices.stream(Purpose::Crash, number);
        let image = || self.vfs.with_disk(|disk| disk.image());
        let before = events::are_kept().then(image);
        let text = self.vfs.with_disk(|disk| match ending.is_kill {
            true => {
                disk.kill();
                "killed"
            }
            false => disk.power_cut(&mut stream).name(),
        });
        trace::line(|| format!("life {number} is over: {text}"));
        trace::mix_bytes(text.as_bytes());
        if let Some(before) = before {
            let lost = image().lost_since(&before);
            events::keep(|| Event::Lost { by: text, lost });
            self.vfs.with_disk(|disk| events::observe_crash(disk));
        }
    }

    /// A stream of the structure, if what it is for takes place.
    fn stream_if_taken(&self, number: u64, (numerator, denominator): (u32, u32)) -> Option<Stream> {
        if self.is_structured && !self.choices.is_on_tape(Purpose::Storm, number) {
            return None;
        }
        let mut stream = self.choices.stream(Purpose::Storm, number);
        let is_taken = stream.happens(Ratio::new(numerator, denominator));
        is_taken.then_some(stream)
    }

    fn count(&self, add: impl FnOnce(&mut Figures)) {
        let mut figures = self.figures.get();
        add(&mut figures);
        self.figures.set(figures);
    }

    /// Runs tasks. Where they don't all come to their end, nothing does any more.
    fn schedule(&self, number: u64, tasks: Tasks, body: &dyn Fn(usize)) -> Result<(), Stop> {
        if self.is_cut.get() {
            return Err(Stop::Cut);
        }
        let stream = self.choices.stream(Purpose::Schedule, number);
        let policy = match self.choices.is_on_tape(Purpose::Schedule, number) {
            true => PolicyKind::Random,
            false => *self
                .choices
                .aside()
                .stream(Purpose::Workload, number)
                .pick(tasks.policies()),
        };
        let scheduler = Scheduler::of_this_thread();
        let plan = Plan {
            spurious: tasks.spurious(),
            helpers: tasks.helpers,
            step_limit: STEPS_MAX,
            ..Plan::new(policy, stream)
        };
        let outcome = scheduler.run(tasks.clients + tasks.helpers, plan, body);
        self.count(|figures| figures.points += scheduler.steps());
        if outcome == Outcome::Finished {
            return Ok(());
        }
        // Whoever goes on now is a destructor, or has not understood.
        self.vfs.set_dead(true);
        self.is_cut.set(true);
        match outcome {
            Outcome::Cut => {
                self.count(|figures| figures.cuts += 1);
                Err(Stop::Cut)
            }
            other => Err(Stop::Broken(other)),
        }
    }
}

/// So many scheduling points, and it will not end: no life comes near.
const STEPS_MAX: u64 = 100_000;

/// How a life ends.
#[derive(Clone, Copy)]
struct Ending {
    /// The call at which it does, if it comes so far; else when all is done.
    at: Option<CutAt>,
    is_kill: bool,
}

impl Ending {
    /// The place on a life's track where it says at which call.
    const AT: u32 = 2;

    fn draw(stream: &mut Stream) -> Ending {
        let is_kill = stream.happens(Ratio::new(1, 8));
        // Most lives are short, and some are long.
        let bits = stream.below(9);
        let at = bits.checked_sub(1).map(|bits| CutAt {
            change: 1 + stream.below(1 << bits),
            phase: *stream.pick(&[Phase::Before, Phase::After, Phase::Within]),
        });
        Ending { at, is_kill }
    }
}

impl Drop for Sky {
    /// A frozen task never lets go of what it held, and it held a way to the disk.
    fn drop(&mut self) {
        self.vfs
            .with_disk(|disk| *disk = Disk::new(Knobs::default()));
    }
}
