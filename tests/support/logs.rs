//! What the tests of verify, dump, salvage and the command share: small logs as files in memory,
//! their frames, and ways to damage them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::ProptestConfig;
use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, Records};
use seawall::format::header::SegmentHeader;
use seawall::{
    Error, Finding, Lsn, RecordType, Report, Result, Salvaged, TenantId, VShardId, WalConfig,
    WalManager, WalRecord, WalTuning,
};

use crate::disk::Disk;

/// Segment files by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// So many random cases, or as many as `PROPTEST_CASES` says. A failure prints its smallest case,
/// which belongs into a test by name, so nothing is written beside the sources.
pub fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config.failure_persistence = None;
    config
}

/// Segments of a few frames, a sector each.
pub fn config(alignment: usize) -> WalConfig {
    WalConfig {
        use_direct_io: false,
        segment_target_size: 4 * alignment as u64,
        tuning: WalTuning {
            write_buffer_size: 512,
            alignment,
        },
    }
}

/// A log while it is made: lives in memory, and what was written in them.
pub struct Log {
    pub disk: Disk,
    pub config: WalConfig,
    pub written: Vec<WalRecord>,
    env: seawall::env::Env,
    wal: Option<WalManager>,
}

pub fn dir() -> &'static Path {
    Path::new("/log")
}

impl Log {
    pub fn new(alignment: usize) -> Log {
        let disk = Disk::with_space(1 << 30);
        let env = disk.env();
        let mut log = Log {
            disk,
            config: config(alignment),
            written: Vec::new(),
            env,
            wal: None,
        };
        log.reopen();
        log
    }

    pub fn wal(&self) -> &WalManager {
        self.wal.as_ref().expect("open but for a moment")
    }

    /// Ends the life, without a close, and begins the next.
    pub fn reopen(&mut self) {
        self.wal = None;
        let wal = WalManager::open_in(self.env.clone(), dir(), self.config, None).expect("opens");
        self.wal = Some(wal);
    }

    /// Appends a record whose content follows from its LSN and length.
    pub fn append(&mut self, length: usize) {
        let lsn = self.wal().next_lsn().as_u64();
        let payload: Vec<u8> = (0..length as u64).map(|at| (at * 7 + lsn) as u8).collect();
        let record_type = match lsn % 3 {
            0 => RecordType::LogBatch,
            _ => RecordType::Put,
        };
        let (tenant, vshard) = (TenantId::new(lsn as u32 * 3), VShardId::new(lsn as u16 * 5));
        let given = self.wal().append(record_type, tenant, vshard, &payload);
        assert_eq!(given.expect("appends"), Lsn::new(lsn));
        let header = seawall::RecordHeader {
            record_type: record_type as u16,
            lsn,
            tenant_id: tenant.as_u32(),
            vshard_id: vshard.as_u16(),
        };
        self.written.push(WalRecord { header, payload });
    }

    pub fn sync(&self) {
        self.wal().sync().expect("syncs");
    }

    pub fn close(&self) {
        self.wal().close().expect("closes");
    }

    pub fn files(&self) -> Files {
        files_in(&self.disk, dir())
    }
}

