//! The programs that a suite runs: `git` to apply, `cargo` to build, the simulator to look.

#![allow(clippy::disallowed_methods)] // Builds take real time, on the real file system.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Suite;
use super::tree::{Patch, Tree};
use crate::checker::Class;

/// The exit code of a campaign that ran out of time, or of a process that hangs.
const OUT_OF_TIME: i32 = 124;

/// What a campaign found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How many seeds were run, the failing one included.
    pub seeds: u64,
    /// Processor time in seconds.
    pub cpu_seconds: f64,
    /// The property that was violated, or what else ended the process.
    pub property: Option<String>,
    /// The seed that failed.
    pub seed: Option<String>,
    /// What is wrong, in a sentence.
    pub story: String,
    /// The process' exit code; none where a signal ended it.
    pub exit_code: Option<i32>,
}

impl Finding {
    /// Whether something was caught. Promises that were not kept are no catch: they say that too
    /// little was looked at, not that something is wrong.
    pub fn is_caught(&self) -> bool {
        self.property.is_some()
    }

    /// Whether all is well, as far as it was looked at.
    pub fn is_clean(&self) -> bool {
        self.property.is_none() && matches!(self.exit_code, Some(0 | OUT_OF_TIME))
    }
}

/// A build that is over.
pub struct Built {
    /// The first error of the compiler, where there is one.
    pub outcome: Result<(), String>,
    /// How long it took.
    pub time: Duration,
}

/// Where mutants are made and run.
pub struct Workshop<'a> {
    scratch: &'a Path,
    tree: &'a Tree,
    cargo: OsString,
}

impl<'a> Workshop<'a> {
    /// A workshop in a scratch folder, around a tree in it.
    pub fn new(scratch: &'a Path, tree: &'a Tree) -> Workshop<'a> {
        Workshop {
            scratch,
            tree,
            // Cargo tells who it is to what it runs.
            cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        }
    }

    /// Applies a patch to the tree; `Err` within says why it does not apply.
    ///
    /// # Errors
    /// When `git` can't be run.
    pub fn apply(&self, patch: &Patch) -> io::Result<Result<(), String>> {
        let output = Command::new("git")
            .arg("apply")
            .arg(&patch.path)
            .current_dir(self.tree.path())
            // The tree lies within the workspace, but is not what its repository is about: in
            // there, git would skip every file without a word.
            .env("GIT_CEILING_DIRECTORIES", self.scratch)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .output()
            .map_err(|error| io::Error::other(format!("git: {error}")))?;
        Ok(verdict(&output, "error:"))
    }

    /// Builds the simulator in the tree.
    ///
    /// # Errors
    /// When `cargo` can't be run.
    pub fn build(&self, jobs: Option<usize>) -> io::Result<Built> {
        let start = Instant::now();
        let mut command = Command::new(&self.cargo);
        command
            .args(["build", "--release", "--quiet", "--package", "seawall-sim"])
            .current_dir(self.tree.path())
            .env("CARGO_TARGET_DIR", self.target())
            // A mutant differs in a few lines: this makes a build one of seconds.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            // A patch may leave something unused behind.
            .env("RUSTFLAGS", "-Awarnings");
        if let Some(jobs) = jobs {
            command.arg("--jobs").arg(jobs.to_string());
        }
        let output = command.output();
        let output = output.map_err(|error| io::Error::other(format!("cargo: {error}")))?;
        Ok(Built {
            outcome: verdict(&output, "error"),
            time: start.elapsed(),
        })
    }

    /// Runs the simulator that was built. What it saves of a failure is kept under `name`.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn run(&self, name: &str, suite: &Suite) -> io::Result<Finding> {
        let dir = self.scratch.join("runs").join(name);
        std::fs::create_dir_all(&dir)?;
        let output = Command::new(self.target().join("release/seawall-sim"))
            .arg("run")
            .arg(suite.seed.to_string())
            .args(["--seeds", &suite.seeds.to_string()])
            .args(["--time", &format!("{}s", suite.time.as_secs())])
            .args(["--jobs", "1", "--json"])
            .current_dir(dir)
            .output()?;
        Ok(read_finding(output.status, &output.stdout, &output.stderr))
    }

    fn target(&self) -> PathBuf {
        self.scratch.join("target")
    }
}

