//! Fuzz target: any change to an encrypted log. The body is `seawall_fuzz::open_sealed`.

#![no_main]
#![allow(clippy::disallowed_types)] // The macro can write coverage to a file.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::open_sealed::check(bytes));
