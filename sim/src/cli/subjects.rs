//! `--subject`: other people's storage in place of the log, by the program that knows it.
//!
//! It is a crate outside of this workspace, with all the dependencies that nobody else is to pay for: so
//! it is built when it is asked for.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Hands all arguments over where a subject is named; `None` where none is. It returns only where that
/// fails.
pub fn handed_over() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut texts = arguments.iter().filter_map(|one| one.to_str());
    texts.any(names_a_subject).then(|| {
        let error = program().args(&arguments).exec();
        eprintln!("error: cargo can't be run: {error}");
        ExitCode::from(2)
    })
}

fn names_a_subject(argument: &str) -> bool {
    argument == "--subject" || argument.starts_with("--subject=")
}

fn program() -> Command {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("subjects/Cargo.toml");
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--quiet", "--manifest-path"]);
    command.arg(manifest).arg("--");
    command
}
