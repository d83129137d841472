//! raft-engine on its own seam, `FileSystem`. It lists, locks and syncs its directory beside that.

use std::path::Path;
use std::sync::Arc;

use raft_engine::Engine;
use raft_engine::env::{FileSystem, Permission};

use self::files::Cursor;
use super::own::{self, File};
use super::raft_engine::{self as interposed, entries::Entries};
use crate::subject::{Open, Subject};

mod files;

pub(super) const SUBJECT: Subject = Subject {
    name: "raft-engine-own",
    open: Open::Log(|path| {
        let engine = Engine::open_with_file_system(interposed::config(path), Arc::new(Files))?;
        Ok(Box::new(Entries::of(engine)?))
    }),
    ..interposed::SUBJECT
};

struct Files;

impl FileSystem for Files {
    type Handle = File;
    type Reader = Cursor;
    type Writer = Cursor;

    fn create<P: AsRef<Path>>(&self, path: P) -> std::io::Result<File> {
        File::open(path.as_ref(), libc::O_RDWR | libc::O_CREAT)
    }

    fn open<P: AsRef<Path>>(&self, path: P, permission: Permission) -> std::io::Result<File> {
        let flags = match permission {
            Permission::ReadOnly => libc::O_RDONLY,
            Permission::ReadWrite => libc::O_RDWR,
        };
        File::open(path.as_ref(), flags)
    }

    fn delete<P: AsRef<Path>>(&self, path: P) -> std::io::Result<()> {
        own::remove(path.as_ref())
    }

    fn rename<P: AsRef<Path>>(&self, from: P, to: P) -> std::io::Result<()> {
        own::rename(from.as_ref(), to.as_ref())
    }

    fn new_reader(&self, file: Arc<File>) -> std::io::Result<Cursor> {
        Ok(Cursor(file, 0))
    }

    fn new_writer(&self, file: Arc<File>) -> std::io::Result<Cursor> {
        Ok(Cursor(file, 0))
    }
}
