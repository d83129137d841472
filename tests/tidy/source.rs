//! Rules for single source files: length, header, left-overs, unsafe code, documented errors.

use crate::text::{code, without_tests};

const LINES_MAX: usize = 500;

/// The files that may contain unsafe code, each of which says why; all of a directory where a slash is the
/// end.
const UNSAFE: [&str; 8] = [
    "fuzz/fuzz_targets/scenario.rs",
    "sim/src/sched/run.rs",
    "sim/subjects/src/futex.rs",
    "sim/subjects/src/interpose/",
    "sim/subjects/src/subjects/sqlite_own/vfs.rs",
    "sim/subjects/src/wire.rs",
    "sim/subjects/src/zygote.rs",
    "sim/subjects/tests/interpose/mapped.rs",
];

/// A file is at most so long that it is read from top to bottom, and is not called `mod.rs`.
pub fn length(path: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        offences.push(format!("{path}: {lines} lines, {LINES_MAX} at most"));
    }
    if path.ends_with("/mod.rs") {
        offences.push(format!("{path}: name the file after its module"));
    }
    offences
}

/// A file begins with what it promises; a checker also says what it verifies and what not.
pub fn header(path: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    if !text.starts_with("//! ") {
        offences.push(format!(
            "{path}:1: begin with //! and what the file promises"
        ));
    }
    if path.starts_with("sim/src/checker/") {
        let header = text.lines().take_while(|line| line.starts_with("//!"));
        let header: String = header.collect();
        for word in ["*Verified:*", "*Not verified:*"] {
            if !header.contains(word) {
                offences.push(format!("{path}:1: say what is {word}"));
            }
        }
    }
    offences
}

