//! The memory that a simulated process shares with its kernel: a slot for each thread, with a request
//! and its answer.
//!
//! Exactly one side works at any time: a thread of the process while its turn lasts, else the kernel.
//! So plain loads and stores do, and only the hand-over itself is ordered: by `turn` of the thread's
//! slot, and by `bell` of the kernel.
#![allow(unsafe_code)] // The memory is mapped, and its buffers are handed out as slices.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::futex;

/// How many threads a process may have in its life.
pub const SLOTS: usize = 32;
/// The longest read or write of one call, in bytes; a longer one falls short.
pub const BUFFER_BYTES: usize = 8 << 20;
/// Where the first memory of this kind is.
const FIRST_ADDRESS: usize = 0x1000_0000_0000;
/// How many frames of the caller's stack a request tells.
pub const FRAMES: usize = 48;

/// What a thread asks for; the arguments are told where it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Op {
    Open = 1,
    Close,
    Read,
    Write,
    /// What was stored to mapped memory.
    Store,
    Seek,
    Sync,
    SetLen,
    Allocate,
    Stat,
    StatFd,
    CreateDir,
    RemoveDir,
    RemoveFile,
    Rename,
    ReadDir,
    PathOf,
    Dup,
    Lock,
    Flags,
    FutexWait,
    FutexWake,
    Sleep,
    Yield,
    Spawn,
    EndThread,
    Join,
    /// A client has done what it was told, and asks what is next.
    Next,
    /// A thread has panicked.
    Panicked,
}

const OPS: &[Op] = &[
    Op::Open,
    Op::Close,
    Op::Read,
    Op::Write,
    Op::Store,
    Op::Seek,
    Op::Sync,
    Op::SetLen,
    Op::Allocate,
    Op::Stat,
    Op::StatFd,
    Op::CreateDir,
    Op::RemoveDir,
    Op::RemoveFile,
    Op::Rename,
    Op::ReadDir,
    Op::PathOf,
    Op::Dup,
    Op::Lock,
    Op::Flags,
    Op::FutexWait,
    Op::FutexWake,
    Op::Sleep,
    Op::Yield,
    Op::Spawn,
    Op::EndThread,
    Op::Join,
    Op::Next,
    Op::Panicked,
];

impl Op {
    fn of(number: u32) -> Option<Op> {
        OPS.get((number as usize).checked_sub(1)?).copied()
    }
}

/// The position of a read or write that takes the descriptor's own.
pub const OWN_POSITION: u64 = u64::MAX;
/// A wait without an end.
pub const FOREVER: u64 = u64::MAX;

/// A thread's place.
#[repr(C)]
pub struct Slot {
    /// 1 while the thread runs.
    turn: AtomicU32,
    op: AtomicU32,
    args: [AtomicU64; 4],
    /// How many bytes of the buffer belong to the request, or to the answer.
    len: AtomicU64,
    result: AtomicI64,
    frames: AtomicU32,
    stack: [AtomicU64; FRAMES],
}

/// All that is shared but the buffers, which follow.
#[repr(C)]
pub struct Shared {
    /// Counts requests and ends of processes.
    pub bell: AtomicU32,
    /// Counts what the fork server is asked for.
    pub orders: AtomicU32,
    /// What the next process runs: the subject's number, and how many clients it has.
    pub subject: AtomicU32,
    /// See `subject`.
    pub clients: AtomicU32,
    /// The process that runs; 0 while none does.
    pub pid: AtomicI32,
    /// Counts processes that have ended.
    pub ended: AtomicU32,
    /// How the last one did, as wait(2) tells it.
    pub status: AtomicI32,
    /// The monotonic clock, in ns.
    pub clock: AtomicU64,
    /// Where the process's random numbers are.
    pub random: AtomicU64,
    /// Whether requests are to tell their stack.
    pub wants_stacks: AtomicU32,
    slots: [Slot; SLOTS],
}

/// The shared memory, mapped for good.
#[derive(Clone, Copy)]
pub struct Wire {
    shared: &'static Shared,
    buffers: usize,
}

