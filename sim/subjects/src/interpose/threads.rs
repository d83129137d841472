//! Threads: each is a real one, which waits for its turn before it does anything.
//!
//! A thread of a simulated process never ends: what it would do at its end, it does while it is its
//! turn, and then it stands still until the process ends. So nothing of it (its stack, what libc
//! keeps for it) is given back while another one runs, which would make addresses a matter of luck.
#![allow(unsafe_code)] // Functions of libc.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{pthread_attr_t as Attributes, pthread_key_t, pthread_t};

use super::answer::Kept;
use super::raw::call;
use super::raw::real;
use crate::sys;

type Start = extern "C" fn(*mut c_void) -> *mut c_void;
type Destructor = unsafe extern "C" fn(*mut c_void);

/// A thread that a simulated one has made.
struct Thread {
    number: u32,
    handle: pthread_t,
    start: Start,
    argument: *mut c_void,
    result: *mut c_void,
}

/// All that were made, for as long as the process lives.
static THREADS: Kept<Vec<*mut Thread>> = Kept::new(Vec::new());

/// What is to be destroyed at the end of a thread.
struct Doomed {
    destructor: Destructor,
    value: *mut c_void,
    next: *mut Doomed,
}

thread_local! {
    /// The calling thread, if it was made here.
    static OWN: Cell<*mut Thread> = const { Cell::new(ptr::null_mut()) };
    /// Its values with a destructor, the last one first.
    static DOOMED: Cell<*mut Doomed> = const { Cell::new(ptr::null_mut()) };
}

/// The calling thread's number in the simulator; 0 of the first one.
pub fn number() -> u32 {
    let own = OWN.get();
    // SAFETY: It lives as long as the process.
    if own.is_null() {
        0
    } else {
        unsafe { (*own).number }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    handle: *mut pthread_t,
    attributes: *const Attributes,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    if !sys::is_simulated() {
        return real!(
            pthread_create(
                handle => *mut pthread_t, attributes => *const Attributes, start => Start,
                argument => *mut c_void
            ) -> c_int
        );
    }
    let number = match sys::spawn() {
        Ok(number) => number,
        Err(errno) => return errno,
    };
    let thread = Box::into_raw(Box::new(Thread {
        number,
        handle: 0,
        start,
        argument,
        result: ptr::null_mut(),
    }));
    let argument: *mut c_void = thread.cast();
    let start: Start = run;
    let created = real!(
        pthread_create(
            handle => *mut pthread_t, attributes => *const Attributes, start => Start,
            argument => *mut c_void
        ) -> c_int
    );
    assert_eq!(created, 0, "the machine has no more threads");
    // SAFETY: The new thread waits for its turn, and `handle` is the caller's.
    unsafe { (*thread).handle = *handle };
    THREADS.with(|threads| threads.push(thread));
    0
}

extern "C" fn run(argument: *mut c_void) -> *mut c_void {
    let thread: *mut Thread = argument.cast();
    OWN.set(thread);
    // SAFETY: It was made by `pthread_create` and lives as long as the process.
    let (number, start, argument) =
        unsafe { ((*thread).number, (*thread).start, (*thread).argument) };
    sys::begin_thread(number);
    let result = start(argument);
    end(thread, result)
}

/// Ends the calling thread.
fn end(thread: *mut Thread, result: *mut c_void) -> ! {
    destroy_values();
    destroy_keys();
    // SAFETY: It lives as long as the process.
    unsafe { (*thread).result = result };
    sys::end_thread();
    loop {
        // SAFETY: It waits for nothing.
        unsafe { call(libc::SYS_ppoll, [0; 6]) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_exit(result: *mut c_void) -> ! {
    let own = OWN.get();
    if own.is_null() {
        real!(pthread_exit(result => *mut c_void) -> !);
    }
    end(own, result)
}

/// The thread of that handle, if a simulated one made it.
fn find(handle: pthread_t) -> Option<*mut Thread> {
    if !sys::is_simulated() {
        return None;
    }
    THREADS.with(|threads| {
        // SAFETY: Each lives as long as the process.
        let mut found = threads
            .iter()
            .filter(|thread| unsafe { (***thread).handle } == handle);
        found.next().copied()
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(handle: pthread_t, result: *mut *mut c_void) -> c_int {
    let Some(thread) = find(handle) else {
        return real!(pthread_join(handle => pthread_t, result => *mut *mut c_void) -> c_int);
    };
    // SAFETY: It lives as long as the process, and has ended when its result is read.
    unsafe {
        sys::join((*thread).number);
        if !result.is_null() {
            result.write((*thread).result);
        }
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_detach(handle: pthread_t) -> c_int {
    if find(handle).is_some() {
        return 0;
    }
    real!(pthread_detach(handle => pthread_t) -> c_int)
}

// std, and C++, have their thread-local values destroyed so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cxa_thread_atexit_impl(
    destructor: Destructor,
    value: *mut c_void,
    library: *mut c_void,
) -> c_int {
    if OWN.get().is_null() {
        return real!(
            __cxa_thread_atexit_impl(
                destructor => Destructor, value => *mut c_void, library => *mut c_void
            ) -> c_int
        );
    }
    let next = DOOMED.get();
    DOOMED.set(Box::into_raw(Box::new(Doomed {
        destructor,
        value,
        next,
    })));
    0
}

/// The last one first, and those too that a destructor makes.
fn destroy_values() {
    while !DOOMED.get().is_null() {
        // SAFETY: It was made above, and is taken off the list.
        let doomed = unsafe { Box::from_raw(DOOMED.get()) };
        DOOMED.set(doomed.next);
        // SAFETY: As who asked for it has promised.
        unsafe { (doomed.destructor)(doomed.value) };
    }
}

/// The most keys that libc has.
// Source: limits.h of glibc, PTHREAD_KEYS_MAX.
const KEYS_MAX: usize = 1024;

/// The destructor of each key, as a number; 0 for none.
static KEYS: [AtomicUsize; KEYS_MAX] = [const { AtomicUsize::new(0) }; KEYS_MAX];

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_key_create(
    key: *mut pthread_key_t,
    destructor: Option<Destructor>,
) -> c_int {
    let result = real!(
        pthread_key_create(key => *mut pthread_key_t, destructor => Option<Destructor>) -> c_int
    );
    if result == 0 {
        let destructor = destructor.map_or(0, |destructor| destructor as usize);
        // SAFETY: libc has just written it.
        KEYS[unsafe { *key } as usize].store(destructor, Ordering::Relaxed);
    }
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_key_delete(key: pthread_key_t) -> c_int {
    if let Some(destructor) = KEYS.get(key as usize) {
        destructor.store(0, Ordering::Relaxed);
    }
    real!(pthread_key_delete(key => pthread_key_t) -> c_int)
}

/// As libc does it: key by key, and again for those that a destructor has set, four times at most.
// Source: pthread_key_create(3p), PTHREAD_DESTRUCTOR_ITERATIONS.
fn destroy_keys() {
    for _ in 0..4 {
        let mut were_any = false;
        for (key, destructor) in (0..).zip(&KEYS) {
            let destructor = destructor.load(Ordering::Relaxed);
            if destructor == 0 {
                continue;
            }
            // SAFETY: The key exists.
            let value = unsafe { libc::pthread_getspecific(key) };
            if value.is_null() {
                continue;
            }
            were_any = true;
            // SAFETY: The number is a destructor's, stored by `pthread_key_create`.
            unsafe {
                libc::pthread_setspecific(key, ptr::null());
                std::mem::transmute::<usize, Destructor>(destructor)(value);
            }
        }
        if !were_any {
            return;
        }
    }
}
