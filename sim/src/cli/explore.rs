//! `cargo sim explore`: what can be asked of the exploration of all crash states, and how it is told.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use seawall_sim::disk::{Knobs, Lie};
use seawall_sim::explore::{
    Address, DEPTH_MAX, Explore, Explored, Level, Longer, Offence, Which, Workload, knobs, replay,
};

use super::bar_of;
use super::limits::{JobsArgs, parse_time};

/// Their number still fits, though nobody has the time for them.
const OPS_MAX: u32 = 12;

#[derive(Args)]
pub(super) struct ExploreArgs {
    /// All workloads of up to so many steps.
    #[arg(long, default_value_t = 3, value_name = "K")]
    ops: u32,
    /// Just this workload: its steps, such as "durable 40, append 700, reopen", or a name (roll,
    /// truncation, rotation, migration, decoys, blocks, prepared). Can be given more than once.
    #[arg(long, value_name = "STEPS")]
    workload: Vec<Workload>,
    /// The workloads that have a name, in place of all short ones.
    #[arg(long, conflicts_with = "workload")]
    named: bool,
    /// How many power cuts, each but the first in the recovery from the one before.
    #[arg(long, default_value_t = 2, value_name = "D")]
    depth: usize,
    /// Do at most so many groups of images of one moment with one set of names.
    #[arg(long, default_value_t = 1 << 20, value_name = "N")]
    groups: u64,
    /// Give up after this time: 90s, 30m, 8h.
    #[arg(long, value_parser = parse_time)]
    time: Option<Duration>,
    #[command(flatten)]
    jobs: JobsArgs,
    /// Just one state of one workload, as an earlier exploration has called it.
    #[arg(long, value_name = "STATE", requires = "workload")]
    at: Option<Address>,
    /// A canary: the disk lies (file-sync, dir-sync, write-crosses-sync). Must fail.
    #[arg(long)]
    lie: Option<Lie>,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: ExploreArgs) -> ExitCode {
    if args.ops > OPS_MAX {
        eprintln!("error: more than {OPS_MAX} steps are too many for anybody");
        return ExitCode::from(2);
    }
    if !(1..=DEPTH_MAX).contains(&args.depth) {
        eprintln!(
            "error: a depth of {} is not within 1 and {DEPTH_MAX}",
            args.depth
        );
        return ExitCode::from(2);
    }
    let knobs = Knobs {
        lie: args.lie,
        ..knobs()
    };
    if let (Some(at), [workload]) = (&args.at, &args.workload[..]) {
        return tell_one(workload, &knobs, at);
    }
    if args.at.is_some() {
        eprintln!("error: --at is about one workload");
        return ExitCode::from(2);
    }
    let named = |name: &Longer| Workload::named(*name);
    let workloads = match (args.named, args.workload) {
        (true, _) => Which::These(Longer::ALL.iter().map(named).collect()),
        (false, these) if these.is_empty() => Which::All(args.ops),
        (false, these) => Which::These(these),
    };
    let explore = Explore {
        workloads,
        depth: args.depth,
        groups_max: args.groups,
        knobs,
        jobs: args.jobs.count(),
    };
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let of = explore.workloads.count();
    let bar = bar_of(Some(of), "{pos}/{len} workloads, {eta} left");
    let mut next_line = Duration::from_secs(10);
    let explored = explore.run(|done| {
        bar.set_position(done);
        if bar.is_hidden() && start.elapsed() >= next_line {
            next_line += Duration::from_secs(10);
            say!("{} s: {done} of {of} workloads", start.elapsed().as_secs());
        }
        args.time.is_none_or(|time| start.elapsed() < time)
    });
    bar.finish_and_clear();
    let told = Told {
        explore: &explore,
        explored: &explored,
        wall: start.elapsed(),
        cpu: super::cpu_time(),
    };
    told.say_all(args.json);
    ExitCode::from(told.exit_code())
}

fn tell_one(workload: &Workload, knobs: &Knobs, at: &Address) -> ExitCode {
    match replay(workload, knobs, at) {
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Ok((story, violation)) => {
            story.iter().for_each(|line| say!("{line}"));
            let Some(violation) = violation else {
                say!("PASSED");
                return ExitCode::SUCCESS;
            };
            let code = violation.property.class() as u8;
            let (property, story) = (violation.property, violation.story);
            say!("FAILED, exit code {code}: {property}\n  {story}");
            ExitCode::from(code)
        }
    }
}

/// What is to be told of an exploration.
struct Told<'a> {
    explore: &'a Explore,
    explored: &'a Explored,
    wall: Duration,
    cpu: Duration,
}

