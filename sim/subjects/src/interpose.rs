//! The process's own libc calls, answered by the simulator.
//!
//! The functions below are the ones that this program, and each crate in it, is linked to, in place
//! of libc's. Where a simulated thread calls, and of a path below [`ROOT`](crate::sys::ROOT) or a
//! descriptor of such a file, [`sys`](crate::sys) answers; time, randomness, threads and what waits
//! are the simulator's wherever such a thread calls. All else goes on to the kernel, or to libc.
//!
//! What must hold in here: it runs on a subject's threads, in destructors of their thread-local
//! values too, so it has no lock, no thread-local value with a destructor, and no map that would
//! ask for randomness. What it keeps is safe without a lock, as one simulated thread runs at a time,
//! and another one's turn comes only within a call of `sys`.
//!
//! Out of reach: system calls that code makes by itself, without libc (see rustix's `use-libc`);
//! calls that libc makes within itself (`fopen`, `mkstemp`: they find no such file, loudly); the
//! time stamp counter of the processor.

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("subjects run on Linux with glibc, on x86-64 or aarch64");

pub(crate) mod raw;

mod answer;
mod attributes;
mod condition;
mod dirs;
mod durable;
mod locks;
mod mapping;
mod memory;
mod mutex;
mod names;
mod open;
mod pages;
mod paths;
mod random;
mod ranges;
mod readwrite;
mod space;
mod stat;
mod surroundings;
mod syscall;
mod threads;
mod time;
mod waiting;
mod working;

pub(crate) use pages::write_back;
