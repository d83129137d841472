//! A block device in memory that remembers each write and each flush.
//!
//! Its content can be exchanged while nobody has it mounted: for that of a power cut, which is what
//! the last flush covered with any subset of what was written since.

// Images are read from files and kept in files, and two threads share the device.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, PoisonError};

const BLOCK: usize = 4096;

/// The bytes of a device by block; what is not there is zeros. A copy shares them.
#[derive(Clone, Default)]
pub struct Blocks {
    blocks: BTreeMap<u64, Arc<[u8; BLOCK]>>,
}

impl Blocks {
    /// Reads a file that is as long as the device.
    pub fn load(path: &Path) -> io::Result<Blocks> {
        let bytes = std::fs::read(path)?;
        let mut blocks = Blocks::default();
        for (number, block) in (0..).zip(bytes.chunks(BLOCK)) {
            if block.iter().any(|&byte| byte != 0) {
                blocks.write(number * BLOCK as u64, block);
            }
        }
        Ok(blocks)
    }

    /// Writes them to a file of `len` bytes, with holes.
    pub fn save(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = std::fs::File::create(path)?;
        file.set_len(len)?;
        for (number, block) in &self.blocks {
            file.write_all_at(&block[..], number * BLOCK as u64)?;
        }
        Ok(())
    }

    /// What is somewhere.
    pub fn read(&self, offset: u64, into: &mut [u8]) {
        for_each_block(offset, into.len(), |number, within, range| {
            let part = &mut into[range];
            match self.blocks.get(&number) {
                Some(block) => part.copy_from_slice(&block[within..within + part.len()]),
                None => part.fill(0),
            }
        });
    }

    /// Puts bytes somewhere.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        for_each_block(offset, bytes.len(), |number, within, range| {
            let part = &bytes[range];
            let block = self.blocks.entry(number);
            let block = Arc::make_mut(block.or_insert_with(|| Arc::new([0; BLOCK])));
            block[within..within + part.len()].copy_from_slice(part);
        });
    }
}

/// Calls `each` for every block of a range: its number, where in it the range begins, and what part
/// of the range is in it.
fn for_each_block(
    offset: u64,
    len: usize,
    mut each: impl FnMut(u64, usize, std::ops::Range<usize>),
) {
    let mut done = 0;
    while done < len {
        let at = offset + done as u64;
        let within = (at % BLOCK as u64) as usize;
        let count = (BLOCK - within).min(len - done);
        each(at / BLOCK as u64, within, done..done + count);
        done += count;
    }
}

/// What the kernel asked of the device.
#[derive(Clone)]
pub enum Event {
    /// To write, into a cache that a power cut empties.
    Write {
        /// Where.
        offset: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// To make all that was written durable.
    Flush,
}

struct State {
    blocks: Blocks,
    events: Vec<Event>,
}

/// A device that others write to.
pub struct Device {
    bytes: u64,
    ignores_flushes: bool,
    state: std::sync::Mutex<State>,
}

impl Device {
    /// An empty one of so many bytes. One that ignores flushes remembers none, so that it may lose
    /// everything.
    pub fn new(bytes: u64, ignores_flushes: bool) -> Device {
        let state = State {
            blocks: Blocks::default(),
            events: Vec::new(),
        };
        Device {
            bytes,
            ignores_flushes,
            state: std::sync::Mutex::new(state),
        }
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Exchanges the content and forgets what was asked so far. Nobody has it mounted.
    pub fn insert(&self, blocks: Blocks) {
        let events = Vec::new();
        *self.lock() = State { blocks, events };
    }

    /// The content, as a reader sees it.
    pub fn content(&self) -> Blocks {
        self.lock().blocks.clone()
    }

    /// How much was asked so far: a moment, as the device sees it.
    pub fn position(&self) -> usize {
        self.lock().events.len()
    }

    /// All that was asked since the content was exchanged.
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    /// Answers a read.
    pub fn read(&self, offset: u64, into: &mut [u8]) {
        self.lock().blocks.read(offset, into);
    }

    /// Answers a write.
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        let mut state = self.lock();
        state.blocks.write(offset, bytes);
        let bytes = bytes.into();
        state.events.push(Event::Write { offset, bytes });
    }

    /// Answers a flush.
    pub fn flush(&self) {
        if !self.ignores_flushes {
            self.lock().events.push(Event::Flush);
        }
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_across_blocks_is_read_again() {
        let mut blocks = Blocks::default();
        let bytes: Vec<u8> = (0..9000).map(|byte| byte as u8).collect();
        blocks.write(4000, &bytes);
        let copy = blocks.clone();
        blocks.write(4096, &[7; 512]);
        let mut read = vec![1; 9200];
        copy.read(3900, &mut read);
        assert_eq!(read[..100], [0; 100]);
        assert_eq!(read[100..9100], bytes);
        assert_eq!(read[9100..], [0; 100]);
        blocks.read(4096, &mut read[..512]);
        assert_eq!(read[..512], [7; 512]);
    }
}
