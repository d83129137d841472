//! What a body sees of a life: its disk, its clients, and the steps that these take.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::sync::Arc;

use seawall::env::vfs::Vfs;

use super::{Sky, Verdict};
use crate::choice::{Ratio, Stream};
use crate::disk::SimVfs;
use crate::events::{self, Saying};
use crate::sched::Scheduler;
use crate::sched::policy::PolicyKind;

/// Which bits of a stream's number tell its life, part and task; the lowest ones tell its step.
pub(super) const LIFE_SHIFT: u32 = 32;
const PART_SHIFT: u32 = 24;
const TASK_SHIFT: u32 = 16;

const POLICIES: &[PolicyKind] = &[
    PolicyKind::Walk,
    PolicyKind::Random,
    PolicyKind::Sticky(8),
    PolicyKind::Pct(3),
    PolicyKind::Pos,
];

/// One life of the process: from an open to the power cut.
pub struct Life<'a> {
    pub(super) sky: &'a Sky,
    pub(super) number: u64,
    pub(super) is_last: bool,
    pub(super) parts: Cell<u64>,
}

/// A client of a life.
pub struct Task<'a> {
    life: &'a Life<'a>,
    part: u64,
    index: usize,
    steps: Cell<u64>,
}

/// Something that a client does, with choices of its own.
pub struct Step {
    stream: RefCell<Stream>,
    number: u64,
}

/// Who runs in a part of a life.
#[derive(Clone, Copy)]
pub(super) struct Tasks {
    pub(super) clients: usize,
    pub(super) helpers: usize,
}

impl Tasks {
    /// Helpers may have nothing to do and look for it again and again: whoever has to be chosen for
    /// others to go on is chosen by chance then.
    pub(super) fn policies(self) -> &'static [PolicyKind] {
        match self.helpers {
            0 => POLICIES,
            _ => &[
                PolicyKind::Random,
                PolicyKind::Sticky(8),
                PolicyKind::Sticky(64),
            ],
        }
    }

    /// Helpers wait with time limits, and time may go by faster than they do anything.
    pub(super) fn spurious(self) -> Ratio {
        match self.helpers {
            0 => Ratio::NEVER,
            _ => Ratio::new(1, 8),
        }
    }
}

impl Life<'_> {
    /// Its number, from 1 on.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the storm is over.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// The file system.
    pub fn vfs(&self) -> Arc<dyn Vfs> {
        Arc::clone(&self.sky.vfs) as Arc<dyn Vfs>
    }

    /// The disk behind it.
    pub fn disk(&self) -> Arc<SimVfs> {
        Arc::clone(&self.sky.vfs)
    }

    /// Whether the life before was killed, so that what it left in the page cache is there, but need
    /// not be durable.
    pub fn follows_a_kill(&self) -> bool {
        self.sky.was_killed.get()
    }

    /// Does something that nobody does anything beside: an open with its recovery.
    ///
    /// # Errors
    /// What `act` returns, or that the life is over: hand it on.
    pub fn alone<T, E>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, Box<dyn Error>>
    where
        E: Into<Box<dyn Error>>,
    {
        let (act, result) = (Cell::new(Some(act)), Cell::new(None));
        let part = self.next_part();
        let alone = Tasks {
            clients: 1,
            helpers: 0,
        };
        self.sky.schedule(part, alone, &|_| {
            let act = act.take().expect("there is one task");
            result.set(Some(act()));
        })?;
        result.take().expect("it has finished").map_err(Into::into)
    }

    /// Lets so many clients work at once.
    ///
    /// # Errors
    /// The first error of one, or that the life is over: hand it on.
    pub fn tasks(&self, count: usize, body: impl Fn(&Task<'_>) -> Verdict) -> Verdict {
        self.tasks_beside(count, 0, body)
    }

    /// The same beside so many helpers, who have the numbers after the clients'. Each begins when
    /// somebody lets it ([`Scheduler::begin`]); they take no steps of their own, and are left where they are when the last client has come to its end, or one to an
    /// error.
    ///
    /// # Errors
    /// The first error of one, or that the life is over: hand it on.
    pub fn tasks_beside(
        &self,
        clients: usize,
        helpers: usize,
        body: impl Fn(&Task<'_>) -> Verdict,
    ) -> Verdict {
        let failed = Cell::new(None);
        let left = Cell::new(clients);
        let part = self.next_part();
        let ended = self
            .sky
            .schedule(part, Tasks { clients, helpers }, &|index| {
                let task = Task {
                    life: self,
                    part,
                    index,
                    steps: Cell::new(0),
                };
                let ended = body(&task);
                left.set(left.get() - usize::from(index < clients));
                let is_over = left.get() == 0 || helpers > 0 && ended.is_err();
                if let Err(error) = ended {
                    failed.set(failed.take().or(Some(error)));
                }
                let scheduler = Scheduler::of_this_thread();
                if is_over && helpers > 0 && scheduler.can_cut() {
                    scheduler.finish();
                }
            });
        match failed.take() {
            Some(error) => Err(error),
            None => Ok(ended?),
        }
    }

    /// The number of a part's schedule, which those of its steps begin with.
    fn next_part(&self) -> u64 {
        let part = self.parts.get() + 1;
        self.parts.set(part);
        assert!(
            part < 1 << (LIFE_SHIFT - PART_SHIFT),
            "too many parts of a life"
        );
        (self.number << LIFE_SHIFT) | (part << PART_SHIFT)
    }
}

impl Task<'_> {
    /// Its number, from 0 on.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Up to so many steps; none when the storm is over. Each has its own choices, so one can be left
    /// out without a change to another.
    pub fn steps(&self, count: u64) -> impl Iterator<Item = Step> {
        let count = if self.life.is_last { 0 } else { count };
        (0..count).filter_map(|_| {
            self.steps.set(self.steps.get() + 1);
            // Beyond that two steps would share their choices.
            let (task, step) = (self.index as u64 + 1, self.steps.get());
            assert!(task < 1 << (PART_SHIFT - TASK_SHIFT) && step < 1 << TASK_SHIFT);
            let number = self.part | (task << TASK_SHIFT) | step;
            let stream = self.life.sky.stream_if_taken(number, (3, 4))?;
            self.life.sky.count(|figures| figures.steps += 1);
            events::tell(Saying::Begins, || {
                let (life, task, step) = (self.life.number, self.index, self.steps.get());
                format!("life {life}, task {task}: step {step}")
            });
            Some(Step {
                stream: RefCell::new(stream),
                number,
            })
        })
    }
}

impl Step {
    /// A number that no other step of the run has.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A number below `bound`; 0 is what a smaller run has.
    pub fn below(&self, bound: u64) -> u64 {
        self.stream.borrow_mut().below(bound)
    }

    /// One of `items`.
    pub fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        self.stream.borrow_mut().pick(items)
    }
}
