//! Descriptors of a simulated process, and the calls on them.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use seawall::env::sync::{Park, Scheduler as Hook};
use seawall::env::vfs::{File, OpenHow, Vfs};
use seawall_sim::disk::{Ino, SimVfs};
use seawall_sim::sched::Scheduler;

use super::Reply;
use super::locks::Locks;
use crate::sys::{FIRST_FD, ROOT};
use crate::wire::{OWN_POSITION, Op};

/// Who waits for a file's position: the sum of this and the file's number.
const POSITIONS: usize = 4000;

/// An open file, which several descriptors may share.
struct OpenFile {
    /// Unlike all others of the life.
    number: u64,
    path: RefCell<String>,
    ino: Ino,
    flags: i32,
    /// `None` for a directory.
    file: Option<Arc<dyn File>>,
    position: Cell<u64>,
}

/// All of a process.
pub(super) struct Files {
    pub(super) vfs: Arc<SimVfs>,
    open: RefCell<Vec<Option<Rc<OpenFile>>>>,
    opened: Cell<u64>,
    locks: Locks,
    /// Files in which somebody reads or writes at a position that moves.
    busy: RefCell<Vec<Ino>>,
}

pub(super) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// The path on the simulated disk of a path of the process.
pub(super) fn on_disk(bytes: &[u8]) -> Result<&str, i32> {
    let path = std::str::from_utf8(bytes).map_err(|_| libc::EINVAL)?;
    match path.strip_prefix(ROOT) {
        Some("") => Ok("/"),
        Some(path) => Ok(path),
        None => Err(libc::ENOENT),
    }
}

impl Files {
    pub(super) fn new(vfs: Arc<SimVfs>) -> Files {
        Files {
            vfs,
            open: RefCell::default(),
            opened: Cell::default(),
            locks: Locks::default(),
            busy: RefCell::default(),
        }
    }

    /// A call on a descriptor or a path; the buffer has the request's bytes, and takes the answer's.
    pub(super) fn call(&self, op: Op, args: [u64; 4], (buffer, len): (&mut [u8], usize)) -> Reply {
        let file = || self.of(args[0]);
        let done = |()| (0, 0);
        match op {
            Op::Open => self.open(on_disk(&buffer[..len])?, args[0] as i32),
            Op::Close => self.close(args[0]),
            Op::Dup => file().map(|file| (self.put(file), 0)),
            Op::Read => self.read(&*file()?, args[1], &mut buffer[..args[2] as usize]),
            Op::Write => self.write(&*file()?, (args[1], args[2] != 0), &buffer[..len]),
            Op::Store => self.store(&*file()?, args[1], &buffer[..len]),
            Op::Seek => self.seek(&*file()?, args[1] as i64, args[2] as i32),
            Op::Sync => self.sync(&*file()?, args[1] != 0).map(done),
            Op::SetLen => file()?
                .regular()?
                .set_len(args[1])
                .map(done)
                .map_err(|e| errno(&e)),
            Op::Allocate => file()?
                .allocate(args[1] as i32, (args[2], args[3]))
                .map(done),
            Op::StatFd => {
                let file = file()?;
                let len = file.file.as_ref().map_or(Ok(0), |file| file.len());
                let len = len.map_err(|error| errno(&error))?;
                Ok((0, put_stat(buffer, file.ino, len, file.file.is_none())))
            }
            Op::PathOf => {
                let path = format!("{ROOT}{}", file()?.path.borrow());
                buffer[..path.len()].copy_from_slice(path.as_bytes());
                Ok((0, path.len()))
            }
            Op::Flags => Ok((file()?.flags as u32 as u64, 0)),
            Op::Lock => {
                let file = file()?;
                self.locks
                    .flock(file.ino, file.number, args[1] as i32)
                    .map(done)
            }
            _ => self.call_on_names(op, buffer, len),
        }
    }

    fn of(&self, fd: u64) -> Result<Rc<OpenFile>, i32> {
        let at = (fd as i32).checked_sub(FIRST_FD).ok_or(libc::EBADF)?;
        let open = self.open.borrow();
        let found = open.get(at as usize).and_then(Option::as_ref);
        found.map(Rc::clone).ok_or(libc::EBADF)
    }

