//! What reading costs, in calls and bytes and not in time.
//!
//! *Verified:* a replay from an LSN opens the segments from that one on and no other; a recovery
//! from an un-synced payload that was torn makes calls and reads bytes in proportion to it, be it
//! torn at its first sector or its last; so does one from many un-synced frames. `cargo test --test costs -- --nocapture` prints a table.
//! *Not verified:* processor time.

#![allow(clippy::disallowed_types)] // One thread: these locks are never waited for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use seawall::env::Env;
use seawall::env::entropy::Entropy;
use seawall::env::vfs::{OpenHow, Vfs};
use seawall::format::frame::{ENTRY_HEADER_BYTES, FRAME_HEADER_BYTES};
use seawall::{Lsn, TenantId, VShardId, WalConfig, WalManager, WalTuning};
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Call, CallKind, Disk, Fate, Gate, Ino, Knobs, SimVfs, Strategy};
use seawall_sim::sched::clock::VirtualClock;

const LOG: &str = "/log";
const BLOCK: usize = 512;
const MIB: u64 = 1 << 20;

/// The calls that were made, in order.
#[derive(Default)]
struct Ledger(Mutex<Vec<Call>>);

impl Ledger {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().expect("one thread")
    }
}

impl Gate for Ledger {
    fn arrive(&self, call: Call) -> Fate {
        self.calls().push(call);
        Fate::Run
    }

    fn cut(&self) -> ! {
        unreachable!("no call is cut");
    }
}

/// Salts that differ from one another.
#[derive(Default)]
struct Counted(Mutex<u8>);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        let mut count = self.0.lock().expect("one thread");
        *count += 1;
        bytes.fill(*count);
        Ok(())
    }
}

/// A disk without faults that keeps books.
struct World {
    vfs: Arc<SimVfs>,
    ledger: Arc<Ledger>,
    entropy: Arc<Counted>,
}

impl World {
    fn new() -> World {
        let ledger = Arc::new(Ledger::default());
        let gate = Arc::clone(&ledger) as Arc<dyn Gate>;
        let faults = Choices::new(1).stream(Purpose::Faults, 0);
        World {
            vfs: SimVfs::new(Disk::new(Knobs::default()), gate, faults),
            ledger,
            entropy: Arc::default(),
        }
    }

    fn open(&self, segment_target_size: u64) -> WalManager {
        let env = Env {
            vfs: Arc::clone(&self.vfs) as Arc<dyn Vfs>,
            clock: Arc::new(VirtualClock),
            entropy: Arc::clone(&self.entropy) as Arc<dyn Entropy>,
        };
        let config = WalConfig {
            use_direct_io: false,
            segment_target_size,
            tuning: WalTuning {
                write_buffer_size: BLOCK,
                alignment: BLOCK,
            },
        };
        WalManager::open_in(env, Path::new(LOG), config, None).expect("the log opens")
    }

    /// What `body` returns, and the calls that it makes.
    fn calls_of<T>(&self, body: impl FnOnce() -> T) -> (T, Vec<Call>) {
        self.ledger.calls().clear();
        let result = body();
        (result, std::mem::take(&mut *self.ledger.calls()))
    }

    fn ino(&self, path: &Path) -> Ino {
        let found = self.vfs.with_disk(|disk| disk.resolve(path));
        found.expect("it is there")
    }

    fn file_bytes(&self, path: &Path) -> u64 {
        let found = self.vfs.with_disk(|disk| disk.metadata(path));
        found.expect("it is there").len
    }

    fn cut(&self, strategy: Strategy) {
        let mut stream = Choices::new(1).stream(Purpose::Crash, 0);
        self.vfs
            .with_disk(|disk| disk.power_cut_with(strategy, &mut stream));
    }

    /// Loses a sector that was written last but never arrived: it reads as zeros.
    fn lose_sector(&self, path: &Path, offset: u64) {
        self.vfs.with_disk(|disk| {
            let fd = disk.open(path, OpenHow::Write { direct: false });
            let fd = fd.expect("it is there");
            assert_eq!(disk.write(fd, offset, &[0; BLOCK]), Ok(BLOCK));
            disk.close(fd);
        });
    }
}

fn append(wal: &WalManager, payload: &[u8]) -> Lsn {
    let appended = wal.append_put(TenantId::new(1), VShardId::new(1), payload);
    appended.expect("there is space")
}

fn bytes_read(calls: &[Call]) -> u64 {
    let reads = calls.iter().filter(|call| call.kind == CallKind::Read);
    reads.map(|call| call.len).sum()
}

/// The files that were opened, and those that were read.
fn touched(calls: &[Call]) -> (Vec<Ino>, Vec<Ino>) {
    let of = |kind| {
        let of_kind = calls.iter().filter(move |call| call.kind == kind);
        let mut inos: Vec<Ino> = of_kind.map(|call| call.ino).collect();
        inos.dedup();
        inos
    };
    (of(CallKind::Open), of(CallKind::Read))
}