/// The first line that begins with `mark`, or the last line at all, of a program that failed.
fn verdict(output: &Output, mark: &str) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.starts_with(mark));
    let line = line.or(text.lines().last()).unwrap_or("it did not say why");
    Err(line.trim().to_owned())
}

/// Reads what a campaign printed last. A process that printed no summary was ended by its own
/// watchdog, by a panic where none is caught, or by a signal: each of them is a catch.
fn read_finding(status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Finding {
    let text = String::from_utf8_lossy(stdout);
    let last = text.lines().last().unwrap_or_default();
    let exit_code = status.code();
    let Some(Value::Object(summary)) = serde_json::from_str(last).ok() else {
        let property = match exit_code {
            Some(OUT_OF_TIME) => "hang",
            Some(_) => "no summary",
            None => "signal",
        };
        let stderr = String::from_utf8_lossy(stderr);
        let story = stderr.lines().last().unwrap_or("it died without a word");
        return Finding {
            seeds: 0,
            cpu_seconds: 0.0,
            property: Some(property.into()),
            seed: None,
            story: story.to_owned(),
            exit_code,
        };
    };
    let failure = |key: &str| {
        let value = summary.get("failure").and_then(|failure| failure.get(key));
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let story = failure("story").unwrap_or_else(|| match exit_code {
        Some(OUT_OF_TIME) => "nothing was caught before the time was over".into(),
        Some(code) if code == Class::Vacuity as i32 => format!(
            "nothing was caught, and this never happened: {}",
            summary.get("never_happened").unwrap_or(&Value::Null)
        ),
        _ => "nothing was caught".into(),
    });
    Finding {
        seeds: summary.get("seeds").and_then(Value::as_u64).unwrap_or(0),
        cpu_seconds: summary
            .get("cpu_seconds")
            .and_then(Value::as_f64)
            .unwrap_or(0.0),
        property: failure("property"),
        seed: failure("seed"),
        story,
        exit_code,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn read(code: i32, stdout: &str) -> Finding {
        read_finding(ExitStatus::from_raw(code << 8), stdout.as_bytes(), b"why")
    }

    #[test]
    fn a_failure_is_a_catch() {
        let finding = read(
            10,
            "seed 0x7\n{\"seeds\":3,\"cpu_seconds\":0.5,\"failure\":{\"seed\":\"0x9\",\"property\":\"opens\",\"story\":\"no\"}}\n",
        );
        assert!(finding.is_caught() && !finding.is_clean());
        assert_eq!((finding.seeds, finding.exit_code), (3, Some(10)));
        assert_eq!(finding.property.as_deref(), Some("opens"));
        assert_eq!(finding.seed.as_deref(), Some("0x9"));
    }

    #[test]
    fn no_failure_is_none_even_where_promises_are_broken() {
        let summary = "{\"seeds\":3,\"cpu_seconds\":0.5,\"failure\":null}";
        assert!(read(0, summary).is_clean());
        assert!(read(124, summary).is_clean());
        let vacuous = read(16, summary);
        assert!(!vacuous.is_caught() && !vacuous.is_clean());
    }

    #[test]
    fn a_process_without_a_summary_is_a_catch() {
        assert_eq!(read(124, "").property.as_deref(), Some("hang"));
        assert_eq!(read(101, "").property.as_deref(), Some("no summary"));
        let killed = read_finding(ExitStatus::from_raw(6), b"", b"");
        assert_eq!(killed.property.as_deref(), Some("signal"));
        assert!(killed.is_caught());
    }
}
