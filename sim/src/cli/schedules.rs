//! `cargo sim schedules`: what can be asked of the walk over schedules, and how it is told.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use seawall_sim::disk::Lie;
use seawall_sim::exhaust::{Exhaust, Outcome, Row, Walked, Workload};

use super::limits::LimitArgs;
use super::outcome::tell;
use super::{bar_of, cpu_time};

#[derive(Args)]
pub(super) struct SchedulesArgs {
    /// What each client does, such as "append 40, sync" "durable 40". Default: each combination of
    /// all that --clients can do.
    workload: Vec<String>,
    /// Schedules that interrupt a task which could go on at most so often.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=16))]
    preemptions: u32,
    /// How many clients.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    clients: u8,
    /// How many operations each of them does.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    ops: u8,
    #[command(flatten)]
    limits: LimitArgs,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
    /// A canary: the disk lies (file-sync, dir-sync, write-crosses-sync, bit-flip). Must fail.
    #[arg(long)]
    lie: Option<Lie>,
}

pub(super) fn run(args: &SchedulesArgs) -> ExitCode {
    let workloads = match args.workload.as_slice() {
        [] => Ok(Workload::all(args.clients.into(), args.ops.into())),
        clients => Workload::of(clients).map(|workload| vec![workload]),
    };
    let workloads = match workloads {
        Ok(workloads) => workloads,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let exhaust = Exhaust {
        workloads,
        preemptions_max: args.preemptions,
        time: args.limits.time,
        jobs: args.limits.jobs.count(),
        lie: args.lie,
    };
    say!(
        "seeds: one for each workload, from its text; {} workloads, up to {} preemptions, {} threads",
        exhaust.workloads.len(),
        exhaust.preemptions_max,
        exhaust.jobs
    );
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let bar = bar_of(
        Some(exhaust.walks() as u64),
        "{pos}/{len} walks, {eta} left",
    );
    let outcome = exhaust.run(|done, workload, preemptions, walked| {
        bar.set_position(done as u64);
        if bar.is_hidden() {
            say!(
                "{} s: walk {done}, {preemptions} preemptions: {workload}: {} runs",
                start.elapsed().as_secs(),
                walked.runs
            );
        }
    });
    bar.finish_and_clear();
    let (wall, cpu) = (start.elapsed(), cpu_time());
    for (workload, row) in exhaust.workloads.iter().zip(&outcome.rows) {
        say!("{}", line(workload, row));
    }
    say!(
        "{} runs in {:.1} s, {:.1} s of processor time",
        outcome.runs,
        wall.as_secs_f64(),
        cpu.as_secs_f64()
    );
    let is_complete = outcome.is_complete(exhaust.preemptions_max);
    let (code, verdict) = match (&outcome.failure, is_complete) {
        (Some(failure), _) => (failure.violation.property.class() as u8, tell(failure)),
        (None, true) => (0, "PASSED: all of them".into()),
        (None, false) => (124, "OUT OF TIME: not all schedules were run".into()),
    };
    if args.json {
        // What tells of a failure goes to the other stream, so that JSON is the last line here.
        eprintln!("{verdict}");
        say!("{}", json(&exhaust, &outcome, code, wall, cpu));
    } else {
        say!("{verdict}");
    }
    ExitCode::from(code)
}

fn line(workload: &Workload, row: &Row) -> String {
    let mut line = format!("{workload}:");
    if let Some((preemptions, all)) = &row.complete {
        let (schedules, incidents) = (all.schedules, all.incidents);
        line += &format!(
            " {schedules} of {schedules} schedules with up to {preemptions} preemptions, {incidents} of {incidents} with an incident"
        );
    }
    if let Some(some) = &row.partial {
        let (schedules, incidents) = (some.schedules, some.incidents);
        line += &format!(
            " and, broken off, {schedules} with one preemption more, {incidents} with an incident"
        );
    }
    line
}

fn json(
    exhaust: &Exhaust,
    outcome: &Outcome,
    code: u8,
    wall: Duration,
    cpu: Duration,
) -> serde_json::Value {
    let walked = |walked: &Walked| {
        json!({
            "schedules": walked.schedules,
            "incidents": walked.incidents,
            "runs": walked.runs,
        })
    };
    let rows = exhaust.workloads.iter().zip(&outcome.rows);
    let rows = rows.map(|(workload, row)| {
        json!({
            "workload": workload.to_string(),
            "complete_up_to": row.complete.as_ref().map(|(preemptions, _)| preemptions),
            "complete": row.complete.as_ref().map(|(_, all)| walked(all)),
            "broken_off": row.partial.as_ref().map(walked),
        })
    });
    let failure = outcome.failure.as_ref().map(|failure| {
        json!({
            "seed": failure.seed,
            "property": failure.violation.property,
            "story": failure.violation.story,
        })
    });
    json!({
        "exit_code": code,
        "preemptions": exhaust.preemptions_max,
        "runs": outcome.runs,
        "wall_ms": wall.as_millis() as u64,
        "cpu_ms": cpu.as_millis() as u64,
        "workloads": rows.collect::<Vec<_>>(),
        "failure": failure,
    })
}
