//! Damage to the files of a log that is not open.
//!
//! *Verified:* after one flipped byte, one cut or one removed segment, the log refuses with a
//! typed error, in the open or in the replay, or shows right records: all of them when it was
//! closed and a byte was flipped; otherwise a prefix with at least everything that the bytes
//! left over still prove. What it shows then stays, and it can be written to. *Not verified:*
//! that a flipped byte is reported when it harms no record; several damages at once.

// The damage is done from outside, past the log and its door.
#![allow(clippy::disallowed_methods)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use seawall::format::frame::FrameHeader;
use seawall::format::header::SegmentHeader;
use seawall::{Error, Lsn, Result, WalConfig};

use crate::world::{Appended, append, config, open, read};

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Sync,
    Truncate,
}

#[derive(Clone, Debug)]
enum Damage {
    Flip { at: Index, by: u8 },
    Cut { at: Index },
    Remove,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..1500usize).prop_map(Step::Append),
        2 => Just(Step::Sync),
        1 => Just(Step::Truncate),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        6 => (any::<Index>(), 1..=u8::MAX).prop_map(|(at, by)| Damage::Flip { at, by }),
        3 => any::<Index>().prop_map(|at| Damage::Cut { at }),
        1 => Just(Damage::Remove),
    ]
}

impl Damage {
    fn inflict(&self, path: &Path) {
        let mut bytes = std::fs::read(path).expect("a segment");
        match self {
            Damage::Flip { at, by } => {
                let at = at.index(bytes.len());
                bytes[at] ^= by;
            }
            Damage::Cut { at } => bytes.truncate(at.index(bytes.len())),
            Damage::Remove => return std::fs::remove_file(path).expect("removes"),
        }
        std::fs::write(path, bytes).expect("writes");
    }
}

/// The highest promise in the segments that are left, found by looking at every block.
fn proven(directory: &Path) -> u64 {
    let mut proven = Lsn::ZERO;
    for path in segments(directory) {
        let bytes = std::fs::read(path).expect("a segment");
        let Ok(header) = SegmentHeader::decode(&bytes) else {
            continue;
        };
        proven = proven.max(header.durable_lsn);
        let block = header.block_bytes as usize;
        for at in (block..bytes.len()).step_by(block) {
            if let Ok(frame) = FrameHeader::decode(&bytes[at..], &header, at as u64) {
                proven = proven.max(frame.durable_lsn);
            }
        }
    }
    proven.as_u64()
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("a name").path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "wal"))
        .collect();
    paths.sort();
    paths
}

/// Opens and replays; what is shown must be what was written. Returns the last LSN.
fn show(path: &Path, config: &WalConfig, written: &[Appended]) -> Result<usize> {
    let wal = open(path, config)?;
    let shown = read(&wal)?;
    let last = wal.durable_lsn().as_u64() as usize;
    assert!(last <= written.len(), "invented");
    assert!(shown == written[last - shown.len()..last], "wrong records");
    Ok(last)
}

/// Checks what a damaged log says, and that it keeps to it.
fn check(path: &Path, configs: &[WalConfig; 2], mut written: Vec<Appended>, at_least: usize) {
    let last = match show(path, &configs[0], &written) {
        Ok(last) => last,
        Err(Error::Corrupt { .. } | Error::Foreign { .. } | Error::Version { .. }) => return,
        Err(error) => panic!("not an error of damage: {error}"),
    };
    assert!(last >= at_least, "{last} of {at_least}: a silent cut");
    written.truncate(last);
    for config in configs.iter().rev() {
        let again = show(path, config, &written).expect("what opened once opens again");
        assert_eq!(again, last, "shown, then not");
    }
    let wal = open(path, &configs[1]).expect("opens");
    written.push(append(&wal, 900));
    wal.sync().expect("syncs");
    drop(wal);
    let after = show(path, &configs[0], &written).expect("a log that took a record opens");
    assert_eq!(after, last + 1, "acknowledged, then lost");
}

proptest! {
    #![proptest_config(crate::world::cases(50))]

    #[test]
    fn damage_never_shows_a_wrong_record(
        configs in [config(), config()],
        middle in config(),
        lives in prop::collection::vec(prop::collection::vec(step(), 1..12), 1..4),
        ends_closed: bool,
        which: Index,
        damage in damage(),
    ) {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path().join("log");
        let mut written = Vec::new();
        for (life, steps) in lives.iter().enumerate() {
            let config = if life % 2 == 0 { &configs[0] } else { &middle };
            let wal = open(&path, config).expect("an intact log opens");
            for step in steps {
                match step {
                    Step::Append(length) => written.push(append(&wal, *length)),
                    Step::Sync => wal.sync().expect("syncs"),
                    Step::Truncate => {
                        wal.sync().expect("syncs");
                        let half = Lsn::new(1 + written.len() as u64 / 2);
                        wal.truncate_before(half).expect("truncates");
                    }
                }
            }
            match ends_closed {
                true => wal.close().expect("closes"),
                false => wal.sync().expect("syncs"),
            }
        }
        let files = segments(&path);
        damage.inflict(&files[which.index(files.len())]);
        let at_least = match (&damage, ends_closed) {
            (Damage::Flip { .. }, true) => written.len(),
            _ => proven(&path) as usize,
        };
        check(&path, &configs, written, at_least);
    }
}
