//! The log through its public verbs, on a real directory.

#![allow(clippy::disallowed_methods)] // Tests look at the real directory with std.

use seawall::{Error, Lsn, RecordType, TenantId, VShardId, WalManager, WalTuning};

const TENANT: TenantId = TenantId::new(7);
const SHARD: VShardId = VShardId::new(3);

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Small sizes, so that a few records fill buffers and segments.
fn open_small(path: &std::path::Path) -> WalManager {
    let tuning = WalTuning {
        write_buffer_size: 512,
        alignment: 512,
    };
    WalManager::open_with_tuning(path, false, 4096, &tuning).expect("an intact log opens")
}

fn payloads(wal: &WalManager) -> Vec<Vec<u8>> {
    let records = wal.replay().expect("an intact log replays");
    for (index, record) in records.iter().enumerate() {
        assert_eq!(
            record.header.lsn,
            wal.low_water_lsn().as_u64() + index as u64
        );
    }
    records.into_iter().map(|record| record.payload).collect()
}

#[test]
fn what_was_synced_is_replayed_after_a_reopen() {
    let dir = scratch();
    let wal = WalManager::open_for_testing(dir.path()).expect("opens");
    assert_eq!(wal.next_lsn(), Lsn::new(1));
    assert_eq!(
        wal.append_put(TENANT, SHARD, b"a").expect("appends"),
        Lsn::new(1)
    );
    assert_eq!(
        wal.append_delete(TENANT, SHARD, b"b").expect("appends"),
        Lsn::new(2)
    );
    assert_eq!(wal.durable_lsn(), Lsn::ZERO);
    assert!(payloads(&wal).is_empty());
    wal.sync().expect("syncs");
    assert_eq!(wal.durable_lsn(), Lsn::new(2));
    drop(wal);
    let wal = WalManager::open_for_testing(dir.path()).expect("opens");
    let records = wal.replay().expect("replays");
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].header.record_type, RecordType::Put as u16);
    assert_eq!(records[0].header.tenant_id, 7);
    assert_eq!(records[1].header.vshard_id, 3);
    assert_eq!(records[1].payload, b"b");
    assert_eq!(wal.next_lsn(), Lsn::new(3));
}

#[test]
fn lsns_go_on_over_many_opens_and_rolls() {
    let dir = scratch();
    let mut expected = Vec::new();
    for round in 0..20u8 {
        let wal = open_small(dir.path());
        assert_eq!(payloads(&wal), expected);
        for index in 0..30u8 {
            let payload = vec![round; 5 * usize::from(index)];
            let lsn = wal.append_put(TENANT, SHARD, &payload).expect("appends");
            expected.push(payload);
            assert_eq!(lsn.as_u64(), expected.len() as u64);
        }
        match round % 2 {
            0 => wal.sync().expect("syncs"),
            _ => wal.close().expect("closes"),
        }
    }
    let wal = open_small(dir.path());
    assert_eq!(payloads(&wal), expected);
    assert!(wal.list_segments().len() > 20);
    let listed: u64 = wal
        .list_segments()
        .iter()
        .map(|segment| {
            let on_disk = segment.path.metadata().expect("it is there").len();
            assert_eq!(on_disk, segment.file_size, "{}", segment.path.display());
            on_disk
        })
        .sum();
    assert_eq!(wal.total_size_bytes(), listed);
}

