//! The memory of a streaming replay: one frame, whatever the log's length.
//!
//! *Verified:* a process that opens a log of 1 GiB and reads all of it by `reader()` has at no
//! time more than 16 MiB of memory resident, and hardly more than one that reads 64 MiB.
//! *Not verified:* the writer's memory, and `replay()`, which holds all records by contract.
//!
//! Linux only, where the kernel keeps the peak. It takes some 5 seconds and 1 GiB of disk;
//! `SEAWALL_MEMORY_MIB=256 cargo test --test memory` takes a shorter log.

#![cfg(target_os = "linux")]
// The kernel tells a process's memory in a file.
#![allow(clippy::disallowed_methods)]

use std::path::Path;
use std::process::Command;

use seawall::{TenantId, VShardId, WalManager};

const DIRECTORY: &str = "SEAWALL_MEMORY_DIRECTORY";
const SIZE: &str = "SEAWALL_MEMORY_MIB";
const RECORD_BYTES: usize = 4000;
const PEAK_KIB_MAX: u64 = 16 << 10;
/// What two processes may differ by that do the same.
const NOISE_KIB: u64 = 1 << 10;

fn variable(name: &str) -> String {
    std::env::var(name).expect("set by the parent")
}

fn records_in(mib: u64) -> u64 {
    (mib << 20) / RECORD_BYTES as u64
}

#[test]
#[ignore = "the other test of this file starts it as a process of its own"]
fn writer() {
    let wal = WalManager::open(Path::new(&variable(DIRECTORY)), false).expect("opens");
    let mut payload = [0; RECORD_BYTES];
    for number in 1..=records_in(variable(SIZE).parse().expect("a number")) {
        payload[..8].copy_from_slice(&number.to_le_bytes());
        let appended = wal.append_put(TenantId::new(1), VShardId::new(1), &payload);
        assert_eq!(appended.expect("appends").as_u64(), number);
    }
    wal.close().expect("closes");
}

#[test]
#[ignore = "the other test of this file starts it as a process of its own"]
fn reader() {
    let wal = WalManager::open(Path::new(&variable(DIRECTORY)), false).expect("opens");
    let mut count = 0;
    for record in wal.reader().expect("reads") {
        let record = record.expect("is intact");
        count += 1;
        assert_eq!(record.payload[..8], record.header.lsn.to_le_bytes());
    }
    assert_eq!(count, records_in(variable(SIZE).parse().expect("a number")));
    println!("\npeak {}", peak_kib());
}

// Source: proc_pid_status(5), VmHWM: "Peak resident set size", in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.expect("a peak").parse().expect("a number")
}

/// What a test of this file prints as a process of its own.
fn run(test: &str, directory: &Path, mib: u64) -> String {
    let output = Command::new(std::env::current_exe().expect("it runs"))
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SIZE, mib.to_string())
        .output()
        .expect("this file starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The peak in KiB of a process that reads a log of `mib` MiB.
fn peak_of_reading(mib: u64) -> u64 {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = scratch.path().join("log");
    run("writer", &path, mib);
    let output = run("reader", &path, mib);
    let peak = output.lines().find_map(|line| line.strip_prefix("peak "));
    peak.expect("it is printed").parse().expect("a number")
}

#[test]
fn a_streaming_replay_needs_no_more_memory_for_a_longer_log() {
    let size = std::env::var(SIZE);
    let large = size.map_or(1024, |size| size.parse().expect("a number of MiB"));
    let small = 64;
    let peak_small = peak_of_reading(small);
    let peak_large = peak_of_reading(large);
    println!("{small} MiB: {peak_small} KiB; {large} MiB: {peak_large} KiB at most");
    assert!(peak_large <= PEAK_KIB_MAX);
    assert!(peak_large <= peak_small + NOISE_KIB);
}
