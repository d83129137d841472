//! Threads of a simulated process, and what they wait for: each other, a futex, the clock.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

use seawall::env::sync::{Park, Point, Scheduler as Hook};
use seawall_sim::sched::Scheduler;

use super::Reply;
use crate::wire::{FOREVER, SLOTS, Wire};

/// What threads wait for is known by a number: no address of a process is so small.
const THREADS: usize = 1;
const ENDS: usize = THREADS + SLOTS;
const ANYBODY: usize = ENDS + SLOTS;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has asked for it.
    Absent,
    /// It is there.
    Lives,
    /// It has ended.
    Ended,
}

/// A thread that waits for a futex or for the clock.
#[derive(Clone, Copy)]
struct Waiter {
    thread: usize,
    /// 0 for the clock alone.
    word: u64,
    deadline: u64,
}

pub(super) struct Threads {
    wire: Wire,
    states: RefCell<[State; SLOTS]>,
    /// In the order in which they came.
    waiters: RefCell<Vec<Waiter>>,
    /// Whether it was woken, and not by the clock.
    woken: [Cell<bool>; SLOTS],
}

fn hook() -> &'static dyn Hook {
    Scheduler::of_this_thread()
}

impl Threads {
    pub(super) fn new(wire: Wire) -> Threads {
        let mut states = [State::Absent; SLOTS];
        states[0] = State::Lives;
        Threads {
            wire,
            states: RefCell::new(states),
            waiters: RefCell::default(),
            woken: [const { Cell::new(false) }; SLOTS],
        }
    }

    fn is(&self, thread: usize, state: State) -> bool {
        self.states.borrow()[thread] == state
    }

    /// Waits until somebody has asked for this thread, and lets it run.
    pub(super) fn await_spawn(&self, thread: usize) {
        while self.is(thread, State::Absent) {
            hook().park(THREADS + thread, Park::Lock);
        }
        // There is nobody to hear it yet; it is its turn that is given.
        self.wire.answer(thread, 0, 0);
    }

    pub(super) fn spawn(&self) -> Reply {
        let absent = self
            .states
            .borrow()
            .iter()
            .position(|&state| state == State::Absent);
        let thread = absent.ok_or(libc::EAGAIN)?;
        self.states.borrow_mut()[thread] = State::Lives;
        hook().wake_all(THREADS + thread);
        Scheduler::of_this_thread().begin(thread);
        Ok((thread as u64, 0))
    }

    pub(super) fn end(&self, thread: usize) {
        self.states.borrow_mut()[thread] = State::Ended;
        hook().wake_all(ENDS + thread);
    }

    pub(super) fn join(&self, thread: usize) -> Reply {
        if thread >= SLOTS || self.is(thread, State::Absent) {
            return Err(libc::ESRCH);
        }
        while !self.is(thread, State::Ended) {
            hook().park(ENDS + thread, Park::Lock);
        }
        Ok((0, 0))
    }

    /// Lets others go first.
    pub(super) fn pass(&self) -> Reply {
        hook().point(ANYBODY, Point::Store);
        Ok((0, 0))
    }

    pub(super) fn futex_wait(&self, thread: usize, word: u64, deadline: u64) -> Reply {
        match self.wait(thread, word, deadline) {
            true => Ok((0, 0)),
            false => Err(libc::ETIMEDOUT),
        }
    }

    pub(super) fn sleep(&self, thread: usize, deadline: u64) -> Reply {
        self.wait(thread, 0, deadline);
        Ok((0, 0))
    }

    /// Whether it was woken by somebody.
    fn wait(&self, thread: usize, word: u64, deadline: u64) -> bool {
        let waiter = Waiter {
            thread,
            word,
            deadline,
        };
        self.woken[thread].set(false);
        self.waiters.borrow_mut().push(waiter);
        if deadline == FOREVER {
            while !self.woken[thread].get() {
                hook().park(THREADS + thread, Park::Lock);
            }
        } else {
            // It may also end for nothing: then time has gone by faster than anybody thought.
            hook().park(THREADS + thread, Park::Condvar);
        }
        self.waiters
            .borrow_mut()
            .retain(|other| other.thread != thread);
        let is_woken = self.woken[thread].get();
        if !is_woken {
            self.wire
                .shared()
                .clock
                .fetch_max(deadline, Ordering::Relaxed);
        }
        is_woken
    }

    pub(super) fn futex_wake(&self, word: u64, count: u64) -> Reply {
        // What is woken could be there too late, or too early.
        hook().point(word as usize, Point::Store);
        let mut woken = 0;
        while woken < count {
            let mut waiters = self.waiters.borrow_mut();
            let Some(at) = waiters.iter().position(|waiter| waiter.word == word) else {
                break;
            };
            let thread = waiters.remove(at).thread;
            drop(waiters);
            self.woken[thread].set(true);
            hook().wake_all(THREADS + thread);
            woken += 1;
        }
        Ok((woken, 0))
    }

    /// Lets those go on whose time has come while others ran.
    pub(super) fn wake_due(&self) {
        let now = self.wire.shared().clock.load(Ordering::Relaxed);
        for waiter in self
            .waiters
            .borrow()
            .iter()
            .filter(|waiter| waiter.deadline <= now)
        {
            hook().wake_all(THREADS + waiter.thread);
        }
    }

    /// Nobody can run: time goes by until somebody's wait is over. Returns who that is.
    pub(super) fn ring(&self) -> Option<usize> {
        let waiters = self.waiters.borrow();
        let timed = waiters.iter().filter(|waiter| waiter.deadline != FOREVER);
        timed
            .min_by_key(|waiter| waiter.deadline)
            .map(|waiter| waiter.thread)
    }
}
