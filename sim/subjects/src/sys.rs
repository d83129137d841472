//! System calls of a simulated process, to the simulator as its kernel.
//!
//! Each can be the last thing that the calling thread does: where a life ends, no call returns. All
//! are made by threads of a simulated process only, see [`is_simulated`].

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use crate::wire::{BUFFER_BYTES, FOREVER, OWN_POSITION, Op, Wire};

/// What a call returns, or its `errno`.
pub type Result<T> = std::result::Result<T, i32>;

/// The simulated disk is mounted here.
pub const ROOT: &str = "/simfs";
/// Descriptors of simulated files are from here on, so that one in a real call is an error.
pub const FIRST_FD: i32 = 1 << 20;

/// What each look at the clock takes, in ns.
const TICK_NS: u64 = 1000;

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

static WIRE: OnceLock<Wire> = OnceLock::new();

thread_local! {
    /// Nothing here is made or dropped, so it is there from a thread's first instruction to its last.
    static SLOT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The calling process is a simulated one from now on, and the calling thread its first.
pub(crate) fn become_simulated(wire: Wire) {
    WIRE.set(wire).ok().expect("it is simulated once");
    SLOT.set(Some(0));
}

/// Whether the calling thread is one of a simulated process.
pub fn is_simulated() -> bool {
    SLOT.get().is_some()
}

fn wire() -> &'static Wire {
    WIRE.get().expect("a simulated process")
}

fn slot() -> usize {
    SLOT.get().expect("a thread of a simulated process") as usize
}

/// Asks; the answer's bytes are the first ones of the slot's buffer.
fn ask(op: Op, args: [u64; 4], bytes: &[&[u8]]) -> Result<(u64, &'static [u8])> {
    // What was stored to mapped memory is in the file for whoever looks now. But who has looked at a word,
    // and waits for it then, must not wait for anything else before.
    if op != Op::FutexWait {
        crate::interpose::write_back();
    }
    let (wire, slot) = (wire(), slot());
    if wire.shared().wants_stacks.load(Ordering::Relaxed) != 0 {
        let (frames, count) = crate::stack::of_caller();
        wire.tell_stack(slot, &frames[..count]);
    }
    let (len, result) = wire.ask(slot, op, args, bytes);
    match u64::try_from(result) {
        Ok(result) => Ok((result, &wire.buffer(slot)[..len])),
        Err(_) => Err(-result as i32),
    }
}

fn fd_arg(fd: i32) -> u64 {
    fd as u32 as u64
}

/// Opens a file or directory. `path` is absolute and without `.` and `..`, as everywhere here; `flags`
/// are those of open(2).
///
/// # Errors
/// As open(2); so for all others below.
pub fn open(path: &[u8], flags: i32) -> Result<i32> {
    ask(Op::Open, [flags as u32 as u64, 0, 0, 0], &[path]).map(|(fd, _)| fd as i32)
}

/// Closes a descriptor.
pub fn close(fd: i32) -> Result<()> {
    ask(Op::Close, [fd_arg(fd), 0, 0, 0], &[]).map(drop)
}

/// Reads at `offset`, or at the descriptor's own position, which it moves.
pub fn read(fd: i32, offset: Option<u64>, buf: &mut [u8]) -> Result<usize> {
    let wanted = buf.len().min(BUFFER_BYTES) as u64;
    let args = [fd_arg(fd), offset.unwrap_or(OWN_POSITION), wanted, 0];
    let (_, bytes) = ask(Op::Read, args, &[])?;
    buf[..bytes.len()].copy_from_slice(bytes);
    Ok(bytes.len())
}

/// Writes at `offset`, or at the descriptor's own position, which it moves; with `O_APPEND` at the end.
pub fn write(fd: i32, offset: Option<u64>, bytes: &[u8]) -> Result<usize> {
    let bytes = &bytes[..bytes.len().min(BUFFER_BYTES)];
    let args = [fd_arg(fd), offset.unwrap_or(OWN_POSITION), 0, 0];
    ask(Op::Write, args, &[bytes]).map(|(count, _)| count as usize)
}

