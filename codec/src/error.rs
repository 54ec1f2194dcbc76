//! What can go wrong, and who is at fault.
//!
//! Owns the crate's two error types. No variant carries pixels, text of a page or bytes from outside.

use thiserror::Error;

/// Who has to change something so that an error goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever made the payload (or garbled it on the way).
    Sender,
    /// The program that calls this crate.
    Caller,
    /// This machine: memory, or a library that refuses to work.
    Machine,
}

/// Why an update could not be made. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The frame is empty, larger than a canvas may be, or its slice is shorter than its rows.
    #[error("the frame's size, stride and pixels do not fit together")]
    BadFrame,
    /// A configuration value is out of its range.
    #[error("a value of the encoder's configuration is out of range")]
    BadConfig,
    /// The compression library could not be set up.
    #[error("the compression library could not be set up")]
    Library,
}

impl EncodeError {
    /// Whose fault it is.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::BadFrame | Self::BadConfig => Fault::Caller,
            Self::Library => Fault::Machine,
        }
    }
}

/// Why a payload could not be applied. The canvas may be partly painted; only a complete update is accepted after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload ends before what it announces.
    #[error("the payload ends too early")]
    Truncated,
    /// The first byte names another version of the format.
    #[error("the payload has format version {0}")]
    BadVersion(u8),
    /// A flag, kind or mode that the format does not have.
    #[error("the payload has an unknown kind of operation or flag")]
    BadKind,
    /// A number is longer than the format allows.
    #[error("a number in the payload is malformed")]
    BadNumber,
    /// The canvas is empty or larger than the limits.
    #[error("a canvas of {width}x{height} pixels is not allowed")]
    BadSize {
        /// Claimed width in pixels.
        width: u32,
        /// Claimed height in pixels.
        height: u32,
    },
    /// The size differs from the canvas although the update is not a complete one.
    #[error("the update is for a canvas of another size")]
    SizeMismatch,
    /// There is no canvas to apply the update to: none yet, or an earlier update failed.
    #[error("a complete update has to come first")]
    NeedsComplete,
    /// A rectangle is empty or not inside the canvas.
    #[error("an operation reaches outside the canvas")]
    OutsideCanvas,
    /// A tile's streams do not describe exactly its pixels.
    #[error("a tile's data is malformed")]
    BadTile,
    /// A compressed stream is malformed or longer than it says.
    #[error("a compressed stream is malformed")]
    BadStream,
    /// The update paints more than its canvas is worth.
    #[error("the update asks for too much work")]
    TooMuchWork,
    /// A video operation came although H.264 is switched off here.
    #[error("video is not accepted here")]
    VideoNotAccepted,
    /// A video operation for a stream that has not begun, or with another size.
    #[error("a video operation does not fit its stream")]
    VideoOutOfOrder,
    /// The H.264 data has another profile, size, colour description or unit than the format allows.
    #[error("the video data has a parameter that is not allowed")]
    VideoParameters,
    /// The H.264 data could not be decoded.
    #[error("the video data is malformed")]
    BadVideo,
    /// A library could not be set up on this machine.
    #[error("a decoding library could not be set up")]
    Library,
}

impl DecodeError {
    /// Whose fault it is.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Library => Fault::Machine,
            _ => Fault::Sender,
        }
    }
}