    /// The lowest free descriptor leads to this file now.
    fn put(&self, file: Rc<OpenFile>) -> u64 {
        let mut open = self.open.borrow_mut();
        let at = open.iter().position(Option::is_none).unwrap_or(open.len());
        match open.get_mut(at) {
            Some(free) => *free = Some(file),
            None => open.push(Some(file)),
        }
        FIRST_FD as u64 + at as u64
    }

    fn open(&self, path: &str, flags: i32) -> Reply {
        let as_path = Path::new(path);
        let has = |flag: i32| flags & flag == flag;
        let is_writer = flags & libc::O_ACCMODE != libc::O_RDONLY;
        let direct = has(libc::O_DIRECT);
        let found = |vfs: &SimVfs| vfs.with_disk(|disk| disk.metadata(as_path));
        let file = loop {
            let now = found(&self.vfs);
            let is_dir = now.is_ok_and(|metadata| metadata.is_dir);
            let creates = has(libc::O_CREAT) && (now.is_err() || has(libc::O_EXCL));
            if is_dir && !creates {
                if is_writer || has(libc::O_CREAT) {
                    return Err(libc::EISDIR);
                }
                self.vfs.metadata(as_path).map_err(|error| errno(&error))?;
                break None;
            }
            if has(libc::O_DIRECTORY) && now.is_ok() {
                return Err(libc::ENOTDIR);
            }
            let how = match (creates, is_writer) {
                (true, _) => OpenHow::CreateNew { direct },
                (false, true) => OpenHow::Write { direct },
                (false, false) => OpenHow::Read,
            };
            match self.vfs.open(as_path, how) {
                Ok(file) => break Some(file),
                // Somebody was faster: it is there, or gone, by now.
                Err(error) => match error.raw_os_error() {
                    Some(libc::EEXIST) if creates && !has(libc::O_EXCL) => {}
                    Some(libc::ENOENT) if !creates && has(libc::O_CREAT) => {}
                    _ => return Err(errno(&error)),
                },
            }
        };
        // Before anybody else can rename it.
        let ino = self.vfs.with_disk(|disk| disk.resolve(as_path));
        if let Some(file) = &file
            && has(libc::O_TRUNC)
            && is_writer
            && found(&self.vfs).is_ok_and(|metadata| metadata.len > 0)
        {
            file.set_len(0).map_err(|error| errno(&error))?;
        }
        let number = self.opened.get() + 1;
        self.opened.set(number);
        let open = OpenFile {
            number,
            path: RefCell::new(path.to_owned()),
            ino: ino.unwrap_or_default(),
            flags,
            file,
            position: Cell::new(0),
        };
        Ok((self.put(Rc::new(open)), 0))
    }

    fn close(&self, fd: u64) -> Reply {
        let file = self.of(fd)?;
        self.open.borrow_mut()[(fd as i32 - FIRST_FD) as usize] = None;
        if Rc::strong_count(&file) == 1 {
            self.locks.release(file.number);
        }
        Ok((0, 0))
    }

    fn read(&self, file: &OpenFile, at: u64, buf: &mut [u8]) -> Reply {
        let regular = file.regular()?;
        if file.flags & libc::O_ACCMODE == libc::O_WRONLY {
            return Err(libc::EBADF);
        }
        let mut read = |at| regular.read_at(at, buf).map_err(|error| errno(&error));
        let count = match at {
            OWN_POSITION => self.alone(file.ino, || {
                let count = read(file.position.get())?;
                file.position.set(file.position.get() + count as u64);
                Ok(count)
            }),
            at => read(at),
        }?;
        Ok((count as u64, count))
    }

