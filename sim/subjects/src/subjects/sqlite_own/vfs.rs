//! SQLite's virtual file system on the simulator's system calls: what its `unix` one does, for one
//! connection of one process.
//!
//! A journal or write-ahead log that is new is made durable with its directory at its first sync; a
//! file that is unlinked is gone with a sync of the directory where SQLite asks for one. Locks are
//! always free, and there is no shared memory: the write-ahead log needs `locking_mode=EXCLUSIVE`.
//!
//! It is unsafe because SQLite speaks C. What it guarantees, and each function relies on: the file
//! handed to a method is one that `open` has filled, and is not closed yet; buffers are as long as
//! told; paths end with a zero.
// Source: https://www.sqlite.org/c3ref/vfs.html, https://www.sqlite.org/c3ref/io_methods.html
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::slice;
use std::sync::Once;

use rusqlite::ffi::*;

use crate::subjects::own::{self, File};
use crate::sys;

/// In milliseconds of the Julian calendar, from some day of 2026 on.
const START_MILLISECONDS: i64 = 212_650_000_000_000;

type CVfs = *mut sqlite3_vfs;
type CFile = *mut sqlite3_file;

/// Makes it known to SQLite, as the default, so that SQLite's own randomness comes from it.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let vfs = Box::new(sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<OwnFile>() as c_int,
            mxPathname: libc::PATH_MAX,
            pNext: null_mut(),
            zName: c"seawall".as_ptr(),
            pAppData: null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: None,
            xGetLastError: None,
            xCurrentTimeInt64: Some(current_time),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        });
        // SAFETY: it lives for ever, and all that SQLite calls is there.
        let told = unsafe { sqlite3_vfs_register(Box::leak(vfs), 1) };
        assert_eq!(told, SQLITE_OK);
    });
}