/// How long the other side is waited for before somebody looks whether it is still there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Wire {
    /// Maps it as the memory of this number; children inherit it. It has an address of its own, far from
    /// where the kernel puts what anybody maps: so whoever is forked with it sees all else where others do.
    ///
    /// # Panics
    /// When there is no address space.
    pub fn map(number: usize) -> Wire {
        let header = size_of::<Shared>().next_multiple_of(4096);
        let len = header + SLOTS * BUFFER_BYTES;
        let wanted = FIRST_ADDRESS + number * len.next_power_of_two();
        // SAFETY: a new mapping, which replaces no other. It is zeros, which all of `Shared` may be, and
        // never unmapped.
        unsafe {
            let flags = libc::MAP_SHARED
                | libc::MAP_ANONYMOUS
                | libc::MAP_NORESERVE
                | libc::MAP_FIXED_NOREPLACE;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let start = libc::mmap(wanted as *mut _, len, protection, flags, -1, 0);
            assert!(start as usize == wanted, "no memory to share");
            Wire {
                shared: &*start.cast::<Shared>(),
                buffers: wanted + header,
            }
        }
    }

    /// What all threads share.
    pub fn shared(&self) -> &'static Shared {
        self.shared
    }

    /// The bytes of a slot, for who has the turn.
    pub fn buffer(self, slot: usize) -> &'static mut [u8] {
        assert!(slot < SLOTS, "a slot");
        let start = self.buffers + slot * BUFFER_BYTES;
        // SAFETY: within the mapping; and only the side whose turn it is looks at it, one call at a
        // time, and drops the slice before it hands over.
        unsafe { std::slice::from_raw_parts_mut(start as *mut u8, BUFFER_BYTES) }
    }

    // The process's side.

    /// Asks the kernel, and waits for the answer: how many bytes of the buffer it has, and the result.
    pub fn ask(&self, slot: usize, op: Op, args: [u64; 4], bytes: &[&[u8]]) -> (usize, i64) {
        let own = &self.shared.slots[slot];
        let mut len = 0;
        let buffer = self.buffer(slot);
        for part in bytes {
            let end = (len + part.len()).min(BUFFER_BYTES);
            buffer[len..end].copy_from_slice(&part[..end - len]);
            len = end;
        }
        own.op.store(op as u32, Ordering::Relaxed);
        for (place, arg) in own.args.iter().zip(args) {
            place.store(arg, Ordering::Relaxed);
        }
        own.len.store(len as u64, Ordering::Relaxed);
        own.turn.store(0, Ordering::Release);
        self.ring();
        self.await_turn(slot);
        (
            own.len.load(Ordering::Relaxed) as usize,
            own.result.load(Ordering::Relaxed),
        )
    }

    /// The slot's last request, which nobody answers.
    pub fn leave(&self, slot: usize, op: Op) {
        let own = &self.shared.slots[slot];
        own.op.store(op as u32, Ordering::Relaxed);
        own.len.store(0, Ordering::Relaxed);
        own.turn.store(0, Ordering::Release);
        self.ring();
    }

    /// Waits until the thread may run.
    pub fn await_turn(&self, slot: usize) {
        let turn = &self.shared.slots[slot].turn;
        while turn.load(Ordering::Acquire) == 0 {
            futex::wait(turn, 0, LOOK_EVERY);
        }
    }

    /// Tells who called, for the next request of this slot.
    pub fn tell_stack(&self, slot: usize, stack: &[usize]) {
        let own = &self.shared.slots[slot];
        let frames = stack.len().min(FRAMES);
        for (place, &frame) in own.stack.iter().zip(stack) {
            place.store(frame as u64, Ordering::Relaxed);
        }
        own.frames.store(frames as u32, Ordering::Relaxed);
    }

    /// Rings for the kernel.
    pub fn ring(&self) {
        self.shared.bell.fetch_add(1, Ordering::Release);
        futex::wake(&self.shared.bell);
    }

    // The kernel's side.

    /// Forgets what an earlier process has left.
    pub fn clear(&self) {
        for slot in &self.shared.slots {
            slot.turn.store(0, Ordering::Relaxed);
            slot.op.store(0, Ordering::Relaxed);
            slot.frames.store(0, Ordering::Relaxed);
        }
    }

    /// Answers with `len` bytes of the buffer, and lets the thread run.
    pub fn answer(&self, slot: usize, result: i64, len: usize) {
        let own = &self.shared.slots[slot];
        own.result.store(result, Ordering::Relaxed);
        own.len.store(len as u64, Ordering::Relaxed);
        own.op.store(0, Ordering::Relaxed);
        own.turn.store(1, Ordering::Release);
        futex::wake(&own.turn);
    }

    /// The request of a slot, if there is one; its bytes stay in the buffer.
    pub fn request(&self, slot: usize) -> Option<(Op, [u64; 4], usize)> {
        let own = &self.shared.slots[slot];
        if own.turn.load(Ordering::Acquire) != 0 {
            return None;
        }
        let op = Op::of(own.op.load(Ordering::Relaxed))?;
        let args = [0, 1, 2, 3].map(|at| own.args[at].load(Ordering::Relaxed));
        Some((
            op,
            args,
            (own.len.load(Ordering::Relaxed) as usize).min(BUFFER_BYTES),
        ))
    }

    /// Who called, innermost first.
    pub fn stack(&self, slot: usize) -> Vec<usize> {
        let own = &self.shared.slots[slot];
        let frames = own.frames.load(Ordering::Relaxed) as usize;
        let stack = own.stack.iter().take(frames);
        stack
            .map(|frame| frame.load(Ordering::Relaxed) as usize)
            .collect()
    }

    /// Waits until `is_there`, which whoever rings has made true; `false` after so long.
    pub fn wait_for_bell(&self, is_there: impl Fn() -> bool, at_most: Duration) -> bool {
        let mut looks = at_most.as_millis() / LOOK_EVERY.as_millis();
        loop {
            let rung = self.shared.bell.load(Ordering::Acquire);
            if is_there() {
                return true;
            }
            if looks == 0 {
                return false;
            }
            futex::wait(&self.shared.bell, rung, LOOK_EVERY);
            looks -= u128::from(self.shared.bell.load(Ordering::Relaxed) == rung);
        }
    }
}
