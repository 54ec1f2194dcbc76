//! Turns the damage of a canvas into updates and back, exactly and cheaply.
//!
//! The host holds an [`Encoder`] per canvas, the viewer a [`Decoder`]. Frames with their damage go in, payloads come out
//! (the format is specified in `FORMAT.md`), and on the other side payloads go in and a [`Canvas`] comes out. The crate
//! knows no network, session, clock or async runtime.
//!
//! - `damage` finds which pixels really changed, `motion` which of them only moved.
//! - `tile` codes pixels exactly; `video` codes moving pictures lossily; `refine` makes those exact once they rest.
//! - `rate` keeps updates within a byte budget; `focus` says what goes first.
//! - `encoder` and `decoder` put these in order, `update` is the payload's format.
//!
//! In a browser (`wasm`) there is the decoder only, and the browser's own H.264: see [`Decoder::start`].
//!
//! INVARIANT: after every update the decoder's canvas equals the encoder's shadow wherever that is not marked lossy, and
//! at rest nothing is marked lossy.
//!
//! ```
//! use shoji_codec::{Budget, Config, Decoder, Encoder, Frame, Limits, Size, Time};
//! let size = Size { width: 100, height: 40 };
//! let pixels = vec![200; 100 * 40 * 4];
//! let frame = Frame { size, stride: 400, pixels: &pixels };
//! let (mut encoder, mut decoder) = (Encoder::new(Config::default())?, Decoder::new(Limits::default()));
//! let mut payload = Vec::new();
//! let outcome = encoder.encode(frame, &[size.rect()], Budget { bytes: 100_000 }, Time(0), &mut payload)?;
//! assert!(!outcome.empty && encoder.is_exact());
//! decoder.apply(&payload)?;
//! assert_eq!(decoder.canvas().pixels()[0..4], [200, 200, 200, 255]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    target_family = "wasm",
    expect(dead_code, reason = "parts that only the encoder uses, which is not built there")
)]

mod canvas;
#[cfg(not(target_family = "wasm"))]
mod damage;
mod decoder;
#[cfg(not(target_family = "wasm"))]
mod encoder;
mod error;
#[cfg(not(target_family = "wasm"))]
mod focus;
mod geometry;
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub mod measure;
#[cfg(not(target_family = "wasm"))]
mod motion;
#[cfg(not(target_family = "wasm"))]
mod rate;
#[cfg(not(target_family = "wasm"))]
mod refine;
#[cfg(not(target_family = "wasm"))]
mod regions;
mod simd;
mod tile;
mod update;
mod video;

pub use canvas::{Canvas, digest};
pub use decoder::{Decoder, Layout, Limits, Move, Picture, Progress, Wanted, leading_moves};
#[cfg(not(target_family = "wasm"))]
pub use encoder::{Config, Encoder, Outcome, Stats};
pub use error::{DecodeError, EncodeError, Fault};
pub use geometry::{BLACK, Budget, Frame, MAX_HEIGHT, MAX_WIDTH, Pixel, Rect, Size, Time};
pub use simd::Level;
