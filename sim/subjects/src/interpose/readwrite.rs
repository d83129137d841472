//! Reading, writing and seeking.
#![allow(unsafe_code)] // Functions of libc.

use std::ffi::{c_int, c_void};
use std::slice;

use libc::{iovec, off_t, size_t, ssize_t};

use super::answer::{fail, number};
use super::pages;
use super::paths::{is_file, is_random};
use super::raw::{also, pass};
use crate::sys;

/// Bytes that a caller wants filled.
///
/// # Safety
/// They are the caller's, as said in its call.
unsafe fn target<'a>(buf: *mut c_void, count: size_t) -> &'a mut [u8] {
    if count == 0 {
        return &mut [];
    }
    // SAFETY: The caller's promise.
    unsafe { slice::from_raw_parts_mut(buf.cast(), count) }
}

/// Bytes that a caller wants written.
///
/// # Safety
/// They are the caller's, as said in its call.
unsafe fn source<'a>(buf: *const c_void, count: size_t) -> &'a [u8] {
    if count == 0 {
        return &[];
    }
    // SAFETY: The caller's promise.
    unsafe { slice::from_raw_parts(buf.cast(), count) }
}

fn at(offset: off_t) -> sys::Result<Option<u64>> {
    u64::try_from(offset).map(Some).or(Err(libc::EINVAL))
}

/// How something is written: [`sys::write`] or [`sys::write_sync`].
type Write = fn(c_int, Option<u64>, &[u8]) -> sys::Result<usize>;

fn write_file(fd: c_int, offset: Option<u64>, bytes: &[u8], write: Write) -> sys::Result<usize> {
    let count = write(fd, offset, bytes)?;
    pages::written(fd, offset, &bytes[..count]);
    Ok(count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, buf: *mut c_void, count: size_t) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's buffer.
        return number(sys::read(fd, None, unsafe { target(buf, count) }));
    }
    if is_random(fd) {
        // SAFETY: The caller's buffer.
        sys::random(unsafe { target(buf, count) });
        return count as ssize_t;
    }
    pass!(SYS_read, fd, buf, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, buf: *const c_void, count: size_t) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's buffer.
        return number(write_file(
            fd,
            None,
            unsafe { source(buf, count) },
            sys::write,
        ));
    }
    pass!(SYS_write, fd, buf, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(
    fd: c_int,
    buf: *mut c_void,
    count: size_t,
    offset: off_t,
) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's buffer.
        let buf = unsafe { target(buf, count) };
        return number(at(offset).and_then(|offset| sys::read(fd, offset, buf)));
    }
    pass!(SYS_pread64, fd, buf, count, offset)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(
    fd: c_int,
    buf: *const c_void,
    count: size_t,
    offset: off_t,
) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's buffer.
        let bytes = unsafe { source(buf, count) };
        return number(at(offset).and_then(|offset| write_file(fd, offset, bytes, sys::write)));
    }
    pass!(SYS_pwrite64, fd, buf, count, offset)
}

/// The caller's list of buffers.
///
/// # Safety
/// It is the caller's, as said in its call.
unsafe fn list<'a>(buffers: *const iovec, count: c_int) -> sys::Result<&'a [iovec]> {
    match usize::try_from(count) {
        Ok(0) => Ok(&[]),
        // Source: readv(2), IOV_MAX.
        // SAFETY: The caller's promise.
        Ok(count @ 1..=1024) => Ok(unsafe { slice::from_raw_parts(buffers, count) }),
        _ => Err(libc::EINVAL),
    }
}

/// As one read of a buffer in one piece, as the kernel does it.
///
/// # Safety
/// As of `readv`.
unsafe fn scatter(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: Option<u64>,
) -> sys::Result<usize> {
    // SAFETY: The caller's promise.
    let buffers = unsafe { list(buffers, count) }?;
    let mut whole = vec![0; buffers.iter().map(|buffer| buffer.iov_len).sum()];
    let count = sys::read(fd, offset, &mut whole)?;
    let mut rest = &whole[..count];
    for buffer in buffers {
        let (part, behind) = rest.split_at(buffer.iov_len.min(rest.len()));
        // SAFETY: The caller's promise.
        unsafe { target(buffer.iov_base, part.len()) }.copy_from_slice(part);
        rest = behind;
    }
    Ok(count)
}

/// As one write, as the kernel does it: a power cut sees one call.
///
/// # Safety
/// As of `writev`.
unsafe fn gather(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: Option<u64>,
    write: Write,
) -> sys::Result<usize> {
    // SAFETY: The caller's promise.
    let buffers = unsafe { list(buffers, count) }?;
    let mut whole = Vec::with_capacity(buffers.iter().map(|buffer| buffer.iov_len).sum());
    for buffer in buffers {
        // SAFETY: The caller's promise.
        whole.extend_from_slice(unsafe { source(buffer.iov_base, buffer.iov_len) });
    }
    write_file(fd, offset, &whole, write)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readv(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's promise.
        return number(unsafe { scatter(fd, buffers, count, None) });
    }
    pass!(SYS_readv, fd, buffers, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's promise.
        return number(unsafe { gather(fd, buffers, count, None, sys::write) });
    }
    pass!(SYS_writev, fd, buffers, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn preadv(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: off_t,
) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's promise.
        let read = |offset| unsafe { scatter(fd, buffers, count, offset) };
        return number(at(offset).and_then(read));
    }
    pass!(SYS_preadv, fd, buffers, count, offset)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: off_t,
) -> ssize_t {
    if is_file(fd) {
        // SAFETY: The caller's promise.
        let write = |offset| unsafe { gather(fd, buffers, count, offset, sys::write) };
        return number(at(offset).and_then(write));
    }
    pass!(SYS_pwritev, fd, buffers, count, offset)
}

