//! The command: subjects under the storm.

use std::process::ExitCode;

fn main() -> ExitCode {
    seawall_subjects::main(seawall_subjects::subjects::ALL)
}
