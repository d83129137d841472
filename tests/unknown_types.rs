//! Records of types that only a later version knows. Bit 15 tells those that must be understood.

#![allow(clippy::disallowed_methods)] // Tests change the real directory with std.

#[path = "support/log.rs"]
mod support;

use std::path::{Path, PathBuf};

use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::{FRAME_HEADER_BYTES, FrameHeader, Records};
use seawall::format::header::SegmentHeader;
use seawall::{Error, Lsn, RecordType, TenantId, VShardId, WalManager};
use support::{SHARD, TENANT, fill, lsns, open_small, scratch};

const BLOCK: usize = 512;

fn last_segment(wal: &WalManager) -> PathBuf {
    let segments = wal.list_segments();
    segments.last().expect("one is active").path.clone()
}

fn header_of(path: &Path) -> SegmentHeader {
    let bytes = std::fs::read(path).expect("reads");
    SegmentHeader::decode(&bytes).expect("a header")
}

/// Gives the record in the first frame of a segment another type, as a later version might have.
fn change_type(path: &Path, record_type: u16) {
    let mut bytes = std::fs::read(path).expect("reads");
    let header = header_of(path);
    let frame = FrameHeader::decode(&bytes[BLOCK..], &header, BLOCK as u64).expect("a frame");
    let body = &bytes[BLOCK + FRAME_HEADER_BYTES..][..frame.body_bytes as usize];
    let (record, payload) = Records::of(&frame).next(body).expect("one record");
    let mut buffer = FrameBuffer::with_capacity(0);
    let (tenant, vshard) = (
        TenantId::new(record.tenant_id),
        VShardId::new(record.vshard_id),
    );
    buffer.push(frame.first_lsn, record_type, tenant, vshard, payload);
    let place = Place {
        segment: &header,
        offset: BLOCK as u64,
        last_lsn: Lsn::new(record.lsn - 1),
        durable_lsn: frame.durable_lsn,
        durable_end: frame.durable_end,
        low_water_lsn: frame.low_water_lsn,
    };
    let again = buffer.encode(&place, None);
    bytes[BLOCK..BLOCK + again.len()].copy_from_slice(again);
    std::fs::write(path, bytes).expect("writes");
}

fn names(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(dir).expect("lists");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("lists").path())
        .map(|path| (path.clone(), std::fs::read(path).expect("reads")))
        .collect();
    names.sort();
    names
}

#[test]
fn an_unknown_optional_type_is_skipped_and_counted() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 10);
    change_type(&wal.list_segments()[0].path, 0x0FFF);
    change_type(&last_segment(&wal), 0x0FFE);
    drop(wal);
    for _ in 0..2 {
        let wal = open_small(dir.path());
        assert_eq!(lsns(&wal), [2, 3, 4, 5, 6, 7, 9, 10]);
        assert_eq!(wal.stats().unknown_skipped, 2);
        let mut reader = wal.reader_from(Lsn::new(8)).expect("starts");
        assert_eq!(reader.by_ref().count(), 2);
        assert_eq!(reader.unknown_skipped(), 1);
        assert_eq!(wal.next_lsn(), Lsn::new(11));
    }
}

#[test]
fn an_unknown_required_type_refuses_the_open_and_changes_nothing() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 10);
    change_type(&last_segment(&wal), 0x8FFF);
    drop(wal);
    let before = names(dir.path());
    let refused = WalManager::open_for_testing(dir.path()).err();
    assert!(
        matches!(
            refused,
            Some(Error::UnknownType {
                record_type: 0x8FFF,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(names(dir.path()), before);
}

#[test]
fn the_required_types_of_earlier_segments_stand_in_the_header() {
    let dir = scratch();
    let wal = open_small(dir.path());
    fill(&wal, 10);
    wal.append_delete(TENANT, SHARD, b"").expect("appends");
    wal.append_log_batch(TENANT, SHARD, b"").expect("appends");
    wal.close().expect("closes");
    drop(wal);
    let wal = open_small(dir.path());
    let path = last_segment(&wal);
    let mut header = header_of(&path);
    let expect = [RecordType::Put as u16, RecordType::Delete as u16];
    assert_eq!(header.required.as_slice(), expect);
    drop(wal);
    // A later version has written a type of its own somewhere before.
    header.required.add(0x8FFF);
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes[..512].copy_from_slice(&header.encode());
    std::fs::write(&path, bytes).expect("writes");
    let refused = WalManager::open_for_testing(dir.path()).err();
    assert!(
        matches!(refused, Some(Error::UnknownType { .. })),
        "{refused:?}"
    );
}
