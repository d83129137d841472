//! What the log tells an operator: events while it works.

#![allow(clippy::disallowed_types)] // No simulator here: the listener's lock is std's.

#[path = "support/log.rs"]
mod support;

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use seawall::Lsn;
use support::{fill, open_small, scratch};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Gathers events as lines of text.
#[derive(Clone, Default)]
struct Listener {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().expect("no panic").push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("writing to a string");
    }
}

/// The events of `work`, a line each.
fn events_of(work: impl FnOnce()) -> Vec<String> {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), work);
    let lines = listener.lines.lock().expect("no panic");
    lines.clone()
}

// One test, not two: which events anybody listens to is remembered for all threads.
#[test]
fn what_an_operator_wants_to_know_is_told() {
    open_roll_and_truncation();
    recovery();
}

fn open_roll_and_truncation() {
    let dir = scratch();
    let lines = events_of(|| {
        let wal = open_small(dir.path());
        fill(&wal, 10);
        wal.truncate_before(Lsn::new(8)).expect("truncates");
    });
    let check = |text: &str| {
        assert!(lines.iter().any(|line| line.contains(text)), "{lines:#?}");
    };
    check("INFO message=creating a log");
    check("INFO message=started a segment segment=2 first_lsn=8");
    check("INFO message=truncated before=8 low_water=8 segments_deleted=1 bytes_reclaimed=4608");
}

/// What was found, adopted and cut.
fn recovery() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 10);
    let path = wal
        .list_segments()
        .last()
        .expect("one is active")
        .path
        .clone();
    drop(wal);
    {
        let file = std::fs::OpenOptions::new().append(true).open(path);
        let written = std::io::Write::write_all(&mut file.expect("it is there"), &[7; 700]);
        written.expect("writes");
    }
    let lines = events_of(|| drop(open_small(dir.path())));
    let expect = "segments=2 low_water=1 proven=9 adopted=1 cut_bytes=700 ends_sealed=false";
    let found = lines.iter().find(|line| line.contains("found a log"));
    assert!(
        found.is_some_and(|line| line.contains(expect)),
        "{lines:#?}"
    );
}
