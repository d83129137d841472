//! The rounds: every peer in every workload, in turns, each measurement in a child process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::cache;
use crate::job::{Action, Job, Outcome};
use crate::peer::Peer;
use crate::workload::{Kind, Workload};

/// Where logs are put: each in a directory that is made for it and removed with it.
pub struct Place {
    disk: PathBuf,
    tmpfs: PathBuf,
    key: PathBuf,
}

impl Place {
    /// Makes the directories.
    pub fn new(disk: &Path, tmpfs: &Path) -> Result<Place> {
        for dir in [disk, tmpfs] {
            std::fs::create_dir_all(dir).with_context(|| format!("{}", dir.display()))?;
        }
        let key = disk.join("key");
        std::fs::write(&key, [7; 32])?;
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600))?;
        Ok(Place {
            disk: disk.canonicalize()?,
            tmpfs: tmpfs.canonicalize()?,
            key: key.canonicalize()?,
        })
    }

    /// An empty directory for a log.
    pub fn clean(&self, is_on_tmpfs: bool) -> Result<PathBuf> {
        let parent = if is_on_tmpfs { &self.tmpfs } else { &self.disk };
        let dir = parent.join(log_name());
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        std::fs::create_dir(&dir)?;
        cache::settle(&dir)?;
        Ok(dir)
    }
}

/// A name of this process, so that two runs do not meet.
fn log_name() -> String {
    format!("log-{}", std::process::id())
}

impl Drop for Place {
    fn drop(&mut self) {
        // The directories were made for this; what stays behind does no harm.
        let _ = std::fs::remove_dir_all(self.disk.join(log_name()));
        let _ = std::fs::remove_dir_all(self.tmpfs.join(log_name()));
    }
}

/// What is measured, and how often.
pub struct Campaign<'a> {
    /// Where.
    pub place: &'a Place,
    /// Whom.
    pub peers: Vec<&'static dyn Peer>,
    /// At what.
    pub workloads: Vec<&'static Workload>,
    /// How often.
    pub rounds: usize,
    /// Shorter and smaller.
    pub is_quick: bool,
}

/// One peer's outcomes in one measure of a workload, one a round.
#[derive(Serialize)]
pub struct Row {
    /// The workload, and the part of it.
    pub measure: String,
    /// What the rate counts.
    pub unit: &'static str,
    /// The peer.
    pub peer: String,
    /// By round; a round that failed has none.
    pub outcomes: Vec<Option<Outcome>>,
}

