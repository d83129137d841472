//! The script that does what the tutorial says, on little tutorials of another repository.
//!
//! *Verified:* it passes where every block ends and prints as it says; it fails, and names the block's line, at a command that
//! ends otherwise, at one that should have failed, at output that is missing or comes in another order, and
//! where there are hardly any blocks; it stops there.
//! *Not verified:* the tutorial itself. That takes minutes: `sim/tutorial-run`.

// The script runs on real files; a test says what it expects.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the script in a repository whose tutorial has these blocks behind a few others.
fn follow(blocks: &str) -> Output {
    let root = tempfile::tempdir().unwrap();
    let sim = root.path().join("sim");
    std::fs::create_dir(&sim).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/tutorial-run");
    std::fs::copy(script, sim.join("tutorial-run")).unwrap();
    let others = "Text.\n\n```console\n$ true\n```\n".repeat(6);
    std::fs::write(sim.join("tutorial.md"), format!("{others}{blocks}")).unwrap();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
        let status = command.args(arguments).current_dir(root.path()).status();
        assert!(status.unwrap().success());
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "all"]);
    Command::new(sim.join("tutorial-run"))
        .env("TMPDIR", root.path())
        .output()
        .unwrap()
}

#[test]
fn blocks_that_do_as_they_say_pass() {
    let output = follow(
        "```console\n$ echo one; echo two \\\n    three; echo four\n...\none\n...\nthree\n```\n\
         ```rust\n$ false\n```\n\
         ```console exit=3\n$ touch made\n$ test -e made && exit 3\n```\n",
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.ends_with("PASSED: 8 blocks\n"), "{said}");
}

#[test]
fn what_does_not_do_as_it_says_is_named() {
    // The line of the last block, behind six of five lines and one of three.
    let place = "sim/tutorial.md:34";
    for (block, told) in [
        ("```console\n$ exit 4\n```\n", "ended with 4, not with 0"),
        (
            "```console exit=4\n$ true\n```\n",
            "ended with 0, not with 4",
        ),
        (
            "```console\n$ false\n$ true\n```\n",
            "ended with 1, not with 0",
        ),
        (
            "```console\n$ echo one\ntwo\n```\n",
            "did not print, or not there: two",
        ),
        (
            "```console\n$ echo one; echo two\ntwo\none\n```\n",
            "did not print, or not there: one",
        ),
    ] {
        let last = "```console\n$ touch too-far\n```\n";
        let output = follow(&format!("```console\n$ true\n```\n{block}{last}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{block}");
        assert!(said.contains(place) && said.contains(told), "{said}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("too-far"), "{said}");
    }
}

#[test]
fn a_tutorial_without_commands_fails() {
    let output = follow("");
    assert_eq!(output.status.code(), Some(1));
}
