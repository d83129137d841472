//! Atomic batches, on a real directory. That a crash leaves all of a batch or nothing is for the
//! simulator; here is what a caller sees of them.

#[path = "support/log.rs"]
mod support;

use seawall::format::{BATCH_BYTES_MAX, PAYLOAD_BYTES_MAX};
use seawall::{Error, Lsn};
use support::{lsns, open_small, put, scratch};

#[test]
fn a_batch_has_lsns_one_behind_the_other() {
    let dir = scratch();
    let wal = open_small(dir.path());
    let payloads: Vec<Vec<u8>> = (0..5).map(|index| vec![index; 30]).collect();
    let records: Vec<_> = payloads.iter().map(|payload| put(payload)).collect();
    assert_eq!(
        wal.append_batch(&records[..2]).expect("appends"),
        Lsn::new(1)..=Lsn::new(2)
    );
    assert_eq!(
        wal.append_batch(&records[2..]).expect("appends"),
        Lsn::new(3)..=Lsn::new(5)
    );
    wal.close().expect("closes");
    drop(wal);
    let wal = open_small(dir.path());
    let replayed = wal.replay().expect("replays");
    let replayed: Vec<_> = replayed.into_iter().map(|record| record.payload).collect();
    assert_eq!(replayed, payloads);
}

#[test]
fn a_batch_larger_than_buffer_and_segment_is_one_frame() {
    let dir = scratch();
    let wal = open_small(dir.path());
    wal.append_put(support::TENANT, support::SHARD, b"before")
        .expect("appends");
    let payload = vec![1; 300];
    wal.append_batch(&[put(&payload); 40]).expect("appends");
    wal.sync().expect("syncs");
    let stats = wal.stats();
    assert_eq!((stats.records_written, stats.frames_written), (41, 3));
    assert_eq!(stats.records_per_frame.percentile(100), 63);
    drop(wal);
    let wal = open_small(dir.path());
    assert_eq!(lsns(&wal), (1..=41).collect::<Vec<_>>());
}

#[test]
fn a_batch_beyond_the_limits_is_refused_before_it_gets_lsns() {
    let dir = scratch();
    let wal = open_small(dir.path());
    assert!(matches!(wal.append_batch(&[]), Err(Error::EmptyBatch)));
    let too_large = vec![0; PAYLOAD_BYTES_MAX + 1];
    let refused = wal.append_batch(&[put(b""), put(&too_large)]);
    assert!(matches!(refused, Err(Error::RecordTooLarge { .. })));
    let half = vec![0; PAYLOAD_BYTES_MAX / 2];
    let refused = wal.append_batch(&[put(&half), put(&half)]);
    let bytes_expected = BATCH_BYTES_MAX + 12;
    assert!(matches!(refused, Err(Error::BatchTooLarge { bytes, .. }) if bytes == bytes_expected));
    assert_eq!(wal.next_lsn(), Lsn::new(1));
    let just_fits = vec![0; PAYLOAD_BYTES_MAX / 2 - 12];
    wal.append_batch(&[put(&half), put(&just_fits)])
        .expect("appends");
    wal.sync().expect("syncs");
    drop(wal);
    assert_eq!(lsns(&open_small(dir.path())), [1, 2]);
}

#[test]
fn a_batch_that_a_recovery_copies_stays_one_frame() {
    let dir = scratch();
    let wal = open_small(dir.path());
    wal.append_batch(&[put(&[7; 400]); 3]).expect("appends");
    // It needs the room of the batch, which is written for it, and not synced.
    wal.append_put(support::TENANT, support::SHARD, b"next")
        .expect("appends");
    drop(wal);
    let wal = open_small(dir.path());
    assert_eq!(lsns(&wal), [1, 2, 3]);
    let report = seawall::verify(dir.path(), None);
    assert!(matches!(report, Err(Error::Locked { .. })));
    drop(wal);
    let report = seawall::verify(dir.path(), None).expect("verifies");
    assert_eq!((report.records, report.segments[0].frames), (3, 1));
}
