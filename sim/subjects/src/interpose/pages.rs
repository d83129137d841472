//! Files in memory, and how what is stored there gets into them.
//!
//! Each mapped file has one piece of memory, which all its mappings show. A mapping that may be
//! written is not, at first: the first store to a page ends up in [`fault`], which marks the page and
//! lets it happen. Before each call of the simulator, what is marked is written to the file, and
//! the pages are closed again. So stores are in the file as soon as anybody could know of them, and
//! are no more durable than other writes: a kernel may write them back at any time.
//!
//! Not simulated: SIGBUS behind a file's end (there are zeros).
#![allow(unsafe_code)] // Memory is mapped, written and closed behind the compiler's back.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::{mem, ptr, slice};

use super::answer::Kept;
use super::raw::call;
use super::waiting;
use crate::sys;
use crate::wire::BUFFER_BYTES;

/// The size of a page of memory, which is written as a whole.
pub const PAGE_BYTES: usize = 4096;

/// A file that is mapped.
pub(super) struct File {
    pub(super) ino: u64,
    /// Open for as long as there are mappings, whatever the caller closes.
    pub(super) fd: c_int,
    pub(super) is_writable: bool,
    /// The real descriptor of its memory.
    pub(super) memory: c_int,
    /// All of its memory, for the functions here.
    pub(super) base: *mut u8,
    pub(super) len: usize,
    /// The pages that were written to since they were last written back.
    pub(super) dirty: Vec<bool>,
    /// What has failed since anybody was told.
    pub(super) failed: Option<i32>,
}

/// A part of a file where a caller sees it.
#[derive(Clone, Copy)]
pub(super) struct Mapping {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) ino: u64,
    pub(super) offset: usize,
    pub(super) protection: c_int,
}

/// All that is mapped.
pub(super) struct Table {
    pub(super) files: Vec<File>,
    pub(super) mappings: Vec<Mapping>,
    /// How many pages are marked.
    dirty: usize,
    /// Whether a thread changes the table, or writes back.
    is_held: bool,
    /// What else a fault leads to.
    before: Option<libc::sigaction>,
}

static TABLE: Kept<Table> = Kept::new(Table {
    files: Vec::new(),
    mappings: Vec::new(),
    dirty: 0,
    is_held: false,
    before: None,
});

