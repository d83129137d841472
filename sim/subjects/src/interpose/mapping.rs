//! Files in memory: what a shared mapping of a simulated file shows and keeps.
//!
//! Each mapped file has one piece of memory, which all its mappings show. A mapping that may be
//! written is not, at first: the first store to a page ends up in `fault`, which marks the page and
//! lets it happen. Before each call of the simulator, what is marked is written to the file, and
//! the pages are closed again. So stores are in the file as soon as anybody could know of them, and
//! are no more durable than other writes: a kernel may write them back at any time.
//!
//! Not simulated: SIGBUS behind a file's end (there are zeros), and holes punched into a mapped file.
#![allow(unsafe_code)] // Memory is mapped, written and closed behind the compiler's back.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::{mem, ptr, slice};

use super::answer::Kept;
use super::raw;
use super::waiting;
use crate::sys;

/// The size of a page of memory, which is written as a whole.
pub const PAGE_BYTES: usize = 4096;

/// A file that is mapped.
struct File {
    ino: u64,
    /// Open for as long as there are mappings, whatever the caller closes.
    fd: c_int,
    is_writable: bool,
    /// The real descriptor of its memory.
    memory: c_int,
    /// All of its memory, for the functions here.
    base: *mut u8,
    len: usize,
    /// The pages that were written to since they were last written back.
    dirty: Vec<bool>,
    /// What has failed since anybody was told.
    failed: Option<i32>,
}

/// A part of a file where a caller sees it.
#[derive(Clone, Copy)]
struct Mapping {
    start: usize,
    len: usize,
    ino: u64,
    offset: usize,
    protection: c_int,
}

/// All that is mapped.
struct Table {
    files: Vec<File>,
    mappings: Vec<Mapping>,
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
    /// Whether the calling thread holds the table.
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// The table's holder: calls of the simulator are within, so that others run meanwhile.
struct Held;

impl Held {
    fn take() -> Self {
        let is_free = || TABLE.with(|table| !mem::replace(&mut table.is_held, true));
        while !is_free() {
            waiting::wait(address());
        }
        HOLDS.set(true);
        Held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HOLDS.set(false);
        TABLE.with(|table| table.is_held = false);
        waiting::wake(address(), 1);
    }
}

fn address() -> usize {
    (&raw const TABLE) as usize
}

/// A real system call, as [`sys`] would return it.
fn real(number: libc::c_long, args: [usize; 6]) -> sys::Result<usize> {
    // SAFETY: Each call below is about memory and descriptors of this file's own.
    let result = unsafe { raw::call(number, args) };
    usize::try_from(result).map_err(|_| -result as i32)
}

impl Table {
    fn file(&mut self, ino: u64) -> Option<&mut File> {
        self.files.iter_mut().find(|file| file.ino == ino)
    }

