//! Is what a peer acknowledges on the disk? At least the syncs must be there: they are counted.
//!
//! A child runs under strace, once with few and once with more appends; the difference is what the
//! additional ones cost, free of what an open and a close do. A sync is an `fsync`, `fdatasync`,
//! `msync` or `syncfs` that succeeded, or a write to a file that was opened with `O_SYNC` or
//! `O_DSYNC`. *Not verified:* that a sync came after the write it is for and before the
//! acknowledgement. What goes through io_uring is not seen.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::campaign::{Place, run_by};
use crate::job::{Action, Job};
use crate::peer::Peer;

const FEW: u64 = 40;
const MORE: u64 = 200;
const CALLS: &str = "open,openat,fsync,fdatasync,msync,syncfs,\
                     write,writev,pwrite64,pwritev,pwritev2";

/// Counts the syncs of each peer and says what they mean, as a table.
pub fn check(place: &Place, peers: &[&'static dyn Peer]) -> Result<String> {
    let mut said = String::new();
    if Command::new("strace").arg("-V").output().is_err() {
        writeln!(said, "Syncs were not counted: there is no strace.")?;
        return Ok(said);
    }
    writeln!(
        said,
        "| syncs, counted | an append, 1 thread | an append, 8 threads | a MiB of bulk | durable |"
    )?;
    writeln!(said, "|---|---:|---:|---:|---|")?;
    for peer in peers {
        eprintln!("counting the syncs of {}", peer.name());
        let alone = per_append(place, *peer, 1);
        let together = per_append(place, *peer, 8);
        let bulk = per_mib(place, *peer);
        let verdict = match (&alone, &together, &bulk) {
            (Ok(alone), Ok(together), Ok(bulk)) => {
                // A thread has one append under way, so a sync can cover at most eight.
                let is_durable = *alone >= 1.0 && *together >= 0.125 && *bulk >= 1.0;
                if is_durable { "yes" } else { "**no**" }.to_owned()
            }
            _ => "not measured".to_owned(),
        };
        let show = |count: &Result<f64>| match count {
            Ok(count) => format!("{count:.2}"),
            Err(error) => format!("{error:#}"),
        };
        let name = peer.name();
        let (alone, together, bulk) = (show(&alone), show(&together), show(&bulk));
        writeln!(
            said,
            "| {name} | {alone} | {together} | {bulk} | {verdict} |"
        )?;
    }
    Ok(said)
}

fn per_append(place: &Place, peer: &dyn Peer, threads: usize) -> Result<f64> {
    let count = |appends| {
        let action = Action::Count { threads, appends };
        count(place, peer, 128, 0, action)
    };
    let (few, more) = (count(FEW)?, count(MORE)?);
    Ok((more as f64 - few as f64) / ((MORE - FEW) * threads as u64) as f64)
}

fn per_mib(place: &Place, peer: &dyn Peer) -> Result<f64> {
    let count = |mib: u64| count(place, peer, 4096, mib << 20, Action::Write);
    let (few, more) = (count(4)?, count(20)?);
    Ok((more as f64 - few as f64) / 16.0)
}

fn count(
    place: &Place,
    peer: &dyn Peer,
    record_bytes: usize,
    bytes: u64,
    action: Action,
) -> Result<u64> {
    let dir = place.clean(false)?;
    let log = dir.join("log");
    let traces = dir.join("traces");
    std::fs::create_dir(&log)?;
    std::fs::create_dir(&traces)?;
    let mut strace = Command::new("strace");
    // One file a thread, so that no call is torn apart; times; paths behind descriptors; no data.
    strace.args(["-ff", "-ttt", "-y", "-s", "0", "-e", CALLS, "-o"]);
    strace.arg(traces.join("of")).arg(std::env::current_exe()?);
    let job = Job {
        peer: peer.name().to_owned(),
        dir: log,
        key: None,
        record_bytes,
        bytes,
        action,
    };
    run_by(strace, &job)?;
    syncs_in(&traces)
}

fn syncs_in(traces: &Path) -> Result<u64> {
    let mut calls = Vec::new();
    for entry in std::fs::read_dir(traces)? {
        let of_thread = std::fs::read_to_string(entry?.path())?;
        calls.extend(of_thread.lines().map(str::to_owned));
    }
    // Each begins with its time, in as many digits as the next.
    calls.sort();
    let without_time = calls.iter().filter_map(|line| line.split_once(' '));
    Ok(syncs(without_time.map(|(_, call)| call)))
}

/// How many of these calls, as strace shows them, in their order, were syncs.
fn syncs<'c>(calls: impl Iterator<Item = &'c str>) -> u64 {
    // Descriptors with their paths, `3</a/path>`, whose writes are durable when they return.
    let mut synchronous = BTreeSet::new();
    let mut count = 0;
    for call in calls.filter(|call| !call.contains(") = -1 ")) {
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        let is_sync = match name {
            "fsync" | "fdatasync" | "syncfs" => true,
            "msync" => arguments.contains("MS_SYNC"),
            "open" | "openat" => {
                let opened = arguments
                    .rsplit_once(" = ")
                    .map_or("", |(_, opened)| opened);
                let is_synchronous = ["O_SYNC", "O_DSYNC"].iter().any(|flag| call.contains(flag));
                match is_synchronous {
                    true => synchronous.insert(opened),
                    false => synchronous.remove(opened),
                };
                false
            }
            _ => {
                let descriptor = arguments.split([',', ')']).next().unwrap_or("");
                synchronous.contains(descriptor) || arguments.contains("RWF_DSYNC")
            }
        };
        count += u64::from(is_sync);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::syncs;

    #[test]
    fn syncs_and_synchronous_writes_are_counted_and_nothing_else() {
        let check = |calls: &[&str], expect: u64| {
            assert_eq!(syncs(calls.iter().copied()), expect, "{calls:?}");
        };
        check(&["fdatasync(3</a>) = 0", "fsync(4</b>) = 0"], 2);
        check(&["fdatasync(3</a>) = -1 EIO (Input/output error)"], 0);
        let write = "pwrite64(3</a>, \"\"..., 4096, 0) = 4096";
        let open = "openat(AT_FDCWD</x>, \"/a\", O_WRONLY|O_DSYNC|O_CLOEXEC) = 3</a>";
        let plain = "openat(AT_FDCWD</x>, \"/a\", O_WRONLY|O_CLOEXEC) = 3</a>";
        check(&[write], 0);
        check(&[write, open], 0);
        check(&[open, write, write], 2);
        check(&[open, plain, write], 0);
        check(&[open, "pwrite64(4</b>, \"\"..., 4096, 0) = 4096"], 0);
        check(&["msync(0x7f, 4096, MS_SYNC) = 0"], 1);
        check(&["msync(0x7f, 4096, MS_ASYNC) = 0"], 0);
    }
}