thread_local! {
    /// Whether the calling thread holds the table, or waits for it: its calls write nothing back.
    static IS_WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// The table's holder: calls of the simulator are within, so that others run meanwhile.
pub(super) struct Held;

impl Held {
    pub(super) fn take() -> Self {
        IS_WITHIN.set(true);
        let take = |table: &mut Table| !mem::replace(&mut table.is_held, true);
        waiting::until(address(), || TABLE.with(take).then(|| Held))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        TABLE.with(|table| table.is_held = false);
        waiting::wake(address(), 1);
        IS_WITHIN.set(false);
    }
}

fn address() -> usize {
    (&raw const TABLE) as usize
}

/// A real system call, as [`sys`] would return it.
pub(super) fn real(number: libc::c_long, args: [usize; 6]) -> sys::Result<usize> {
    // SAFETY: Each call below is about memory and descriptors of this file's own.
    let result = unsafe { call(number, args) };
    usize::try_from(result).map_err(|_| -result as i32)
}

impl Table {
    pub(super) fn file(&mut self, ino: u64) -> Option<&mut File> {
        self.files.iter_mut().find(|file| file.ino == ino)
    }

    /// The mapping that shows this address.
    pub(super) fn at(&self, address: usize) -> Option<Mapping> {
        let mut found = self.mappings.iter();
        found
            .find(|one| (one.start..one.start + one.len).contains(&address))
            .copied()
    }

    /// Takes the marks of some pages in a row: the file, the offset and the bytes.
    fn take_dirty(&mut self) -> Option<(u64, c_int, usize, Vec<u8>)> {
        let file = self
            .files
            .iter_mut()
            .find(|file| file.dirty.contains(&true))?;
        let first = file.dirty.iter().position(|is_dirty| *is_dirty)?;
        let marked = &file.dirty[first..];
        let count = marked.iter().take_while(|is_dirty| **is_dirty).count();
        file.dirty[first..first + count].fill(false);
        self.dirty -= count;
        let (offset, len) = (first * PAGE_BYTES, count * PAGE_BYTES);
        for mapping in self.mappings.iter().filter(|one| one.ino == file.ino) {
            mapping.close(offset, offset + len);
        }
        // SAFETY: Marked pages are within the file's memory.
        let bytes = unsafe { slice::from_raw_parts(file.base.add(offset), len) }.to_vec();
        Some((file.ino, file.fd, offset, bytes))
    }
}

impl Mapping {
    /// Stores to what it shows of these bytes of the file are to be noticed again.
    fn close(&self, from: usize, to: usize) {
        let from = from.max(self.offset);
        let to = to.min(self.offset + self.len);
        if from < to && self.protection & libc::PROT_WRITE != 0 {
            let start = self.start + from - self.offset;
            let closed = real(
                libc::SYS_mprotect,
                [start, to - from, self.closed() as usize, 0, 0, 0],
            );
            assert_eq!(closed, Ok(0), "a mapping can be closed");
        }
    }

    pub(super) fn closed(&self) -> c_int {
        self.protection & !libc::PROT_WRITE
    }
}

impl File {
    pub(super) fn end(self) -> sys::Result<()> {
        if self.len > 0 {
            real(libc::SYS_munmap, [self.base as usize, self.len, 0, 0, 0, 0])?;
        }
        real(libc::SYS_close, [self.memory as usize, 0, 0, 0, 0, 0])?;
        sys::close(self.fd)
    }
}

/// Looks at the table, or changes it, without a call of the simulator.
pub(super) fn with_table<R>(look: impl FnOnce(&mut Table) -> R) -> R {
    TABLE.with(look)
}

/// Looks at a file that is mapped, or changes it.
pub(super) fn with_file<R>(ino: u64, look: impl FnOnce(&mut File) -> R) -> R {
    TABLE.with(|table| look(table.file(ino).expect("it is mapped")))
}

/// Writes to their files what was stored to memory. The simulator's calls begin with it.
pub fn write_back() {
    let is_idle = TABLE.with(|table| table.dirty == 0 && !table.is_held);
    if !is_idle && !IS_WITHIN.get() {
        let _held = Held::take();
        flush();
    }
}

/// For the table's holder.
pub(super) fn flush() {
    while let Some((ino, fd, offset, bytes)) = TABLE.with(Table::take_dirty) {
        if let Err(errno) = write(fd, offset, &bytes) {
            TABLE.with(|table| {
                if let Some(file) = table.file(ino) {
                    file.failed = Some(errno);
                }
            });
        }
    }
}

fn write(fd: c_int, offset: usize, bytes: &[u8]) -> sys::Result<()> {
    // The longest that a call takes.
    for (index, part) in bytes.chunks(BUFFER_BYTES).enumerate() {
        sys::store(fd, (offset + index * BUFFER_BYTES) as u64, part)?;
    }
    Ok(())
}

/// The caller has written these bytes to a file by a call: mappings show them.
pub fn written(fd: c_int, offset: Option<u64>, bytes: &[u8]) {
    with_memory(fd, |known, memory| {
        let is_appended = sys::flags(fd)? & libc::O_APPEND != 0;
        let start = match offset {
            _ if is_appended => known.len - bytes.len() as u64,
            Some(offset) => offset,
            None => sys::seek(fd, 0, libc::SEEK_CUR)? - bytes.len() as u64,
        };
        let start = usize::try_from(start).map_or(memory.len(), |start| start.min(memory.len()));
        let memory = &mut memory[start..];
        let count = bytes.len().min(memory.len());
        memory[..count].copy_from_slice(&bytes[..count]);
        Ok(())
    });
}

/// The caller has set the length of a file: mappings show zeros behind it.
pub fn resized(fd: c_int, len: u64) {
    with_memory(fd, |_, memory| {
        let len = usize::try_from(len).map_or(memory.len(), |len| len.min(memory.len()));
        memory[len..].fill(0);
        Ok(())
    });
}

/// Changes what mappings show of a file, if there are any.
fn with_memory(fd: c_int, change: impl FnOnce(sys::Stat, &mut [u8]) -> sys::Result<()>) {
    if TABLE.with(|table| table.files.is_empty() && !table.is_held) {
        return;
    }
    let _held = Held::take();
    let Ok(known) = sys::fstat(fd) else {
        return; // Nothing is known of it, and its mappings stay as they are.
    };
    let memory = TABLE.with(|table| table.file(known.ino).map(|file| (file.base, file.len)));
    if let Some((base, len)) = memory {
        // SAFETY: It stays as long as the table is held.
        let changed = change(known, unsafe { slice::from_raw_parts_mut(base, len) });
        debug_assert!(changed.is_ok(), "the descriptor is open");
    }
}

pub(super) fn notice_faults() {
    if TABLE.with(|table| table.before.is_some()) {
        return;
    }
    // SAFETY: The handler below has the form that SA_SIGINFO asks for.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut before = mem::zeroed();
        libc::sigaction(libc::SIGSEGV, &raw const action, &raw mut before);
        TABLE.with(|table| table.before = Some(before));
    }
}

/// A store to a page that is closed: it is marked and opened. Another fault goes to whoever was
/// there before, as it happens again.
extern "C" fn fault(_signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: The kernel's.
    let address = unsafe { (*info).si_addr() } as usize;
    let before = TABLE.with(|table| {
        let Some(mapping) = table.at(address) else {
            return table.before;
        };
        if mapping.protection & libc::PROT_WRITE == 0 {
            return table.before;
        }
        let page = address / PAGE_BYTES * PAGE_BYTES;
        let at = (mapping.offset + page - mapping.start) / PAGE_BYTES;
        let mut marked = false;
        if let Some(file) = table.file(mapping.ino) {
            marked = !mem::replace(&mut file.dirty[at], true);
        }
        table.dirty += usize::from(marked);
        let access = mapping.protection as usize;
        let opened = real(libc::SYS_mprotect, [page, PAGE_BYTES, access, 0, 0, 0]);
        assert_eq!(opened, Ok(0), "a page can be opened");
        None
    });
    if let Some(before) = before {
        // SAFETY: It was in force before.
        unsafe { libc::sigaction(libc::SIGSEGV, &raw const before, ptr::null_mut()) };
    }
}