impl Told<'_> {
    fn say_all(&self, with_json: bool) {
        let explored = self.explored;
        for (number, counts) in &explored.each {
            let workload = self.explore.workloads.get(*number);
            say!("{workload}: {}", share(counts.sum()));
        }
        say!(
            "{:>6} {:>12} {:>22} {:>20} {:>20} {:>14}",
            "cuts",
            "moments",
            "legal images",
            "that differ",
            "judged",
            "groups"
        );
        let counts = explored.counts;
        for (depth, level) in counts.levels[..self.explore.depth].iter().enumerate() {
            say!(
                "{:>6} {:>12} {:>22} {:>20} {:>20} {:>14}",
                depth + 1,
                level.moments,
                level.legal,
                level.distinct,
                level.judged,
                level.groups
            );
        }
        let seconds = self.cpu.as_secs_f64();
        let sum = counts.sum();
        say!(
            "{} of {} workloads: {}",
            explored.done,
            self.explore.workloads.count(),
            share(sum)
        );
        say!(
            "{} groups judged, the others known from before with all that follows; {} recoveries run",
            explored.judged_afresh,
            explored.recoveries
        );
        say!(
            "{:.1} s, {} threads, {seconds:.1} s of processor time; a second of it: {:.0} states, {:.0} groups judged, {:.0} recoveries",
            self.wall.as_secs_f64(),
            self.explore.jobs,
            sum.judged as f64 / seconds,
            explored.judged_afresh as f64 / seconds,
            explored.recoveries as f64 / seconds,
        );
        if with_json {
            // What tells of a failure goes to the other stream, so that JSON is the last line here.
            eprintln!("{}", self.verdict());
            say!("{}", self.json());
        } else {
            say!("{}", self.verdict());
        }
    }

    fn is_complete(&self) -> bool {
        let sum = self.explored.counts.sum();
        !self.explored.gave_up && sum.judged == sum.distinct
    }

    fn exit_code(&self) -> u8 {
        match &self.explored.offence {
            Some((_, offence)) => offence.violation.property.class() as u8,
            None if self.explored.gave_up => 124,
            None => 0,
        }
    }

    fn verdict(&self) -> String {
        match &self.explored.offence {
            Some((number, offence)) => self.tell(&self.explore.workloads.get(*number), offence),
            None if self.explored.gave_up => "OUT OF TIME: not all states were judged".into(),
            None if !self.is_complete() => {
                "PASSED, what was judged: --groups leaves the rest out".into()
            }
            None => "PASSED".into(),
        }
    }

    fn tell(&self, workload: &Workload, offence: &Offence) -> String {
        let violation = &offence.violation;
        let head = format!(
            "FAILED, exit code {}: {}\n  {}",
            violation.property.class() as u8,
            violation.property,
            violation.story
        );
        if offence.turns.is_empty() {
            return format!("{head}\nwithout a crash, in: {workload}");
        }
        let at = Address(offence.turns.clone());
        let story = match replay(workload, &self.explore.knobs, &at) {
            Ok((story, _)) => story.join("\n"),
            Err(error) => format!("it could not be done again: {error}"),
        };
        let lie = self.explore.knobs.lie;
        let lie = lie.map_or_else(String::new, |lie| format!(" --lie {lie}"));
        format!("{story}\n{head}\ncargo sim explore --workload '{workload}' --at {at}{lie}")
    }

    fn json(&self) -> serde_json::Value {
        let offence = self.explored.offence.as_ref().map(|(number, offence)| {
            json!({
                "workload": self.explore.workloads.get(*number).to_string(),
                "state": Address(offence.turns.clone()).to_string(),
                "property": offence.violation.property,
                "story": offence.violation.story,
            })
        });
        let counts = self.explored.counts;
        let levels = counts.levels[..self.explore.depth].iter().map(|level| {
            json!({
                "moments": level.moments,
                // These may be more than a number of JSON holds.
                "legal": level.legal.to_string(),
                "distinct": level.distinct.to_string(),
                "judged": level.judged.to_string(),
                "groups": level.groups,
            })
        });
        json!({
            "exit_code": self.exit_code(),
            "complete": self.is_complete(),
            "workloads": self.explored.done,
            "of_workloads": self.explore.workloads.count(),
            "levels": levels.collect::<Vec<_>>(),
            "groups_judged": self.explored.judged_afresh,
            "recoveries": self.explored.recoveries,
            "wall_ms": self.wall.as_millis() as u64,
            "cpu_ms": self.cpu.as_millis() as u64,
            "offence": offence,
        })
    }
}

fn share(sum: Level) -> String {
    let Level {
        judged, distinct, ..
    } = sum;
    match judged == distinct {
        true => format!("{judged} of {distinct} states"),
        false => format!(
            "{judged} of {distinct} states, {:.3} %",
            100.0 * judged as f64 / distinct as f64
        ),
    }
}
