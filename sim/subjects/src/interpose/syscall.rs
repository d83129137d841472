//! System calls that are made by number, through libc: std's and parking_lot's futexes above all.
#![allow(unsafe_code)] // A function of libc, whose arguments mean what the number says.

use std::ffi::{c_int, c_long};

use libc::timespec;

use super::answer::{fail, number};
use super::{
    durable, locks, memory, names, open, random, raw, readwrite, space, stat, surroundings, time,
};
use crate::sys;

// How many arguments there are depends on the call; see `open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    call: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    let args = [a, b, c, d, e, f];
    if sys::is_simulated() {
        // SAFETY: The caller's call.
        if let Some(result) = unsafe { simulate(call, args) } {
            return result as c_long;
        }
    }
    // SAFETY: The caller's call.
    unsafe { raw::checked(call, args) as c_long }
}

/// Calls the function of that name; what it returns is the system call's result, too.
macro_rules! same {
    ($function:path, $($arg:expr),*) => { $function($($arg as _),*) as isize };
}

/// The result of a call that the simulator answers.
///
/// # Safety
/// As the call itself.
unsafe fn simulate(call: c_long, [a, b, c, d, e, f]: [usize; 6]) -> Option<isize> {
    // SAFETY: Each is the very function that the number stands for.
    let result = unsafe {
        match call {
            libc::SYS_futex => number(futex(a as *const u32, b as c_int, c as u32, d)),
            libc::SYS_getrandom => same!(random::getrandom, a, b, c),
            libc::SYS_clock_gettime => same!(time::clock_gettime, a, b),
            libc::SYS_nanosleep => same!(time::nanosleep, a, b),
            libc::SYS_sched_yield => time::sched_yield() as isize,
            libc::SYS_getpid => surroundings::getpid() as isize,
            libc::SYS_gettid => surroundings::gettid() as isize,
            libc::SYS_openat => same!(open::openat, a, b, c, d),
            libc::SYS_close => same!(open::close, a),
            libc::SYS_dup => same!(open::dup, a),
            libc::SYS_read => same!(readwrite::read, a, b, c),
            libc::SYS_write => same!(readwrite::write, a, b, c),
            libc::SYS_pread64 => same!(readwrite::pread, a, b, c, d),
            libc::SYS_pwrite64 => same!(readwrite::pwrite, a, b, c, d),
            libc::SYS_readv => same!(readwrite::readv, a, b, c),
            libc::SYS_writev => same!(readwrite::writev, a, b, c),
            libc::SYS_preadv => same!(readwrite::preadv, a, b, c, d),
            libc::SYS_pwritev => same!(readwrite::pwritev, a, b, c, d),
            libc::SYS_preadv2 => same!(readwrite::preadv2, a, b, c, d, f),
            libc::SYS_pwritev2 => same!(readwrite::pwritev2, a, b, c, d, f),
            libc::SYS_lseek => same!(readwrite::lseek, a, b, c),
            libc::SYS_copy_file_range => same!(readwrite::copy_file_range, a, b, c, d, e, f),
            libc::SYS_sendfile => same!(readwrite::sendfile, a, b, c, d),
            libc::SYS_splice => same!(readwrite::splice, a, b, c, d, e, f),
            libc::SYS_fsync => same!(durable::fsync, a),
            libc::SYS_fdatasync => same!(durable::fdatasync, a),
            libc::SYS_sync_file_range => same!(durable::sync_file_range, a, b, c, d),
            libc::SYS_syncfs => same!(durable::syncfs, a),
            libc::SYS_ftruncate => same!(space::ftruncate, a, b),
            libc::SYS_fallocate => same!(space::fallocate, a, b, c, d),
            libc::SYS_mkdirat => same!(names::mkdirat, a, b, c),
            libc::SYS_unlinkat => same!(names::unlinkat, a, b, c),
            libc::SYS_renameat2 => same!(names::renameat2, a, b, c, d, e),
            libc::SYS_linkat => same!(names::linkat, a, b, c, d, e),
            libc::SYS_statx => same!(stat::statx, a, b, c, d, e),
            libc::SYS_newfstatat => same!(stat::fstatat, a, b, c, d),
            libc::SYS_fstat => same!(stat::fstat, a, b),
            libc::SYS_flock => same!(locks::flock, a, b),
            libc::SYS_fcntl => same!(locks::fcntl, a, b, c),
            libc::SYS_mmap => same!(memory::mmap, a, b, c, d, e, f),
            libc::SYS_munmap => same!(memory::munmap, a, b),
            libc::SYS_msync => same!(memory::msync, a, b, c),
            // What the simulator does not know, and whoever asks for it has another way to do.
            libc::SYS_io_uring_setup | libc::SYS_io_uring_enter | libc::SYS_io_uring_register => {
                fail(libc::ENOSYS)
            }
            _ => return None,
        }
    };
    Some(result)
}

/// futex(2), for waiting and waking.
///
/// # Safety
/// `word` and `timeout` are as that call wants them.
unsafe fn futex(
    word: *const u32,
    operation: c_int,
    value: u32,
    timeout: usize,
) -> sys::Result<u32> {
    let clock = match operation & libc::FUTEX_CLOCK_REALTIME {
        0 => libc::CLOCK_MONOTONIC,
        _ => libc::CLOCK_REALTIME,
    };
    // SAFETY: The caller's promise.
    let timeout = unsafe { (timeout as *const timespec).as_ref() };
    let deadline = match operation & libc::FUTEX_CMD_MASK {
        libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET => {
            return Ok(sys::futex_wake(word as usize, value));
        }
        libc::FUTEX_WAIT => timeout.map(|span| sys::now().saturating_add(time::span(span))),
        libc::FUTEX_WAIT_BITSET => timeout.map(|until| time::deadline(clock, until)),
        _ => return Err(libc::ENOSYS),
    };
    // Nobody else runs between this look and the wait.
    // SAFETY: The caller's promise.
    if unsafe { word.read_volatile() } != value {
        return Err(libc::EAGAIN);
    }
    sys::futex_wait(word as usize, deadline).map(|()| 0)
}
