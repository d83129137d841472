//! What raft-engine asks of who uses it: entries that are protobuf messages, and that tell their index.

use protobuf::well_known_types::Any;
use raft_engine::env::FileSystem;
use raft_engine::{Engine, LogBatch, MessageExt};

use crate::subject::Outcome;

const GROUP: u64 = 1;

/// How the engine finds an entry's index.
struct Indexed;

impl MessageExt for Indexed {
    type Entry = Any;

    fn index(entry: &Any) -> u64 {
        entry
            .type_url
            .parse()
            .expect("the index that was put there")
    }
}

/// The indexes of the first entry and of the next one.
fn span<F: FileSystem>(engine: &Engine<F>) -> (u64, u64) {
    let next = engine.last_index(GROUP).map_or(1, |last| last + 1);
    (engine.first_index(GROUP).unwrap_or(next), next)
}

/// A batch with an entry behind the last one.
pub(super) fn batch<F: FileSystem>(engine: &Engine<F>, entry: &[u8]) -> Outcome<LogBatch> {
    let entry = Any {
        type_url: span(engine).1.to_string(),
        value: entry.to_vec(),
        ..Any::default()
    };
    let mut batch = LogBatch::default();
    batch.add_entries::<Indexed>(GROUP, &[entry])?;
    Ok(batch)
}

pub(super) fn read_all<F: FileSystem>(engine: &Engine<F>) -> Outcome<Vec<Vec<u8>>> {
    let (first, next) = span(engine);
    let mut entries = Vec::new();
    engine.fetch_entries_to::<Indexed>(GROUP, first, next, None, &mut entries)?;
    Ok(entries.into_iter().map(|entry| entry.value).collect())
}

/// The last entry stays, so that the next one's index is known.
pub(super) fn trim<F: FileSystem>(engine: &Engine<F>, count: usize) {
    let (first, next) = span(engine);
    engine.compact_to(GROUP, (first + count as u64).min(next - 1));
}
