//! Locks and atomics with one look-up for a scheduler hook.
//!
//! In production the hook is absent, and each type is the standard library's with one
//! thread-local read in front. Under the simulator many tasks share one thread: the hook
//! is told *before* each step that another task could observe, and is asked to park a
//! task where a thread would sleep. A lock never spins and is never fair: whoever comes
//! first after a release takes it, as with the standard library's.
//!
//! A panic while a lock is held does not poison the lock: the log has its own poison,
//! which says more.

#![allow(clippy::disallowed_types)] // This is the one file that may name std's locks.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// What a task is about to do at a scheduling point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Take a lock.
    Lock,
    /// Read an atomic.
    Load,
    /// Write an atomic.
    Store,
}

/// What a parked task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Park {
    /// A lock that another task holds.
    Lock,
    /// A condition variable.
    Condvar,
}

/// A scheduler of cooperative tasks that share one thread.
///
/// `object` is an identity for the time that the object lives: compare it, never order or
/// hash by it, since it differs from process to process.
pub trait Scheduler {
    /// The running task is about to do something to `object` that others can observe; another may
    /// run first.
    fn point(&self, object: usize, what: Point);
    /// Parks the running task on `object` until it is woken. It may be woken for nothing.
    fn park(&self, object: usize, what: Park);
    /// Wakes one task parked on `object`, if there is one.
    fn wake_one(&self, object: usize);
    /// Wakes all tasks parked on `object`.
    fn wake_all(&self, object: usize);
}

thread_local! {
    static SCHEDULER: Cell<Option<&'static dyn Scheduler>> = const { Cell::new(None) };
}

/// Sets the calling thread's scheduler and returns the one before.
pub fn install(scheduler: Option<&'static dyn Scheduler>) -> Option<&'static dyn Scheduler> {
    SCHEDULER.with(|cell| cell.replace(scheduler))
}

fn scheduler() -> Option<&'static dyn Scheduler> {
    SCHEDULER.with(Cell::get)
}

/// A mutual exclusion lock; see the module for how it differs from the standard one.
#[derive(Default)]
pub struct Mutex<T> {
    inner: std::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    /// A new, free lock around `value`.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            inner: std::sync::Mutex::new(value),
        }
    }

    /// Takes the lock, waiting for it as long as needed.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let inner = match scheduler() {
            None => self.inner.lock().unwrap_or_else(PoisonError::into_inner),
            Some(scheduler) => {
                scheduler.point(self.identity(), Point::Lock);
                self.lock_as_task(scheduler)
            }
        };
        MutexGuard {
            lock: self,
            inner: Some(inner),
        }
    }

    fn lock_as_task(&self, scheduler: &'static dyn Scheduler) -> std::sync::MutexGuard<'_, T> {
        loop {
            match self.inner.try_lock() {
                Ok(guard) => return guard,
                Err(std::sync::TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(std::sync::TryLockError::WouldBlock) => {
                    scheduler.park(self.identity(), Park::Lock);
                }
            }
        }
    }

    fn identity(&self) -> usize {
        std::ptr::from_ref(&self.inner).addr()
    }
}

/// Proof that the lock is held; dropping it releases the lock.
pub struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    // `None` only while `Condvar::wait` has the lock released.
    inner: Option<std::sync::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.inner.as_ref().expect("held but for a wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("held but for a wait")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        drop(self.inner.take());
        if let Some(scheduler) = scheduler() {
            scheduler.wake_all(self.lock.identity());
        }
    }
}

/// A condition variable, to be used with [`Mutex`].
#[derive(Default)]
pub struct Condvar {
    inner: std::sync::Condvar,
}

impl Condvar {
    /// A new condition variable that nobody waits for.
    pub const fn new() -> Condvar {
        Condvar {
            inner: std::sync::Condvar::new(),
        }
    }

    /// Releases the lock, waits to be notified and takes the lock again.
    /// It may return for nothing: callers check their condition in a loop.
    pub fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        match scheduler() {
            None => {
                let inner = guard.inner.take().expect("a guard is held but for a wait");
                let inner = self
                    .inner
                    .wait(inner)
                    .unwrap_or_else(PoisonError::into_inner);
                guard.inner = Some(inner);
                guard
            }
            Some(scheduler) => {
                let lock = guard.lock;
                drop(guard);
                // No scheduling point lies between the release and the park, so no
                // notification can fall between them: as the standard one guarantees.
                scheduler.park(self.identity(), Park::Condvar);
                lock.lock()
            }
        }
    }

    /// Wakes one waiter, if there is one.
    pub fn notify_one(&self) {
        match scheduler() {
            None => self.inner.notify_one(),
            Some(scheduler) => scheduler.wake_one(self.identity()),
        }
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        match scheduler() {
            None => self.inner.notify_all(),
            Some(scheduler) => scheduler.wake_all(self.identity()),
        }
    }

    fn identity(&self) -> usize {
        std::ptr::from_ref(&self.inner).addr()
    }
}

/// An atomic counter; sequentially consistent, so that the simulator's one order is all there is.
#[derive(Default)]
pub struct AtomicU64 {
    inner: std::sync::atomic::AtomicU64,
}

impl AtomicU64 {
    /// A new counter at `value`.
    pub const fn new(value: u64) -> AtomicU64 {
        AtomicU64 {
            inner: std::sync::atomic::AtomicU64::new(value),
        }
    }

    /// Reads the counter.
    pub fn load(&self) -> u64 {
        self.point(Point::Load);
        self.inner.load(Ordering::SeqCst)
    }

    /// Sets the counter.
    pub fn store(&self, value: u64) {
        self.point(Point::Store);
        self.inner.store(value, Ordering::SeqCst);
    }

    fn point(&self, what: Point) {
        if let Some(scheduler) = scheduler() {
            scheduler.point(std::ptr::from_ref(&self.inner).addr(), what);
        }
    }
}
