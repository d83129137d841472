//! The command: subjects under the storm.

use std::process::ExitCode;

use seawall_sim::storm::Storms;

fn main() -> ExitCode {
    Storms::new([]).called("cargo subjects").main()
}
