//! A log on `std::fs`: frames of a length, a sum and the entry.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Mutex;

use seawall_subjects::subject::{Log, Outcome};

pub fn sum(entry: &[u8]) -> u64 {
    let add = |sum: u64, &byte: &u8| sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte);
    entry.iter().fold(0xcbf2_9ce4_8422_2325, add)
}

pub fn frame(entry: &[u8]) -> Vec<u8> {
    let mut frame = (entry.len() as u64).to_le_bytes().to_vec();
    frame.extend(sum(entry).to_le_bytes());
    frame.extend(entry);
    frame
}

/// The entries up to the first frame that is none, and where that is.
pub fn entries(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let (mut entries, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 16) {
        let number =
            |from: usize| u64::from_le_bytes(head[from..from + 8].try_into().expect("eight"));
        let len = number(0) as usize;
        let Some(entry) = bytes[at + 16..].get(..len) else {
            break;
        };
        if len == 0 || sum(entry) != number(8) {
            break;
        }
        entries.push(entry.to_vec());
        at += 16 + len;
    }
    (entries, at)
}

struct Files {
    dir: std::path::PathBuf,
    syncs: bool,
    /// `None` after an error: nobody knows what is there.
    file: Mutex<Option<File>>,
}

pub fn open(dir: &Path, syncs: bool) -> Outcome<Box<dyn Log>> {
    let path = dir.join("log");
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).open(&path)?;
    File::open(dir)?.sync_all()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    file.set_len(entries(&bytes).1 as u64)?;
    file.sync_all()?;
    Ok(Box::new(Files {
        dir: dir.to_owned(),
        syncs,
        file: Mutex::new(Some(file)),
    }))
}

impl Files {
    fn with(&self, act: impl FnOnce(&mut File) -> std::io::Result<()>) -> Outcome<()> {
        let mut file = self.file.lock().map_err(|_| "poisoned")?;
        let done = act(file.as_mut().ok_or("broken")?);
        if done.is_err() {
            *file = None;
        }
        Ok(done?)
    }
}

impl Log for Files {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        self.with(|file| file.write_all(&frame(entry)))
    }

    fn commit(&self) -> Outcome<()> {
        self.with(|file| if self.syncs { file.sync_data() } else { Ok(()) })
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        Ok(entries(&fs::read(self.dir.join("log"))?).0)
    }
}
