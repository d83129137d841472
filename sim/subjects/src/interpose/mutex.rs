//! C's locks: a thread that waits for one lets the others run.
//!
//! A lock stays libc's own; a simulated thread only tries to take it, and waits in the simulator
//! where it can't.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::c_int;

use libc::{pthread_mutex_t as Mutex, pthread_rwlock_t as RwLock};

use super::raw::real;
use super::waiting;
use crate::sys;

/// Tries until it is no more refused because of another holder.
fn take(address: usize, mut attempt: impl FnMut() -> c_int) -> c_int {
    waiting::until(address, || match attempt() {
        libc::EBUSY => None,
        done => Some(done),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_lock(mutex: *mut Mutex) -> c_int {
    if !sys::is_simulated() {
        return real!(pthread_mutex_lock(mutex => *mut Mutex) -> c_int);
    }
    // SAFETY: The caller's lock.
    take(mutex as usize, || unsafe {
        libc::pthread_mutex_trylock(mutex)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut Mutex) -> c_int {
    let result = real!(pthread_mutex_unlock(mutex => *mut Mutex) -> c_int);
    if sys::is_simulated() {
        waiting::wake(mutex as usize, 1);
    }
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_rdlock(lock: *mut RwLock) -> c_int {
    if !sys::is_simulated() {
        return real!(pthread_rwlock_rdlock(lock => *mut RwLock) -> c_int);
    }
    // SAFETY: The caller's lock.
    take(lock as usize, || unsafe {
        libc::pthread_rwlock_tryrdlock(lock)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_wrlock(lock: *mut RwLock) -> c_int {
    if !sys::is_simulated() {
        return real!(pthread_rwlock_wrlock(lock => *mut RwLock) -> c_int);
    }
    // SAFETY: The caller's lock.
    take(lock as usize, || unsafe {
        libc::pthread_rwlock_trywrlock(lock)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_unlock(lock: *mut RwLock) -> c_int {
    let result = real!(pthread_rwlock_unlock(lock => *mut RwLock) -> c_int);
    if sys::is_simulated() {
        waiting::wake(lock as usize, u32::MAX);
    }
    result
}
