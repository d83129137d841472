//! A process that is killed: what it was told is durable is there afterwards.
//!
//! *Verified:* eight threads append durably in a child process, which is killed with `SIGKILL` at
//! a random moment, be it in an open, a commit or a roll; each open after it shows every record
//! that was acknowledged, byte for byte, at the LSN that the child was given; no thread's records
//! have a gap; and what one open showed, the next one shows. Buffered, and with direct I/O where
//! the file system has it. *Not verified:* power cuts. The page cache outlives a process, so this
//! test can't tell a sync from a write; the simulator does.
//!
//! A round takes 50 to 250 ms here. `SEAWALL_KILL_SECONDS=10 cargo test --release --test kill`
//! gives each of the 20 rounds ten seconds.

// A real process is killed at a real moment: the one test that waits for a clock.
#![allow(clippy::disallowed_methods)]

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use seawall::{Lsn, RecordType, TenantId, VShardId, WalManager, WalRecord, WalTuning};

const ROUNDS: u32 = 20;
const THREADS: u16 = 8;
const DIRECTORY: &str = "SEAWALL_KILL_DIRECTORY";
const ROUND: &str = "SEAWALL_KILL_ROUND";
const DIRECT: &str = "SEAWALL_KILL_DIRECT";

/// Segments so small that a round rolls many times.
fn open(path: &Path, direct: bool) -> seawall::Result<WalManager> {
    let tuning = WalTuning {
        write_buffer_size: 16 << 10,
        alignment: 4096,
    };
    WalManager::open_with_tuning(path, direct, 1 << 20, &tuning)
}

/// The content of a thread's append: nothing that another append's bytes could pass for.
fn payload(round: u32, thread: u16, index: u64) -> Vec<u8> {
    let mut state = u64::from(round) << 40 ^ u64::from(thread) << 32 ^ index;
    let mut next = || {
        // Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
        // OOPSLA 2014, figure 17, with the constants of MurmurHash3's variant 13.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let length = next() % 1500;
    let mut bytes = index.to_le_bytes().to_vec();
    while (bytes.len() as u64) < length {
        bytes.extend(next().to_le_bytes());
    }
    bytes
}

/// An acknowledgement as the child reports it.
#[derive(Clone, Copy, Debug)]
struct Ack {
    lsn: u64,
    thread: u16,
    index: u64,
}

/// The child: appends until it is killed. Each line is written after its append returned.
#[test]
#[ignore = "the other tests of this file start it as a process of its own"]
fn child() {
    let variable = |name| std::env::var(name).expect("set by the parent");
    let round: u32 = variable(ROUND).parse().expect("a number");
    let directory = variable(DIRECTORY);
    let wal = open(Path::new(&directory), variable(DIRECT) == "true").expect("opens");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let wal = &wal;
            scope.spawn(move || {
                for index in 0.. {
                    let content = payload(round, thread, index);
                    let lsn = wal
                        .append_durable(
                            RecordType::Put,
                            TenantId::new(round),
                            VShardId::new(thread),
                            &content,
                        )
                        .expect("appends");
                    // One write of one short line: a pipe takes it whole or not at all.
                    let line = format!("\nack {} {thread} {index}\n", lsn.as_u64());
                    let written = std::io::stdout().lock().write_all(line.as_bytes());
                    written.expect("the parent reads until the end");
                }
            });
        }
    });
}

/// Lets a child append for a while, kills it, and returns what it was acknowledged.
fn run_child(directory: &Path, round: u32, direct: bool, life: Duration) -> Vec<Ack> {
    let mut child = Command::new(std::env::current_exe().expect("it runs"))
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .env(DIRECT, direct.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this file starts");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let acks = std::thread::scope(|scope| {
        let acks = scope.spawn(|| output.split(b'\n').filter_map(ack_of).collect());
        std::thread::sleep(life);
        child.kill().expect("it still runs");
        acks.join().expect("reads to the end")
    });
    let ended = child.wait().expect("it was started");
    assert_eq!(ended.code(), None, "the child ended by itself");
    acks
}

