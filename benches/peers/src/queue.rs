//! A plain leader and follower queue: group commit for a log that has none.
//!
//! Whoever finds no leader becomes it, takes all that is queued, appends it as one batch, and wakes
//! everybody. Nothing cleverer, so that it is the floor that a group commit has to beat.

use std::sync::{Condvar, Mutex};

use anyhow::{Result, anyhow};

use crate::peer::Log;

/// The queue before a log.
pub struct Queue<'a> {
    log: &'a dyn Log,
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    /// A buffer that was written, to be filled again.
    spare: Vec<u8>,
    /// Records that were ever queued, and those of them that are durable.
    queued: u64,
    durable: u64,
    has_leader: bool,
    has_failed: bool,
}

impl<'a> Queue<'a> {
    /// All appends have to go through it from now on.
    pub fn new(log: &'a dyn Log) -> Queue<'a> {
        Queue {
            log,
            state: Mutex::default(),
            woken: Condvar::new(),
        }
    }

    /// Appends the records and returns once they are durable.
    pub fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut state = self.state.lock().expect("no panic under the lock");
        for record in records {
            state.bytes.extend_from_slice(record);
            state.lengths.push(record.len());
        }
        state.queued += records.len() as u64;
        let mine = state.queued;
        while state.durable < mine {
            if state.has_failed {
                return Err(anyhow!("the leader failed"));
            }
            if state.has_leader {
                state = self.woken.wait(state).expect("no panic under the lock");
                continue;
            }
            state.has_leader = true;
            let spare = std::mem::take(&mut state.spare);
            let bytes = std::mem::replace(&mut state.bytes, spare);
            let lengths = std::mem::take(&mut state.lengths);
            let end = state.queued;
            drop(state);
            let written = self.log.append(&split(&bytes, &lengths));
            state = self.state.lock().expect("no panic under the lock");
            state.has_leader = false;
            state.spare = bytes;
            state.spare.clear();
            match &written {
                Ok(()) => state.durable = end,
                Err(_) => state.has_failed = true,
            }
            self.woken.notify_all();
            written?;
        }
        Ok(())
    }
}

fn split<'b>(mut bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let next = |length: &usize| {
        let (record, rest) = bytes.split_at(*length);
        bytes = rest;
        record
    };
    lengths.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use anyhow::{Result, ensure};

    use super::Queue;
    use crate::peer::Log;

    #[derive(Default)]
    struct Memory(Mutex<Vec<Vec<u8>>>);

    impl Log for Memory {
        fn append(&self, records: &[&[u8]]) -> Result<()> {
            let mut all = self.0.lock().expect("no panic under the lock");
            all.extend(records.iter().map(|one| one.to_vec()));
            ensure!(all.len() <= 400, "full");
            Ok(())
        }

        fn close(self: Box<Self>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_record_arrives_once_and_a_failure_is_everybodys() {
        let log = Memory::default();
        let queue = Queue::new(&log);
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let queue = &queue;
                scope.spawn(move || {
                    for number in 0..100u8 {
                        queue.append(&[&[thread, number]]).expect("there is room");
                    }
                });
            }
        });
        let all = log.0.lock().expect("no panic under the lock").clone();
        for thread in 0..4 {
            let its = all.iter().filter(|record| record[0] == thread);
            assert!(its.map(|record| record[1]).eq(0..100));
        }
        assert!(queue.append(&[&[9]]).is_err());
        assert!(queue.append(&[&[9]]).is_err());
    }
}
