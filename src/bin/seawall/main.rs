//! The command `seawall`: looks at a log's directory, salvages a damaged one, migrates an old one.
//!
//! It uses the library as anybody would, and writes to no log but the new one of a salvage or a migration.

mod cli;
mod json;
mod output;
mod text;

use clap::Parser;

fn main() -> std::process::ExitCode {
    cli::Cli::parse().run()
}
