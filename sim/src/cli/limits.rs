//! What a command may take of the machine: the same options for all that take long.

use std::time::Duration;

use clap::Args;

pub(super) use seawall_sim::budget::{jobs_or_all, parse_time};

/// How many threads.
#[derive(Args)]
pub(super) struct JobsArgs {
    /// How many threads. Default: one for each processor.
    #[arg(long)]
    jobs: Option<usize>,
}

impl JobsArgs {
    pub(super) fn count(&self) -> usize {
        jobs_or_all(self.jobs)
    }

    /// The same, with what stands in for the option where it is not given.
    pub(super) fn count_or(&self, otherwise: Option<usize>) -> usize {
        jobs_or_all(self.jobs.or(otherwise))
    }
}

/// How long, and on how many threads.
#[derive(Args)]
pub(super) struct LimitArgs {
    /// Begin nothing new after this time: 90s, 30m, 8h.
    #[arg(long, value_parser = parse_time)]
    pub(super) time: Option<Duration>,
    #[command(flatten)]
    pub(super) jobs: JobsArgs,
}
