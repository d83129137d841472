//! The command: workloads on each file system, the cuts of each, and a table of what was found.

// Failures are kept as files, and the time that it took is told.
#![allow(clippy::disallowed_methods)]

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use seawall_sim::choice::{Choices, Purpose};

use crate::calls;
use crate::cut::{Cut, KINDS, plan};
use crate::device::Event;
use crate::filesystem::{FileSystem, Stand};
use crate::judge::{Past, Seen, Wrong, judge};
use crate::recorder::{Nudges, Recorder};
use crate::workload::{Caller, LOG_DIR, env};

/// Exit code: something was found.
const FOUND: u8 = 1;
/// Exit code: it could not be looked at.
const NOT_LOOKED: u8 = 2;

/// Runs the seawall log on real file systems over a block device that remembers, cuts the power at
/// its writes, and judges what is left.
#[derive(Parser)]
#[command(name = "sim/reality/run", version)]
struct Args {
    /// Which file systems: ext4, ext4-nodelalloc, ext4-journal, xfs, btrfs.
    #[arg(long, value_delimiter = ',', default_value = "ext4,xfs,btrfs")]
    fs: Vec<String>,
    /// The first workload's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many workloads, one seed after the other.
    #[arg(long, default_value_t = 30)]
    workloads: u64,
    /// How many workloads of bare calls, without a log, in the same way.
    #[arg(long, default_value_t = 30)]
    bare: u64,
    /// How many power cuts of each workload at most, chosen by its seed.
    #[arg(long, default_value_t = 150)]
    images: usize,
    /// The device ignores flushes: a check of the checks, which have to find that.
    #[arg(long)]
    ignore_flushes: bool,
    /// How many of each kind of failure are told and kept, for each row of the table.
    #[arg(long, default_value_t = 3)]
    keep: u64,
    /// An empty directory to work in.
    #[arg(long)]
    work: PathBuf,
    /// Where images and stories of what is wrong are kept.
    #[arg(long, default_value = "sim-failures/reality")]
    failures: PathBuf,
}

/// What was found on one file system.
#[derive(Default)]
struct Row {
    workloads: u64,
    calls: u64,
    writes: u64,
    flushes: u64,
    nudges: Nudges,
    seen: Seen,
    kinds: [u64; KINDS.len()],
    /// Images that were not mounted, and those of them with a write of the file system torn.
    unmountable: [u64; 2],
    differences: u64,
    not_in_model: u64,
    not_in_profile: u64,
    log: u64,
    seconds: f64,
}

impl Row {
    fn is_clean(&self) -> bool {
        self.unmountable[0] + self.differences + self.not_in_model + self.log == 0
    }
}

/// See the crate.
pub fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FOUND),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(NOT_LOOKED)
        }
    }
}

fn run(args: &Args) -> io::Result<bool> {
    let mut filesystems = Vec::new();
    for name in &args.fs {
        filesystems.push(FileSystem::find(name).map_err(io::Error::other)?);
    }
    let mut is_clean = true;
    for filesystem in filesystems {
        let image = args.work.join("image");
        let stand = Stand::new(filesystem, &args.work, &image, args.ignore_flushes)?;
        for (is_bare, workloads) in [(false, args.workloads), (true, args.bare)] {
            let row = look(args, &stand, is_bare, workloads)?;
            print(filesystem.name, is_bare, &row);
            is_clean &= row.is_clean();
        }
    }
    Ok(is_clean)
}

fn look(args: &Args, stand: &Stand<'_>, is_bare: bool, workloads: u64) -> io::Result<Row> {
    let start = Instant::now();
    let mut row = Row::default();
    for seed in (args.seed..).take(workloads as usize) {
        let mut trial = Trial {
            args,
            stand,
            seed,
            is_bare,
            row: &mut row,
        };
        trial.run()?;
    }
    row.seconds = start.elapsed().as_secs_f64();
    Ok(row)
}

/// One workload and its cuts.
struct Trial<'a> {
    args: &'a Args,
    stand: &'a Stand<'a>,
    seed: u64,
    is_bare: bool,
    row: &'a mut Row,
}

