//! `cargo sim merge`: what shards have done, added up.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use seawall_sim::nightly;
use seawall_sim::results::{Saved, merge};

use super::nightly::conclude;
use super::outcome::{refuse, tell_outcome};

#[derive(Args)]
pub(super) struct MergeArgs {
    /// What `run` or `explore` has written with --out, one file for each shard; or with --out the
    /// directories of a night's shards.
    #[arg(required = true, value_name = "FILE_OR_DIR")]
    parts: Vec<PathBuf>,
    /// Where the night goes that the directories' nights are parts of; it may have earlier ones.
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    out: Option<PathBuf>,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &MergeArgs) -> ExitCode {
    if let Some(dir) = &args.out {
        return match nightly::merge(&args.parts, dir) {
            Ok(summary) => conclude(&summary, dir),
            Err(error) => refuse(&error),
        };
    }
    let parts: Result<Vec<_>, String> = args
        .parts
        .iter()
        .map(|path| Ok((path.display().to_string(), Saved::load(path)?)))
        .collect();
    match parts.and_then(merge) {
        Ok(whole) => tell_outcome(&whole.outcome, args.json),
        Err(error) => refuse(&error),
    }
}
