//! `cargo sim report`: a night's directory, or one capsule, as a page to look at.

#![allow(clippy::disallowed_methods)] // Reports are on the real file system.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use seawall_sim::page::page;

#[derive(Args)]
pub(super) struct ReportArgs {
    /// The directory of the nights, or a capsule.
    what: PathBuf,
    /// Where the page goes. Default: report.html in the directory, or the capsule's name with .html.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &ReportArgs) -> ExitCode {
    match write(args) {
        Ok((path, bytes)) => {
            say!("{} ({} KB)", path.display(), bytes.div_ceil(1024));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn write(args: &ReportArgs) -> Result<(PathBuf, usize), String> {
    let what = &args.what;
    let (title, data, default) = match what.is_dir() {
        true => {
            let (title, data) = of_nights(what)?;
            (title, data, what.join("report.html"))
        }
        false => {
            let capsule = read_capsule(what)?;
            let property = capsule["verdict"]["property"].as_str();
            let property = property.ok_or_else(|| format!("{} is no capsule", what.display()))?;
            let title = format!("{property}, seawall");
            let data = json!({ "capsules": [capsule] });
            (title, data, what.with_extension("html"))
        }
    };
    let path = args.output.clone().unwrap_or(default);
    let text = page(&title, &data);
    let written = std::fs::write(&path, &text);
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok((path, text.len()))
}

/// The latest night, what is to be plotted of all of them, and the capsules.
fn of_nights(dir: &Path) -> Result<(String, Value), String> {
    let mut nights = Vec::new();
    for path in entries(&dir.join("nights")) {
        let summary = path.join("summary.json");
        // A night that is not over has none yet.
        if summary.is_file() {
            nights.push(read_json(&summary)?);
        }
    }
    nights.sort_by_key(|night| night["night"].as_u64());
    let capsules = entries(&dir.join("failures")).into_iter();
    let capsules = capsules.filter(|path| path.extension().is_some_and(|found| found == "json"));
    let capsules: Result<Vec<Value>, String> = capsules.map(|path| read_capsule(&path)).collect();
    let capsules = capsules?;
    if nights.is_empty() && capsules.is_empty() {
        return Err(format!("{} has neither nights nor failures", dir.display()));
    }
    let history: Vec<Value> = nights.iter().map(plotted).collect();
    let latest = nights.pop().map(without_coverage);
    let title = match &latest {
        Some(night) => format!("night {}, seawall", night["night"]),
        None => "failures, seawall".to_owned(),
    };
    let data = json!({ "night": latest, "history": history, "capsules": capsules });
    Ok((title, data))
}

/// What is told of a night among others.
fn plotted(night: &Value) -> Value {
    let failures = night["failures"].as_array();
    let open = failures.map_or(0, |all| all.iter().filter(|one| is_open(one)).count());
    json!({
        "night": night["night"],
        "seeds": night["total"]["seeds"],
        "recoveries_per_cpu_second": night["total"]["recoveries_per_cpu_second"],
        "states_known": night["states_known"],
        "open": open,
    })
}

fn is_open(failure: &Value) -> bool {
    let status = failure["status"].as_str();
    status.is_some_and(|status| !status.starts_with("fixed"))
}

/// The table of cells is larger than all the rest, and has its own command.
fn without_coverage(mut night: Value) -> Value {
    if let Some(total) = night["total"].as_object_mut() {
        total.remove("coverage");
    }
    night
}

/// What is in a directory, in the order of the names; nothing where there is none.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(dir).into_iter().flatten();
    let mut paths: Vec<PathBuf> = found.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// A capsule without what the page does not show: a user's files, and the scenario as it was found.
fn read_capsule(path: &Path) -> Result<Value, String> {
    let mut capsule = read_json(path)?;
    if let Some(capsule) = capsule.as_object_mut() {
        capsule.remove("files");
        capsule.remove("original");
    }
    Ok(capsule)
}

fn read_json(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let parsed = serde_json::from_str(&text);
    parsed.map_err(|error| format!("{} is no JSON: {error}", path.display()))
}
