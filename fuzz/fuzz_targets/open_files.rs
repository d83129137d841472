//! Fuzz target: files of any name, opened as a log. The body is `seawall_fuzz::open_files`.

#![no_main]
#![allow(clippy::disallowed_types)] // The macro can write coverage to a file.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::open_files::check(bytes));
