//! zstd's decoder: the C library, and in a browser, where there is none, one in Rust.
//!
//! Owns which of them unpacks a stream. It must never write beyond the buffer that it is given, or reserve memory by what a
//! stream says of itself.

use crate::error::DecodeError;

/// Unpacks streams; keeps its working memory from one to the next.
pub(crate) struct Unpacker {
    #[cfg(not(target_family = "wasm"))]
    zstd: zstd::bulk::Decompressor<'static>,
    #[cfg(target_family = "wasm")]
    zstd: ruzstd::decoding::FrameDecoder,
}

impl Unpacker {
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn new() -> Result<Self, DecodeError> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new().map_err(|_| DecodeError::Library)? })
    }

    #[cfg(target_family = "wasm")]
    pub(crate) fn new() -> Result<Self, DecodeError> {
        let mut zstd = ruzstd::decoding::FrameDecoder::new();
        // No stream is longer, so none has use for a wider window.
        zstd.set_max_window_size(super::MAX_STREAM as u64);
        Ok(Self { zstd })
    }

    /// Unpacks a stream that has to fill the buffer exactly.
    pub(crate) fn unpack(&mut self, packed: &[u8], unpacked: &mut [u8]) -> Result<(), DecodeError> {
        #[cfg(not(target_family = "wasm"))]
        let written = self.zstd.decompress_to_buffer(packed, unpacked);
        #[cfg(target_family = "wasm")]
        let written = self.zstd.decode_all(packed, unpacked);
        match written {
            Ok(n) if n == unpacked.len() => Ok(()),
            _ => Err(DecodeError::BadStream),
        }
    }
}
