//! Time is the simulator's, and it passes for a simulated thread only there.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_int, c_uint, c_void};

use libc::{clockid_t, time_t, timespec, timeval, useconds_t};

use super::raw::{pass, real, set_errno};
use crate::sys;

/// The date at which a run's monotonic clock is zero: the first second of 2026, in UTC.
pub const BOOT_SECONDS: i64 = 1_767_225_600;

const SECOND: u64 = 1_000_000_000;

fn is_of_date(clock: clockid_t) -> bool {
    clock == libc::CLOCK_REALTIME
        || clock == libc::CLOCK_REALTIME_COARSE
        || clock == libc::CLOCK_TAI
}

/// What the clock shows. Those of processor time show what passes, too.
fn shown(clock: clockid_t) -> timespec {
    let now = sys::now();
    let since = if is_of_date(clock) { BOOT_SECONDS } else { 0 };
    timespec {
        tv_sec: since + (now / SECOND) as i64,
        tv_nsec: (now % SECOND) as i64,
    }
}

/// A span of time in ns.
pub fn span(time: &timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(SECOND).saturating_add(nanos)
}

/// A point in time of a clock, as the monotonic one shows it.
pub fn deadline(clock: clockid_t, time: &timespec) -> u64 {
    if !is_of_date(clock) {
        return span(time);
    }
    span(&timespec {
        tv_sec: time.tv_sec - BOOT_SECONDS,
        tv_nsec: time.tv_nsec,
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    if !sys::is_simulated() {
        return real!(clock_gettime(clock => clockid_t, time => *mut timespec) -> c_int);
    }
    // SAFETY: The caller's structure.
    unsafe { time.write(shown(clock)) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, zone: *mut c_void) -> c_int {
    if !sys::is_simulated() {
        return real!(gettimeofday(time => *mut timeval, zone => *mut c_void) -> c_int);
    }
    let now = shown(libc::CLOCK_REALTIME);
    // SAFETY: The caller's structure.
    unsafe {
        time.write(timeval {
            tv_sec: now.tv_sec,
            tv_usec: now.tv_nsec / 1_000,
        });
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(seconds: *mut time_t) -> time_t {
    if !sys::is_simulated() {
        return real!(time(seconds => *mut time_t) -> time_t);
    }
    let now = shown(libc::CLOCK_REALTIME).tv_sec;
    if !seconds.is_null() {
        // SAFETY: The caller's number.
        unsafe { seconds.write(now) };
    }
    now
}

// It returns the error.
// Source: clock_nanosleep(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    time: *const timespec,
    rest: *mut timespec,
) -> c_int {
    if !sys::is_simulated() {
        return real!(
            clock_nanosleep(
                clock => clockid_t, flags => c_int, time => *const timespec, rest => *mut timespec
            ) -> c_int
        );
    }
    // SAFETY: The caller's structure.
    let time = unsafe { &*time };
    if flags & libc::TIMER_ABSTIME != 0 {
        sys::sleep_until(deadline(clock, time));
    } else {
        sleep_for(span(time));
    }
    0
}

fn sleep_for(span: u64) {
    sys::sleep_until(sys::now().saturating_add(span));
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(time: *const timespec, rest: *mut timespec) -> c_int {
    // SAFETY: The caller's promise.
    match unsafe { clock_nanosleep(libc::CLOCK_MONOTONIC, 0, time, rest) } {
        0 => 0,
        errno => {
            set_errno(errno);
            -1
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn usleep(micros: useconds_t) -> c_int {
    if !sys::is_simulated() {
        return real!(usleep(micros => useconds_t) -> c_int);
    }
    sleep_for(u64::from(micros) * 1_000);
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sleep(seconds: c_uint) -> c_uint {
    if !sys::is_simulated() {
        return real!(sleep(seconds => c_uint) -> c_uint);
    }
    sleep_for(u64::from(seconds) * SECOND);
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_yield() -> c_int {
    if !sys::is_simulated() {
        return pass!(SYS_sched_yield);
    }
    sys::yield_now();
    0
}
