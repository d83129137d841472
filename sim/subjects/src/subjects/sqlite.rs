//! SQLite in WAL mode, with a table of keys and values: each put is a durable transaction.

use std::{collections::BTreeMap, path::Path, sync::Mutex};

use rusqlite::Connection;

use super::lock;
use crate::subject::{Change, Open, Outcome, Promises, Store, Subject};

// Source: https://www.sqlite.org/pragma.html, synchronous, and transactional.html there
pub(super) const WAL: Subject = Subject {
    name: "sqlite-wal",
    version: "SQLite 3.54.1 of rusqlite 0.42.0",
    open: Open::Store(|path| open(path, "journal_mode=WAL; PRAGMA synchronous=FULL")),
    promises: Promises {
        durable: Some("synchronous=FULL in WAL mode: the log is synced after each commit"),
        opens: Some("a power failure does not corrupt the database"),
        intact: Some("a power failure does not corrupt the database"),
        prefix: Some("transactions are serializable: one after the other"),
        atomic: Some("all changes of a transaction occur or none, whatever fails"),
        stable: Some("ACID: what a transaction read was committed, and stays"),
        faults: None,
    },
    longest: usize::MAX,
    source: "libsqlite3-sys-0.40.0/sqlite3",
};

pub(super) fn open(path: &Path, pragmas: &str) -> Outcome<Box<dyn Store>> {
    let connection = Connection::open(path.join("store.db"))?;
    let table = "CREATE TABLE IF NOT EXISTS store (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID";
    connection.execute_batch(&format!("PRAGMA {pragmas}; {table}"))?;
    Ok(Box::new(Mutex::new(connection)))
}

impl Store for Mutex<Connection> {
    fn put(&self, changes: &[Change]) -> Outcome<()> {
        let mut connection = lock(self);
        let transaction = connection.transaction()?;
        for (key, value) in changes {
            match value {
                Some(_) => transaction.execute("REPLACE INTO store VALUES (?, ?)", (key, value))?,
                None => transaction.execute("DELETE FROM store WHERE key = ?", (key,))?,
            };
        }
        Ok(transaction.commit()?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(())
    }

    fn read_all(&self) -> Outcome<BTreeMap<Vec<u8>, Vec<u8>>> {
        let connection = lock(self);
        let mut all = connection.prepare("SELECT key, value FROM store")?;
        let pairs = all.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(pairs.collect::<Result<_, _>>()?)
    }
}