impl Campaign<'_> {
    /// All rounds.
    pub fn run(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for round in 0..self.rounds {
            for workload in &self.workloads {
                for turn in 0..self.peers.len() {
                    let peer = self.peers[(turn + round) % self.peers.len()];
                    let measured = self.measure(peer, workload);
                    if let Err(error) = &measured {
                        eprintln!("{} {}: {error:#}", workload.name, peer.name());
                    }
                    for one in measured.unwrap_or_default() {
                        eprintln!(
                            "round {}/{} {:24} {:16} {:>12.1} {}",
                            round + 1,
                            self.rounds,
                            one.measure,
                            one.peer,
                            one.outcome.rate,
                            one.unit
                        );
                        self.add(&mut rows, round, one);
                    }
                }
            }
        }
        self.sort(&mut rows);
        Ok(rows)
    }

    fn add(&self, rows: &mut Vec<Row>, round: usize, one: Measured) {
        let found = rows
            .iter()
            .position(|row| row.measure == one.measure && row.peer == one.peer);
        let at = found.unwrap_or_else(|| {
            rows.push(Row {
                measure: one.measure,
                unit: one.unit,
                peer: one.peer,
                outcomes: vec![None; self.rounds],
            });
            rows.len() - 1
        });
        rows[at].outcomes[round] = Some(one.outcome);
    }

    /// By workload, part of it, and peer.
    fn sort(&self, rows: &mut [Row]) {
        let measures: Vec<String> = rows.iter().map(|row| row.measure.clone()).collect();
        let first = |row: &Row| measures.iter().position(|name| *name == row.measure);
        let peer = |row: &Row| {
            let name = row.peer.trim_end_matches("+q");
            self.peers.iter().position(|peer| peer.name() == name)
        };
        rows.sort_by_key(|row| (first(row), peer(row)));
    }

    fn measure(&self, peer: &dyn Peer, workload: &Workload) -> Result<Vec<Measured>> {
        match workload.kind {
            Kind::Append { threads, burst } => {
                let millis = if self.is_quick { 300 } else { 1000 };
                let action = Action::Append {
                    threads,
                    burst,
                    millis,
                };
                let dir = self.place.clean(workload.is_on_tmpfs)?;
                let outcome = run(&job(peer, workload, dir, 0, action))?;
                let mut measured = Measured::new(workload.name.to_owned(), "rec/s", peer, outcome);
                if threads > 1 && !peer.commits_together() {
                    measured.peer.push_str("+q");
                }
                Ok(vec![measured])
            }
            Kind::Bulk { bytes, is_sealed } if peer.encrypts() || !is_sealed => {
                let bytes = if self.is_quick { bytes / 16 } else { bytes };
                self.bulk(peer, workload, bytes, is_sealed)
            }
            Kind::Reopen { bytes } if peer.reopens() => {
                let dir = self.place.clean(workload.is_on_tmpfs)?;
                run(&job(peer, workload, dir.clone(), bytes, Action::Write))?;
                cache::warm(&dir)?;
                let outcome = run(&job(peer, workload, dir, bytes, Action::Reopen))?;
                let name = workload.name.to_owned();
                Ok(vec![Measured::new(name, "open/s", peer, outcome)])
            }
            Kind::Bulk { .. } | Kind::Reopen { .. } => Ok(Vec::new()),
        }
    }

    fn bulk(
        &self,
        peer: &dyn Peer,
        workload: &Workload,
        bytes: u64,
        is_sealed: bool,
    ) -> Result<Vec<Measured>> {
        let dir = self.place.clean(workload.is_on_tmpfs)?;
        let step = |part: &str, action: Action| -> Result<Measured> {
            let mut job = job(peer, workload, dir.clone(), bytes, action);
            job.key = is_sealed.then(|| self.place.key.clone());
            let outcome = run(&job).with_context(|| part.to_owned())?;
            let name = format!("{} {part}", workload.name);
            Ok(Measured::new(name, "MiB/s", peer, outcome))
        };
        let mut measured = vec![step("write", Action::Write)?];
        cache::settle(&dir)?;
        if !workload.is_on_tmpfs {
            // Before the cached one, since a peer may rewrite its log when it opens it.
            cache::cool(&dir)?;
            measured.push(step("replay cold", Action::Replay)?);
        }
        cache::warm(&dir)?;
        measured.push(step("replay cached", Action::Replay)?);
        Ok(measured)
    }
}

/// One outcome and what it is one of.
struct Measured {
    measure: String,
    unit: &'static str,
    peer: String,
    outcome: Outcome,
}

impl Measured {
    fn new(measure: String, unit: &'static str, peer: &dyn Peer, outcome: Outcome) -> Measured {
        Measured {
            measure,
            unit,
            peer: peer.name().to_owned(),
            outcome,
        }
    }
}

fn job(peer: &dyn Peer, workload: &Workload, dir: PathBuf, bytes: u64, action: Action) -> Job {
    Job {
        peer: peer.name().to_owned(),
        dir,
        key: None,
        record_bytes: workload.record_bytes,
        bytes,
        action,
    }
}

/// Runs a job in a child process.
pub fn run(job: &Job) -> Result<Outcome> {
    run_by(Command::new(std::env::current_exe()?), job)
}

/// Runs a job by a command that ends with this program.
pub fn run_by(mut command: Command, job: &Job) -> Result<Outcome> {
    command.arg("child").arg(serde_json::to_string(job)?);
    // Walrus tells every step on standard output unless it is asked not to.
    command.env("WALRUS_QUIET", "1");
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", output.status, said.trim());
    }
    let said = String::from_utf8(output.stdout)?;
    let last = said.lines().last().context("the child said nothing")?;
    Ok(serde_json::from_str(last)?)
}
