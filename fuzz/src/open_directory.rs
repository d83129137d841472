//! Any directory, opened as a log and used as one.
//!
//! *Verified:* an open gives a log or a typed error, never a panic, and reads no more than is
//! there; one that refuses changes no segment, and refuses again; every reader gives the same
//! verdict, and so does whoever looks at the log before it is opened; a log that opened opens again,
//! and what it replayed and acknowledged is there then. What is salvaged of a log that was refused
//! is a log that opens, and the refused one is as it was.
//! *Not verified:* that a refusal was right (see the log's own tests), crashes and faults (the
//! simulator).

use std::path::Path;

use seawall::{
    Error, Lsn, RecordType, Result, TenantId, VShardId, Verdict, WalConfig, WalManager, WalRecord,
    WalTuning, dump_in, salvage_in, verify_in,
};

use super::disk::Disk;
use super::structured::{Input, NamedFile, directory, segment_name};

const DIR: &str = "/log";
const SALVAGED: &str = "/salvaged";
const ALIGNMENTS: [usize; 4] = [512, 4096, 1024, 65536];

/// The first byte says how the rest is meant.
///
/// | bit | meaning |
/// | --- | --- |
/// | 0 | the files are built step by step (see `structured`); otherwise their bytes are given |
/// | 1 | the disk has little space; a byte says how little |
/// | 2, 3 | the alignment of the first open |
/// | 4, 5 | the alignment of the second open |
/// | 6 | segments are small |
/// | 7 | the first open ends with a close, not with a drop |
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let space = match mode & 2 {
        0 => 1 << 30,
        _ => u64::from(input.byte()) * 256,
    };
    let files = match mode & 1 {
        0 => given(&mut input),
        _ => directory(&mut input),
    };
    let disk = Disk::with_space(space);
    for (name, content) in &files {
        disk.put(&Path::new(DIR).join(name), content.clone());
    }
    let target = match mode & 64 {
        0 => 0,
        _ => 2048,
    };
    let open = |alignment: u8| {
        let config = WalConfig {
            use_direct_io: false,
            segment_target_size: target,
            tuning: WalTuning {
                write_buffer_size: 512,
                alignment: ALIGNMENTS[usize::from(alignment & 3)],
            },
        };
        WalManager::open_in(disk.env(), Path::new(DIR), config, None)
    };
    let before = disk.segments(Path::new(DIR));
    let verdict = verify_in(disk.env(), Path::new(DIR), None).map(|report| report.verdict());
    let is_intact = matches!(verdict, Ok(Verdict::Intact) | Err(Error::NoLog { .. }));
    let dumped: Result<Vec<WalRecord>> =
        dump_in(disk.env(), Path::new(DIR), None, None).and_then(Iterator::collect);
    assert!(
        before == disk.segments(Path::new(DIR)),
        "a look has changed something"
    );
    let wal = match open(mode >> 2) {
        Ok(wal) => wal,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if !matches!(error, Error::Full { .. }) {
                assert!(!is_intact, "verify saw nothing: {error}");
                salvage(&disk);
                assert!(before == disk.segments(Path::new(DIR)), "{error}");
                assert!(open(mode >> 4).is_err(), "refused, then not: {error}");
            }
            return;
        }
    };
    let recovered = read_everywhere(&wal);
    match (&recovered, dumped) {
        (Ok(records), Ok(dumped)) => assert!(known(dumped) == *records),
        // An open makes a log where there is none, and migrates one of the legacy format.
        (Ok(_), Err(error)) => assert!(
            matches!(error, Error::NoLog { .. } | Error::Legacy { .. }),
            "{error}"
        ),
        (Err(error), _) => assert!(!is_intact, "verify saw nothing: {error}"),
    }
    let next = wal.next_lsn();
    let appended = wal.append_put(TenantId::new(1), VShardId::new(2), &[3; 700]);
    assert_eq!(appended.expect("the buffer is empty"), next);
    let acked = match wal.wait_durable(next) {
        Ok(()) => true,
        Err(Error::Full { .. }) => false,
        Err(error) => panic!("a disk without faults: {error}"),
    };
    if acked && let Ok(recovered) = &recovered {
        let after = wal.replay().expect("it was readable a moment ago");
        assert_eq!(after.len(), recovered.len() + 1);
    }
    if mode & 128 != 0 {
        let _may_be_full = wal.close();
    }
    drop(wal);
    disk.add_space(1 << 30);
    let again = open(mode >> 4).expect("what was opened once opens again");
    let Ok(recovered) = recovered else {
        return;
    };
    let replayed = again
        .replay()
        .expect("what was replayed once replays again");
    assert!(replayed.len() >= recovered.len() + usize::from(acked));
    assert!(replayed.len() <= recovered.len() + 1);
    assert!(replayed[..recovered.len()] == recovered[..]);
    if let Some(last) = replayed.get(recovered.len()) {
        assert_eq!(last.header.lsn, next.as_u64());
        assert_eq!(last.payload, [3; 700]);
    }
}

/// Replays in every way there is and demands one truth.
fn read_everywhere(wal: &WalManager) -> Result<Vec<WalRecord>> {
    let low_water = wal.low_water_lsn();
    let eager = wal.replay();
    let streamed: Result<Vec<WalRecord>> = wal.reader().and_then(Iterator::collect);
    assert_eq!(eager.is_ok(), streamed.is_ok());
    let Ok(records) = &eager else {
        return eager;
    };
    assert!(streamed.is_ok_and(|streamed| streamed == *records));
    // LSNs may be missing: a log can say so.
    assert!(records.is_sorted_by(|one, next| one.header.lsn < next.header.lsn));
    let last = records.last().map_or(0, |record| record.header.lsn);
    assert!(last <= wal.durable_lsn().as_u64());
    let middle = records.len() / 2;
    let from = records
        .get(middle)
        .map_or(low_water.as_u64(), |record| record.header.lsn);
    let later = wal
        .replay_from(Lsn::new(from))
        .expect("a part of what is readable");
    assert!(later == records[middle..]);
    eager
}

/// The records whose types this version knows.
fn known(mut records: Vec<WalRecord>) -> Vec<WalRecord> {
    records.retain(|record| RecordType::from_number(record.header.record_type).is_some());
    records
}

/// Salvages what the log has, into a directory of its own.
fn salvage(disk: &Disk) {
    let to = Path::new(SALVAGED);
    let salvaged = match salvage_in(disk.env(), Path::new(DIR), to, None) {
        Ok(salvaged) => salvaged,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let report = verify_in(disk.env(), to, None).expect("it can be read");
    assert_ne!(
        report.verdict(),
        Verdict::Damaged,
        "{report:#?} {salvaged:#?}"
    );
    assert_eq!(report.records, salvaged.records);
}

/// Segment files as they are: number, first LSN, length, bytes.
fn given(input: &mut Input<'_>) -> Vec<NamedFile> {
    let mut files = Vec::new();
    while !input.is_empty() && files.len() < 8 {
        let name = segment_name(input.number(0), input.number(0));
        let length = usize::from(input.byte()) | usize::from(input.byte()) << 8;
        files.push((name, input.take(length).to_vec()));
    }
    files
}
