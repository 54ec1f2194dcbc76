//! What may cross the boundary between two segments, and the state machines of both ends.
//!
//! Viewer → host messages are [`ToHost`], host → viewer messages are [`ToViewer`]: closed sets, bounded, one byte
//! sequence per value. Every type in them is declared through one macro that also describes it ([`boundary`]).
//! [`host::Connection`] and [`viewer::Connection`] are the two ends of one connection as state machines: frames and the
//! time go in, frames, events and the next deadline come out. [`host::flow::Flow`] decides in the worker what may be sent
//! now. Every limit is in [`limits`].
//!
//! This crate does no I/O and reads no clock and no randomness. It has no standard library to do it with: it is
//! `no_std` and only allocates.
//!
//! ```
//! use shoji_protocol::{Nonce, ToHost, frame};
//! let mut bytes = Vec::new();
//! frame::encode_to_host(&ToHost::Ping { nonce: Nonce(7) }, &mut bytes);
//! let body = &bytes[frame::HEADER_BYTES..];
//! assert_eq!(ToHost::decode(body), Ok(ToHost::Ping { nonce: Nonce(7) }));
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod boundary;
mod close;
mod error;
pub mod frame;
pub mod geometry;
pub mod host;
pub mod limits;
mod link;
mod numbers;
mod payload;
mod rate;
pub mod reliable;
mod screen;
pub mod splice;
pub mod time;
pub mod to_host;
pub mod to_viewer;
pub mod viewer;
mod wire;
pub mod worker;

pub use boundary::Channel;
pub use close::{CloseCode, Fault};
pub use error::{DecodeError, Error, OutOfRange, Side, Violation};
pub use geometry::{CaretArea, CaretPlace, CursorSize, Hotspot, Position, Size, Viewport};
pub use numbers::{
    CanvasId, Capabilities, Finger, Fixed, InputSequence, KeepAlive, Key, Nonce, Rate, ResumeToken, Scale, SessionId,
    TextField, UpdateId, WheelDelta,
};
pub use payload::{Pixels, Text};
pub use to_host::{
    AttachHow, Button, Input, KeyboardLayout, Locale, Lock, PreeditCursor, TextOffset, ToHost, TouchPhase, WheelSource,
};
pub use to_viewer::{CanvasKind, CursorShape, Notice, TextPlace, ToViewer, WindowState};