impl Trial<'_> {
    fn run(&mut self) -> io::Result<()> {
        let choices = Choices::new(self.seed);
        let past = self.live(&choices, self.is_bare)?;
        let mut stream = choices.stream(Purpose::Crash, 0);
        let mut cuts = plan(&past.events, &mut stream);
        while cuts.len() > self.args.images {
            cuts.swap_remove(stream.below(cuts.len() as u64) as usize);
        }
        for (number, cut) in cuts.iter().enumerate() {
            let kind = KINDS.iter().position(|kind| *kind == cut.kind);
            self.row.kinds[kind.expect("one of all")] += 1;
            let entropy = choices.stream(Purpose::Entropy, 1 + number as u64);
            let mut again = choices.stream(Purpose::Crash, 1 + number as u64);
            let again = Some(&mut again).filter(|_| number % 4 == 0);
            let seen = &mut self.row.seen;
            for wrong in judge(self.stand, &past, cut, again, &entropy, seen)? {
                self.keep(&past, cut, number, &wrong)?;
            }
        }
        Ok(())
    }

    /// Lets the log live on a new file system.
    fn live(&mut self, choices: &Choices, is_bare: bool) -> io::Result<Past> {
        let device = &self.stand.device;
        let mounted = self.stand.mount(self.stand.base.clone())?;
        let base = mounted.settle(device)?;
        let root = mounted.root();
        let hints = choices.stream(Purpose::Schedule, 0);
        let faults = choices.stream(Purpose::Faults, 0);
        let recorder = Recorder::new(
            Arc::clone(device),
            root.clone(),
            self.stand.filesystem.profile,
            hints,
            &faults,
        );
        let workload = choices.stream(Purpose::Workload, 0);
        let (history, result) = match is_bare {
            true => {
                calls::make(&recorder, &root, workload);
                (Vec::new(), Ok(()))
            }
            false => {
                let env = env(
                    Arc::new(recorder.clone()),
                    choices.stream(Purpose::Entropy, 0),
                );
                Caller::new(env, &root.join(LOG_DIR), device, workload).live()
            }
        };
        let (moments, differences, nudges) = recorder.take();
        let events = device.events();
        self.row.workloads += 1;
        self.row.calls += moments.len() as u64 - 1;
        let flushes = events
            .iter()
            .filter(|event| matches!(event, Event::Flush))
            .count();
        self.row.flushes += flushes as u64;
        self.row.writes += (events.len() - flushes) as u64;
        self.row.nudges.write_back += nudges.write_back;
        self.row.nudges.commit += nudges.commit;
        self.row.differences += differences.len() as u64;
        for difference in &differences {
            println!(
                "{} seed {}: {difference}",
                self.stand.filesystem.name, self.seed
            );
        }
        if let Err(stopped) = result {
            self.row.log += 1;
            println!(
                "{} seed {}: {stopped:?}",
                self.stand.filesystem.name, self.seed
            );
        }
        Ok(Past {
            base,
            events,
            history,
            moments,
        })
    }

    /// Counts what is wrong, and keeps the image and its story.
    fn keep(&mut self, past: &Past, cut: &Cut, number: usize, wrong: &Wrong) -> io::Result<()> {
        let count = match wrong {
            Wrong::Unmountable { was_torn, .. } => {
                &mut self.row.unmountable[usize::from(*was_torn)]
            }
            Wrong::NotInModel(_) => &mut self.row.not_in_model,
            Wrong::NotInProfile(_) => &mut self.row.not_in_profile,
            Wrong::NotOpened(_) | Wrong::Log(_) => &mut self.row.log,
        };
        *count += 1;
        if *count > self.args.keep {
            return Ok(());
        }
        let what = if self.is_bare { "bare" } else { "log" };
        let name = format!(
            "{}-{what}-{}-{number}",
            self.stand.filesystem.name, self.seed
        );
        let story = match wrong {
            Wrong::Unmountable { error: text, .. }
            | Wrong::NotInModel(text)
            | Wrong::NotInProfile(text)
            | Wrong::NotOpened(text) => text.clone(),
            Wrong::Log(violation) => format!("{}: {}", violation.property, violation.story),
        };
        let kind = wrong.name();
        println!("{name}: {kind}: {story}\n  {cut:?}");
        std::fs::create_dir_all(&self.args.failures)?;
        let file = |end: &str| self.args.failures.join(format!("{name}.{end}"));
        let left = cut.leave(&past.base, &past.events);
        left.save(&file("img"), self.stand.device.bytes())?;
        std::fs::write(
            file("txt"),
            self.tell(past, cut, &format!("{kind}: {story}")),
        )
    }

    /// The story of a cut: what was called and what the device was asked.
    fn tell(&self, past: &Past, cut: &Cut, story: &str) -> String {
        let mut text = format!(
            "{story}\n\n{cut:?}\n\nCalls, and what the device had been asked before and after:\n"
        );
        for moment in &past.moments {
            let (before, after) = moment.during;
            text += &format!("{before}..{after} {}\n", moment.call);
        }
        text += "\nWhat the device was asked:\n";
        for (number, event) in past.events.iter().enumerate() {
            text += &match event {
                Event::Write { offset, bytes } => {
                    format!("{number} write {offset}+{}\n", bytes.len())
                }
                Event::Flush => format!("{number} flush\n"),
            };
        }
        text
    }
}

fn print(name: &str, is_bare: bool, row: &Row) {
    let seen = &row.seen;
    let what = if is_bare { "bare calls" } else { "the log" };
    println!(
        "{name}, {what}: {} workloads in {:.0} s",
        row.workloads, row.seconds
    );
    println!(
        "  {} changing calls, {} block writes, {} flushes; {} hints to write back, {} commits",
        row.calls, row.writes, row.flushes, row.nudges.write_back, row.nudges.commit
    );
    let kinds: Vec<String> = KINDS
        .iter()
        .zip(row.kinds)
        .map(|(kind, count)| format!("{kind:?} {count}"))
        .collect();
    println!("  cuts: {}", kinds.join(", "));
    println!(
        "  images mounted {}, of which not empty {}; not mounted {}, and with a write torn {}",
        seen.mounted, seen.not_empty, row.unmountable[0], row.unmountable[1]
    );
    println!(
        "  held against the model {} at {} moments, neither all nor nothing of it {}, not allowed {}, not in the profile {}",
        seen.judged, seen.moments, seen.between, row.not_in_model, row.not_in_profile
    );
    println!(
        "  recovered {}, of which cut again {}, wrong {}; live differences {}",
        seen.recovered, seen.cut_again, row.log, row.differences
    );
    let minutes = row.seconds / 60.0;
    println!("  {:.0} images a minute", seen.mounted as f64 / minutes);
}
