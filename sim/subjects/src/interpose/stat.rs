//! What is known of a file and of its file system.
#![allow(unsafe_code)] // Functions of libc, which fill their callers' structures.

use std::ffi::{c_char, c_int, c_uint};
use std::mem;

use libc::{AT_FDCWD, stat as FileStat, statfs as Fs, statvfs as VFs, statx as Statx};

use super::answer::int;
use super::paths::{self, is_file, is_random};
use super::raw::{also, pass, real};
use super::time::BOOT_SECONDS;
use crate::sys;

/// The size of a block of the file system.
const BLOCK_BYTES: u64 = 4096;

/// What a block must be aligned to with O_DIRECT.
const SECTOR_BYTES: u32 = 512;

/// The number of the device, which is nobody else's.
const DEVICE: u64 = 0x5ea;

/// The bytes of the file system, and of what is free of it.
const BYTES: u64 = 1 << 36;

fn mode(known: &sys::Stat) -> libc::mode_t {
    if known.is_dir {
        libc::S_IFDIR | 0o700
    } else {
        libc::S_IFREG | 0o600
    }
}

/// The length: of a directory, that of one with few names.
fn len(known: &sys::Stat) -> u64 {
    if known.is_dir { BLOCK_BYTES } else { known.len }
}

/// Its room in the unit that is 512 bytes everywhere.
fn blocks(known: &sys::Stat) -> u64 {
    len(known).div_ceil(BLOCK_BYTES) * (BLOCK_BYTES / 512)
}

fn links(known: &sys::Stat) -> u32 {
    if known.is_dir { 2 } else { 1 }
}

/// In the form of stat(2). All times are the same: the disk keeps none.
fn file_stat(known: &sys::Stat) -> FileStat {
    // SAFETY: It is made of numbers.
    let mut found: FileStat = unsafe { mem::zeroed() };
    found.st_dev = DEVICE;
    found.st_ino = known.ino;
    found.st_mode = mode(known);
    found.st_nlink = links(known).into();
    found.st_size = len(known) as i64;
    found.st_blksize = BLOCK_BYTES as _;
    found.st_blocks = blocks(known) as i64;
    found.st_atime = BOOT_SECONDS;
    found.st_mtime = BOOT_SECONDS;
    found.st_ctime = BOOT_SECONDS;
    found
}

/// The source of random bytes in that form.
fn random_stat() -> FileStat {
    // SAFETY: It is made of numbers.
    let mut found: FileStat = unsafe { mem::zeroed() };
    found.st_mode = libc::S_IFCHR | 0o666;
    found.st_nlink = 1;
    found.st_blksize = BLOCK_BYTES as _;
    found
}

/// In the form of statx(2).
fn statx_of(found: &FileStat) -> Statx {
    // SAFETY: It is made of numbers.
    let mut full: Statx = unsafe { mem::zeroed() };
    full.stx_mask = libc::STATX_BASIC_STATS | libc::STATX_DIOALIGN;
    full.stx_blksize = BLOCK_BYTES as u32;
    full.stx_nlink = found.st_nlink as u32;
    full.stx_mode = found.st_mode as u16;
    full.stx_ino = found.st_ino;
    full.stx_size = found.st_size as u64;
    full.stx_blocks = found.st_blocks as u64;
    full.stx_atime.tv_sec = found.st_atime;
    full.stx_mtime.tv_sec = found.st_mtime;
    full.stx_ctime.tv_sec = found.st_ctime;
    full.stx_dev_major = libc::major(found.st_dev);
    full.stx_dev_minor = libc::minor(found.st_dev);
    full.stx_dio_mem_align = SECTOR_BYTES;
    full.stx_dio_offset_align = SECTOR_BYTES;
    full
}

fn of_descriptor(fd: c_int) -> Option<sys::Result<FileStat>> {
    if is_random(fd) {
        return Some(Ok(random_stat()));
    }
    is_file(fd).then(|| sys::fstat(fd).map(|known| file_stat(&known)))
}

/// Of a path, or with `AT_EMPTY_PATH` of the descriptor itself.
///
/// # Safety
/// `path` is null or ends with a zero.
unsafe fn of(directory: c_int, path: *const c_char, flags: c_int) -> Option<sys::Result<FileStat>> {
    // SAFETY: The caller's promise.
    let is_empty = path.is_null() || unsafe { *path } == 0;
    if is_empty && flags & libc::AT_EMPTY_PATH != 0 {
        return of_descriptor(directory);
    }
    // SAFETY: The caller's promise.
    let path = unsafe { paths::find(directory, path) }?;
    Some(path.and_then(|path| sys::stat(&path).map(|known| file_stat(&known))))
}