/// SQLite's file, and what it is here. SQLite sees the first part only.
#[repr(C)]
struct OwnFile {
    base: sqlite3_file,
    file: File,
    path: PathBuf,
    /// Whether its name is not durable, and has to be with the next sync.
    is_new: bool,
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: None,
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// `SQLITE_OK`, or `failed`; no space left is told as that.
fn code(result: io::Result<()>, failed: c_int) -> c_int {
    match result {
        Ok(()) => SQLITE_OK,
        Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => SQLITE_FULL,
        Err(_) => failed,
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    own::sync_dir(path.parent().expect("a file's path is absolute"))
}

/// # Safety
/// A path that ends with a zero and lives as long as what is returned.
unsafe fn path<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: the caller's.
    Path::new(OsStr::from_bytes(
        unsafe { CStr::from_ptr(path) }.to_bytes(),
    ))
}

/// # Safety
/// A file that [`open`] has filled, and that nobody else uses.
unsafe fn own<'a>(file: CFile) -> &'a mut OwnFile {
    // SAFETY: the caller's; the part that SQLite sees is the first one.
    unsafe { &mut *file.cast::<OwnFile>() }
}

unsafe extern "C" fn open(
    _: CVfs,
    name: *const c_char,
    file: CFile,
    flags: c_int,
    flags_told: *mut c_int,
) -> c_int {
    // SAFETY: SQLite reserves `szOsFile` bytes; without methods it will not close the file.
    unsafe { (*file).pMethods = null() };
    if name.is_null() {
        return SQLITE_CANTOPEN; // A temporary file: those stay in memory.
    }
    // SAFETY: SQLite's path.
    let path = unsafe { path(name) };
    let with = |flag, then| if flags & flag != 0 { then } else { 0 };
    let how = with(SQLITE_OPEN_READWRITE, libc::O_RDWR)
        | with(SQLITE_OPEN_CREATE, libc::O_CREAT)
        | with(SQLITE_OPEN_EXCLUSIVE, libc::O_EXCL | libc::O_NOFOLLOW);
    let Ok(opened) = File::open(path, how) else {
        return SQLITE_CANTOPEN;
    };
    let journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    let own = OwnFile {
        base: sqlite3_file { pMethods: &METHODS },
        file: opened,
        path: path.to_owned(),
        is_new: flags & SQLITE_OPEN_CREATE != 0 && flags & journals != 0,
    };
    // SAFETY: as above; `flags_told` may be null.
    unsafe {
        file.cast::<OwnFile>().write(own);
        if let Some(told) = flags_told.as_mut() {
            *told = flags;
        }
    }
    SQLITE_OK
}

unsafe extern "C" fn close(file: CFile) -> c_int {
    // SAFETY: SQLite's file, which it closes once.
    drop(unsafe { file.cast::<OwnFile>().read() });
    SQLITE_OK
}

unsafe extern "C" fn read(file: CFile, buf: *mut c_void, len: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite's file and buffer.
    let (own, buf) = unsafe {
        (
            own(file),
            slice::from_raw_parts_mut(buf.cast(), len as usize),
        )
    };
    match own.file.read_at(offset as u64, buf) {
        Ok(count) if count == buf.len() => SQLITE_OK,
        Ok(count) => {
            buf[count..].fill(0);
            SQLITE_IOERR_SHORT_READ
        }
        Err(_) => SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(file: CFile, bytes: *const c_void, len: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite's file and buffer.
    let (own, bytes) = unsafe { (own(file), slice::from_raw_parts(bytes.cast(), len as usize)) };
    code(own.file.write_at(offset as u64, bytes), SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: CFile, len: i64) -> c_int {
    // SAFETY: SQLite's file.
    let own = unsafe { own(file) };
    code(own.file.resize(len as u64), SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: CFile, _: c_int) -> c_int {
    // SAFETY: SQLite's file.
    let own = unsafe { own(file) };
    match code(own.file.sync(false), SQLITE_IOERR_FSYNC) {
        SQLITE_OK if std::mem::take(&mut own.is_new) => {
            code(sync_parent(&own.path), SQLITE_IOERR_DIR_FSYNC)
        }
        told => told,
    }
}

unsafe extern "C" fn file_size(file: CFile, size: *mut i64) -> c_int {
    // SAFETY: SQLite's file and number.
    let (own, size) = unsafe { (own(file), &mut *size) };
    let told = own.file.size().map(|len| *size = len as i64);
    code(told, SQLITE_IOERR_FSTAT)
}

unsafe extern "C" fn lock(_: CFile, _: c_int) -> c_int {
    SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: CFile, told: *mut c_int) -> c_int {
    // SAFETY: SQLite's number.
    unsafe { *told = 0 };
    SQLITE_OK
}

unsafe extern "C" fn file_control(_: CFile, _: c_int, _: *mut c_void) -> c_int {
    SQLITE_NOTFOUND
}

unsafe extern "C" fn device_characteristics(_: CFile) -> c_int {
    SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_SUBPAGE_READ
}

unsafe extern "C" fn delete(_: CVfs, name: *const c_char, syncs: c_int) -> c_int {
    // SAFETY: SQLite's path.
    let path = unsafe { path(name) };
    match own::remove(path) {
        Ok(()) if syncs != 0 => code(sync_parent(path), SQLITE_IOERR_DIR_FSYNC),
        Err(error) if error.kind() == io::ErrorKind::NotFound => SQLITE_IOERR_DELETE_NOENT,
        told => code(told, SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(_: CVfs, name: *const c_char, what: c_int, told: *mut c_int) -> c_int {
    // SAFETY: SQLite's path and number.
    let (path, told) = unsafe { (path(name), &mut *told) };
    let stat = sys::stat(path.as_os_str().as_bytes());
    // An empty file counts as none.
    let is_there = stat.is_ok_and(|it| it.is_dir || it.len > 0 || what != SQLITE_ACCESS_EXISTS);
    *told = is_there.into();
    SQLITE_OK
}

unsafe extern "C" fn full_path(
    _: CVfs,
    name: *const c_char,
    len: c_int,
    full: *mut c_char,
) -> c_int {
    // SAFETY: SQLite's path, and room for `len` bytes.
    let (name, full) = unsafe {
        let name = CStr::from_ptr(name).to_bytes_with_nul();
        (name, slice::from_raw_parts_mut(full.cast(), len as usize))
    };
    match full.get_mut(..name.len()) {
        Some(full) => full.copy_from_slice(name),
        None => return SQLITE_CANTOPEN,
    }
    SQLITE_OK
}

unsafe extern "C" fn randomness(_: CVfs, len: c_int, buf: *mut c_char) -> c_int {
    // SAFETY: SQLite's buffer.
    sys::random(unsafe { slice::from_raw_parts_mut(buf.cast(), len as usize) });
    len
}

unsafe extern "C" fn sleep(_: CVfs, microseconds: c_int) -> c_int {
    sys::sleep_until(sys::now() + microseconds as u64 * 1000);
    microseconds
}

unsafe extern "C" fn current_time(_: CVfs, told: *mut i64) -> c_int {
    // SAFETY: SQLite's number.
    unsafe { *told = START_MILLISECONDS + (sys::now() / 1_000_000) as i64 };
    SQLITE_OK
}
