//! The house rules, held by a test: each is a function over a file's path and text.
//!
//! *Verified:* every rule of `tidy/` over every file of the repository, and that the walk found
//! them; that each rule can fail is a test beside it. *Not verified:* what clippy and rustfmt
//! verify.

// The tree is read from outside the log and its door.
#![allow(clippy::disallowed_methods)]

#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/manifest.rs"]
mod manifest;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/text.rs"]
mod text;

use std::path::Path;

/// What a rule says of a file: each line tells what is wrong and where.
type Rule = fn(path: &str, text: &str) -> Vec<String>;

/// All files below the given directories that a rule may look at, as `(path, text)`.
fn files(suffix: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for directory in [
        "src",
        "sim",
        "fuzz/src",
        "fuzz/fuzz_targets",
        "tests",
        "benches",
    ] {
        walk(root, &root.join(directory), suffix, &mut found);
    }
    if suffix == "toml" {
        for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
            let text = std::fs::read_to_string(root.join(manifest));
            found.push((manifest.to_owned(), text.expect("a manifest")));
        }
        found.retain(|(path, _)| path.ends_with("Cargo.toml"));
    }
    found.sort();
    found
}

fn walk(root: &Path, directory: &Path, suffix: &str, found: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return; // Not every room is furnished yet; the floors below count what was found.
    };
    for entry in entries {
        let path = entry.expect("a name").path();
        if path.is_dir() && !path.ends_with("target") {
            walk(root, &path, suffix, found);
        } else if path.extension().is_some_and(|found| found == suffix) {
            let inside = path.strip_prefix(root).expect("below the root");
            let text = std::fs::read_to_string(&path).expect("text");
            found.push((inside.to_string_lossy().into_owned(), text));
        }
    }
}

fn hold(rule: Rule, suffix: &str, at_least: usize) {
    let files = files(suffix);
    assert!(files.len() >= at_least, "only {} files", files.len());
    let offences = files.iter().flat_map(|(path, text)| rule(path, text));
    let offences: Vec<String> = offences.collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn each_module_imports_lower_floors_only() {
    hold(floors::imports, "rs", 30);
}

#[test]
fn every_top_module_of_the_log_has_a_floor() {
    let files = files("rs");
    let modules = files.iter().filter_map(|(path, _)| floors::module(path));
    let mut homeless = modules.filter(|module| floors::floor(module).is_none());
    assert_eq!(homeless.next(), None);
    assert!(
        files
            .iter()
            .filter(|(path, _)| path.starts_with("src/"))
            .count()
            >= 20
    );
}

#[test]
fn the_outside_world_has_one_door() {
    hold(floors::door, "rs", 30);
}

#[test]
fn files_are_short() {
    hold(source::length, "rs", 30);
}

#[test]
fn files_begin_with_what_they_promise() {
    hold(source::header, "rs", 30);
}

#[test]
fn nothing_is_left_over_or_taken_for_granted() {
    hold(source::words, "rs", 30);
}

#[test]
fn unsafe_code_is_where_it_is_expected() {
    hold(source::unsafe_code, "rs", 30);
}

#[test]
fn public_functions_document_their_errors() {
    hold(source::errors, "rs", 30);
}

#[test]
fn every_dependency_has_its_reason() {
    hold(manifest::reasons, "toml", 3);
}