    /// The mapping that shows this address.
    fn at(&self, address: usize) -> Option<Mapping> {
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

    fn closed(&self) -> c_int {
        self.protection & !libc::PROT_WRITE
    }
}

impl File {
    fn end(self) -> sys::Result<()> {
        if self.len > 0 {
            real(libc::SYS_munmap, [self.base as usize, self.len, 0, 0, 0, 0])?;
        }
        real(libc::SYS_close, [self.memory as usize, 0, 0, 0, 0, 0])?;
        sys::close(self.fd)
    }
}

/// Reads as much as there is.
fn fill(fd: c_int, offset: usize, mut target: &mut [u8]) -> sys::Result<()> {
    let mut offset = offset as u64;
    while !target.is_empty() {
        let count = sys::read(fd, Some(offset), target)?;
        if count == 0 {
            break;
        }
        offset += count as u64;
        target = &mut target[count..];
    }
    Ok(())
}

/// Whether a mapping of this file shows this address.
pub fn is_shown(address: usize) -> bool {
    TABLE.with(|table| table.at(address).is_some())
}

/// A copy of the file: stores stay in memory.
pub fn copy(fd: c_int, mut args: [usize; 6]) -> sys::Result<usize> {
    let [_, len, protection, how, _, offset] = args;
    let access = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    args[2] = access;
    args[3] = how | libc::MAP_ANONYMOUS as usize;
    args[4] = usize::MAX;
    args[5] = 0;
    let start = real(libc::SYS_mmap, args)?;
    // SAFETY: It was mapped just now.
    let filled = fill(fd, offset, unsafe {
        slice::from_raw_parts_mut(start as *mut u8, len)
    });
    if let Err(errno) = filled {
        real(libc::SYS_munmap, [start, len, 0, 0, 0, 0])?;
        return Err(errno);
    }
    if protection != access {
        real(libc::SYS_mprotect, [start, len, protection, 0, 0, 0])?;
    }
    Ok(start)
}

/// Shows the file: stores are everybody's.
pub fn share(fd: c_int, args: [usize; 6]) -> sys::Result<usize> {
    let [_, len, protection, _, _, offset] = args;
    let ino = sys::fstat(fd)?.ino;
    let is_written = protection as c_int & libc::PROT_WRITE != 0;
    let _held = Held::take();
    flush();
    if TABLE.with(|table| table.file(ino).is_none()) {
        let file = open(ino, fd, is_written)?;
        TABLE.with(|table| table.files.push(file));
    }
    let shown = ready(ino, fd, is_written)
        .and_then(|()| grow(ino, offset + len))
        .and_then(|memory| show(ino, memory, args));
    if shown.is_err() {
        forget(ino)?;
    }
    shown
}

fn open(ino: u64, fd: c_int, is_writable: bool) -> sys::Result<File> {
    notice_faults();
    let own = own_descriptor(fd, is_writable)?;
    let name = c"seawall".as_ptr() as usize;
    let flags = libc::MFD_CLOEXEC as usize;
    let memory = real(libc::SYS_memfd_create, [name, flags, 0, 0, 0, 0])?;
    Ok(File {
        ino,
        fd: own,
        is_writable,
        memory: memory as c_int,
        base: ptr::null_mut(),
        len: 0,
        dirty: Vec::new(),
        failed: None,
    })
}

/// Looks at a file that is mapped, or changes it.
fn with_file<R>(ino: u64, look: impl FnOnce(&mut File) -> R) -> R {
    TABLE.with(|table| look(table.file(ino).expect("it is mapped")))
}

/// A file that was mapped to be read only may be written from now on.
fn ready(ino: u64, fd: c_int, is_written: bool) -> sys::Result<()> {
    if !is_written || with_file(ino, |file| file.is_writable) {
        return Ok(());
    }
    let own = own_descriptor(fd, true)?;
    let before = with_file(ino, |file| {
        file.is_writable = true;
        mem::replace(&mut file.fd, own)
    });
    sys::close(before)
}

/// Makes a file's memory as long as `len`, with what is in the file; returns its descriptor.
fn grow(ino: u64, len: usize) -> sys::Result<c_int> {
    let (fd, memory, known) = with_file(ino, |file| (file.fd, file.memory, file.len));
    if len <= known {
        return Ok(memory);
    }
    real(libc::SYS_ftruncate, [memory as usize, len, 0, 0, 0, 0])?;
    let access = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let how = libc::MAP_SHARED as usize;
    let base = real(libc::SYS_mmap, [0, len, access, how, memory as usize, 0])? as *mut u8;
    // SAFETY: It was mapped just now.
    fill(fd, known, unsafe {
        slice::from_raw_parts_mut(base.add(known), len - known)
    })?;
    let before = with_file(ino, |file| {
        file.len = len;
        file.dirty.resize(len / PAGE_BYTES, false);
        mem::replace(&mut file.base, base)
    });
    if known > 0 {
        real(libc::SYS_munmap, [before as usize, known, 0, 0, 0, 0])?;
    }
    Ok(memory)
}

/// A descriptor that stays open, and writes where it is told to: not at the end, as one that the
/// caller has opened for appending.
fn own_descriptor(fd: c_int, is_written: bool) -> sys::Result<c_int> {
    if is_written && sys::flags(fd)? & libc::O_APPEND != 0 {
        return sys::open(&sys::path_of(fd)?, libc::O_RDWR | libc::O_CLOEXEC);
    }
    sys::dup(fd)
}

fn show(ino: u64, memory: c_int, args: [usize; 6]) -> sys::Result<usize> {
    let [address, len, protection, how, _, offset] = args;
    let mut mapping = Mapping {
        start: 0,
        len,
        ino,
        offset,
        protection: protection as c_int,
    };
    let how = how as c_int & !libc::MAP_TYPE | libc::MAP_SHARED;
    let closed = mapping.closed() as usize;
    mapping.start = real(
        libc::SYS_mmap,
        [address, len, closed, how as usize, memory as usize, offset],
    )?;
    TABLE.with(|table| table.mappings.push(mapping));
    Ok(mapping.start)
}

/// Lets the file go if nothing shows it.
fn forget(ino: u64) -> sys::Result<()> {
    let gone = TABLE.with(|table| {
        if table.mappings.iter().any(|mapping| mapping.ino == ino) {
            return None;
        }
        let at = table.files.iter().position(|file| file.ino == ino)?;
        Some(table.files.swap_remove(at))
    });
    gone.map_or(Ok(()), File::end)
}

/// The mapping that is exactly there; a part of one can't be changed.
fn whole(start: usize, len: usize, change: impl FnOnce(&mut Mapping)) -> sys::Result<Mapping> {
    TABLE.with(|table| {
        let mut all = table.mappings.iter_mut();
        let found = all.find(|one| one.start == start && one.len == len);
        let found = found.ok_or(libc::EINVAL)?;
        change(found);
        Ok(*found)
    })
}

/// Ends a mapping.
pub fn unmap(start: usize, len: usize) -> sys::Result<usize> {
    let _held = Held::take();
    flush();
    let gone = whole(start, len, |_| {})?;
    TABLE.with(|table| table.mappings.retain(|one| one.start != start));
    real(libc::SYS_munmap, [start, len, 0, 0, 0, 0])?;
    forget(gone.ino)?;
    Ok(0)
}

/// Makes a mapping longer or shorter, which moves it.
pub fn remap(start: usize, len: usize, new_len: usize, how: c_int) -> sys::Result<usize> {
    if how != libc::MREMAP_MAYMOVE {
        return Err(libc::ENOMEM);
    }
    let mapping = whole(start, len, |_| {})?;
    let fd = with_file(mapping.ino, |file| file.fd);
    let protection = mapping.protection as usize;
    let args = [
        0,
        new_len,
        protection,
        libc::MAP_SHARED as usize,
        0,
        mapping.offset,
    ];
    let moved = share(fd, args)?;
    unmap(start, len)?;
    Ok(moved)
}

/// Changes what may be done with a mapping.
pub fn protect(start: usize, len: usize, protection: c_int) -> sys::Result<usize> {
    let closed = whole(start, len, |mapping| mapping.protection = protection)?.closed();
    real(libc::SYS_mprotect, [start, len, closed as usize, 0, 0, 0])
}

/// Makes what a mapping shows durable, where `is_waited_for`.
pub fn sync(address: usize, is_waited_for: bool) -> sys::Result<usize> {
    write_back();
    let mapping = TABLE.with(|table| table.at(address)).ok_or(libc::ENOMEM)?;
    let (fd, failed) = with_file(mapping.ino, |file| (file.fd, file.failed.take()));
    if let Some(errno) = failed {
        return Err(errno);
    }
    if is_waited_for {
        sys::sync(fd, true)?;
    }
    Ok(0)
}

/// Writes to their files what was stored to memory. The simulator's calls begin with it.
pub fn write_back() {
    let is_idle = TABLE.with(|table| table.dirty == 0 && !table.is_held);
    if !is_idle && !HOLDS.get() {
        let _held = Held::take();
        flush();
    }
}

/// For the table's holder.
fn flush() {
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
    // What is behind the end of the file is nobody's.
    let end = usize::try_from(sys::fstat(fd)?.len).unwrap_or(usize::MAX);
    let mut offset = offset;
    let mut rest = &bytes[..bytes.len().min(end.saturating_sub(offset))];
    while !rest.is_empty() {
        let count = sys::write(fd, Some(offset as u64), rest)?;
        offset += count;
        rest = &rest[count..];
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

fn notice_faults() {
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