/// The same, and what was written is durable on return; nothing else need be (`RWF_DSYNC`).
pub fn write_sync(fd: i32, offset: Option<u64>, bytes: &[u8]) -> Result<usize> {
    let bytes = &bytes[..bytes.len().min(BUFFER_BYTES)];
    let args = [fd_arg(fd), offset.unwrap_or(OWN_POSITION), 1, 0];
    ask(Op::Write, args, &[bytes]).map(|(count, _)| count as usize)
}

/// What was stored to mapped memory is in the file: no call, and nobody else's turn comes.
pub fn store(fd: i32, offset: u64, bytes: &[u8]) -> Result<()> {
    ask(Op::Store, [fd_arg(fd), offset, 0, 0], &[bytes]).map(drop)
}

/// Moves the descriptor's position as lseek(2) does.
pub fn seek(fd: i32, offset: i64, whence: i32) -> Result<u64> {
    let args = [fd_arg(fd), offset as u64, whence as u64, 0];
    ask(Op::Seek, args, &[]).map(|(position, _)| position)
}

/// `fsync`, or with `data_only` `fdatasync`; of a directory, its names.
pub fn sync(fd: i32, data_only: bool) -> Result<()> {
    ask(Op::Sync, [fd_arg(fd), data_only.into(), 0, 0], &[]).map(drop)
}

/// Cuts or extends a file.
pub fn set_len(fd: i32, len: u64) -> Result<()> {
    ask(Op::SetLen, [fd_arg(fd), len, 0, 0], &[]).map(drop)
}

/// Reserves space; `mode` as in fallocate(2).
pub fn allocate(fd: i32, mode: i32, offset: u64, len: u64) -> Result<()> {
    ask(Op::Allocate, [fd_arg(fd), mode as u64, offset, len], &[]).map(drop)
}

fn stat_of(bytes: &[u8]) -> Stat {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    Stat {
        ino: number(0),
        len: number(8),
        is_dir: bytes[16] != 0,
    }
}

/// What is at `path`.
pub fn stat(path: &[u8]) -> Result<Stat> {
    ask(Op::Stat, [0; 4], &[path]).map(|(_, bytes)| stat_of(bytes))
}

/// What is open.
pub fn fstat(fd: i32) -> Result<Stat> {
    ask(Op::StatFd, [fd_arg(fd), 0, 0, 0], &[]).map(|(_, bytes)| stat_of(bytes))
}

/// Creates a directory.
pub fn create_dir(path: &[u8]) -> Result<()> {
    ask(Op::CreateDir, [0; 4], &[path]).map(drop)
}

/// Removes an empty directory.
pub fn remove_dir(path: &[u8]) -> Result<()> {
    ask(Op::RemoveDir, [0; 4], &[path]).map(drop)
}

/// Removes a file's name.
pub fn remove_file(path: &[u8]) -> Result<()> {
    ask(Op::RemoveFile, [0; 4], &[path]).map(drop)
}

/// Renames a file or directory over what is there.
pub fn rename(from: &[u8], to: &[u8]) -> Result<()> {
    ask(Op::Rename, [0; 4], &[from, b"\0", to]).map(drop)
}

/// The names in a directory, without `.` and `..`.
pub fn read_dir(path: &[u8]) -> Result<Vec<DirEntry>> {
    let (_, mut bytes) = ask(Op::ReadDir, [0; 4], &[path])?;
    let mut entries = Vec::new();
    // Each is its number, a byte that tells a directory, its name and a zero.
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let end = rest
            .iter()
            .position(|&byte| byte == 0)
            .expect("a name ends");
        entries.push(DirEntry {
            name: rest[..end].to_vec(),
            ino: u64::from_le_bytes(*head.first_chunk().expect("eight of nine")),
            is_dir: head[8] != 0,
        });
        bytes = &rest[end + 1..];
    }
    Ok(entries)
}