/// The offset of `preadv2` and `pwritev2`: -1 is the descriptor's own.
fn at_or_own(offset: off_t) -> sys::Result<Option<u64>> {
    if offset == -1 { Ok(None) } else { at(offset) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn preadv2(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: off_t,
    flags: c_int,
) -> ssize_t {
    if !is_file(fd) {
        return pass!(SYS_preadv2, fd, buffers, count, offset, 0, flags);
    }
    if flags & !libc::RWF_HIPRI != 0 {
        return fail(libc::EOPNOTSUPP);
    }
    // SAFETY: The caller's promise.
    let read = |offset| unsafe { scatter(fd, buffers, count, offset) };
    number(at_or_own(offset).and_then(read))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev2(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: off_t,
    flags: c_int,
) -> ssize_t {
    if !is_file(fd) {
        return pass!(SYS_pwritev2, fd, buffers, count, offset, 0, flags);
    }
    if flags & !(libc::RWF_HIPRI | libc::RWF_DSYNC | libc::RWF_SYNC) != 0 {
        return fail(libc::EOPNOTSUPP);
    }
    let write = match flags & (libc::RWF_DSYNC | libc::RWF_SYNC) {
        0 => sys::write,
        _ => sys::write_sync,
    };
    // SAFETY: The caller's promise.
    let gather = |offset| unsafe { gather(fd, buffers, count, offset, write) };
    number(at_or_own(offset).and_then(gather))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t {
    if is_file(fd) {
        return number(sys::seek(fd, offset, whence)) as off_t;
    }
    pass!(SYS_lseek, fd, offset, whence)
}

// With _FORTIFY_SOURCE: the buffer's size was not known when it was compiled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __read_chk(
    fd: c_int,
    buf: *mut c_void,
    count: size_t,
    size: size_t,
) -> ssize_t {
    assert!(count <= size, "a read beyond its buffer");
    // SAFETY: The caller's promise.
    unsafe { read(fd, buf, count) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __pread_chk(
    fd: c_int,
    buf: *mut c_void,
    count: size_t,
    offset: off_t,
    size: size_t,
) -> ssize_t {
    assert!(count <= size, "a read beyond its buffer");
    // SAFETY: The caller's promise.
    unsafe { pread(fd, buf, count, offset) }
}

also! {
    pread64(fd: c_int, buf: *mut c_void, count: size_t, offset: off_t) -> ssize_t = pread;
    pwrite64(fd: c_int, buf: *const c_void, count: size_t, offset: off_t) -> ssize_t = pwrite;
    preadv64(fd: c_int, list: *const iovec, count: c_int, offset: off_t) -> ssize_t = preadv;
    pwritev64(fd: c_int, list: *const iovec, count: c_int, offset: off_t) -> ssize_t = pwritev;
    preadv64v2(
        fd: c_int, list: *const iovec, count: c_int, offset: off_t, flags: c_int,
    ) -> ssize_t = preadv2;
    pwritev64v2(
        fd: c_int, list: *const iovec, count: c_int, offset: off_t, flags: c_int,
    ) -> ssize_t = pwritev2;
    lseek64(fd: c_int, offset: off_t, whence: c_int) -> off_t = lseek;
    __pread64_chk(
        fd: c_int, buf: *mut c_void, count: size_t, offset: off_t, size: size_t,
    ) -> ssize_t = __pread_chk;
}

// What moves bytes within the kernel is not for these files: each error is the one on which std, and
// whoever else, goes on with read and write.
// Source: std, library/std/src/sys/pal/unix/kernel_copy.rs; copy_file_range(2), sendfile(2), splice(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_offset: *mut off_t,
    to: c_int,
    to_offset: *mut off_t,
    count: size_t,
    flags: u32,
) -> ssize_t {
    if is_file(from) || is_file(to) {
        return fail(libc::EXDEV);
    }
    pass!(
        SYS_copy_file_range,
        from,
        from_offset,
        to,
        to_offset,
        count,
        flags
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile(
    to: c_int,
    from: c_int,
    offset: *mut off_t,
    count: size_t,
) -> ssize_t {
    if is_file(from) || is_file(to) {
        return fail(libc::EINVAL);
    }
    pass!(SYS_sendfile, to, from, offset, count)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn splice(
    from: c_int,
    from_offset: *mut off_t,
    to: c_int,
    to_offset: *mut off_t,
    count: size_t,
    flags: u32,
) -> ssize_t {
    if is_file(from) || is_file(to) {
        return fail(libc::EINVAL);
    }
    pass!(SYS_splice, from, from_offset, to, to_offset, count, flags)
}

also! {
    sendfile64(to: c_int, from: c_int, offset: *mut off_t, count: size_t) -> ssize_t = sendfile;
}
