//! The floor: a file that was filled with zeros and synced beforehand, one positioned write and one
//! sync a batch, a length and a CRC-32C before each record, and nothing else.
//!
//! `raw-buf` writes through the page cache, batch behind batch, and calls `fdatasync`. `raw-dsync`
//! opens the file with `O_DIRECT|O_DSYNC`, and each batch begins at a block of its own. Where not
//! all records are wanted later, the file is written round and round. Encrypted, a batch is sealed as
//! one, a length before it, and its records have no checksums of their own.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use rustix::fs::OFlags;

use crate::payload::Verifier;
use crate::peer::{Log, Peer, Setup, SharedVerifier, sync_dir};

use file::{Aligned, BLOCK_BYTES, PIECE_BYTES, Window, fill};
use seal::{Sealer, TAG_BYTES};

mod file;
mod seal;

const HEADER_BYTES: usize = 8;
const ROUND_BYTES: u64 = 256 << 20;

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
        match self.is_direct {
            true => "raw-dsync",
            false => "raw-buf",
        }
    }

    fn setting(&self) -> &'static str {
        match self.is_direct {
            true => "zero-filled file, O_DIRECT|O_DSYNC, a block of its own for each batch",
            false => "zero-filled file, pwrite and fdatasync",
        }
    }

    fn commits_together(&self) -> bool {
        false
    }

    fn encrypts(&self) -> bool {
        true
    }

    fn open(&self, setup: &Setup) -> Result<Box<dyn Log>> {
        let path = setup.path("log");
        let records = setup.bytes / setup.record_bytes as u64;
        let all = setup.bytes + records * HEADER_BYTES as u64;
        let bytes = match setup.keeps_all {
            // Padding, at the worst one block a MiB, and a header of zeros at the end.
            true => (all + all / 128 + (1 << 20)).next_multiple_of(PIECE_BYTES as u64),
            false => ROUND_BYTES,
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
        let key = setup.key.as_deref();
        Ok(Box::new(RawLog {
            file,
            is_direct: self.is_direct,
            may_wrap: !setup.keeps_all,
            bytes,
            place: Mutex::new(Place {
                offset: 0,
                buffer: Aligned::default(),
                sealer: key.map(Sealer::new).transpose()?,
            }),
        }))
    }

    fn replay(&self, setup: &Setup, verifier: &SharedVerifier) -> Result<()> {
        let mut verifier = verifier.lock().expect("one thread");
        let mut sealer = setup.key.as_deref().map(Sealer::new).transpose()?;
        let mut window = Window::new(File::open(setup.path("log"))?);
        loop {
            let (length, crc) = header(window.peek(HEADER_BYTES)?)?;
            if length == 0 {
                // The rest of a block is padding; a block that begins so is the end.
                if self.is_direct && window.skip_to_block()? {
                    continue;
                }
                return Ok(());
            }
            let body = &mut window.peek(HEADER_BYTES + length)?[HEADER_BYTES..];
            match &mut sealer {
                Some(sealer) => see_all(sealer.open(body)?, &mut verifier)?,
                None => {
                    ensure!(crc32c::crc32c(body) == crc, "checksum");
                    verifier.see(body)?;
                }
            }
            window.skip(HEADER_BYTES + length);
        }
    }
}

fn header(bytes: &[u8]) -> Result<(usize, u32)> {
    let (length, crc) = bytes.split_at(4);
    let length = u32::from_le_bytes(length.try_into()?);
    Ok((length as usize, u32::from_le_bytes(crc.try_into()?)))
}

/// The records of a batch that was sealed.
fn see_all(mut bytes: &[u8], verifier: &mut Verifier) -> Result<()> {
    while !bytes.is_empty() {
        let (length, _) = header(&bytes[..HEADER_BYTES])?;
        let (record, rest) = bytes[HEADER_BYTES..].split_at(length);
        verifier.see(record)?;
        bytes = rest;
    }
    Ok(())
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
    sealer: Option<Sealer>,
}

impl Log for RawLog {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let place = &mut *self.place.lock().expect("no panic under the lock");
        let frames: usize = records.iter().map(|one| HEADER_BYTES + one.len()).sum();
        let bytes = match place.sealer {
            Some(_) => HEADER_BYTES + frames + TAG_BYTES,
            None => frames,
        };
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
        match &mut place.sealer {
            Some(sealer) => {
                let (head, body) = buffer[..bytes].split_at_mut(HEADER_BYTES);
                put_header(head, body.len(), 0);
                encode(records, body, |_| 0);
                sealer.seal(body)?;
            }
            None => encode(records, buffer, crc32c::crc32c),
        }
        buffer[bytes..].fill(0);
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

fn encode(records: &[&[u8]], buffer: &mut [u8], checksum: fn(&[u8]) -> u32) {
    let mut at = 0;
    for record in records {
        put_header(
            &mut buffer[at..at + HEADER_BYTES],
            record.len(),
            checksum(record),
        );
        at += HEADER_BYTES;
        buffer[at..at + record.len()].copy_from_slice(record);
        at += record.len();
    }
}

fn put_header(header: &mut [u8], length: usize, crc: u32) {
    header[..4].copy_from_slice(&(length as u32).to_le_bytes());
    header[4..].copy_from_slice(&crc.to_le_bytes());
}
