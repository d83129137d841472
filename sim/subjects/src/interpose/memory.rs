//! Files in memory, as callers ask for them; how they are kept is told in `pages`.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_int, c_void};

use libc::{off_t, size_t};

use super::answer::number;
use super::mapping;
use super::pages::PAGE_BYTES;
use super::paths::is_file;
use super::raw::{also, pass};
use crate::sys;

/// The length in whole pages.
fn pages(len: size_t) -> size_t {
    len.next_multiple_of(PAGE_BYTES)
}

/// Whether a simulated thread asks for a mapping of a simulated file.
fn is_shown(address: *mut c_void) -> bool {
    sys::is_simulated() && mapping::is_shown(address as usize)
}

fn map(fd: c_int, mut args: [usize; 6]) -> sys::Result<usize> {
    let [_, len, protection, how, _, offset] = args;
    if len == 0 || !offset.is_multiple_of(PAGE_BYTES) {
        return Err(libc::EINVAL);
    }
    args[1] = pages(len);
    let access = sys::flags(fd)? & libc::O_ACCMODE;
    let is_private = how as c_int & libc::MAP_TYPE == libc::MAP_PRIVATE;
    let is_written = protection as c_int & libc::PROT_WRITE != 0;
    if access == libc::O_WRONLY || (access == libc::O_RDONLY && is_written && !is_private) {
        return Err(libc::EACCES);
    }
    if how as c_int & libc::MAP_SYNC != 0 {
        return Err(libc::EOPNOTSUPP);
    }
    if sys::fstat(fd)?.is_dir {
        return Err(libc::ENODEV);
    }
    if is_private {
        mapping::copy(fd, args)
    } else {
        mapping::share(fd, args)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    len: size_t,
    protection: c_int,
    how: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    if is_file(fd) && how & libc::MAP_ANONYMOUS == 0 {
        let args = [
            address as usize,
            len,
            protection as usize,
            how as usize,
            fd as usize,
            offset as usize,
        ];
        return number(map(fd, args)) as *mut c_void;
    }
    let start: isize = pass!(SYS_mmap, address, len, protection, how, fd, offset);
    start as *mut c_void
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(address: *mut c_void, len: size_t) -> c_int {
    if is_shown(address) {
        return number(mapping::unmap(address as usize, pages(len))) as c_int;
    }
    pass!(SYS_munmap, address, len)
}

// The last argument is there only with MREMAP_FIXED; see `open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(
    address: *mut c_void,
    len: size_t,
    new_len: size_t,
    how: c_int,
    new_address: *mut c_void,
) -> *mut c_void {
    if is_shown(address) {
        let moved = mapping::remap(address as usize, pages(len), pages(new_len), how);
        return number(moved) as *mut c_void;
    }
    let start: isize = pass!(SYS_mremap, address, len, new_len, how, new_address);
    start as *mut c_void
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(address: *mut c_void, len: size_t, protection: c_int) -> c_int {
    if is_shown(address) {
        return number(mapping::protect(address as usize, pages(len), protection)) as c_int;
    }
    pass!(SYS_mprotect, address, len, protection)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn msync(address: *mut c_void, len: size_t, flags: c_int) -> c_int {
    if is_shown(address) {
        let is_waited_for = flags & libc::MS_SYNC != 0;
        return number(mapping::sync(address as usize, is_waited_for)) as c_int;
    }
    pass!(SYS_msync, address, len, flags)
}

also! {
    mmap64(
        address: *mut c_void, len: size_t, protection: c_int, how: c_int, fd: c_int, offset: off_t,
    ) -> *mut c_void = mmap;
}
