//! The open-ended run of the target `to_host`; see `tests/fuzz/README.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shoji_fuzz::to_host::run(bytes));
