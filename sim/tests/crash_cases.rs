//! Torn tails by hand: what no sync has covered is kept or cut, whatever it looks like.
//!
//! *Verified:* a log opens after its un-synced tail was lost, kept, torn, turned to garbage or
//! made to look like records; what was acknowledged is there, what was cut never comes back, and
//! recovery reads a long tail a fixed number of times.
//! *Not verified:* damage to what was durable: see `crash_damage`. Crashes in the middle of a
//! step: see `crash_steps`.

#[path = "crash_support/case.rs"]
mod case;

use seawall::WalManager;
use seawall_sim::disk::Strategy;

use case::{BLOCK, Case, append, durable, payloads, segment, written};

/// Opens after a crash, looks, loses all that was not synced by then, and looks again: what was
/// shown stays.
fn shown_for_good(case: &Case) -> Vec<Vec<u8>> {
    let wal = case.open();
    let shown = payloads(&wal);
    assert_eq!(wal.next_lsn().as_u64(), shown.len() as u64 + 1);
    case.cut(wal, Strategy::LoseAll);
    let wal = case.open();
    assert_eq!(payloads(&wal), shown, "what was shown is shown again");
    case.cut(wal, Strategy::LoseAll);
    shown
}

/// As [`shown_for_good`], and then goes on: the new record takes the place of what was cut.
fn shown_before_more(case: &Case) -> Vec<Vec<u8>> {
    let shown = shown_for_good(case);
    let wal = case.open();
    let lsn = durable(&wal, b"more");
    assert_eq!(lsn.as_u64(), shown.len() as u64 + 1);
    case.cut(wal, Strategy::LoseAll);
    let mut expected = shown.clone();
    expected.push(b"more".to_vec());
    assert_eq!(shown_for_good(case), expected);
    shown
}

#[test]
fn an_unsynced_tail_is_lost_or_kept_and_either_is_final() {
    let check = |is_prepared, strategy, expected: &[&[u8]]| {
        let case = Case::new();
        let wal = case.open();
        if is_prepared {
            wal.prepare(8 * BLOCK as u64).expect("there is space");
        }
        durable(&wal, b"acked");
        written(&wal, &[b"tail"]);
        case.cut(wal, strategy);
        assert_eq!(shown_before_more(&case), expected, "{strategy}");
    };
    for is_prepared in [false, true] {
        check(is_prepared, Strategy::LoseAll, &[b"acked"]);
        check(is_prepared, Strategy::LenWithoutData, &[b"acked"]);
        check(is_prepared, Strategy::KeepAll, &[b"acked", b"tail"]);
    }
    check(false, Strategy::DataWithoutLen, &[b"acked"]);
    // The length was durable before.
    check(true, Strategy::DataWithoutLen, &[b"acked", b"tail"]);
}

#[test]
fn records_that_were_never_written_are_lost() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"acked");
    append(&wal, b"in memory").expect("it is appended");
    case.cut(wal, Strategy::KeepAll);
    assert_eq!(shown_before_more(&case), [b"acked"]);
}

#[test]
fn a_batch_of_which_only_later_sectors_arrived_is_cut() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"acked");
    written(&wal, &[&[b'x'; 5 * BLOCK]]);
    case.cut(wal, Strategy::KeepAll);
    // The frame's first sector never arrived; the other five did.
    case.lose_sector(&segment(1, 1), 2 * BLOCK);
    assert_eq!(shown_before_more(&case), [b"acked"]);
}

#[test]
fn whole_frames_behind_a_torn_one_are_cut_with_it() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"acked");
    // Each fills more than half of the buffer, so each has a frame of its own.
    written(&wal, &[&[b'1'; 400], &[b'2'; 400], &[b'3'; 400]]);
    case.cut(wal, Strategy::KeepAll);
    frame_at(&case, &segment(1, 1), 3);
    case.lose_sector(&segment(1, 1), 2 * BLOCK);
    // Nothing vouches for the torn one: an un-synced batch arrived out of order.
    assert_eq!(shown_before_more(&case), [b"acked"]);
}

#[test]
fn any_sector_of_a_tail_may_be_missing() {
    let tail: [&[u8]; 3] = [&[b'a'; 1200], &[b'b'; 30], &[b'c'; 700]];
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"acked");
    written(&wal, &tail);
    case.cut(wal, Strategy::KeepAll);
    let file = segment(1, 1);
    let end = case.bytes_of(&file).len();
    // Frames of 3, 1 and 2 blocks: losing one of them costs its frame and what is behind it.
    for (sector, kept) in (2..end / BLOCK).zip([0, 0, 0, 1, 2, 2]) {
        let case = case.fork();
        case.lose_sector(&file, sector * BLOCK);
        let mut expected = vec![b"acked".to_vec()];
        expected.extend(tail[..kept].iter().map(|payload| payload.to_vec()));
        assert_eq!(shown_before_more(&case), expected, "sector {sector}");
    }
}

