//! `cargo sim merge`: what shards have done, added up.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use seawall_sim::results::{Saved, merge};

use super::outcome::{refuse, tell_outcome};

#[derive(Args)]
pub(super) struct MergeArgs {
    /// What `run` or `explore` has written with --out, one file for each shard.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print the outcome as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &MergeArgs) -> ExitCode {
    let parts: Result<Vec<_>, String> = args
        .files
        .iter()
        .map(|path| Ok((path.display().to_string(), Saved::load(path)?)))
        .collect();
    match parts.and_then(merge) {
        Ok(whole) => tell_outcome(&whole.outcome, args.json),
        Err(error) => refuse(&error),
    }
}
