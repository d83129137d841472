//! The command as it was built, from outside: what it prints, and its exit codes.
//!
//! *Verified:* each exit code, for an intact log and one with each kind of damage; that a bad input
//! gives one line on standard error; that the JSON parses and says the same; that a closed pipe is
//! no error; that the help teaches. *Not verified:* the progress bar, which needs a terminal.

// Directories are damaged, and a process started, from outside.
#![allow(clippy::disallowed_methods)]

#[path = "../fuzz/src/disk.rs"]
#[allow(dead_code)] // The fuzz targets need more of it.
mod disk;
#[path = "support/logs.rs"]
#[allow(dead_code)] // The tests of verify and salvage need more of it.
mod logs;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use seawall::Lsn;
use serde_json::Value;
use tempfile::TempDir;

use logs::{Files, closed, flipped, frames, nth, sealed};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
    command.args(arguments);
    command
}

fn seawall(arguments: &[&str]) -> Output {
    command(arguments).output().expect("it was built")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn put(files: &Files) -> TempDir {
    let scratch = tempfile::tempdir().expect("a directory");
    for (name, bytes) in files {
        std::fs::write(scratch.path().join(name), bytes).expect("writes");
    }
    scratch
}

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Verifies these files, in words and in JSON.
fn check(files: &Files, verdict: &str, expect: i32) {
    let scratch = put(files);
    let dir = path(scratch.path());
    let words = seawall(&["verify", dir]);
    assert_eq!(code(&words), expect, "{}", text(&words.stdout));
    let last = text(&words.stdout).lines().last();
    assert_eq!(last, Some(verdict.to_uppercase().as_str()));
    assert_eq!(text(&words.stderr), "");
    let json = seawall(&["verify", dir, "--json"]);
    assert_eq!(code(&json), expect);
    let report: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["verdict"], verdict);
    assert_eq!(
        report["findings"].as_array().map(Vec::is_empty),
        Some(expect == 0)
    );
    let names = std::fs::read_dir(dir).expect("lists").count();
    assert_eq!(names, files.len(), "something was created");
}

#[test]
fn verify_tells_intact_damaged_and_foreign_by_its_exit_code() {
    let (files, _) = closed(12);
    check(&files, "intact", 0);
    let middle = nth(&files, 1);
    let found = frames(&files[&middle]);
    let (frame, footer) = (found[1], found[found.len() - 1]);
    let padding = frame.offset + frame.bytes;
    for at in [
        300,
        frame.offset + 36,
        frame.offset + 40,
        frame.offset + 70,
        padding,
    ] {
        check(&flipped(&files, &middle, at, 1), "damaged", 3);
    }
    check(
        &flipped(&files, &middle, footer.offset + 20, 1),
        "damaged",
        3,
    );
    let last = nth(&files, files.len() - 2);
    let footer = frames(&files[&last]).pop().expect("a footer");
    check(&flipped(&files, &last, footer.offset + 20, 1), "damaged", 3);
    // Nothing vouches for it where the log ends with it.
    let (ended, _) = sealed(12);
    check(&flipped(&ended, &last, footer.offset + 20, 1), "intact", 0);
    let mut missing = files.clone();
    missing.remove(&middle);
    check(&missing, "damaged", 3);
    let mut foreign = files.clone();
    foreign.insert("seg-copy.wal".into(), Vec::new());
    check(&foreign, "foreign", 4);
}