fn files_in(disk: &Disk, dir: &Path) -> Files {
    let name = |path: PathBuf| {
        path.file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    let segments = disk.segments(dir).into_iter();
    segments.map(|(path, bytes)| (name(path), bytes)).collect()
}

/// So many durable records in segments of three frames, by one life that ended in a close: the last
/// segment is empty.
pub fn closed(records: u64) -> (Files, Vec<WalRecord>) {
    let mut log = Log::new(512);
    for index in 0..records {
        log.append(20 + index as usize);
        log.sync();
    }
    log.close();
    (log.files(), log.written)
}

/// The same without the empty segment: a crash came before it had its name, or the disk was full. The last
/// segment has records and a footer.
pub fn sealed(records: u64) -> (Files, Vec<WalRecord>) {
    let (mut files, written) = closed(records);
    let (_, empty) = files.pop_last().expect("a segment");
    assert!(frames(&empty).is_empty());
    (files, written)
}

pub fn disk_of(files: &Files) -> Disk {
    let disk = Disk::with_space(1 << 30);
    disk.put(&dir().join("LOCK"), Vec::new());
    for (name, bytes) in files {
        disk.put(&dir().join(name), bytes.clone());
    }
    disk
}

/// The report on these files; that they are not changed is checked.
pub fn verified(files: &Files) -> Result<Report> {
    let disk = disk_of(files);
    let report = seawall::verify_in(disk.env(), dir(), None);
    assert!(
        files_in(&disk, dir()) == segments(files),
        "verify has written"
    );
    report
}

/// Those of the files that the disk lists as segments.
fn segments(files: &Files) -> Files {
    let mut files = files.clone();
    files.retain(|name, _| name.ends_with(".wal"));
    files
}

/// All records that an open shows.
pub fn replayed(files: &Files) -> Result<Vec<WalRecord>> {
    WalManager::open_in(disk_of(files).env(), dir(), config(512), None)?.replay()
}

/// All records that a dump shows.
pub fn dumped(files: &Files, from: Option<Lsn>) -> Result<Vec<WalRecord>> {
    seawall::dump_in(disk_of(files).env(), dir(), from, None)?.collect()
}

/// What a salvage says, and the records and the report of the log that it made.
pub fn salvaged(files: &Files) -> Result<(Salvaged, Vec<WalRecord>)> {
    let new = Path::new("/new");
    let disk = disk_of(files);
    let env = disk.env();
    let salvaged = seawall::salvage_in(env.clone(), dir(), new, None);
    assert!(
        files_in(&disk, dir()) == segments(files),
        "salvage has written"
    );
    let salvaged = salvaged?;
    let copy = files_in(&disk, new);
    let records: Result<Vec<WalRecord>> = seawall::dump_in(env.clone(), new, None, None)?.collect();
    let records = records.expect("what was salvaged is whole");
    let report = seawall::verify_in(env, new, None).expect("what was salvaged is there");
    let is_unknown =
        |finding: &Finding| matches!(finding, Finding::Refused(Error::UnknownType { .. }));
    assert!(
        report.findings.iter().all(is_unknown),
        "{:?}",
        report.findings
    );
    assert_eq!(report.unproven_records, 0);
    assert_eq!(report.records, salvaged.records);
    assert_eq!(report.low_water_lsn, salvaged.low_water_lsn);
    if report.unknown_required_records == 0 {
        let shown =
            WalManager::open_in(disk_of(&copy).env(), dir(), config(512), None)?.replay()?;
        let is_known =
            |record: &&WalRecord| RecordType::from_number(record.header.record_type).is_some();
        let known = records.iter().filter(is_known);
        assert!(shown.iter().eq(known), "an open shows something else");
    }
    Ok((salvaged, records))
}

/// A frame of an intact segment file.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub offset: usize,
    /// Without its padding.
    pub bytes: usize,
    /// With it.
    pub padded: usize,
    pub header: FrameHeader,
}

/// The frames of an intact segment file, footer included.
pub fn frames(bytes: &[u8]) -> Vec<Frame> {
    let segment = SegmentHeader::decode(bytes).expect("an intact header");
    let mut frames = Vec::new();
    let mut offset = segment.block_bytes as usize;
    while let Some(rest) = bytes.get(offset..) {
        let Ok(header) = FrameHeader::decode(rest, &segment, offset as u64) else {
            break;
        };
        let padded = header.file_bytes(&segment) as usize;
        frames.push(Frame {
            offset,
            bytes: FRAME_HEADER_BYTES + header.body_bytes as usize,
            padded,
            header,
        });
        offset += padded;
    }
    frames
}

/// The LSNs of a frame's records.
pub fn lsns(frame: &Frame) -> std::ops::RangeInclusive<u64> {
    frame.header.first_lsn.as_u64()..=frame.header.last_lsn().as_u64()
}

/// Gives the records of the frame with `lsn` another type, with all checksums as they should be.
pub fn retype(files: &mut Files, lsn: u64, record_type: u16) {
    for bytes in files.values_mut() {
        let segment = SegmentHeader::decode(bytes).expect("an intact header");
        let frames = frames(bytes);
        let is_meant =
            |frame: &&Frame| frame.header.kind == FrameKind::Records && lsns(frame).contains(&lsn);
        let Some(frame) = frames.iter().find(is_meant) else {
            continue;
        };
        let body = bytes[frame.offset + FRAME_HEADER_BYTES..frame.offset + frame.bytes].to_vec();
        let mut records = Records::of(&frame.header);
        let mut buffer = FrameBuffer::with_capacity(body.len());
        while let Some((record, payload)) = records.next(&body) {
            let (tenant, vshard) = (record.tenant_id, record.vshard_id);
            let (tenant, vshard) = (TenantId::new(tenant), VShardId::new(vshard));
            buffer.push(Lsn::new(record.lsn), record_type, tenant, vshard, payload);
        }
        let place = Place {
            segment: &segment,
            offset: frame.offset as u64,
            last_lsn: Lsn::new(frame.header.first_lsn.as_u64() - 1),
            durable_lsn: frame.header.durable_lsn,
            durable_end: frame.header.durable_end,
            low_water_lsn: frame.header.low_water_lsn,
        };
        bytes[frame.offset..frame.offset + frame.padded]
            .copy_from_slice(buffer.encode(&place, None));
        return;
    }
    panic!("no frame has lsn {lsn}");
}

/// The name of the n-th segment file.
pub fn nth(files: &Files, index: usize) -> String {
    files.keys().nth(index).expect("so many segments").clone()
}

/// The files with one byte changed.
pub fn flipped(files: &Files, name: &str, at: usize, by: u8) -> Files {
    let mut files = files.clone();
    files.get_mut(name).expect("a segment")[at] ^= by;
    files
}
