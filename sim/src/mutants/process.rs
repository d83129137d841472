//! The programs that a suite runs: `git` to apply, `cargo` to build, the simulator or a test to look.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Builds take real time, on real files.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::tree::{Patch, Test, Tree};
use crate::budget;
use crate::checker::Class;
use crate::seed::Seed;

/// The exit code of a campaign that ran out of time, or of a process that hangs.
const OUT_OF_TIME: i32 = 124;
/// How long a test may take: far longer than any of them does.
const TEST_TIME: Duration = Duration::from_secs(60);

/// What a campaign or a test found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How many seeds were run, the failing one included; none for a test.
    pub seeds: Option<u64>,
    /// Processor time in seconds; none for a test.
    pub cpu_seconds: Option<f64>,
    /// The property that was violated, the test that failed, or what else ended the process.
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

/// How long a campaign looks, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The first seed.
    pub seed: Seed,
    /// How many.
    pub seeds: u64,
    /// No seed is begun after this time.
    pub time: Duration,
    /// More options of `cargo sim run`, with spaces between them.
    pub options: &'a str,
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The program.
    program: PathBuf,
    /// Where it is to be run, if that matters.
    dir: Option<PathBuf>,
}

/// A build that is over.
pub struct Built {
    /// What was made, or the first error of the compiler.
    pub outcome: Result<Made, String>,
    /// How long it took.
    pub time: Duration,
}

/// Where mutants are made and run, one after the other.
pub struct Workshop {
    /// Where what its builds make, and what its campaigns save, is kept.
    scratch: PathBuf,
    /// The sources that it builds.
    pub tree: Tree,
    cargo: OsString,
    /// How many processors a build may use.
    jobs: usize,
}

impl Workshop {
    /// A workshop in a scratch folder, for the sources in `original`.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn new(scratch: PathBuf, original: &Path, jobs: usize) -> io::Result<Workshop> {
        Ok(Workshop {
            tree: Tree::copy(original, &scratch.join("tree"))?,
            scratch,
            jobs,
            // Cargo tells who it is to what it runs.
            cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        })
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
            .env("GIT_CEILING_DIRECTORIES", &self.scratch)
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
    pub fn build(&self) -> io::Result<Built> {
        let start = Instant::now();
        let mut command = self.cargo("build");
        command.args(["--release", "--package", "seawall-sim"]);
        let output = run_cargo(&mut command)?;
        let made = Made {
            program: self.target().join("release/seawall-sim"),
            dir: None,
        };
        Ok(Built {
            outcome: verdict(&output, "error").map(|()| made),
            time: start.elapsed(),
        })
    }

    /// Builds a test in the tree.
    ///
    /// # Errors
    /// When `cargo` can't be run.
    pub fn build_test(&self, test: &Test) -> io::Result<Built> {
        let start = Instant::now();
        let mut command = self.cargo("test");
        command
            .args(["--no-run", "--package", &test.package])
            .args(["--test", &test.name])
            .args(["--message-format", "json-render-diagnostics"]);
        let output = run_cargo(&mut command)?;
        let outcome = verdict(&output, "error").and_then(|()| {
            let found = test_program(&String::from_utf8_lossy(&output.stdout));
            found.ok_or_else(|| format!("`{test}` made no program"))
        });
        Ok(Built {
            outcome,
            time: start.elapsed(),
        })
    }

    /// Runs a test that was built. What it prints is kept under `name`.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn run_test(&self, name: &str, test: &Test, made: &Made) -> io::Result<Finding> {
        let dir = self.scratch.join("runs").join(name);
        std::fs::create_dir_all(&dir)?;
        let log = dir.join(format!("test-{}.log", test.name));
        let out = File::create(&log)?;
        let mut child = Command::new(&made.program)
            .current_dir(made.dir.as_deref().unwrap_or(&dir))
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if start.elapsed() > TEST_TIME {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        Ok(read_test(test, status, &text))
    }

