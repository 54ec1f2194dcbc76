//! The core of the web viewer: protocol and pixels, as WebAssembly that a page's worker calls.
//!
//! One state machine and one decoder serve both viewers: this crate holds [`shoji_protocol::viewer::Connection`] and, for each
//! canvas, a [`shoji_codec::Decoder`], and translates between them and JavaScript, which has the network, the clock and the
//! screen. It must never have any of these itself, and nothing that a host sends may make it panic.
//!
//! - `core` is the viewer: bytes and input in, events, frames and pixels out.
//! - `words` is how events look to JavaScript: rows of 32-bit numbers. Nothing that a host says is text, so numbers suffice.
//! - `abi` are the functions that JavaScript calls, with numbers only. No pointer is followed on this side: JavaScript reads and
//!   fills buffers that are owned here.

mod abi;
mod core;
mod words;

pub use crate::core::{Core, Next};
