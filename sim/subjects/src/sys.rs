#![allow(unused_variables, missing_docs)] // The calls follow.
//! System calls of a simulated process, to the simulator as its kernel.
//!
//! Each can be the last thing that the calling thread does: where a life ends, no call returns.

use std::cell::Cell;

/// What a call returns, or its `errno`.
pub type Result<T> = std::result::Result<T, i32>;

/// Descriptors of simulated files are from here on, so that one in a real call is an error.
pub const FIRST_FD: i32 = 1 << 20;

/// What is known of a file or directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Its number.
    pub ino: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: Vec<u8>,
    /// What it leads to.
    pub ino: u64,
    /// Whether that is a directory.
    pub is_dir: bool,
}

/// The simulated disk is mounted here.
pub const ROOT: &str = "/simfs";

/// Whether the calling thread is one of a simulated process.
pub fn is_simulated() -> bool {
    todo!()
}
/// `path` is absolute and without `.` and `..`; `flags` are those of open(2).
pub fn open(path: &[u8], flags: i32) -> Result<i32> {
    todo!()
}
pub fn close(fd: i32) -> Result<()> {
    todo!()
}
/// At `offset`, or at the descriptor's own, which it moves.
pub fn read(fd: i32, offset: Option<u64>, buf: &mut [u8]) -> Result<usize> {
    todo!()
}
/// At `offset`, or at the descriptor's own, which it moves; with O_APPEND at the end.
pub fn write(fd: i32, offset: Option<u64>, bytes: &[u8]) -> Result<usize> {
    todo!()
}
pub fn seek(fd: i32, offset: i64, whence: i32) -> Result<u64> {
    todo!()
}
/// fsync, or with `data_only` fdatasync; of a directory, its names.
pub fn sync(fd: i32, data_only: bool) -> Result<()> {
    todo!()
}
pub fn set_len(fd: i32, len: u64) -> Result<()> {
    todo!()
}
/// `mode` as in fallocate(2).
pub fn allocate(fd: i32, mode: i32, offset: u64, len: u64) -> Result<()> {
    todo!()
}
pub fn stat(path: &[u8]) -> Result<Stat> {
    todo!()
}
pub fn fstat(fd: i32) -> Result<Stat> {
    todo!()
}
pub fn create_dir(path: &[u8]) -> Result<()> {
    todo!()
}
pub fn remove_dir(path: &[u8]) -> Result<()> {
    todo!()
}
pub fn remove_file(path: &[u8]) -> Result<()> {
    todo!()
}
pub fn rename(from: &[u8], to: &[u8]) -> Result<()> {
    todo!()
}
pub fn link(from: &[u8], to: &[u8]) -> Result<()> {
    todo!()
}
pub fn read_dir(path: &[u8]) -> Result<Vec<DirEntry>> {
    todo!()
}
/// The path of an open directory or file, for calls relative to it.
pub fn path_of(fd: i32) -> Result<Vec<u8>> {
    todo!()
}
/// A second descriptor of the same open file.
pub fn dup(fd: i32) -> Result<i32> {
    todo!()
}
/// flock(2): `operation` is one of LOCK_SH, LOCK_EX, LOCK_UN, with LOCK_NB or not.
pub fn lock(fd: i32, operation: i32) -> Result<()> {
    todo!()
}
/// The flags of open(2).
pub fn flags(fd: i32) -> Result<i32> {
    todo!()
}

/// Waits on a futex until woken, or until the monotonic clock is at `deadline` (ns): then ETIMEDOUT.
/// Whoever calls has seen that the word still has the value.
pub fn futex_wait(word: usize, deadline: Option<u64>) -> Result<()> {
    todo!()
}
/// Wakes up to `count`; returns how many.
pub fn futex_wake(word: usize, count: u32) -> u32 {
    todo!()
}
/// The monotonic clock, in ns; each call takes a microsecond.
pub fn now() -> u64 {
    todo!()
}
pub fn sleep_until(deadline: u64) {
    todo!()
}
pub fn yield_now() {
    todo!()
}
/// Random bytes, the same for the same seed.
pub fn random(buf: &mut [u8]) {
    todo!()
}
/// Makes room for another thread; returns its number. That one's first call is `begin_thread`, its
/// last one `end_thread`.
pub fn spawn() -> Result<u32> {
    todo!()
}
/// In the new thread: waits for its turn.
pub fn begin_thread(number: u32) {
    todo!()
}
/// The calling thread makes no further call.
pub fn end_thread() {
    todo!()
}
/// Waits until the thread has ended.
pub fn join(number: u32) {
    todo!()
}