    /// Runs the simulator that was built. What it saves of a failure is kept under `name`.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn run(&self, name: &str, made: &Made, look: Look<'_>) -> io::Result<Finding> {
        let dir = self.scratch.join("runs").join(name);
        std::fs::create_dir_all(&dir)?;
        let output = budget::forget(&mut Command::new(&made.program))
            .arg("run")
            .arg(look.seed.to_string())
            .args(["--seeds", &look.seeds.to_string()])
            .args(["--time", &format!("{}s", look.time.as_secs())])
            .args(["--jobs", "1", "--json"])
            .args(look.options.split_whitespace())
            .current_dir(dir)
            .output()?;
        Ok(read_finding(output.status, &output.stdout, &output.stderr))
    }

    fn target(&self) -> PathBuf {
        self.scratch.join("target")
    }

    fn cargo(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command
            .args([verb, "--quiet", "--jobs", &self.jobs.to_string()])
            .current_dir(self.tree.path())
            .env("CARGO_TARGET_DIR", self.target())
            // A mutant differs in a few lines: this makes a build one of seconds. Without optimisation
            // across units of code it is a fifth of what it is with it, and campaigns take two thirds
            // more processor time.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // A patch may leave something unused behind.
            .env("RUSTFLAGS", "-Awarnings");
        command
    }
}

fn run_cargo(command: &mut Command) -> io::Result<Output> {
    let output = command.output();
    output.map_err(|error| io::Error::other(format!("cargo: {error}")))
}

/// The program of tests among what Cargo says that it made, and the directory of its package, where
/// Cargo would run it.
fn test_program(messages: &str) -> Option<Made> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut tests = messages.filter(|message| message["profile"]["test"] == true);
    let test = tests.find(|message| message["executable"].is_string())?;
    Some(Made {
        program: test["executable"].as_str()?.into(),
        dir: Some(Path::new(test["manifest_path"].as_str()?).parent()?.into()),
    })
}

/// Reads what a test printed; no status for one that had to be stopped. Where it passed, it has to
/// have tested something.
fn read_test(test: &Test, status: Option<ExitStatus>, text: &str) -> Finding {
    let exit_code = status.map_or(Some(OUT_OF_TIME), |status| status.code());
    let name = format!("test {}", test.name);
    let failed = text.lines().find(|line| line.ends_with("... FAILED"));
    let is_vacuous = text.lines().any(|line| line == "running 0 tests");
    let (property, story) = match exit_code {
        Some(0) if is_vacuous => (Some("no tests".into()), format!("`{test}` tests nothing")),
        Some(0) => (None, format!("`{test}` passes")),
        Some(OUT_OF_TIME) => (Some(name), format!("`{test}` hangs")),
        _ => {
            let what = failed.unwrap_or("it died without a word");
            (Some(name), format!("`{test}` fails: {what}"))
        }
    };
    Finding {
        seeds: None,
        cpu_seconds: None,
        property,
        seed: None,
        story,
        exit_code,
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
            seeds: Some(0),
            cpu_seconds: Some(0.0),
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
        seeds: summary.get("seeds").and_then(Value::as_u64),
        cpu_seconds: summary.get("cpu_seconds").and_then(Value::as_f64),
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
        assert_eq!((finding.seeds, finding.exit_code), (Some(3), Some(10)));
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
    fn a_test_that_fails_or_hangs_is_a_catch_and_one_of_nothing_is_not_clean() {
        let test = Test {
            package: "seawall".into(),
            name: "follow".into(),
        };
        let read = |code: Option<i32>, text: &str| {
            read_test(
                &test,
                code.map(|code| ExitStatus::from_raw(code << 8)),
                text,
            )
        };
        assert!(read(Some(0), "running 2 tests\n").is_clean());
        assert!(!read(Some(0), "running 0 tests\n").is_clean());
        let failed = read(Some(101), "running 1 test\ntest a_tail ... FAILED\n");
        assert_eq!(failed.property.as_deref(), Some("test follow"));
        assert!(failed.story.contains("a_tail"), "{}", failed.story);
        assert!(read(None, "").is_caught());
    }

    #[test]
    fn the_program_of_a_test_is_found_among_messages() {
        let messages = r#"{"reason":"compiler-artifact","profile":{"test":false},"executable":"/bin"}
{"reason":"compiler-artifact","manifest_path":"/w/sim/Cargo.toml","profile":{"test":true},"executable":"/t/x"}
{"reason":"build-finished"}"#;
        let made = test_program(messages).unwrap();
        assert_eq!(made.program, Path::new("/t/x"));
        assert_eq!(made.dir.as_deref(), Some(Path::new("/w/sim")));
        assert_eq!(test_program("no JSON"), None);
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