/// It can't be done: one line on standard error, nothing on standard output.
fn refuse(arguments: &[&str], expect: i32, says: &str) {
    let output = seawall(arguments);
    assert_eq!(code(&output), expect, "{arguments:?}");
    assert_eq!(text(&output.stdout), "");
    let error = text(&output.stderr);
    assert!(error.starts_with("error: "), "{error}");
    assert!(error.contains(says), "{error}");
    if expect != 2 {
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn what_cannot_be_done_is_told_in_one_line() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = path(scratch.path());
    let missing = format!("{dir}/missing");
    let new = format!("{dir}-new");
    for verb in ["verify", "dump"] {
        refuse(&[verb, dir], 1, "holds no log");
        refuse(&[verb, &missing], 1, "missing holds no log");
        refuse(&[verb], 2, "required");
    }
    refuse(&["salvage", dir, &new], 1, "holds no log");
    refuse(&["salvage", &missing, &new], 1, "missing holds no log");
    refuse(&["dump", dir, "--from", "one"], 2, "invalid");
    refuse(&["mend", dir], 2, "unrecognized");
    let wal = seawall::WalManager::open_for_testing(scratch.path()).expect("opens");
    refuse(&["verify", dir], 1, "locked");
    refuse(&["dump", dir], 1, "locked");
    refuse(&["salvage", dir, &new], 1, "locked");
    drop(wal);
    refuse(&["salvage", dir, dir], 1, "within the damaged one");
}

#[test]
fn dump_shows_a_record_a_line() {
    let (files, written) = closed(12);
    let scratch = put(&files);
    let dir = path(scratch.path());
    let output = seawall(&["dump", dir, "--payload-bytes", "2"]);
    assert_eq!(code(&output), 0);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 12);
    assert_eq!(
        lines[0],
        r#"1 Put tenant 3 vshard 5 20 bytes 0108... "\x01\x08"..."#
    );
    let output = seawall(&["dump", dir, "--json", "--from", "8"]);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 5);
    for (line, record) in lines.iter().zip(&written[7..]) {
        let shown: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(shown["lsn"], record.header.lsn);
        assert_eq!(shown["type"], record.header.record_type);
        assert_eq!(shown["tenant"], record.header.tenant_id);
        assert_eq!(shown["vshard"], record.header.vshard_id);
        let payload: String = record
            .payload
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(shown["payload"], payload);
    }
}

#[test]
fn dump_of_a_damaged_log_ends_at_the_damage() {
    let (files, _) = closed(12);
    let middle = nth(&files, 1);
    let frame = frames(&files[&middle])[1];
    let scratch = put(&flipped(&files, &middle, frame.offset + 70, 1));
    let output = seawall(&["dump", path(scratch.path())]);
    assert_eq!(code(&output), 3);
    let shown = text(&output.stdout).lines().count() as u64;
    assert_eq!(shown + 1, frame.header.first_lsn.as_u64());
    assert!(text(&output.stderr).contains(&middle));
}

