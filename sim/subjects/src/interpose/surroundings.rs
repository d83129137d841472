//! The machine around a simulated process: the same one everywhere.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_int, c_long};
use std::mem;

use libc::{cpu_set_t, pid_t, size_t, sysinfo as SysInfo};

use super::raw::{pass, real};
use super::threads;
use crate::sys;

/// Two processors, as for one there would be fewer threads.
const PROCESSORS: c_int = 2;

const MEMORY_BYTES: u64 = 4 << 30;

const PAGE_BYTES: u64 = 4096;

/// The number of the process, and of its first thread.
const PROCESS: pid_t = 1000;

/// Whether a real file tells of the machine: whoever looks for it finds none, and takes a default.
pub fn is_hidden(path: &[u8]) -> bool {
    let files: [&[u8]; 4] = [
        b"/proc/self/cgroup",
        b"/proc/cpuinfo",
        b"/proc/meminfo",
        b"/proc/stat",
    ];
    path.starts_with(b"/sys/") || files.contains(&path)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysconf(name: c_int) -> c_long {
    if sys::is_simulated() {
        match name {
            libc::_SC_NPROCESSORS_CONF | libc::_SC_NPROCESSORS_ONLN => return PROCESSORS.into(),
            libc::_SC_PHYS_PAGES => return (MEMORY_BYTES / PAGE_BYTES) as c_long,
            libc::_SC_AVPHYS_PAGES => return (MEMORY_BYTES / PAGE_BYTES / 2) as c_long,
            _ => {}
        }
    }
    real!(sysconf(name => c_int) -> c_long)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_nprocs() -> c_int {
    if sys::is_simulated() {
        return PROCESSORS;
    }
    real!(get_nprocs() -> c_int)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_getaffinity(
    process: pid_t,
    size: size_t,
    set: *mut cpu_set_t,
) -> c_int {
    if !sys::is_simulated() {
        return real!(
            sched_getaffinity(process => pid_t, size => size_t, set => *mut cpu_set_t) -> c_int
        );
    }
    // SAFETY: The caller's set, of `size` bytes, of which the first one has the first processors.
    unsafe {
        set.cast::<u8>().write_bytes(0, size);
        set.cast::<u8>().write((1 << PROCESSORS) - 1);
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysinfo(target: *mut SysInfo) -> c_int {
    if !sys::is_simulated() {
        return pass!(SYS_sysinfo, target);
    }
    // SAFETY: It is made of numbers.
    let mut found: SysInfo = unsafe { mem::zeroed() };
    found.totalram = MEMORY_BYTES;
    found.freeram = MEMORY_BYTES / 2;
    found.procs = 1;
    found.mem_unit = 1;
    // SAFETY: The caller's structure.
    unsafe { target.write(found) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpid() -> pid_t {
    if sys::is_simulated() {
        return PROCESS;
    }
    pass!(SYS_getpid)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettid() -> pid_t {
    if sys::is_simulated() {
        return PROCESS + threads::number() as pid_t;
    }
    pass!(SYS_gettid)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_getcpu() -> c_int {
    if sys::is_simulated() {
        return 0;
    }
    real!(sched_getcpu() -> c_int)
}
