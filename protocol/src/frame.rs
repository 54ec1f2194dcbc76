//! Frames: how messages lie one after the other in a stream of bytes.
//!
//! A frame is the length of its body (four bytes, little endian), its kind (one byte) and the body, which is one message.
//! This module owns the header and its limits: a frame that is too long or of an unexpected kind is refused when its
//! header is read, before memory is spent on it. It must never look into a body.
//!
//! ```
//! use shoji_protocol::{CursorShape, ToViewer, frame};
//! let mut bytes = Vec::new();
//! frame::encode_to_viewer(&ToViewer::Cursor { shape: CursorShape::Wait }, &mut bytes);
//! let mut decoder = frame::Decoder::new(&[frame::Kind::ToViewer]);
//! decoder.push(&bytes);
//! let frame = decoder.next_frame()?.expect("the frame is complete");
//! assert_eq!(ToViewer::decode(frame.body), Ok(ToViewer::Cursor { shape: CursorShape::Wait }));
//! # Ok::<(), frame::FrameError>(())
//! ```

use crate::worker::{ToSupervisor, ToWorker};
use crate::{DecodeError, Error, Side, ToHost, ToViewer, Violation, limits, wire};
use alloc::vec::Vec;
use serde::Serialize;

/// Bytes before a frame's body.
pub const HEADER_BYTES: usize = 5;

/// What a frame's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A [`ToHost`].
    ToHost = 1,
    /// A [`ToViewer`].
    ToViewer = 2,
    /// A [`ToSupervisor`].
    ToSupervisor = 3,
    /// A [`ToWorker`].
    ToWorker = 4,
}

impl Kind {
    /// Most bytes of a body of this kind.
    pub const fn max_body(self) -> usize {
        match self {
            Self::ToHost => limits::MAX_TO_HOST,
            Self::ToViewer => limits::MAX_TO_VIEWER,
            Self::ToSupervisor | Self::ToWorker => limits::MAX_WORKER,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::ToHost),
            2 => Some(Self::ToViewer),
            3 => Some(Self::ToSupervisor),
            4 => Some(Self::ToWorker),
            _ => None,
        }
    }
}

/// A header that is no frame's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The kind is unknown, or not one that may come here.
    #[error("a frame of unexpected kind {0}")]
    WrongKind(u8),
    /// The body is longer than its kind allows.
    #[error("a frame of {bytes} bytes where {limit} are allowed")]
    Oversized {
        /// What the header says.
        bytes: u32,
        /// What is allowed.
        limit: usize,
    },
}

impl FrameError {
    /// The error, if `side` sent the header.
    pub const fn by(self, side: Side) -> Error {
        let violation = match self {
            Self::WrongKind(kind) => Violation::WrongKind(kind),
            Self::Oversized { bytes, limit } => Violation::Oversized { bytes, limit },
        };
        Error { side, violation }
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the body is.
    pub kind: Kind,
    /// How many bytes the body has.
    pub len: usize,
}

impl Header {
    /// The header in these bytes, if it is one of the kinds that may come and within its limit.
    pub fn parse(bytes: &[u8; HEADER_BYTES], expected: &[Kind]) -> Result<Self, FrameError> {
        let [a, b, c, d, kind_byte] = *bytes;
        let bytes = u32::from_le_bytes([a, b, c, d]);
        let kind = Kind::from_byte(kind_byte)
            .filter(|kind| expected.contains(kind))
            .ok_or(FrameError::WrongKind(kind_byte))?;
        let limit = kind.max_body();
        match usize::try_from(bytes) {
            Ok(len) if len <= limit => Ok(Self { kind, len }),
            _ => Err(FrameError::Oversized { bytes, limit }),
        }
    }
}

/// A whole frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the body is.
    pub kind: Kind,
    /// One message.
    pub body: &'a [u8],
    /// Header and body, to be passed on as they are.
    pub bytes: &'a [u8],
}

/// Finds frames in bytes that come in pieces.
///
/// Take all frames with [`next_frame`](Self::next_frame) after every [`push`](Self::push): then it holds at most one
/// frame and the last piece.
#[derive(Debug)]
pub struct Decoder {
    expected: &'static [Kind],
    buffer: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// A decoder of frames of the expected kinds.
    pub const fn new(expected: &'static [Kind]) -> Self {
        Self { expected, buffer: Vec::new(), taken: 0 }
    }

    /// Adds bytes that came in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if all of it is here.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let rest = &self.buffer[self.taken..];
        let Some(header) = rest.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let header = Header::parse(header, self.expected)?;
        let end = HEADER_BYTES + header.len;
        let Some(bytes) = rest.get(..end) else { return Ok(None) };
        self.taken += end;
        Ok(Some(Frame { kind: header.kind, body: &bytes[HEADER_BYTES..], bytes }))
    }

    /// Bytes that wait for the rest of their frame, or to be taken.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.taken
    }
}

/// Appends one frame.
pub fn encode_to_host(message: &ToHost, out: &mut Vec<u8>) {
    encode(Kind::ToHost, out, |out| {
        wire::append(message, out);
        0
    });
}

/// Appends one frame.
pub fn encode_to_viewer(message: &ToViewer<'_>, out: &mut Vec<u8>) {
    encode(Kind::ToViewer, out, |out| {
        wire::append(message, out);
        0
    });
}

/// Appends one frame but for its pixels, which the caller writes next: a large payload need not be copied.
/// Returns the pixels to write; empty if the message has none.
pub fn encode_to_viewer_without_pixels<'a>(message: &ToViewer<'a>, out: &mut Vec<u8>) -> &'a [u8] {
    let pixels = match message {
        ToViewer::Update { pixels, .. } => pixels.bytes(),
        ToViewer::CursorImage { pixels, .. } => pixels.bytes(),
        _ => &[],
    };
    encode(Kind::ToViewer, out, |out| {
        wire::append_without(message, pixels, out);
        pixels.len()
    });
    pixels
}

/// Appends one frame.
pub fn encode_to_supervisor(message: &ToSupervisor, out: &mut Vec<u8>) {
    encode_small(Kind::ToSupervisor, message, out);
}

/// Appends one frame.
pub fn encode_to_worker(message: &ToWorker, out: &mut Vec<u8>) {
    encode_small(Kind::ToWorker, message, out);
}

fn encode_small<T: Serialize>(kind: Kind, message: &T, out: &mut Vec<u8>) {
    encode(kind, out, |out| {
        wire::append(message, out);
        0
    });
}

/// Writes the header around what `body` appends; `body` returns how many bytes the caller will add after it.
fn encode(kind: Kind, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>) -> usize) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind as u8]);
    let to_come = body(out);
    let len = out.len() - start - HEADER_BYTES + to_come;
    let len = u32::try_from(len).expect("every message's type bounds it far below 4 GiB");
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

impl ToHost {
    /// The message in a frame's body.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        wire::decode(body)
    }

    /// Appends the message's bytes, without a header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        wire::append(self, out);
    }
}

impl<'a> ToViewer<'a> {
    /// The message in a frame's body; pixels are borrowed from it.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        wire::decode(body)
    }

    /// Appends the message's bytes, without a header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        wire::append(self, out);
    }
}

impl ToSupervisor {
    /// The message in a frame's body.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        wire::decode(body)
    }
}

impl ToWorker {
    /// The message in a frame's body.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        wire::decode(body)
    }
}
