//! What raft-engine asks of who uses it: entries that are protobuf messages, with indexes without a gap
//! in their raft group. Here each thread has a group, so that threads write at once and share syncs;
//! a number for all of them tells their order again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use protobuf::well_known_types::Any;
use raft_engine::env::FileSystem;
use raft_engine::{Engine, LogBatch, MessageExt};

use crate::subject::Outcome;
use crate::subjects::lock;

/// Each client has a group of its own, the same in each life.
fn group() -> u64 {
    let this = std::thread::current();
    let number = this.name().and_then(|name| name.strip_prefix("client "));
    number.and_then(|number| number.parse().ok()).unwrap_or(0) + 1
}

/// An engine with entries.
pub(in crate::subjects) struct Entries<F: FileSystem> {
    engine: Engine<F>,
    /// The number of the next entry.
    next: AtomicU64,
    /// Held while it is read and compacted: what was just listed is there.
    stays: Mutex<()>,
}

/// An entry where it is.
struct Place {
    group: u64,
    index: u64,
    number: u64,
    bytes: Vec<u8>,
}

/// How the engine finds an entry's index: it is the first of the two numbers there.
struct Indexed;

impl MessageExt for Indexed {
    type Entry = Any;

    fn index(entry: &Any) -> u64 {
        numbers(entry).0
    }
}

fn numbers(entry: &Any) -> (u64, u64) {
    let (index, number) = entry.type_url.split_once(' ').expect("two numbers");
    let parse = |text: &str| text.parse().expect("a number that was put there");
    (parse(index), parse(number))
}

impl<F: FileSystem> Entries<F> {
    pub(in crate::subjects) fn of(engine: Engine<F>) -> Outcome<Entries<F>> {
        let entries = Entries {
            engine,
            next: AtomicU64::new(0),
            stays: Mutex::new(()),
        };
        let last = entries.places()?.pop();
        entries
            .next
            .store(last.map_or(0, |it| it.number + 1), Relaxed);
        Ok(entries)
    }

    pub(in crate::subjects) fn write(&self, entry: &[u8], sync: bool) -> Outcome<()> {
        let group = group();
        let index = self.engine.last_index(group).map_or(1, |last| last + 1);
        let entry = Any {
            type_url: format!("{index} {}", self.next.fetch_add(1, Relaxed)),
            value: entry.to_vec(),
            ..Any::default()
        };
        let mut batch = LogBatch::default();
        batch.add_entries::<Indexed>(group, &[entry])?;
        Ok(self.engine.write(&mut batch, sync).map(drop)?)
    }

    pub(in crate::subjects) fn sync(&self) -> Outcome<()> {
        Ok(self.engine.sync()?)
    }

    pub(in crate::subjects) fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        let _stays = lock(&self.stays);
        Ok(self.places()?.into_iter().map(|it| it.bytes).collect())
    }

    /// The last entry of a group stays, so that the next one's index is known.
    pub(in crate::subjects) fn trim(&self, count: usize) -> Outcome<()> {
        let _stays = lock(&self.stays);
        let mut ends = BTreeMap::new();
        for place in self.places()?.iter().take(count) {
            ends.insert(place.group, place.index + 1);
        }
        for (group, end) in ends {
            let last = self.engine.last_index(group).unwrap_or(end);
            self.engine.compact_to(group, end.min(last));
        }
        Ok(self.engine.purge_expired_files().map(drop)?)
    }

    /// Where all entries are, in their order.
    fn places(&self) -> Outcome<Vec<Place>> {
        let mut groups = self.engine.raft_groups();
        groups.sort_unstable();
        let mut places = Vec::new();
        for group in groups {
            let span = (
                self.engine.first_index(group),
                self.engine.last_index(group),
            );
            let (Some(first), Some(last)) = span else {
                continue;
            };
            let mut entries = Vec::new();
            let (engine, end) = (&self.engine, last + 1);
            engine.fetch_entries_to::<Indexed>(group, first, end, None, &mut entries)?;
            places.extend(entries.into_iter().map(|entry| {
                let (index, number) = numbers(&entry);
                let bytes = entry.value;
                Place {
                    group,
                    index,
                    number,
                    bytes,
                }
            }));
        }
        places.sort_unstable_by_key(|it| it.number);
        Ok(places)
    }
}
