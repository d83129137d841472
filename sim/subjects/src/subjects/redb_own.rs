//! redb on its own seam, `StorageBackend`: like its file backend, but that it takes no locks.

use std::io::{Error, ErrorKind, Result};

use ::redb::{Database, StorageBackend};

use super::own::File;
use super::redb as interposed;
use crate::subject::{Open, Subject};

pub(super) const SUBJECT: Subject = Subject {
    name: "redb-own",
    open: Open::Store(|path| {
        let file = File::open(&path.join("db.redb"), libc::O_RDWR | libc::O_CREAT)?;
        Ok(Box::new(Database::builder().create_with_backend(file)?))
    }),
    ..interposed::SUBJECT
};

impl StorageBackend for File {
    fn len(&self) -> Result<u64> {
        self.size()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        match self.read_at(offset, out)? == out.len() {
            true => Ok(()),
            false => Err(Error::from(ErrorKind::UnexpectedEof)),
        }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.resize(len)
    }

    fn sync_data(&self) -> Result<()> {
        self.sync(true)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.write_at(offset, data)
    }
}