    fn write(&self, file: &OpenFile, (at, is_synced): (u64, bool), bytes: &[u8]) -> Reply {
        let regular = file.regular()?;
        if file.flags & libc::O_ACCMODE == libc::O_RDONLY {
            return Err(libc::EBADF);
        }
        let syncs = is_synced || file.flags & libc::O_DSYNC != 0;
        let write = |at| match syncs {
            true => regular
                .write_sync_at(at, bytes)
                .map_err(|error| errno(&error)),
            false => regular.write_at(at, bytes).map_err(|error| errno(&error)),
        };
        let appends = file.flags & libc::O_APPEND != 0;
        // Source: pwrite(2), "BUGS": on Linux, O_APPEND appends whatever the offset is.
        let count = if appends || at == OWN_POSITION {
            self.alone(file.ino, || {
                let begin = match appends {
                    true => regular.len().map_err(|error| errno(&error))?,
                    false => file.position.get(),
                };
                let count = write(begin)?;
                if at == OWN_POSITION {
                    file.position.set(begin + count as u64);
                }
                Ok(count)
            })
        } else {
            write(at)
        }?;
        Ok((count as u64, 0))
    }

    /// What was stored to mapped memory is in the page cache, with no call that anybody could see.
    fn store(&self, file: &OpenFile, at: u64, bytes: &[u8]) -> Reply {
        self.vfs.with_disk(|disk| disk.store(file.ino, at, bytes));
        Ok((0, 0))
    }

    /// Nobody else moves a position in this file, or appends to it.
    fn alone<T>(&self, ino: Ino, act: impl FnOnce() -> Result<T, i32>) -> Result<T, i32> {
        let scheduler = Scheduler::of_this_thread();
        let object = POSITIONS + ino.0 as usize;
        while self.busy.borrow().contains(&ino) {
            scheduler.park(object, Park::Lock);
        }
        self.busy.borrow_mut().push(ino);
        let done = act();
        self.busy.borrow_mut().retain(|&other| other != ino);
        scheduler.wake_all(object);
        done
    }

    fn seek(&self, file: &OpenFile, offset: i64, whence: i32) -> Reply {
        let start = match whence {
            libc::SEEK_SET => 0,
            libc::SEEK_CUR => file.position.get(),
            libc::SEEK_END => file.regular()?.len().map_err(|error| errno(&error))?,
            _ => return Err(libc::EINVAL),
        };
        let position = start.checked_add_signed(offset).ok_or(libc::EINVAL)?;
        file.position.set(position);
        Ok((position, 0))
    }

    fn sync(&self, file: &OpenFile, data_only: bool) -> Result<(), i32> {
        // It may be renamed while others go first.
        let path = file.path.borrow().clone();
        let done = match (&file.file, data_only) {
            (Some(file), true) => file.sync_data(),
            (Some(file), false) => file.sync_all(),
            (None, _) => self.vfs.sync_dir(Path::new(&path)),
        };
        done.map_err(|error| errno(&error))
    }

    /// What was below `from` is below `to` now.
    pub(super) fn follow_rename(&self, from: &str, to: &str) {
        for file in self.open.borrow().iter().flatten() {
            let mut path = file.path.borrow_mut();
            let rest = path
                .strip_prefix(from)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(moved) = rest.map(|rest| format!("{to}{rest}")) {
                *path = moved;
            }
        }
    }
}

impl OpenFile {
    fn regular(&self) -> Result<&dyn File, i32> {
        self.file.as_deref().ok_or(libc::EISDIR)
    }

    // Source: fallocate(2): mode 0 extends the file; file systems need not know the others.
    fn allocate(&self, mode: i32, (offset, len): (u64, u64)) -> Result<(), i32> {
        let file = self.regular()?;
        match mode {
            0 => file.allocate(offset, len).map_err(|error| errno(&error)),
            _ => Err(libc::EOPNOTSUPP),
        }
    }
}

/// Puts what is known of a file into the buffer, as `sys` reads it; returns how many bytes that takes.
pub(super) fn put_stat(buffer: &mut [u8], ino: Ino, len: u64, is_dir: bool) -> usize {
    buffer[..8].copy_from_slice(&u64::from(ino.0).to_le_bytes());
    buffer[8..16].copy_from_slice(&len.to_le_bytes());
    buffer[16] = is_dir.into();
    17
}
