//! The simulator's command line.

mod cli;

use clap::Parser;

/// Runs allocate little and often, and on all threads at once.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    match cli::subjects::handed_over() {
        Some(code) => code,
        None => cli::Cli::parse().run(),
    }
}
