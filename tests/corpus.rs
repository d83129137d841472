//! The fuzz targets over their committed corpus, without a fuzzer.
//!
//! *Verified:* every input in `fuzz/corpus` passes the checks of its target; the corpus is there
//! and small. *Not verified:* anything about other inputs: that is the fuzzer's part. The inputs
//! that are not from the fuzzer are made by the ignored test in `corpus/seeds.rs`.

// The corpus is read from outside the log and its door.
#![allow(clippy::disallowed_methods)]

#[path = "corpus/files.rs"]
mod files;
#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[path = "support/legacy.rs"]
mod legacy;
#[path = "corpus/seeds.rs"]
mod seeds;

use std::path::{Path, PathBuf};

const BYTES_MAX: usize = 200 << 10;

fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

/// Runs a target over its corpus; an input that fails is told by its name.
fn check(target: &str, body: fn(&[u8])) {
    let mut bytes = 0;
    let mut count = 0;
    for entry in std::fs::read_dir(directory(target)).expect("a corpus") {
        let path = entry.expect("a name").path();
        let input = std::fs::read(&path).expect("an input");
        if let Err(panic) = std::panic::catch_unwind(|| body(&input)) {
            eprintln!("the input was {}", path.display());
            std::panic::resume_unwind(panic);
        }
        // Inputs of a fuzzer that ran here have no underscore, and are not committed.
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains('_'))
        {
            bytes += input.len();
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} inputs");
    assert!(bytes < BYTES_MAX / 2, "{bytes} bytes");
}

#[test]
fn frames_of_the_corpus_decode_or_are_refused() {
    check("decode_frame", fuzz::decode_frame::check);
}

#[test]
fn directories_of_the_corpus_open_or_are_refused() {
    check("open_directory", fuzz::open_directory::check);
}

#[test]
fn old_logs_of_the_corpus_are_migrated_or_refused() {
    check("migrate_legacy", fuzz::migrate_legacy::check);
}

#[test]
fn files_of_any_name_open_or_are_refused() {
    check("open_files", fuzz::open_files::check);
}

#[test]
fn sealed_logs_that_were_changed_show_a_beginning_or_are_refused() {
    check("open_sealed", fuzz::open_sealed::check);
}
