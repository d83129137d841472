//! The command: subjects under the storm.

fn main() {}
