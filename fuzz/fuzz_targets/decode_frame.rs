//! Fuzz target: any bytes, read as a segment header and as a frame. The body is `seawall_fuzz::decode_frame`.

#![no_main]
#![allow(clippy::disallowed_types)] // The macro can write coverage to a file.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::decode_frame::check(bytes));
