//! Where a salvage may put the new log: not into the damaged one, by whatever path.
//!
//! *Verified:* paths with `..`, with symbolic links, with parts that are missing, and relative ones,
//! on the real file system, each within the damaged directory and beside it. *Not verified:* bind
//! mounts, by which a directory has several real paths.

// Directories and links are made from outside.
#![allow(clippy::disallowed_methods)]

#[path = "support/log.rs"]
mod support;

use std::os::unix::fs::symlink;
use std::path::Path;

use seawall::{Error, salvage};
use support::{fill, open_small, scratch};

/// A directory with a log of three records in `log`, and the ways there of which the tests make use.
fn prepared() -> tempfile::TempDir {
    let scratch = scratch();
    let at = |name: &str| scratch.path().join(name);
    let wal = open_small(&at("log"));
    fill(&wal, 3);
    wal.close().expect("closes");
    std::fs::create_dir_all(at("deep/er")).expect("makes");
    symlink("log", at("to-log")).expect("links");
    symlink("deep/er", at("to-deeper")).expect("links");
    symlink("../..", at("deep/er/up")).expect("links");
    scratch
}

fn names(dir: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(dir).expect("lists");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("a name").file_name())
        .collect();
    names.sort();
    names
}

fn check(from: &str, to: &str, is_refused: bool) {
    let scratch = prepared();
    let log = scratch.path().join("log");
    let before = (names(scratch.path()), names(&log));
    let salvaged = salvage(&scratch.path().join(from), &scratch.path().join(to), None);
    assert_eq!(names(&log), before.1, "{from} to {to}");
    match salvaged {
        Ok(salvaged) => assert_eq!((salvaged.records, is_refused), (3, false), "{from} to {to}"),
        Err(error) => {
            assert!(matches!(error, Error::Config { .. }), "{error}");
            assert!(is_refused, "{from} to {to}: {error}");
            assert_eq!(names(scratch.path()), before.0);
        }
    }
}

#[test]
fn within_the_damaged_log_by_any_path_is_refused() {
    check("log", "log", true);
    check("log", "log/new", true);
    check("log", "log/not/there", true);
    check("log", "./deep/../log/new", true);
    check("log", "missing/../log/new", true);
    check("log", "to-log/new", true);
    check("log", "to-log", true);
    check("to-log", "log/new", true);
    check("deep/../log", "log/new", true);
    check("log", "deep/er/up/to-log/new", true);
    check("log", "to-deeper/../../log/new", true);
}

#[test]
fn beside_the_damaged_log_by_any_path_is_allowed() {
    check("log", "new", false);
    check("log", "logs", false);
    check("log", "log/../new", false);
    check("log", "to-log/../new", false);
    check("to-log", "new/er/still", false);
    // A link leads to `deep/er`, and its parent is not the directory that the link is in.
    check("log", "to-deeper/../log/new", false);
    check("log", "deep/log", false);
}

#[test]
fn relative_paths_count_from_the_working_directory() {
    let scratch = prepared();
    let log = scratch.path().join("log");
    // As the test runner has it, and not to be changed: other tests run beside this one.
    let here = std::env::current_dir().expect("there is one");
    let depth = here.canonicalize().expect("it exists").components().count() - 1;
    let up = "../".repeat(depth);
    let real = log.canonicalize().expect("it exists");
    let down = real.strip_prefix("/").expect("it is absolute");
    let relative = Path::new(&up).join(down);
    for (from, to) in [
        (&log, relative.join("new")),
        (&relative, log.join("new")),
        (&relative, relative.join("new")),
    ] {
        let refused = salvage(from, &to, None).map(drop);
        assert!(matches!(refused, Err(Error::Config { .. })), "{refused:?}");
    }
    salvage(&relative, &scratch.path().join("new"), None).expect("copies");
}
