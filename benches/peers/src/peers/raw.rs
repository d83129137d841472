//! The floor: a file that was filled with zeros and synced beforehand, one positioned write and one
//! sync a batch, a length and a CRC-32C before each record, and nothing else.
//!
//! `raw-buf` writes through the page cache, batch behind batch, and calls `fdatasync`. `raw-dsync`
//! opens the file with `O_DIRECT|O_DSYNC`, and each batch begins at a block of its own. Where not
//! all records are wanted later, the file is written round and round.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use rustix::fs::OFlags;

use crate::peer::{Log, Peer, Setup, SharedVerifier, sync_dir};

const BLOCK_BYTES: usize = 4096;
const HEADER_BYTES: usize = 8;
const ROUND_BYTES: u64 = 256 << 20;
const READ_BYTES: usize = 1 << 20;

/// One of the two floors.
pub struct Raw {
    is_direct: bool,
}

impl Raw {
    /// `raw-buf`.
    pub const BUFFERED: Raw = Raw { is_direct: false };
    /// `raw-dsync`.
    pub const DIRECT: Raw = Raw { is_direct: true };
}

impl Peer for Raw {
    fn name(&self) -> &'static str {
        if self.is_direct {
            "raw-dsync"
        } else {
            "raw-buf"
        }
    }

    fn setting(&self) -> &'static str {
        if self.is_direct {
            "zero-filled file, O_DIRECT|O_DSYNC, a block of its own for each batch"
        } else {
            "zero-filled file, pwrite and fdatasync"
        }
    }

    fn commits_together(&self) -> bool {
        false
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        let path = setup.path("log");
        let records = setup.bytes / setup.record_bytes as u64;
        let all = setup.bytes + records * HEADER_BYTES as u64;
        let bytes = if setup.keeps_all {
            // Padding, at the worst one block a MiB, and a header of zeros at the end.
            (all + all / 128 + (1 << 20)).next_multiple_of(READ_BYTES as u64)
        } else {
            ROUND_BYTES
        };
        fill(&path, bytes)?;
        sync_dir(&setup.dir)?;
        let flags = match self.is_direct {
            true => OFlags::DIRECT | OFlags::DSYNC,
            false => OFlags::empty(),
        };
        let file = File::options()
            .write(true)
            .custom_flags(flags.bits() as i32)
            .open(&path)?;
        Ok(Box::new(RawLog {
            file,
            is_direct: self.is_direct,
            may_wrap: !setup.keeps_all,
            bytes,
            place: Mutex::new(Place {
                offset: 0,
                buffer: Aligned::default(),
            }),
        }))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let file = File::open(setup.path("log"))?;
        let mut window = Window::new(file);
        loop {
            let header = window.peek(HEADER_BYTES)?;
            let (length, crc) = header.split_at(4);
            let length = u32::from_le_bytes(length.try_into()?) as usize;
            let crc = u32::from_le_bytes(crc.try_into()?);
            if length == 0 {
                // The rest of a block was padding; a block that begins so is the end.
                if self.is_direct && window.offset % BLOCK_BYTES as u64 != 0 {
                    window.skip(BLOCK_BYTES - (window.offset % BLOCK_BYTES as u64) as usize);
                    continue;
                }
                return Ok(());
            }
            let record = &window.peek(HEADER_BYTES + length)?[HEADER_BYTES..];
            ensure!(crc32c::crc32c(record) == crc, "checksum");
            verifier.see(record)?;
            window.skip(HEADER_BYTES + length);
        }
    }
}

/// Writes zeros over the whole file, so that neither its blocks nor its length change later.
fn fill(path: &Path, bytes: u64) -> Result<()> {
    use std::io::Write;
    let mut file = File::create(path)?;
    let zeros = vec![0; READ_BYTES];
    for _ in 0..bytes / READ_BYTES as u64 {
        file.write_all(&zeros)?;
    }
    Ok(file.sync_all()?)
}

struct RawLog {
    file: File,
    is_direct: bool,
    may_wrap: bool,
    bytes: u64,
    place: Mutex<Place>,
}

struct Place {
    offset: u64,
    buffer: Aligned,
}

impl Log for RawLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut place = self.place.lock().expect("no panic under the lock");
        let bytes: usize = records.iter().map(|one| HEADER_BYTES + one.len()).sum();
        let padded = match self.is_direct {
            true => bytes.next_multiple_of(BLOCK_BYTES),
            false => bytes,
        };
        let mut offset = place.offset;
        if offset + padded as u64 > self.bytes {
            ensure!(self.may_wrap, "the file is full");
            offset = 0;
        }
        let buffer = place.buffer.slice(padded);
        let mut at = 0;
        for record in records {
            let length = record.len() as u32;
            buffer[at..at + 4].copy_from_slice(&length.to_le_bytes());
            let crc = crc32c::crc32c(record);
            buffer[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
            at += HEADER_BYTES;
            buffer[at..at + record.len()].copy_from_slice(record);
            at += record.len();
        }
        buffer[at..].fill(0);
        let written = rustix::io::pwrite(&self.file, buffer, offset)?;
        ensure!(written == padded, "a short write");
        if !self.is_direct {
            rustix::fs::fdatasync(&self.file)?;
        }
        place.offset = offset + padded as u64;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// A buffer that begins at a block's boundary in memory, as direct I/O asks for.
#[derive(Default)]
struct Aligned {
    bytes: Vec<u8>,
}

impl Aligned {
    fn slice(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() < bytes + BLOCK_BYTES {
            self.bytes = vec![0; bytes + BLOCK_BYTES];
        }
        let start = self.bytes.as_ptr().align_offset(BLOCK_BYTES);
        &mut self.bytes[start..start + bytes]
    }
}

/// Reads a file from front to back in large pieces, into one buffer.
struct Window {
    file: File,
    buffer: Vec<u8>,
    /// What of the buffer is not yet consumed.
    unread: std::ops::Range<usize>,
    /// Where in the file that begins.
    offset: u64,
}

impl Window {
    fn new(file: File) -> Window {
        Window {
            file,
            buffer: vec![0; 2 * READ_BYTES],
            unread: 0..0,
            offset: 0,
        }
    }

    /// The next bytes, which stay; zeros behind the end of the file.
    fn peek(&mut self, bytes: usize) -> Result<&[u8]> {
        if self.unread.len() < bytes {
            self.buffer.copy_within(self.unread.clone(), 0);
            let kept = self.unread.len();
            let place = self.offset + kept as u64;
            let free = &mut self.buffer[kept..kept + READ_BYTES];
            let read = rustix::io::pread(&self.file, &mut *free, place)?;
            free[read..].fill(0);
            self.unread = 0..kept + READ_BYTES;
        }
        Ok(&self.buffer[self.unread.start..self.unread.start + bytes])
    }

    fn skip(&mut self, bytes: usize) {
        self.unread.start += bytes;
        self.offset += bytes as u64;
    }
}