#[test]
fn empty_opens_leave_no_trail_of_segments() {
    let dir = scratch();
    for _ in 0..5 {
        let wal = open_small(dir.path());
        assert_eq!(wal.list_segments().len(), 1);
        assert_eq!(wal.next_lsn(), Lsn::new(1));
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let dir = scratch();
    let wal = open_small(dir.path());
    let second = WalManager::open_for_testing(dir.path());
    assert!(matches!(second, Err(Error::Locked { .. })));
    drop(wal);
    open_small(dir.path());
}

#[test]
fn truncation_drops_whole_segments_and_survives_a_reopen() {
    let dir = scratch();
    let wal = open_small(dir.path());
    for _ in 0..100 {
        wal.append_put(TENANT, SHARD, &[1; 400]).expect("appends");
    }
    wal.sync().expect("syncs");
    let before = wal.list_segments();
    let refused = wal.truncate_before(Lsn::new(102));
    assert!(matches!(refused, Err(Error::NotDurable { .. })));
    let result = wal.truncate_before(Lsn::new(50)).expect("truncates");
    assert!(result.segments_deleted > 0);
    assert!(result.bytes_reclaimed > 0);
    let low_water = wal.low_water_lsn();
    assert!(low_water > Lsn::new(1));
    assert!(low_water <= Lsn::new(50));
    assert_eq!(
        wal.list_segments().len(),
        before.len() - result.segments_deleted as usize
    );
    assert!(!before[0].path.exists());
    let below = wal.replay_from(Lsn::new(1));
    assert!(matches!(below, Err(Error::BelowLowWater { .. })));
    assert_eq!(wal.replay_from(Lsn::new(60)).expect("replays").len(), 41);
    drop(wal);
    let wal = open_small(dir.path());
    assert_eq!(wal.low_water_lsn(), low_water);
    assert_eq!(payloads(&wal).len() as u64, 101 - low_water.as_u64());
}

#[test]
fn a_reader_pins_its_segments() {
    let dir = scratch();
    let wal = open_small(dir.path());
    for _ in 0..100 {
        wal.append_put(TENANT, SHARD, &[1; 400]).expect("appends");
    }
    wal.sync().expect("syncs");
    let reader = wal.reader().expect("reads");
    let kept = wal.truncate_before(Lsn::new(50)).expect("truncates");
    assert_eq!(kept.segments_deleted, 0);
    assert_eq!(reader.count(), 100);
    let gone = wal.truncate_before(Lsn::new(50)).expect("truncates");
    assert!(gone.segments_deleted > 0);
}

#[test]
fn a_closed_log_refuses_everything() {
    let dir = scratch();
    let wal = open_small(dir.path());
    wal.append_put(TENANT, SHARD, b"last").expect("appends");
    wal.close().expect("closes");
    assert!(matches!(
        wal.append_put(TENANT, SHARD, b"x"),
        Err(Error::Closed)
    ));
    assert!(matches!(wal.sync(), Err(Error::Closed)));
    assert!(matches!(wal.replay(), Err(Error::Closed)));
    assert!(matches!(wal.close(), Err(Error::Closed)));
    drop(wal);
    assert_eq!(payloads(&open_small(dir.path())), [b"last"]);
}

#[test]
fn a_large_record_fits_and_a_too_large_one_is_refused() {
    let dir = scratch();
    let wal = open_small(dir.path());
    let large = vec![9; 3 << 20];
    wal.append_durable(RecordType::Put, TENANT, SHARD, &large)
        .expect("appends");
    let refused = wal.append_put(TENANT, SHARD, &vec![0; (64 << 20) + 1]);
    assert!(matches!(refused, Err(Error::RecordTooLarge { .. })));
    assert_eq!(wal.next_lsn(), Lsn::new(2));
    let largest = wal.append_put(TENANT, SHARD, &vec![0; 64 << 20]);
    assert_eq!(largest.expect("appends"), Lsn::new(2));
    drop(wal);
    assert_eq!(payloads(&open_small(dir.path())), [large]);
}

#[test]
fn a_checkpoint_is_messagepack() {
    let dir = scratch();
    let wal = open_small(dir.path());
    wal.append_checkpoint(TENANT, SHARD, 300).expect("appends");
    wal.sync().expect("syncs");
    assert_eq!(payloads(&wal), [vec![0xcd, 0x01, 0x2c]]);
}

#[test]
fn the_configuration_may_change_with_every_open() {
    let dir = scratch();
    let mut expected = Vec::new();
    for (alignment, buffer, target) in [(512, 512, 2048), (65536, 4096, 0), (4096, 1 << 20, 9000)] {
        let tuning = WalTuning {
            write_buffer_size: buffer,
            alignment,
        };
        let wal = WalManager::open_with_tuning(dir.path(), false, target, &tuning).expect("opens");
        assert_eq!(payloads(&wal), expected);
        for length in 0..20 {
            let payload = vec![3; 17 * length];
            wal.append_put(TENANT, SHARD, &payload).expect("appends");
            expected.push(payload);
        }
        wal.sync().expect("syncs");
    }
    assert_eq!(payloads(&open_small(dir.path())), expected);
}

#[test]
fn many_threads_share_syncs_and_each_gets_its_own_lsn() {
    let dir = scratch();
    let wal = WalManager::open_for_testing(dir.path()).expect("opens");
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let wal = &wal;
            scope.spawn(move || {
                for index in 0..50u8 {
                    let payload = [thread, index];
                    let lsn = wal
                        .append_durable(RecordType::Put, TENANT, SHARD, &payload)
                        .expect("appends");
                    assert!(wal.durable_lsn() >= lsn);
                    let found = wal.replay_from(lsn).expect("replays");
                    assert_eq!(found[0].payload, payload);
                }
            });
        }
    });
    assert_eq!(payloads(&wal).len(), 400);
    assert!(wal.stats().syncs <= 400);
}

#[test]
fn records_read_where_they_lie_are_those_of_the_iterator() {
    let dir = scratch();
    let wal = open_small(dir.path());
    for index in 0..200u16 {
        let payload = vec![index as u8; usize::from(index * 37 % 900)];
        wal.append_put(TENANT, VShardId::new(index), &payload)
            .expect("appends");
    }
    wal.sync().expect("syncs");
    assert!(wal.list_segments().len() > 10);
    for from in [1, 2, 77, 200] {
        let expected = wal.replay_from(Lsn::new(from)).expect("replays");
        assert_eq!(expected.len() as u64, 201 - from);
        let mut reader = wal.reader_from(Lsn::new(from)).expect("reads");
        let mut read = Vec::new();
        // Both ways, in turn.
        while let Some(record) = reader.next_borrowed().expect("is intact") {
            read.push(record.to_record());
            if let Some(record) = reader.next() {
                read.push(record.expect("is intact"));
            }
        }
        assert!(read == expected);
        assert!(reader.next_borrowed().expect("it has ended").is_none());
        assert!(reader.next().is_none());
    }
}
