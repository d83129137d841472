//! commitlog, whose index is mapped into memory. Of crashes its documentation says nothing, nor what
//! its flush forces to where.

use std::path::Path;
use std::sync::Mutex;

use commitlog::{CommitLog, LogOptions, ReadLimit, message::MessageSet};

use super::lock;
use crate::subject::{Log, Open, Outcome, Promises, Subject};

// Source: https://docs.rs/commitlog/0.2.0/commitlog/, also its CommitLog::flush and message.
pub(super) const SUBJECT: Subject = Subject {
    name: "commitlog",
    version: "commitlog 0.2.0",
    open: Open::Log(open),
    promises: Promises {
        intact: Some("a message has a hash; a corrupt segment or index is an error of a read"),
        ..Promises::NONE
    },
    longest: 4000,
    source: "commitlog-0.2.0/src",
};

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    let mut options = LogOptions::new(path);
    options.segment_max_bytes(4096).index_max_items(64);
    Ok(Box::new(Mutex::new(CommitLog::new(options)?)))
}

impl Log for Mutex<CommitLog> {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        lock(self).append_msg(entry)?;
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        Ok(lock(self).flush()?)
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        let log = lock(self);
        let (mut all, mut next) = (Vec::new(), 0);
        while next < log.next_offset() {
            let messages = log.read(next, ReadLimit::max_bytes(64 << 10))?;
            all.extend(messages.iter().map(|it| it.payload().to_vec()));
            let last = messages.iter().last().ok_or("messages are missing")?;
            next = last.offset() + 1;
        }
        Ok(all)
    }
}