/// Fills a caller's structure.
///
/// # Safety
/// `target` is the caller's.
unsafe fn fill<T>(found: sys::Result<T>, target: *mut T) -> c_int {
    // SAFETY: The caller's promise.
    int(found.map(|found| unsafe { target.write(found) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstatat(
    directory: c_int,
    path: *const c_char,
    target: *mut FileStat,
    flags: c_int,
) -> c_int {
    // SAFETY: The caller's path and structure.
    match unsafe { of(directory, path, flags) } {
        // SAFETY: The same.
        Some(found) => unsafe { fill(found, target) },
        None => pass!(SYS_newfstatat, directory, path, target, flags),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat(path: *const c_char, target: *mut FileStat) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { fstatat(AT_FDCWD, path, target, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstat(path: *const c_char, target: *mut FileStat) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { fstatat(AT_FDCWD, path, target, libc::AT_SYMLINK_NOFOLLOW) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat(fd: c_int, target: *mut FileStat) -> c_int {
    match of_descriptor(fd) {
        // SAFETY: The caller's structure.
        Some(found) => unsafe { fill(found, target) },
        None => pass!(SYS_fstat, fd, target),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn statx(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    target: *mut Statx,
) -> c_int {
    // std asks with no structure whether there is such a call: it wants EFAULT, of the kernel.
    // SAFETY: The caller's path.
    match unsafe { of(directory, path, flags) } {
        Some(found) if !target.is_null() => {
            // SAFETY: The caller's structure.
            unsafe { fill(found.map(|found| statx_of(&found)), target) }
        }
        _ => pass!(SYS_statx, directory, path, flags, mask, target),
    }
}

/// The file system in the form of statfs(2): an ext4 that is almost empty.
fn fs() -> Fs {
    // SAFETY: It is made of numbers.
    let mut found: Fs = unsafe { mem::zeroed() };
    found.f_type = libc::EXT4_SUPER_MAGIC;
    found.f_bsize = BLOCK_BYTES as _;
    found.f_frsize = BLOCK_BYTES as _;
    found.f_blocks = BYTES / BLOCK_BYTES;
    found.f_bfree = found.f_blocks;
    found.f_bavail = found.f_blocks;
    found.f_files = 1 << 22;
    found.f_ffree = 1 << 22;
    found.f_namelen = 255;
    found
}

/// In the form of statvfs(3).
fn vfs() -> VFs {
    // SAFETY: It is made of numbers.
    let mut found: VFs = unsafe { mem::zeroed() };
    let fs = fs();
    found.f_bsize = BLOCK_BYTES;
    found.f_frsize = BLOCK_BYTES;
    found.f_blocks = fs.f_blocks;
    found.f_bfree = fs.f_bfree;
    found.f_bavail = fs.f_bavail;
    found.f_files = fs.f_files;
    found.f_ffree = fs.f_ffree;
    found.f_favail = fs.f_ffree;
    found.f_namemax = 255;
    found
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn statfs(path: *const c_char, target: *mut Fs) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(AT_FDCWD, path) } {
        Some(path) => {
            let found = path.and_then(|path| sys::stat(&path).map(|_| fs()));
            // SAFETY: The caller's structure.
            unsafe { fill(found, target) }
        }
        None => pass!(SYS_statfs, path, target),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstatfs(fd: c_int, target: *mut Fs) -> c_int {
    if is_file(fd) {
        // SAFETY: The caller's structure.
        return unsafe { fill(Ok(fs()), target) };
    }
    pass!(SYS_fstatfs, fd, target)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn statvfs(path: *const c_char, target: *mut VFs) -> c_int {
    // SAFETY: The caller's path.
    match unsafe { paths::find(AT_FDCWD, path) } {
        Some(path) => {
            let found = path.and_then(|path| sys::stat(&path).map(|_| vfs()));
            // SAFETY: The caller's structure.
            unsafe { fill(found, target) }
        }
        None => real!(statvfs(path => *const c_char, target => *mut VFs) -> c_int),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstatvfs(fd: c_int, target: *mut VFs) -> c_int {
    if is_file(fd) {
        // SAFETY: The caller's structure.
        return unsafe { fill(Ok(vfs()), target) };
    }
    real!(fstatvfs(fd => c_int, target => *mut VFs) -> c_int)
}

// What a program asks for that was compiled for a glibc before 2.33; the first argument is a version.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __xstat(
    _version: c_int,
    path: *const c_char,
    target: *mut FileStat,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { stat(path, target) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __lxstat(
    _version: c_int,
    path: *const c_char,
    target: *mut FileStat,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { lstat(path, target) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __fxstat(_version: c_int, fd: c_int, target: *mut FileStat) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { fstat(fd, target) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __fxstatat(
    _version: c_int,
    directory: c_int,
    path: *const c_char,
    target: *mut FileStat,
    flags: c_int,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe { fstatat(directory, path, target, flags) }
}

// Lengths have 64 bits either way, and the structures are the same.
also! {
    stat64(path: *const c_char, target: *mut FileStat) -> c_int = stat;
    lstat64(path: *const c_char, target: *mut FileStat) -> c_int = lstat;
    fstat64(fd: c_int, target: *mut FileStat) -> c_int = fstat;
    fstatat64(
        directory: c_int, path: *const c_char, target: *mut FileStat, flags: c_int,
    ) -> c_int = fstatat;
    statfs64(path: *const c_char, target: *mut Fs) -> c_int = statfs;
    fstatfs64(fd: c_int, target: *mut Fs) -> c_int = fstatfs;
    statvfs64(path: *const c_char, target: *mut VFs) -> c_int = statvfs;
    fstatvfs64(fd: c_int, target: *mut VFs) -> c_int = fstatvfs;
    __xstat64(version: c_int, path: *const c_char, target: *mut FileStat) -> c_int = __xstat;
    __lxstat64(version: c_int, path: *const c_char, target: *mut FileStat) -> c_int = __lxstat;
    __fxstat64(version: c_int, fd: c_int, target: *mut FileStat) -> c_int = __fxstat;
    __fxstatat64(
        version: c_int, directory: c_int, path: *const c_char, target: *mut FileStat, flags: c_int,
    ) -> c_int = __fxstatat;
}