/// The path under which a file or directory was opened, for calls relative to it.
pub fn path_of(fd: i32) -> Result<Vec<u8>> {
    ask(Op::PathOf, [fd_arg(fd), 0, 0, 0], &[]).map(|(_, path)| path.to_vec())
}

/// A second descriptor of the same open file.
pub fn dup(fd: i32) -> Result<i32> {
    ask(Op::Dup, [fd_arg(fd), 0, 0, 0], &[]).map(|(fd, _)| fd as i32)
}

/// flock(2): `operation` is `LOCK_SH`, `LOCK_EX` or `LOCK_UN`, with `LOCK_NB` or not.
pub fn lock(fd: i32, operation: i32) -> Result<()> {
    ask(Op::Lock, [fd_arg(fd), operation as u64, 0, 0], &[]).map(drop)
}

/// The flags that it was opened with.
pub fn flags(fd: i32) -> Result<i32> {
    ask(Op::Flags, [fd_arg(fd), 0, 0, 0], &[]).map(|(flags, _)| flags as i32)
}

/// Waits on a futex until woken, or until the monotonic clock is at `deadline` (ns): then `ETIMEDOUT`.
/// Whoever calls has seen that the word still has the value. May return early.
pub fn futex_wait(word: usize, deadline: Option<u64>) -> Result<()> {
    ask(
        Op::FutexWait,
        [word as u64, deadline.unwrap_or(FOREVER), 0, 0],
        &[],
    )
    .map(drop)
}

/// Wakes up to `count`; returns how many.
pub fn futex_wake(word: usize, count: u32) -> u32 {
    let woken = ask(Op::FutexWake, [word as u64, count.into(), 0, 0], &[]);
    woken.map_or(0, |(count, _)| count as u32)
}

/// The monotonic clock, in ns; each look takes a microsecond.
pub fn now() -> u64 {
    let clock = &wire().shared().clock;
    clock.fetch_add(TICK_NS, Ordering::Relaxed) + TICK_NS
}

/// Sleeps until the monotonic clock is there.
pub fn sleep_until(deadline: u64) {
    // It can't fail.
    let _ = ask(Op::Sleep, [deadline, 0, 0, 0], &[]);
}

/// Lets others run.
pub fn yield_now() {
    // It can't fail.
    let _ = ask(Op::Yield, [0; 4], &[]);
}

/// Random bytes, the same for the same seed.
pub fn random(buf: &mut [u8]) {
    let state = &wire().shared().random;
    for chunk in buf.chunks_mut(8) {
        let word = xxh3_64(&state.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
}

/// Makes room for another thread, and returns its number. That one begins with [`begin_thread`] and
/// ends with [`end_thread`].
pub fn spawn() -> Result<u32> {
    ask(Op::Spawn, [0; 4], &[]).map(|(number, _)| number as u32)
}

/// In the new thread: waits for its turn.
pub fn begin_thread(number: u32) {
    SLOT.set(Some(number));
    wire().await_turn(number as usize);
}

/// The calling thread is none of the simulated process any more: the last thing that it does in its turn.
pub fn end_thread() {
    let (wire, slot) = (wire(), slot());
    SLOT.set(None);
    wire.leave(slot, Op::EndThread);
}

/// Waits until the thread has ended.
pub fn join(number: u32) {
    // It can't fail.
    let _ = ask(Op::Join, [number.into(), 0, 0, 0], &[]);
}

/// Tells how the last command has ended, and returns the next one.
pub(crate) fn next_command(is_ok: bool, answer: &[u8]) -> &'static [u8] {
    let next = ask(Op::Next, [is_ok.into(), 0, 0, 0], &[answer]);
    next.map_or(&[], |(_, command)| command)
}

/// Tells that the calling thread panics.
pub(crate) fn tell_panic(message: &str) {
    // There is nobody who could do anything about it.
    let _ = ask(Op::Panicked, [0; 4], &[message.as_bytes()]);
}
