//! The simulator's command line.

mod cli;

use clap::Parser;

/// Runs allocate little and often, and on all threads at once.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::Cli::parse().run()
}
