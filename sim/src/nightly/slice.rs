//! A slice: one command of the simulator's own, or of the fuzzer, in a process of its own, so that neither a
//! hang nor a crash of it ends the night. (What is shrunk or run again is run in the night's own process: it
//! has been run before, and ended.)

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Commands run in real time, on real files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::arms::{Arm, Work, exploration};
use super::directory::Directory;
use super::failures::Met;
use super::record::{Came, Family, Slice};
use super::{Plan, fuzz, gate, seeds, within};
use crate::budget;
use crate::results::{Outcome, Saved};
use crate::seed::Seed;
use crate::shard::Shard;

/// What is running, also where it has been built anew since. Linux only.
pub(super) const SELF: &str = "/proc/self/exe";
/// A command that takes so much longer than it was told hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// To build fuzz targets and mutants takes minutes: no shorter night is worth it.
const LONG: Duration = Duration::from_secs(600);

/// The exit code of a process that has noticed itself that it hangs.
const OUT_OF_TIME: i32 = 124;

/// Longer than any build that a command begins with.
pub(super) const BUILD_MAX: Duration = Duration::from_secs(1800);

/// What slices of one night have in common.
pub(super) struct Runner {
    plan: Plan,
    /// Where the night's files are.
    dir: PathBuf,
    /// Where all nights' are.
    pub(super) root: PathBuf,
    night: u32,
    /// How long a slice is.
    pub(super) length: Duration,
}

/// What a slice has left.
pub(super) struct Ran {
    pub(super) slice: Slice,
    /// What it saved, if it did.
    pub(super) saved: Option<Saved>,
}

/// How a command ended.
pub(super) struct Ended {
    pub(super) status: Option<ExitStatus>,
    pub(super) wall: Duration,
    /// All that it said, on both streams.
    pub(super) said: String,
}

impl Runner {
    pub(super) fn new(
        plan: &Plan,
        directory: &Directory,
        night: u32,
        length: Duration,
    ) -> Result<Runner, String> {
        let dir = within(directory.path(), night);
        let slices = dir.join("slices");
        let made = std::fs::create_dir_all(&slices);
        made.map_err(|error| format!("{}: {error}", slices.display()))?;
        Ok(Runner {
            plan: plan.clone(),
            dir,
            root: directory.path().to_owned(),
            night,
            length,
        })
    }

    pub(super) fn shard(&self) -> Shard {
        self.plan.shard
    }

    pub(super) fn jobs(&self) -> usize {
        self.plan.jobs
    }

