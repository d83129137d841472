//! The floors of the log, and its one door to the outside.
//!
//! Who may import whom is in `FLOORS` and `BESIDE`; everything else is an offence.

use crate::text::{without_tests, words};

/// The top modules of `src`, lowest floor first. A module imports from the floors below its own.
const FLOORS: [&[&str]; 8] = [
    &["crypto"],
    &["types", "stats", "config", "error", "env"],
    &["format"],
    &["segment"],
    &["key_file"],
    &[
        "commit",
        "recovery",
        "replay",
        "follow",
        "truncation",
        "rotation",
        "migration",
    ],
    &["manager"],
    &["verify", "dump", "salvage"],
];

/// What may be imported on one's own floor: the words that all share, and the hand-overs from
/// recovery to group commit and from there to those who read and drop.
const BESIDE: [(&str, &str); 10] = [
    ("config", "error"),
    ("error", "types"),
    ("commit", "recovery"),
    ("replay", "commit"),
    ("follow", "commit"),
    ("follow", "replay"),
    ("truncation", "commit"),
    ("rotation", "commit"),
    ("migration", "replay"),
    ("salvage", "verify"),
];

/// Pure modules: bytes in, bytes out.
const PURE: [&str; 2] = ["format", "crypto"];

/// The top module that a file of `src` belongs to; `None` for `lib.rs` and for other rooms, of
/// which the command is one: it uses the log as anybody would.
pub fn module(path: &str) -> Option<&str> {
    if path.starts_with("src/bin/") {
        return None;
    }
    let module = path.strip_prefix("src/")?.split('/').next()?;
    let module = module.strip_suffix(".rs").unwrap_or(module);
    (module != "lib").then_some(module)
}

/// The floor that a top module is on.
pub fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The top modules that code names, with the numbers of their lines.
fn imported(path: &str, code: &str) -> Vec<(usize, String)> {
    let mut starts = vec!["crate::"];
    // In a file of the top floor of modules `super` is the crate.
    if path.matches('/').count() == 1 {
        starts.push("super::");
    } else {
        starts.push("super::super::");
    }
    let mut found = Vec::new();
    for start in starts {
        for (at, _) in code.match_indices(start) {
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + start.len()..];
            for name in first_names(rest) {
                found.push((line, name));
            }
        }
    }
    found
}

