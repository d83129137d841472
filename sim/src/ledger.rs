//! The ledger: what an encrypted log hands to the disk, judged byte for byte as it is handed over.
//!
//! It is an independent reader of the format, and outlives whatever a disk may lose: there is one
//! for all lives of a run, all forks of its disk, all older disks that come back. Of each file it
//! only wants to know the header, and finds that where any reader does, in the file; so it does not
//! matter how a disk came to be what it is.
//!
//! *Verified:* a pair of derived key and nonce never meets two messages, whether the bytes survive
//! or not. Each frame is sealed as documented, under the key that is the current one, with a salt
//! that a sync has covered before. Each header has the check value that it must have. Nothing else
//! is written to an encrypted log's files, and no byte of what is written has a canary or the name
//! of a hold in it: since every image of the disk, after any crash, in any file or behind its end, is
//! made of bytes that were handed over, none of these has one. That this is so is seen again in the
//! disk's own bytes, where nothing was ever written in plain.
//! *Not verified:* segments in plain from before the log was encrypted; bytes that the log never
//! hands over.

use std::collections::BTreeMap;

use crate::checker::{Property, Tally, Violation, ensure};
use crate::disk::{Disk, Ino, Written};

mod book;
mod keys;
pub(crate) mod layout;
mod plaintext;

pub use book::Size;
pub use plaintext::{CANARY, CANARY_EVERY, CANARY_PAYLOAD_MIN, plant};

use book::Segment;
use keys::{Master, SegmentKeys};
use layout::{HEADER_BYTES, Header, Identity, SealedFrame, is_zero};

/// The rest of a write that fell short.
struct Rest {
    ino: Ino,
    offset: u64,
    bytes: Vec<u8>,
}

/// What was ever sealed in a run.
#[derive(Default)]
pub struct Ledger {
    masters: BTreeMap<u64, Master>,
    segments: BTreeMap<Identity, Segment>,
    /// Whether the log is encrypted now.
    is_encrypted: bool,
    /// Whether it was ever written in plain.
    has_been_plain: bool,
    /// The id of the key that all is sealed with now, where that is known.
    current: Option<u64>,
    rests: Vec<Rest>,
    scratch: Vec<u8>,
    size: Size,
    tally: Tally,
    violation: Option<Violation>,
}

impl Ledger {
    /// What is on the disk already was written in plain.
    pub fn begins_plain(&mut self) {
        self.has_been_plain = true;
    }

    /// A life begins, with this key as the current one; without any the log is in plain.
    pub fn begin_life(&mut self, current: Option<u32>) {
        self.is_encrypted = current.is_some();
        self.has_been_plain |= current.is_none();
        self.rests.clear();
        self.current = None;
        if let Some(number) = current {
            self.current = Some(self.know(number));
        }
    }

    /// The log may be given this key; returns the key's id.
    pub fn know(&mut self, number: u32) -> u64 {
        let master = Master::numbered(number);
        self.masters.insert(master.id, master);
        master.id
    }

    /// A rotation to this key begins: until it is over, any may be the current one.
    pub fn begin_rotation(&mut self, number: u32) {
        self.know(number);
        self.current = None;
    }

    /// It has succeeded. Beside others that rotate, too, nobody knows whose key is the current one.
    pub fn end_rotation(&mut self, number: u32, is_alone: bool) {
        // One that was in plain is so no longer.
        self.is_encrypted = true;
        let id = self.know(number);
        self.current = is_alone.then_some(id);
    }

    /// What it has in it.
    pub fn size(&self) -> Size {
        self.size
    }

    /// What it has seen: checks made.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Fails with the first violation, again and again.
    ///
    /// # Errors
    /// [`Property::Nonces`], [`Property::Plaintext`], or [`Property::Keys`].
    pub fn check(&self) -> Result<(), Violation> {
        match &self.violation {
            Some(violation) => Err(violation.clone()),
            None => Ok(()),
        }
    }

    /// Bytes were handed to the disk. `is_aside`: by a log that may have other keys current.
    pub fn wrote(&mut self, disk: &Disk, written: &Written<'_>, is_aside: bool) {
        if self.violation.is_some() {
            return;
        }
        let judged = match self.is_rest(written) {
            true => Ok(()),
            false => self.judge(disk, written, is_aside),
        };
        self.violation = judged.err();
        self.remember_rest(written);
    }

    /// A sync of this file has returned `Ok`.
    pub fn synced(&mut self, disk: &Disk, ino: Ino) {
        let header = header_on(disk, ino).filter(Header::is_sealed);
        let segment = header.and_then(|header| self.segments.get_mut(&header.identity));
        if let Some(segment) = segment {
            segment.is_durable = true;
        }
    }

    /// Scans all that the disk has, what no name leads to included, but for files that were scanned
    /// and have not changed since.
    pub fn scan(&mut self, disk: &mut Disk) {
        if !self.is_encrypted || self.has_been_plain || self.violation.is_some() {
            return;
        }
        for (ino, bytes) in disk.unseen() {
            self.size.scanned_on_disk += bytes.len() as u64;
            if let Some((what, at)) = plaintext::find(bytes) {
                let story = format!("{what} is on the disk in plain, in {ino:?} at {at}");
                self.violation = Some(Violation::new(Property::Plaintext, story));
                return;
            }
        }
    }