    /// Whether the night is worth what takes minutes before it begins.
    pub(super) fn is_long(&self) -> bool {
        self.plan.time >= LONG
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The first seed of a slice's block.
    fn first_seed(&self, slice: u64) -> Result<Seed, String> {
        let first = seeds::first(self.night, self.plan.shard, slice);
        first.ok_or_else(|| format!("night {} has no seeds left", self.night))
    }

    /// Gives an arm its slice: the given piece of its work.
    pub(super) fn run(&self, arm: &Arm, piece: u64, number: u64) -> Result<Ran, String> {
        let seed = self.first_seed(number)?;
        match &arm.work {
            Work::Seeds(options) => {
                let options = options.split_whitespace().map(str::to_owned);
                self.campaign(&arm.name(), number, seed, options)
            }
            Work::Explore(_) => {
                let part = exploration(self.plan.shard.place(piece));
                let (ops, depth, shard) = part.expect("a part is left");
                let arguments = [
                    ("--ops", ops.to_string()),
                    ("--depth", depth.to_string()),
                    ("--shard", shard.to_string()),
                ];
                let arguments = arguments.map(|(name, value)| [name.to_owned(), value]);
                let verb = ["explore".to_owned()].into_iter();
                let all = verb.chain(arguments.into_iter().flatten());
                self.ask(&arm.name(), arm.family(), number, None, all.collect())
            }
            Work::Fuzz(target) => fuzz::run(self, target, number, seed),
            Work::Mutants(groups) => {
                let group = self.plan.shard.place(piece) % groups.len() as u64;
                gate::run(self, &groups[group as usize], number, seed)
            }
        }
    }

    /// Runs the command of a failure that has no scenario, and tells whether it still fails.
    pub(super) fn runs_wrong(&self, met: &Met) -> Result<bool, String> {
        let mut command = Command::new("sh");
        command.args(["-c", &met.command]);
        let ended = self.watch(&mut command, &format!("0000-{}", met.id), BUILD_MAX)?;
        Ok(ended.code() != Some(0))
    }

    /// A slice of seeds from `seed` on, with more options.
    pub(super) fn campaign(
        &self,
        name: &str,
        number: u64,
        seed: Seed,
        options: impl Iterator<Item = String>,
    ) -> Result<Ran, String> {
        let own = ["run", &seed.to_string(), "--keep-going", "--features"].map(str::to_owned);
        let arguments = own.into_iter().chain(options);
        self.ask(name, Family::Run, number, Some(seed), arguments.collect())
    }

    /// Runs a verb of the simulator that saves its results.
    fn ask(
        &self,
        name: &str,
        family: Family,
        number: u64,
        seed: Option<Seed>,
        mut arguments: Vec<String>,
    ) -> Result<Ran, String> {
        let stem = format!("{number:04}-{}", name.replace([' ', ':'], "-"));
        let file = format!("slices/{stem}.json");
        let limits = [
            ("--time", format!("{}s", self.length.as_secs())),
            ("--jobs", self.jobs().to_string()),
            ("--out", self.dir.join(&file).display().to_string()),
        ];
        arguments.extend(
            limits
                .into_iter()
                .flat_map(|(name, value)| [name.to_owned(), value]),
        );
        let mut command = Command::new(SELF);
        command.args(&arguments).current_dir(&self.dir);
        let ended = self.watch(&mut command, &stem, self.length)?;
        let saved = Saved::load(&self.dir.join(&file));
        let (cpu, seeds) = match saved.as_ref().map(|saved| &saved.outcome) {
            Ok(Outcome::Run(run)) => (run.cpu, run.summary.seeds),
            Ok(Outcome::Explore(exploration)) => (exploration.cpu, 0),
            Err(_) => (Duration::ZERO, 0),
        };
        let came = match &saved {
            Ok(_) => Came::Results { file },
            Err(_) => ended.nothing(),
        };
        let slice = Slice {
            number,
            arm: name.to_owned(),
            family,
            command: format!("cargo sim {}", arguments.join(" ")),
            wall_seconds: ended.wall.as_secs_f64(),
            cpu_seconds: cpu.as_secs_f64(),
            first_seed: seed,
            seeds,
            new: 0,
            exit_code: ended.code(),
            came,
            is_looked_into: false,
        };
        Ok(Ran {
            slice,
            saved: saved.ok(),
        })
    }

    /// Runs a command, and ends it where it takes far longer than it should. What it says goes to a file.
    pub(super) fn watch(
        &self,
        command: &mut Command,
        stem: &str,
        length: Duration,
    ) -> Result<Ended, String> {
        let log = self.dir.join("slices").join(format!("{stem}.log"));
        let told = |error: std::io::Error| {
            let program = command.get_program().display();
            format!("cannot run {program}: {error}")
        };
        let out = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let both = out.try_clone().map_err(told)?;
        let start = Instant::now();
        let child = budget::forget(command)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(both)
            .spawn();
        let mut child = child.map_err(|error| format!("cannot run a slice: {error}"))?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                break Some(status);
            }
            if start.elapsed() > length + PATIENCE {
                child
                    .kill()
                    .and_then(|()| child.wait())
                    .map_err(|error| error.to_string())?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = std::fs::read(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        Ok(Ended {
            status,
            wall: start.elapsed(),
            said: String::from_utf8_lossy(&said).into_owned(),
        })
    }
}

impl Ended {
    /// The exit code; none where a signal ended it.
    pub(super) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// What came of it where it left nothing: whether it had to be ended, or by which signal it was.
    pub(super) fn nothing(&self) -> Came {
        use std::os::unix::process::ExitStatusExt;
        let said = self.last_line();
        let said = match self.status.map(|status| status.signal()) {
            Some(Some(signal)) => format!("signal {signal} ended it: {said}"),
            _ => said,
        };
        let hangs = self.status.is_none() || self.code() == Some(OUT_OF_TIME);
        Came::Nothing { hangs, said }
    }

    /// The last line that it said.
    pub(super) fn last_line(&self) -> String {
        let mut lines = self.said.lines().filter(|line| !line.trim().is_empty());
        lines.next_back().unwrap_or("nothing").to_owned()
    }
}
