//! redb, a B+tree in one file: each commit is durable.

use std::collections::BTreeMap;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use crate::subject::{Change, Open, Outcome, Promises, Store, Subject};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("store");

pub(super) const SUBJECT: Subject = Subject {
    name: "redb",
    version: "redb 4.6.0",
    open: Open::Store(|path| Ok(Box::new(Database::create(path.join("db.redb"))?))),
    // Source: https://docs.rs/redb/4.6.0/redb/enum.Durability.html, and docs/design.md there.
    promises: Promises {
        durable: Some("Durability::Immediate, the default: persistent as soon as commit returns"),
        opens: Some("crash-safe by default: consistent after a crash, repaired if need be"),
        intact: Some("data is written with checksums, which are verified after a crash"),
        prefix: Some("serializable: all writes are applied one after the other"),
        atomic: Some("all transactions are atomic"),
        stable: Some("ACID: what a transaction read was committed, and stays"),
        faults: Some("after an I/O error the database refuses to go on until it is opened again"),
    },
    longest: usize::MAX,
    source: "redb-4.6.0/src",
};

impl Store for Database {
    fn put(&self, changes: &[Change]) -> Outcome<()> {
        let transaction = self.begin_write()?;
        let mut table = transaction.open_table(TABLE)?;
        for (key, value) in changes {
            match value {
                Some(value) => table.insert(&key[..], &value[..])?,
                None => table.remove(&key[..])?,
            };
        }
        drop(table);
        Ok(transaction.commit()?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(())
    }

    fn read_all(&self) -> Outcome<BTreeMap<Vec<u8>, Vec<u8>>> {
        let table = match self.begin_read()?.open_table(TABLE) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
            table => table?,
        };
        let pairs = table.iter()?.map(|pair| {
            let (key, value) = pair?;
            Ok((key.value().to_vec(), value.value().to_vec()))
        });
        pairs.collect()
    }
}
