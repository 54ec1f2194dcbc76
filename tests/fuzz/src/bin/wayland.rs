//! The open-ended run of the target `wayland`; see `tests/fuzz/README.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shoji_fuzz::wayland::run(bytes));