/// No `unwrap` outside of tests; nothing that was to be done or looked at later.
pub fn words_left_over() -> [&'static str; 4] {
    // Put together, so that this file does not find itself.
    [
        concat!("to", "do"),
        concat!("db", "g"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ]
}

/// See [`words_left_over`].
pub fn words(path: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    let shipped = without_tests(path, text);
    for (line, content) in (1..).zip(shipped.lines()) {
        if content.contains(".unwrap()") {
            offences.push(format!(
                "{path}:{line}: unwrap; say why it holds with expect"
            ));
        }
    }
    let [todo, dbg, fixme, xxx] = words_left_over();
    for (line, content) in (1..).zip(code(text).lines()) {
        for name in [todo, dbg] {
            if content.contains(&format!("{name}!")) {
                offences.push(format!("{path}:{line}: {name}!"));
            }
        }
    }
    for (line, content) in (1..).zip(text.lines()) {
        for name in [fixme, xxx] {
            if content.contains(name) {
                offences.push(format!("{path}:{line}: {name}"));
            }
        }
    }
    offences
}

/// Unsafe code is in the files that are known for it.
pub fn unsafe_code(path: &str, text: &str) -> Vec<String> {
    let is_known =
        |known: &&str| path == *known || known.ends_with('/') && path.starts_with(*known);
    if UNSAFE.iter().any(is_known) {
        return Vec::new();
    }
    let code = code(text);
    let found = crate::text::words(&code).filter(|(_, word)| *word == "unsafe");
    found
        .map(|(line, _)| format!("{path}:{line}: unsafe code"))
        .collect()
}

/// A public function of the log that can fail says how, or its impl says it for all.
pub fn errors(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("src/") {
        return Vec::new();
    }
    let code = without_tests(path, text);
    let lines: Vec<&str> = text.lines().collect();
    let code: Vec<&str> = code.lines().collect();
    let mut offences = Vec::new();
    let mut is_allowed = false;
    for (at, line) in code.iter().enumerate() {
        let above = || {
            lines[..at]
                .iter()
                .rev()
                .take_while(|line| is_preamble(line))
        };
        if line.starts_with("impl") {
            is_allowed = above().any(|line| line.contains("missing_errors_doc"));
        }
        if is_allowed || !is_public_function(line) {
            continue;
        }
        let rest = code[at..].join(" ");
        let signature = rest.split(['{', ';']).next().unwrap_or("");
        let can_fail = signature
            .split_once("->")
            .is_some_and(|(_, result)| result.contains("Result"));
        if can_fail && !above().any(|line| line.contains("# Errors")) {
            offences.push(format!("{path}:{}: document the errors", at + 1));
        }
    }
    offences
}

fn is_preamble(line: &str) -> bool {
    line.trim_start().starts_with("///") || line.trim_start().starts_with("#[")
}

fn is_public_function(line: &str) -> bool {
    let line = line.trim_start();
    ["pub fn ", "pub const fn ", "pub async fn "]
        .iter()
        .any(|start| line.starts_with(start))
}

#[test]
fn a_long_file_is_found() {
    assert!(length("src/a.rs", &"x\n".repeat(LINES_MAX)).is_empty());
    assert_eq!(length("src/a.rs", &"x\n".repeat(LINES_MAX + 1)).len(), 1);
    assert_eq!(length("sim/src/disk/mod.rs", "").len(), 1);
}

#[test]
fn a_missing_header_is_found() {
    assert!(header("src/a.rs", "//! A.\n").is_empty());
    assert_eq!(header("src/a.rs", "use std::fs;\n//! A.\n").len(), 1);
    let path = "sim/src/checker/prefix.rs";
    assert!(header(path, "//! *Verified:* a. *Not verified:*\n//! b.\n").is_empty());
    assert_eq!(
        header(path, "//! *Verified:* a.\nlet x = \"*Not verified:*\";").len(),
        1
    );
    assert_eq!(header(path, "//! A.\n").len(), 2);
}

#[test]
fn a_word_left_over_is_found() {
    assert!(words("src/a.rs", "x.expect(\"y\"); // .unwrap() says nothing").is_empty());
    assert_eq!(words("src/a.rs", "x.unwrap();").len(), 1);
    assert_eq!(words("sim/src/a.rs", "x\n  .unwrap();").len(), 1);
    assert!(words("sim/tests/a.rs", "x.unwrap();").is_empty());
    assert!(words("src/a.rs", "#[cfg(test)]\nmod tests { x.unwrap(); }").is_empty());
    let [todo, dbg, fixme, xxx] = words_left_over();
    assert_eq!(words("tests/a.rs", &format!("{todo}!()")).len(), 1);
    assert_eq!(words("src/a.rs", &format!("{dbg}!(x)")).len(), 1);
    assert_eq!(words("src/a.rs", &format!("// {fixme}: x")).len(), 1);
    assert_eq!(words("src/a.rs", &format!("// {xxx} x")).len(), 1);
}

#[test]
fn unsafe_code_elsewhere_is_found() {
    let text = "unsafe { x() }";
    assert!(unsafe_code(UNSAFE[0], text).is_empty());
    assert!(unsafe_code("sim/subjects/src/interpose/raw.rs", text).is_empty());
    assert_eq!(unsafe_code("sim/subjects/src/sys.rs", text).len(), 1);
    assert_eq!(unsafe_code("src/a.rs", text).len(), 1);
    assert!(unsafe_code("src/a.rs", "// unsafe\n#![deny(unsafe_code)]").is_empty());
}

#[test]
fn an_undocumented_error_is_found() {
    let check = |text: &str, expect: usize| {
        assert_eq!(errors("src/a.rs", text).len(), expect, "{text}");
    };
    check("pub fn f() -> Result<()> {}", 1);
    check(
        "/// F.\n///\n/// # Errors\n/// E.\n#[must_use]\npub fn f() -> io::Result<()> {}",
        0,
    );
    check(
        "/// # Errors\npub fn g() -> Result<()> {}\n\npub fn f(\n    x: u8,\n) -> Result<()> {}",
        1,
    );
    check("pub fn f() -> u8 { g::<Result<()>>() }", 0);
    check("pub(crate) fn f() -> Result<()> {}", 0);
    let allowed =
        "#[allow(clippy::missing_errors_doc)]\nimpl A {\n    pub fn f() -> Result<()> {}\n}";
    check(allowed, 0);
    check(
        &format!("{allowed}\nimpl B {{\n    pub fn f() -> Result<()> {{}}\n}}"),
        1,
    );
    assert!(errors("sim/src/a.rs", "pub fn f() -> Result<()> {}").is_empty());
}
