//! SQLite in WAL mode: `synchronous=FULL`, so that each commit syncs the log.
//!
//! It maintains a table besides. One connection, with the lock held for good, which spares it the
//! shared memory that several processes would need. A batch is one transaction. Checkpoints come as
//! they do by default: after one the log is written again from its start, over blocks that are there.

use std::sync::Mutex;

use anyhow::Result;
use rusqlite::Connection;

use crate::peer::{Log, Peer, Setup, SharedVerifier};

/// See the file's head.
pub struct Sqlite;

impl Peer for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn setting(&self) -> &'static str {
        "WAL mode, synchronous=FULL, locking_mode=EXCLUSIVE; maintains a table, too"
    }

    fn commits_together(&self) -> bool {
        false
    }

    fn reopens(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        Ok(Box::new(SqliteLog(Mutex::new(connect(setup)?))))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let connection = connect(setup)?;
        let mut all = connection.prepare("SELECT record FROM log ORDER BY lsn")?;
        let mut rows = all.query(())?;
        while let Some(row) = rows.next()? {
            verifier.see(row.get_ref(0)?.as_blob()?)?;
        }
        Ok(())
    }
}

fn connect(setup: &Setup) -> Result<Connection> {
    let connection = Connection::open(setup.path("log.db"))?;
    connection.execute_batch(
        "PRAGMA locking_mode=EXCLUSIVE;
         PRAGMA journal_mode=WAL;
         PRAGMA synchronous=FULL;
         CREATE TABLE IF NOT EXISTS log (lsn INTEGER PRIMARY KEY, record BLOB);",
    )?;
    Ok(connection)
}

struct SqliteLog(Mutex<Connection>);

impl Log for SqliteLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut connection = self.0.lock().expect("no panic under the lock");
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO log (record) VALUES (?1)")?;
        for record in records {
            insert.execute((record,))?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.0.into_inner().expect("no panic under the lock");
        connection.close().map_err(|(_, error)| error.into())
    }
}