#[test]
fn a_torn_header_with_a_garbage_length_is_cut() {
    for length in [0, 1, 1 << 26, 1 << 31, u32::MAX] {
        let case = Case::new();
        let wal = case.open();
        durable(&wal, b"acked");
        written(&wal, &[b"tail"]);
        case.cut(wal, Strategy::KeepAll);
        // The length of the body; the checksum of the header is still that of the true one.
        case.overwrite(&segment(1, 1), 2 * BLOCK + 36, &length.to_le_bytes());
        assert_eq!(shown_before_more(&case), [b"acked"], "length {length}");
    }
}

#[test]
fn stale_bytes_behind_the_end_are_no_records() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"acked");
    case.cut(wal, Strategy::LoseAll);
    // The file system gave the file a block of something else.
    let stale: Vec<u8> = (0..8 * BLOCK).map(|at| (at * 7 % 251) as u8).collect();
    case.overwrite(&segment(1, 1), 2 * BLOCK, &stale);
    assert_eq!(shown_before_more(&case), [b"acked"]);
}

/// Appends to a segment with one frame another one whose payload holds `image`, such that the
/// image begins at the file's block number 3. Then the power is cut, and of the frame all but the
/// first sector arrived.
fn tear_frame_around(image: &[u8], case: &Case, wal: WalManager, file: &str) {
    let payload_at = 2 * BLOCK + 64 + 12;
    let mut payload = vec![b'.'; 3 * BLOCK - payload_at];
    payload.extend(image);
    written(&wal, &[&payload]);
    case.cut(wal, Strategy::KeepAll);
    assert_eq!(&case.bytes_of(file)[3 * BLOCK..][..image.len()], image);
    case.lose_sector(file, 2 * BLOCK);
}

/// The bytes of a frame of one block.
fn frame_at(case: &Case, file: &str, block: usize) -> Vec<u8> {
    let frame = &case.bytes_of(file)[block * BLOCK..][..BLOCK];
    assert_eq!(&frame[..4], b"WALf");
    frame.to_vec()
}

#[test]
fn the_image_of_a_frame_of_this_segment_in_a_payload_is_no_frame() {
    let case = Case::new();
    let wal = case.open();
    durable(&wal, b"acked");
    let image = frame_at(&case, &segment(1, 1), 1);
    tear_frame_around(&image, &case, wal, &segment(1, 1));
    assert_eq!(shown_before_more(&case), [b"acked"]);
}

#[test]
fn the_image_of_a_frame_of_the_same_place_in_another_log_is_no_frame() {
    let case = Case::new();
    // The other log has gone further: its third frame promises that two records are durable. Its
    // segment's number and the frame's offset are those of the place where the image will lie.
    let other = case.try_open_at("/other").expect("it opens");
    for payload in [b"one", b"two", b"six"] {
        durable(&other, payload);
    }
    drop(other);
    let image = frame_at(&case, "/other/seg-0000000001-00000000000000000001.wal", 3);
    assert_eq!(image[40], 2, "its promise");
    let wal = case.open();
    durable(&wal, b"acked");
    tear_frame_around(&image, &case, wal, &segment(1, 1));
    assert_eq!(shown_before_more(&case), [b"acked"]);
}

#[test]
fn the_image_of_a_frame_of_the_same_offset_in_an_earlier_segment_is_no_frame() {
    let case = Case::new();
    let wal = case.open();
    for payload in [b"one", b"two", b"six"] {
        durable(&wal, payload);
    }
    let image = frame_at(&case, &segment(1, 1), 3);
    wal.close().expect("it closes");
    drop(wal);
    let wal = case.open();
    durable(&wal, b"ten");
    // The close has made the second one, and this open the third in its place.
    tear_frame_around(&image, &case, wal, &segment(3, 4));
    assert_eq!(shown_before_more(&case), [b"one", b"two", b"six", b"ten"]);
}

#[test]
fn recovery_reads_a_long_torn_tail_a_fixed_number_of_times() {
    let check = |is_torn: bool| {
        let mut case = Case::new();
        case.segment_bytes = 64 << 20;
        let wal = case.open();
        durable(&wal, b"acked");
        for _ in 0..1500 {
            written(&wal, &[b"tail"]);
        }
        case.cut(wal, Strategy::KeepAll);
        let file = segment(1, 1);
        let file_bytes = case.bytes_of(&file).len() as u64;
        assert!(file_bytes > 2 << 20);
        if is_torn {
            case.lose_sector(&file, 2 * BLOCK);
        }
        let (calls, bytes_read) = case.cost_of(|| case.open());
        println!("{file_bytes} bytes of tail: {calls} calls, {bytes_read} bytes read");
        assert!(bytes_read <= 3 * file_bytes);
        bytes_read
    };
    // Kept, it is read once more, to be written again.
    assert!(check(true) < check(false));
}
