//! `cargo sim sweep`: what can be asked of the corruption sweep, and how it is told.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use seawall_sim::sweep::{Only, Share, Sweep, Swept, Trouble};

use super::bar_of;
use super::limits::JobsArgs;

#[derive(Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    jobs: JobsArgs,
    /// Only the logs in plain, or only the encrypted ones.
    #[arg(long)]
    only: Option<Only>,
    /// Just one place, as an earlier sweep has called it.
    #[arg(long, value_name = "PLACE")]
    at: Option<String>,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: SweepArgs) -> ExitCode {
    let sweep = Sweep {
        jobs: args.jobs.count(),
        only: args.only,
        share: Share::ALL,
        at: args.at,
    };
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let bar = bar_of(Some(1), "{pos}/{len} places, {per_sec}, {eta} left");
    let mut next_line = Duration::from_secs(10);
    let swept = sweep.run(|done, of| {
        bar.set_length(of);
        bar.set_position(done);
        if bar.is_hidden() && start.elapsed() >= next_line {
            next_line += Duration::from_secs(10);
            say!("{} s: {done} of {of} places", start.elapsed().as_secs());
        }
    });
    bar.finish_and_clear();
    let swept = match swept {
        Ok(swept) => swept,
        Err(Trouble::NoSuchPlace(place)) => {
            eprintln!("error: there is no place `{place}`");
            return ExitCode::from(2);
        }
        Err(Trouble::Log(violation)) => {
            eprintln!("error: {}\n  {}", violation.property, violation.story);
            return ExitCode::from(violation.property.class() as u8);
        }
    };
    let (wall, places) = (start.elapsed(), swept.table.sum(|_, _, _| true).total());
    say!("{}", swept.table.text().trim_end());
    say!(
        "{places} places in {:.1} s, {} threads, {:.1} s of processor time",
        wall.as_secs_f64(),
        sweep.jobs,
        super::cpu_time().as_secs_f64()
    );
    if args.json {
        // What tells of a failure goes to the other stream, so that JSON is the last line here.
        eprintln!("{}", verdict(&swept));
        say!("{}", json(&swept, places, wall));
    } else {
        say!("{}", verdict(&swept));
    }
    ExitCode::from(swept.exit_code())
}

fn verdict(swept: &Swept) -> String {
    match (&swept.offence, &swept.missing) {
        (Some(offence), _) => format!(
            "FAILED, exit code {}: {}\n  {}\n{}\ncargo sim sweep --at {}",
            swept.exit_code(),
            offence.violation.property,
            offence.violation.story,
            offence.place,
            offence.place
        ),
        (None, Some(missing)) => format!("VACUOUS: {missing}"),
        (None, None) => "PASSED".into(),
    }
}

fn json(swept: &Swept, places: u64, wall: Duration) -> serde_json::Value {
    let offence = swept.offence.as_ref().map(|offence| {
        json!({
            "place": offence.place,
            "property": offence.violation.property,
            "story": offence.violation.story,
        })
    });
    json!({
        "exit_code": swept.exit_code(),
        "places": places,
        "wall_ms": wall.as_millis() as u64,
        "offence": offence,
        "missing": swept.missing,
        "table": swept.table.json(),
    })
}
