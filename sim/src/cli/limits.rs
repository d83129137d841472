//! What a command may take of the machine: the same options for all that take long.

use std::time::Duration;

use clap::Args;

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

pub(super) fn jobs_or_all(jobs: Option<usize>) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    jobs.unwrap_or_else(processors).max(1)
}

pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time like 90s, 30m or 8h");
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let parsed = units.iter().find_map(|&(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    });
    parsed.map(Duration::from_secs).ok_or_else(wrong)
}
