//! Moving pictures: H.264 on a region of the canvas, colours converted and proven to be what both ends think they are.
//!
//! A stream covers a fixed region whose corner and size are multiples of 16. Colours are BT.709, full range; the stream
//! says so and the decoder insists. Owns the streams of both ends. `openh264` is named in one file below only; another
//! library can stand behind the same two traits.
//! It must never decide what is video: the encoder's classification does. It must never hand a decoder a parameter set that was not
//! checked.

mod colour;
#[cfg(not(target_family = "wasm"))]
mod openh264;
mod parameters;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use colour::Planes;
pub(crate) use stream::Receiver;
#[cfg(not(target_family = "wasm"))]
pub(crate) use stream::Sender;

/// Regions begin and end at multiples of this many pixels: H.264's macroblock.
pub(crate) const ALIGN: u32 = 16;

/// Most streams at a time: each holds a few pictures on both ends (about 12 MiB at 1080p), and pages rarely
/// play more films at once.
pub(crate) const MAX_STREAMS: usize = 2;

/// Most rectangles that one video operation paints.
pub(crate) const MAX_PAINTS: u32 = 256;

/// A library that could not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// What makes H.264 of pictures of one size. Makes pictures that refer only to earlier ones, never skips one.
pub(crate) trait Encode {
    /// Appends the access unit of the next picture, with start codes. The first picture, and every one with `key`, can be decoded
    /// without any before it.
    fn encode(&mut self, picture: &Planes, qp: u8, key: bool, out: &mut Vec<u8>) -> Result<(), Failed>;
}

/// What makes pictures of H.264.
pub(crate) trait Decode {
    /// Decodes one checked access unit into `picture`, which has the stream's size.
    fn decode(&mut self, unit: &[u8], picture: &mut Planes) -> Result<(), Failed>;
}
