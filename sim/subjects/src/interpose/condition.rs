//! C's condition variables, for simulated threads: first come, first woken, and never for nothing.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::c_int;

use libc::{
    clockid_t, pthread_cond_t as Condition, pthread_condattr_t as Attributes,
    pthread_mutex_t as Mutex, timespec,
};

use super::answer::Kept;
use super::mutex::{pthread_mutex_lock, pthread_mutex_unlock};
use super::raw::real;
use super::time;
use crate::sys;

/// A thread that waits.
struct Waiter {
    condition: usize,
    /// Where it waits in the simulator: an address of its own.
    place: usize,
    is_woken: bool,
}

/// In the order in which they came.
static WAITERS: Kept<Vec<Waiter>> = Kept::new(Vec::new());

/// The conditions whose deadlines are of the monotonic clock.
static MONOTONIC: Kept<Vec<usize>> = Kept::new(Vec::new());

/// # Safety
/// `mutex` is held by the caller.
unsafe fn wait(condition: usize, mutex: *mut Mutex, deadline: Option<u64>) -> c_int {
    let own = 0_u8;
    let place = (&raw const own) as usize;
    WAITERS.with(|waiters| {
        waiters.push(Waiter {
            condition,
            place,
            is_woken: false,
        });
    });
    // SAFETY: The caller's promise.
    unsafe { pthread_mutex_unlock(mutex) };
    let is_woken = || {
        WAITERS.with(|waiters| {
            let mut own = waiters.iter().filter(|waiter| waiter.place == place);
            own.next().expect("pushed above").is_woken
        })
    };
    let result = loop {
        if is_woken() {
            break 0;
        }
        if sys::futex_wait(place, deadline).is_err() && !is_woken() {
            break libc::ETIMEDOUT;
        }
    };
    WAITERS.with(|waiters| waiters.retain(|waiter| waiter.place != place));
    // SAFETY: The caller's lock.
    unsafe { pthread_mutex_lock(mutex) };
    result
}

/// Wakes up to `count`.
fn wake(condition: usize, count: usize) {
    let places: Vec<usize> = WAITERS.with(|waiters| {
        let waiting = waiters.iter_mut();
        let waiting = waiting.filter(|waiter| waiter.condition == condition && !waiter.is_woken);
        let woken = waiting.take(count).map(|waiter| {
            waiter.is_woken = true;
            waiter.place
        });
        woken.collect()
    });
    for place in places {
        sys::futex_wake(place, 1);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_init(
    condition: *mut Condition,
    attributes: *const Attributes,
) -> c_int {
    if sys::is_simulated() {
        let mut clock = libc::CLOCK_REALTIME;
        if !attributes.is_null() {
            // SAFETY: The caller's attributes.
            unsafe { libc::pthread_condattr_getclock(attributes, &raw mut clock) };
        }
        MONOTONIC.with(|known| {
            known.retain(|known| *known != condition as usize);
            known.extend((clock == libc::CLOCK_MONOTONIC).then_some(condition as usize));
        });
    }
    real!(pthread_cond_init(condition => *mut Condition, attributes => *const Attributes) -> c_int)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_wait(condition: *mut Condition, mutex: *mut Mutex) -> c_int {
    if sys::is_simulated() {
        // SAFETY: The caller's promise.
        return unsafe { wait(condition as usize, mutex, None) };
    }
    real!(pthread_cond_wait(condition => *mut Condition, mutex => *mut Mutex) -> c_int)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut Condition,
    mutex: *mut Mutex,
    deadline: *const timespec,
) -> c_int {
    if !sys::is_simulated() {
        return real!(
            pthread_cond_timedwait(
                condition => *mut Condition, mutex => *mut Mutex, deadline => *const timespec
            ) -> c_int
        );
    }
    let clock = match MONOTONIC.with(|known| known.contains(&(condition as usize))) {
        true => libc::CLOCK_MONOTONIC,
        false => libc::CLOCK_REALTIME,
    };
    // SAFETY: The caller's promise.
    unsafe {
        wait(
            condition as usize,
            mutex,
            Some(time::deadline(clock, &*deadline)),
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_clockwait(
    condition: *mut Condition,
    mutex: *mut Mutex,
    clock: clockid_t,
    deadline: *const timespec,
) -> c_int {
    if !sys::is_simulated() {
        return real!(
            pthread_cond_clockwait(
                condition => *mut Condition, mutex => *mut Mutex, clock => clockid_t,
                deadline => *const timespec
            ) -> c_int
        );
    }
    // SAFETY: The caller's promise.
    unsafe {
        wait(
            condition as usize,
            mutex,
            Some(time::deadline(clock, &*deadline)),
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_signal(condition: *mut Condition) -> c_int {
    if sys::is_simulated() {
        wake(condition as usize, 1);
        return 0;
    }
    real!(pthread_cond_signal(condition => *mut Condition) -> c_int)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_broadcast(condition: *mut Condition) -> c_int {
    if sys::is_simulated() {
        wake(condition as usize, usize::MAX);
        return 0;
    }
    real!(pthread_cond_broadcast(condition => *mut Condition) -> c_int)
}
