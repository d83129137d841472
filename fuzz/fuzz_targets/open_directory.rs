//! Fuzz target: any directory of segment files, opened and used as a log. The body is `seawall_fuzz::open_directory`.

#![no_main]
#![allow(clippy::disallowed_types)] // The macro can write coverage to a file.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::open_directory::check(bytes));