#[test]
fn salvage_makes_a_log_that_is_intact() {
    let (files, _) = closed(12);
    let middle = nth(&files, 1);
    let frame = frames(&files[&middle])[1];
    let damaged = flipped(&files, &middle, frame.offset + 70, 1);
    let scratch = put(&damaged);
    let target = tempfile::tempdir().expect("a directory");
    let new = target.path().join("new");
    let output = seawall(&["salvage", path(scratch.path()), path(&new), "--json"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let salvaged: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(salvaged["records"], 11);
    assert_eq!(
        salvaged["gaps"][0]["first"],
        frame.header.first_lsn.as_u64()
    );
    assert_eq!(code(&seawall(&["verify", path(&new)])), 0);
    let again = seawall(&["salvage", path(scratch.path()), path(&new)]);
    assert_eq!((code(&again), again.stdout.len()), (1, 0));
    for (name, bytes) in &damaged {
        let now = std::fs::read(scratch.path().join(name)).expect("it is there");
        assert!(now == *bytes, "{name} was changed");
    }
    let words = seawall(&[
        "salvage",
        path(scratch.path()),
        path(&target.path().join("other")),
    ]);
    let lines: Vec<&str> = text(&words.stdout).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("damage: ") && lines[1].starts_with("missing: lsn "));
}

#[test]
fn salvage_tells_the_holds() {
    let scratch = tempfile::tempdir().expect("a directory");
    let wal = seawall::WalManager::open_for_testing(scratch.path()).expect("opens");
    wal.set_hold("a \"copy\"", Lsn::new(1)).expect("holds");
    wal.close().expect("closes");
    drop(wal);
    let target = tempfile::tempdir().expect("a directory");
    let new = |name: &str| path(&target.path().join(name)).to_owned();
    let words = seawall(&["salvage", path(scratch.path()), &new("words")]);
    let first = text(&words.stdout).lines().next();
    assert_eq!(first, Some(r#"hold: "a \"copy\"" from lsn 1"#));
    let json = seawall(&["salvage", path(scratch.path()), &new("json"), "--json"]);
    let salvaged: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(salvaged["holds"][0]["name"], "a \"copy\"");
    assert_eq!(salvaged["holds"][0]["lsn"], 1);
}

fn fixture(name: &str) -> String {
    format!("{}/tests/legacy/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn migrate_makes_a_new_log_of_an_old_one() {
    let target = tempfile::tempdir().expect("a directory");
    let new = path(&target.path().join("new")).to_owned();
    let torn = fixture("segmented-torn-tail");
    let dry = seawall(&["migrate", &torn, "--dry-run", "--json"]);
    assert_eq!(code(&dry), 0, "{}", text(&dry.stderr));
    let found: Value = serde_json::from_slice(&dry.stdout).expect("JSON");
    assert_eq!(found["next_lsn"], 40);
    assert!(!Path::new(&new).exists());
    let words = seawall(&["migrate", &torn, &new]);
    assert_eq!(code(&words), 0, "{}", text(&words.stderr));
    let lines: Vec<&str> = text(&words.stdout).lines().collect();
    assert!(
        lines[0].ends_with("bytes of torn tail cut off"),
        "{lines:?}"
    );
    let last = "migrated: 39 records, lsn 1 to 39, low-water mark 1, next lsn 40";
    assert_eq!(lines[1..], [last]);
    assert_eq!(code(&seawall(&["verify", &new])), 0);
    refuse(&["migrate", &torn, &new], 1, "is not empty");
}

#[test]
fn migrate_tells_what_is_in_its_way() {
    let target = tempfile::tempdir().expect("a directory");
    let new = path(&target.path().join("new")).to_owned();
    let damaged = fixture("segmented-mid-corruption");
    refuse(&["migrate", &damaged, &new], 3, "offset 82, lsn 3");
    let sealed = fixture("segmented-encrypted");
    refuse(&["migrate", &sealed, &new], 4, "no key was given");
    refuse(&["migrate", &sealed], 2, "required");
    refuse(&["migrate", "/nothing", &new], 1, "holds no log");
    assert!(!Path::new(&new).exists());
    let key = target.path().join("key");
    std::fs::copy(fixture("key-1.bin"), &key).expect("copies");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, private).expect("it is ours");
    let done = seawall(&["migrate", &sealed, &new, "--key", path(&key)]);
    assert_eq!(code(&done), 0, "{}", text(&done.stderr));
    refuse(&["dump", &new], 4, "encrypted");
    let dumped = seawall(&["dump", &new, "--key", path(&key)]);
    assert_eq!(text(&dumped.stdout).lines().count(), 44);
}

#[test]
fn a_closed_pipe_is_no_error() {
    // More than a pipe holds, so that the command meets the closed end. The log is not opened here:
    // what another test's child has inherited of its lock would lock it for a moment longer.
    let scratch = put(&closed(1000).0);
    for arguments in [
        &["dump", path(scratch.path())][..],
        &["dump", path(scratch.path()), "--json"],
    ] {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut first = [0; 10];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut first).expect("it prints");
        drop(stdout);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((code(&output), text(&output.stderr)), (0, ""));
    }
}

#[test]
fn the_help_teaches() {
    for arguments in [
        &["--help"][..],
        &["verify", "--help"],
        &["dump", "-h"],
        &["salvage", "-h"],
        &["migrate", "--help"],
    ] {
        let output = seawall(arguments);
        assert_eq!(code(&output), 0);
        let help = text(&output.stdout);
        assert!(
            help.contains("Exit codes:") && help.contains("3  damaged"),
            "{help}"
        );
    }
    assert!(text(&seawall(&["--help"]).stdout).contains("seawall dump /var/lib"));
}