/// The first segments of the paths that follow: one, or those of a list in braces.
fn first_names(rest: &str) -> Vec<String> {
    let name = |path: &str| {
        let path = path.trim_start();
        let end = path.find(|one: char| !one.is_alphanumeric() && one != '_');
        path[..end.unwrap_or(path.len())].to_owned()
    };
    let Some(list) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut depth = 0;
    let mut start = 0;
    let mut names = Vec::new();
    for (at, one) in list.char_indices() {
        match one {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&list[start..at]));
                start = at + 1;
                if one == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// A module imports from lower floors, from itself, and beside itself what is allowed by name.
pub fn imports(path: &str, text: &str) -> Vec<String> {
    let Some(own) = module(path) else {
        return Vec::new();
    };
    let mut offences = Vec::new();
    for (line, other) in imported(path, &without_tests(path, text)) {
        let is_lower = floor(&other).is_some_and(|other| Some(other) < floor(own));
        let is_allowed = other == own || is_lower || BESIDE.contains(&(own, other.as_str()));
        if !is_allowed || (PURE.contains(&own) && other == "env") {
            offences.push(format!("{path}:{line}: {own} may not import {other}"));
        }
    }
    offences
}

/// Only `env/os.rs` names the outside world, only `env/sync.rs` the standard locks, and no file
/// of the log names the simulator or has a second body for it.
pub fn door(path: &str, text: &str) -> Vec<String> {
    if module(path).is_none() && path != "src/lib.rs" {
        return Vec::new();
    }
    let code = without_tests(path, text);
    let mut offences = Vec::new();
    let outside = [
        "fs",
        "Instant",
        "SystemTime",
        "UNIX_EPOCH",
        "RandomState",
        "rand",
        "rustix",
        "libc",
        "process",
        "net",
        "stdin",
        "stdout",
        "stderr",
        "println",
        "eprintln",
    ];
    let locks = [
        "RwLock", "Barrier", "OnceLock", "LazyLock", "Once", "mpsc", "atomic", "thread",
    ];
    for (line, word) in words(&code) {
        let is_outside = path != "src/env/os.rs" && outside.contains(&word);
        let is_lock = path != "src/env/sync.rs" && locks.contains(&word);
        // The one choice between two bodies, of which a test says that they do the same.
        let is_choice = word == "feature" && path != "src/crypto/aead.rs";
        if is_outside || is_lock || is_choice || word == "seawall_sim" {
            offences.push(format!("{path}:{line}: {word} has no business here"));
        }
    }
    // Paths that look at the disk by themselves, and the words above in company.
    let calls = [
        ("src/env/os.rs", ".exists()"),
        ("src/env/os.rs", ".is_file()"),
        ("src/env/os.rs", ".is_dir()"),
        ("src/env/os.rs", ".canonicalize()"),
        ("src/env/os.rs", "std::env"),
        ("src/env/sync.rs", "std::sync::Mutex"),
        ("src/env/sync.rs", "std::sync::Condvar"),
        ("src/env/sync.rs", "use std::sync::{"),
        ("", "cfg(test)"),
        ("", "cfg(not(test))"),
    ];
    for (allowed, call) in calls {
        if let Some(at) = code.find(call).filter(|_| path != allowed) {
            let line = code[..at].matches('\n').count() + 1;
            offences.push(format!("{path}:{line}: {call} has no business here"));
        }
    }
    offences
}

#[test]
fn a_wrong_import_is_found() {
    let check = |path: &str, text: &str, expect: usize| {
        assert_eq!(imports(path, text).len(), expect, "{path}: {text}");
    };
    check("src/format/frame.rs", "use crate::types::Lsn;", 0);
    check("src/format/frame.rs", "use super::header::X;", 0);
    check("src/format/frame.rs", "use crate::env::Env;", 1);
    check("src/format/frame.rs", "use super::super::env::Env;", 1);
    check("src/format.rs", "use super::segment::X;", 1);
    check(
        "src/segment/writer.rs",
        "use crate::{types, commit::X, error::{E, F}};",
        1,
    );
    check("src/segment/writer.rs", "fn f(x: crate::manager::X) {}", 1);
    check("src/recovery.rs", "use crate::replay::WalReader;", 1);
    check("src/replay.rs", "use crate::truncation::x;", 1);
    check("src/commit.rs", "use crate::recovery::Recovered;", 0);
    check("src/recovery.rs", "use crate::commit::Committer;", 1);
    check(
        "src/replay.rs",
        "// use crate::recovery::x;\nlet a = \"crate::manager\";",
        0,
    );
    check("src/manager.rs", "use crate::commit::Committer;", 0);
    check("src/commit.rs", "use crate::WalManager;", 1);
    check("src/lib.rs", "pub use crate::manager::WalManager;", 0);
    check("sim/src/world.rs", "use crate::anything;", 0);
}

#[test]
fn a_second_door_is_found() {
    let check = |path: &str, text: &str, expect: bool| {
        assert_eq!(door(path, text).is_empty(), expect, "{path}: {text}");
    };
    check("src/env/os.rs", "use std::fs;", true);
    check("src/replay.rs", "use std::fs;", false);
    check("src/replay.rs", "use std::{fs, io};", false);
    check("src/replay.rs", "let x = path.exists();", false);
    check("src/commit.rs", "use std::time::Duration;", true);
    check("src/commit.rs", "use std::time::Instant;", false);
    check("src/env/sync.rs", "std::sync::Mutex<T>", true);
    check("src/commit.rs", "std::sync::Mutex<T>", false);
    check("src/commit.rs", "use std::sync::{Arc, Mutex};", false);
    check("src/commit.rs", "use std::sync::atomic::AtomicBool;", false);
    check("src/commit.rs", "std::thread::spawn(f)", false);
    check("src/lib.rs", "//! The crate `seawall_sim` proves it.", true);
    check("src/lib.rs", "use seawall_sim::World;", false);
    check("src/manager.rs", "#[cfg(test)]\nfn twin() {}", false);
    check("src/manager.rs", "#[cfg(test)]\nmod tests {}", true);
    check("sim/src/main.rs", "use std::fs;", true);
}
