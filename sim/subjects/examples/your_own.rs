//! Your own storage under the storm: this file, with your crate's name in place of persy's.

use persy::{ByteVec, OpenOptions, Persy, ValueMode};
use seawall_subjects::subject::{Change, Open, Outcome, Promises, Store, Subject};
use std::{collections::BTreeMap, process::ExitCode};

const SUBJECT: Subject = Subject {
    name: "persy",
    version: "persy 1.8.1", // Source: https://docs.rs/persy/1.8.1/persy/
    open: Open::Store(|path| {
        let path = path.join("store.persy");
        let persy = OpenOptions::new().create(true).open(path)?;
        if !persy.exists_index("store")? {
            let mut transaction = persy.begin()?;
            transaction.create_index::<ByteVec, ByteVec>("store", ValueMode::Replace)?;
            transaction.commit()?;
        }
        Ok(Box::new(Own(persy)))
    }),
    promises: Promises {
        durable: Some("durable: data persists even in case of a crash"),
        opens: Some("data persists even in case of a crash"),
        intact: Some("consistent"),
        atomic: Some("atomic"),
        ..Promises::NONE
    },
    longest: 4000,
    source: "persy-1.8.1/src",
};

struct Own(Persy);

impl Store for Own {
    fn put(&self, changes: &[Change]) -> Outcome<()> {
        let mut transaction = self.0.begin()?;
        for (key, value) in changes.iter().cloned() {
            match value.map(ByteVec::new) {
                Some(value) => transaction.put("store", ByteVec::new(key), value)?,
                none => transaction.remove("store", ByteVec::new(key), none)?,
            }
        }
        Ok(transaction.commit()?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(()) // Each put was one.
    }

    fn read_all(&self) -> Outcome<BTreeMap<Vec<u8>, Vec<u8>>> {
        let pairs = self.0.range::<ByteVec, ByteVec, _>("store", ..)?;
        let some = pairs.filter_map(|(key, mut it)| Some((key.to_vec(), it.next()?.to_vec())));
        Ok(some.collect())
    }
}

fn main() -> ExitCode {
    let command = "cargo run -r --manifest-path sim/subjects/Cargo.toml --example your_own --";
    seawall_subjects::main(command, &[SUBJECT])
}
