//! The open-ended run of the target `codec_update`; see `tests/fuzz/README.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shoji_fuzz::codec_update::run(bytes));
