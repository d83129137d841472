//! The command: subjects under the storm.

use std::process::ExitCode;

fn main() -> ExitCode {
    seawall_subjects::main("cargo subjects", seawall_subjects::subjects::ALL)
}
