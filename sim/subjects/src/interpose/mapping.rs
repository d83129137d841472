//! Mappings of simulated files: made, changed and ended.
#![allow(unsafe_code)] // Memory that was mapped just now is filled.

use std::ffi::c_int;
use std::{mem, ptr, slice};

use super::pages::{
    File, Held, Mapping, PAGE_BYTES, flush, notice_faults, real, with_file, with_table, write_back,
};
use crate::sys;

/// Reads as much as there is.
fn fill(fd: c_int, offset: usize, mut target: &mut [u8]) -> sys::Result<()> {
    let mut offset = offset as u64;
    while !target.is_empty() {
        let count = match sys::read(fd, Some(offset), target) {
            Err(libc::EINTR) => continue, // It is nobody's call.
            Ok(0) => break,
            done => done?,
        };
        offset += count as u64;
        target = &mut target[count..];
    }
    Ok(())
}

/// Whether a mapping of this file shows this address.
pub fn is_shown(address: usize) -> bool {
    with_table(|table| table.at(address).is_some())
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
    if with_table(|table| table.file(ino).is_none()) {
        let file = open(ino, fd, is_written)?;
        with_table(|table| table.files.push(file));
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
    with_table(|table| table.mappings.push(mapping));
    Ok(mapping.start)
}

/// Lets the file go if nothing shows it.
fn forget(ino: u64) -> sys::Result<()> {
    let gone = with_table(|table| {
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
    with_table(|table| {
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
    with_table(|table| table.mappings.retain(|one| one.start != start));
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
    let mapping = with_table(|table| table.at(address)).ok_or(libc::ENOMEM)?;
    let (fd, failed) = with_file(mapping.ino, |file| (file.fd, file.failed.take()));
    if let Some(errno) = failed {
        return Err(errno);
    }
    if is_waited_for {
        sys::sync(fd, true)?;
    }
    Ok(0)
}
