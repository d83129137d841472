//! The command: subjects under the storm.

fn main() {
    seawall_subjects::zygote::without_randomized_addresses();
}