    fn judge(
        &mut self,
        disk: &Disk,
        written: &Written<'_>,
        is_aside: bool,
    ) -> Result<(), Violation> {
        let header = match written.offset {
            0 => Header::parse(written.bytes),
            _ => header_on(disk, written.ino),
        };
        // What the log prepares ahead of its frames: there is nothing in it that anybody could read.
        let is_prepared = written.offset > 0 && written.bytes.iter().all(|&byte| byte == 0);
        if let Some(header) = header.filter(|header| header.is_sealed() && !is_prepared) {
            self.scan_written(written)?;
            return match written.offset {
                0 => self.judge_header(written, &header),
                _ => self.judge_frame(written, &header, is_aside),
            };
        }
        // Not before the log is encrypted; and not of segments from before it was: what an open
        // writes again in its place.
        let is_of_the_past = header.is_some() && written.offset > 0;
        if !self.is_encrypted || is_of_the_past {
            return Ok(());
        }
        self.scan_written(written)?;
        ensure(Property::Plaintext, header.is_none(), || {
            format!("a segment in plain begins in {}", written.name)
        })?;
        // The list of the files that a log was migrated from: names and lengths.
        if written.name == "migrated-from" {
            return Ok(());
        }
        Err(wrong(written, "no header is in front of it, nor is it one"))
    }

    fn scan_written(&mut self, written: &Written<'_>) -> Result<(), Violation> {
        self.tally.evaluated(Property::Plaintext);
        self.size.scanned += written.bytes.len() as u64;
        match plaintext::find(written.bytes) {
            None => Ok(()),
            Some((what, at)) => {
                let (name, offset) = (written.name, written.offset);
                let story =
                    format!("{what} goes to the disk in plain: {name}, {at} behind {offset}");
                Err(Violation::new(Property::Plaintext, story))
            }
        }
    }

    fn judge_header(&mut self, written: &Written<'_>, header: &Header) -> Result<(), Violation> {
        self.size.headers += 1;
        let bytes = written.bytes;
        let is_padded = bytes.len() == header.block;
        if !is_padded || !is_zero(&bytes[HEADER_BYTES..]) {
            return Err(wrong(written, "it is a header with something behind it"));
        }
        let identity = header.identity;
        let Some(master) = self.masters.get(&identity.key_id) else {
            return Err(wrong(written, "nobody gave the log the key that it names"));
        };
        let segment = self.segments.entry(identity).or_insert_with(|| Segment {
            keys: SegmentKeys::derive(master, &identity),
            is_durable: false,
            messages: Vec::new(),
        });
        match segment.keys.is_checked(bytes) {
            true => Ok(()),
            false => Err(wrong(written, "its check value is not the documented one")),
        }
    }

    fn judge_frame(
        &mut self,
        written: &Written<'_>,
        header: &Header,
        is_aside: bool,
    ) -> Result<(), Violation> {
        let frame = SealedFrame::parse(written.bytes, written.offset, header);
        let frame = frame.map_err(|what| wrong(written, what))?;
        let identity = &header.identity;
        let Some(segment) = self.segments.get_mut(identity) else {
            return Err(wrong(written, "nobody wrote the header in front of it"));
        };
        if !segment.keys.is_sealed(&frame, identity, &mut self.scratch) {
            return Err(wrong(written, "it is not sealed as documented"));
        }
        self.size.frames += 1;
        self.tally.evaluated(Property::Nonces);
        if !segment.is_durable {
            return Err(wrong(
                written,
                "the salt that its key comes from is not durable",
            ));
        }
        match segment.enter(frame.counter, frame.tag) {
            None => self.size.nonces += 1,
            Some(known) if known == frame.tag => return Ok(()),
            Some(_) => {
                let counter = frame.counter;
                let story = format!("another message was sealed with nonce {counter}");
                return Err(wrong(written, &story));
            }
        }
        let is_current = self
            .current
            .is_none_or(|current| current == identity.key_id);
        ensure(Property::Keys, is_aside || is_current, || {
            let (name, key_id) = (written.name, identity.key_id);
            format!("a frame of {name} is sealed under key {key_id:016x}, not the current one")
        })
    }

    /// Whether a write goes on where one for the same bytes fell short.
    fn is_rest(&self, written: &Written<'_>) -> bool {
        self.rests.iter().any(|rest| {
            (rest.ino, rest.offset) == (written.ino, written.offset) && rest.bytes == written.bytes
        })
    }

    fn remember_rest(&mut self, written: &Written<'_>) {
        match written.count {
            Some(count) if count < written.bytes.len() => {
                self.rests.retain(|rest| rest.ino != written.ino);
                self.rests.push(Rest {
                    ino: written.ino,
                    offset: written.offset + count as u64,
                    bytes: written.bytes[count..].to_vec(),
                });
            }
            Some(_) => self.rests.retain(|rest| rest.ino != written.ino),
            // It may be tried again.
            None => {}
        }
    }
}

/// The header at the beginning of a file, as a reader sees it.
fn header_on(disk: &Disk, ino: Ino) -> Option<Header> {
    Header::recognize(disk.beginning(ino, HEADER_BYTES))
}

fn wrong(written: &Written<'_>, story: &str) -> Violation {
    let (name, offset, len) = (written.name, written.offset, written.bytes.len());
    let story = format!("{len} bytes for {name} at {offset}: {story}");
    Violation::new(Property::Nonces, story)
}