#[test]
fn a_replay_from_an_lsn_opens_only_the_segments_that_it_needs() {
    let world = World::new();
    let wal = world.open(8 * BLOCK as u64);
    for _ in 0..300 {
        append(&wal, b"a record");
        wal.sync().expect("there are no faults");
    }
    let segments = wal.list_segments();
    assert!(segments.len() >= 30, "{} segments", segments.len());
    for (index, segment) in segments.iter().enumerate() {
        let needed: Vec<Ino> = segments[index..]
            .iter()
            .map(|segment| world.ino(&segment.path))
            .collect();
        let first = Lsn::new(segment.first_lsn);
        let (records, calls) = world.calls_of(|| wal.replay_from(first));
        let records = records.expect("they are intact");
        assert_eq!(records.len() as u64, 301 - segment.first_lsn);
        let (opened, read) = touched(&calls);
        assert_eq!(opened, needed, "from {first}");
        assert_eq!(read, needed, "from {first}");
    }
    let last = segments.last().expect("there are many").first_lsn;
    let (_, calls) = world.calls_of(|| wal.replay_from(Lsn::new(last)));
    println!(
        "replay from the last of {} segments: {} calls",
        segments.len(),
        calls.len()
    );
    // Open, header, length, and the frames.
    assert!(calls.len() <= 4, "{calls:?}");
}

/// A log with an acknowledged record and, behind it, an un-synced one of `bytes` bytes. Returns
/// its segment, and the offsets of the un-synced frame's first and last sector. Zeros that were prepared
/// may follow it.
fn with_an_unsynced_payload(world: &World, bytes: usize) -> (PathBuf, [u64; 2]) {
    let wal = world.open(1 << 30);
    append(&wal, b"acknowledged");
    wal.sync().expect("there are no faults");
    // Behind the header and a frame of a block.
    let start = 2 * BLOCK as u64;
    // Nothing that a scan for zeros could skip, and no two sectors alike.
    let payload = (0..bytes).map(|at| ((at / 7) ^ (at >> 9)) as u8 | 1);
    append(&wal, &payload.collect::<Vec<u8>>());
    // The buffer is full: the payload is written, and not synced.
    append(&wal, b"too late");
    let path = wal.list_segments().remove(0).path;
    let frame_bytes = FRAME_HEADER_BYTES + ENTRY_HEADER_BYTES + bytes;
    let end = start + frame_bytes.next_multiple_of(BLOCK) as u64;
    assert!(wal.total_size_bytes() >= end);
    drop(wal);
    world.cut(Strategy::KeepAll);
    (path, [start, end - BLOCK as u64])
}

#[test]
fn a_recovery_from_a_torn_payload_is_linear_in_it() {
    println!("| payload KiB | torn at | calls | bytes read / bytes of file |");
    println!("| --- | --- | --- | --- |");
    for kib in [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10] {
        for (which, torn_at) in ["first sector", "last sector"].iter().enumerate() {
            let world = World::new();
            // A payload may have 64 MiB at most.
            let bytes = (kib << 10) as usize;
            let (path, sectors) = with_an_unsynced_payload(&world, bytes);
            world.lose_sector(&path, sectors[which]);
            let file_bytes = world.file_bytes(&path);
            let (wal, calls) = world.calls_of(|| world.open(1 << 30));
            assert_eq!(wal.replay().expect("it is intact").len(), 1);
            let bytes_read = bytes_read(&calls);
            println!(
                "| {kib} | {torn_at} | {} | {bytes_read} / {file_bytes} |",
                calls.len()
            );
            // Once to find the end, once where the frame's length says more than was read ahead,
            // and the record before it once more: files are read in pieces of 256 KiB.
            assert!(bytes_read <= 2 * file_bytes + MIB / 2);
            assert!(calls.len() as u64 <= 30 + 5 * file_bytes.div_ceil(MIB));
        }
    }
}

/// A log of `count` frames that no sync has covered, a block each. Returns its segment. Zeros that were
/// prepared may follow them.
fn with_unsynced_frames(world: &World, count: u64) -> PathBuf {
    let wal = world.open(1 << 30);
    // Two of these payloads do not fit the buffer, so each makes the one before it a frame.
    for _ in 0..=count {
        append(&wal, &[b'x'; BLOCK / 2]);
    }
    let path = wal.list_segments().remove(0).path;
    assert!(wal.total_size_bytes() >= (1 + count) * BLOCK as u64);
    drop(wal);
    world.cut(Strategy::KeepAll);
    path
}

#[test]
fn a_recovery_from_many_unsynced_frames_is_linear_in_them() {
    println!("| frames | lost frame | calls | bytes read / bytes of file |");
    println!("| --- | --- | --- | --- |");
    for count in [256, 2048, 16_384] {
        // The first is lost: all are looked at, and none is kept. The last is: all others are
        // written anew. One in the middle: half of each.
        for lost in [0, count / 2, count - 1] {
            let world = World::new();
            let path = with_unsynced_frames(&world, count);
            world.lose_sector(&path, (1 + lost) * BLOCK as u64);
            let file_bytes = world.file_bytes(&path);
            let (wal, calls) = world.calls_of(|| world.open(1 << 30));
            assert_eq!(wal.replay().expect("it is intact").len() as u64, lost);
            let bytes_read = bytes_read(&calls);
            println!(
                "| {count} | {lost} | {} | {bytes_read} / {file_bytes} |",
                calls.len()
            );
            assert!(bytes_read <= 2 * file_bytes + MIB / 2);
            assert!(calls.len() as u64 <= 30 + lost + 10 * file_bytes.div_ceil(MIB));
        }
    }
}