/// The acknowledgement in a line, if it is one: the test harness prints lines of its own.
fn ack_of(line: std::io::Result<Vec<u8>>) -> Option<Ack> {
    let line = String::from_utf8(line.expect("a pipe")).ok()?;
    let mut numbers = line.strip_prefix("ack ")?.split(' ').map(str::parse::<u64>);
    let mut number = || numbers.next().expect("three numbers").expect("a number");
    Some(Ack {
        lsn: number(),
        thread: number() as u16,
        index: number(),
    })
}

/// Checks what an open shows against the round's acknowledgements and the round before.
fn check(
    wal: &WalManager,
    recovered: &[WalRecord],
    before: &[WalRecord],
    acks: &[Ack],
    round: u32,
) {
    // After two rounds without an append nothing need be left.
    let first = wal.low_water_lsn().as_u64();
    for (record, lsn) in recovered.iter().zip(first..) {
        assert_eq!(record.header.lsn, lsn, "a gap or a duplicate");
    }
    let kept = before.iter().skip_while(|record| record.header.lsn < first);
    let kept: Vec<_> = kept.collect();
    assert!(kept.len() <= recovered.len(), "shown once, then gone");
    assert!(kept.iter().zip(recovered).all(|(old, new)| *old == new));
    let mut next_index = [0; THREADS as usize];
    for record in &recovered[kept.len()..] {
        let thread = record.header.vshard_id;
        let index = &mut next_index[usize::from(thread)];
        assert_eq!(record.header.tenant_id, round, "from another round");
        assert_eq!(record.payload, payload(round, thread, *index));
        *index += 1;
    }
    for ack in acks {
        let at = ack.lsn.checked_sub(first).expect("truncated while new") as usize;
        let record = recovered
            .get(at)
            .unwrap_or_else(|| panic!("round {round}: {ack:?} is lost"));
        assert_eq!(record.header.vshard_id, ack.thread, "{ack:?}");
        assert_eq!(record.payload, payload(round, ack.thread, ack.index));
    }
}

fn kill_again_and_again(direct: bool) {
    let seconds = std::env::var("SEAWALL_KILL_SECONDS").ok();
    let fixed = seconds.map(|seconds| Duration::from_secs(seconds.parse().expect("a number")));
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = scratch.path().join("log");
    if let Err(error) = open(&path, direct) {
        assert!(direct, "{error}");
        println!("skipped: this file system has no direct I/O ({error})");
        return;
    }
    let mut before = Vec::new();
    let mut acked = 0;
    // Direct I/O changes how bytes get to the disk, not when: a few rounds show that it works.
    let rounds = match direct && fixed.is_none() {
        true => ROUNDS / 4,
        false => ROUNDS,
    };
    for round in 0..rounds {
        let random = RandomState::new().hash_one(round);
        let life = fixed.unwrap_or(Duration::from_millis(50 + random % 200));
        let acks = run_child(&path, round, direct, life);
        acked += acks.len();
        let wal = open(&path, direct).expect("a killed log opens");
        let recovered = wal.replay().expect("and replays");
        check(&wal, &recovered, &before, &acks, round);
        let new_from = before
            .last()
            .map_or(1, |last: &WalRecord| last.header.lsn + 1);
        wal.truncate_before(Lsn::new(new_from)).expect("truncates");
        // Every other round leaves a log behind that was not closed.
        if round % 2 == 0 {
            wal.close().expect("closes");
        }
        before = recovered;
    }
    println!("{acked} appends were acknowledged in {rounds} rounds");
    assert!(acked > 0, "every child was killed before its first append");
}

// One test for both: a fork for one of them would hold the other's lock until it is exec'd.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    for direct in [false, true] {
        kill_again_and_again(direct);
    }
}
