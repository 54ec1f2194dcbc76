//! The open-ended run of the target `to_viewer`; see `tests/fuzz/README.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shoji_fuzz::to_viewer::run(bytes));
