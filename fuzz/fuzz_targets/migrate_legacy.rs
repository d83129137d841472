//! Fuzz target: any files of the legacy format, opened and so migrated. The body is `seawall_fuzz::migrate_legacy`.

#![no_main]
#![allow(clippy::disallowed_types)] // The macro can write coverage to a file.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::migrate_legacy::check(bytes));
