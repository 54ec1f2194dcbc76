//! What can be wrong with what an end sent, and whose fault it is. Errors hold numbers and names, never page content.
//!
//! ```
//! use shoji_protocol::{CloseCode, DecodeError, Error, Side, Violation};
//! let error = Error { side: Side::Viewer, violation: Violation::Malformed(DecodeError::TrailingBytes) };
//! assert_eq!(error.close_code(), CloseCode::Malformed);
//! assert_eq!(error.to_string(), "the viewer sent no valid message: bytes after its end");
//! ```

use crate::{CanvasId, Channel, CloseCode, Fault};
use core::fmt;

/// A value outside the limits of its type, which is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {0} outside its limits")]
pub struct OutOfRange(pub &'static str);

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end too early, or hold a value that the message's type does not have.
    #[error("an unknown, cut or illegal value")]
    Value,
    /// The message is followed by more bytes.
    #[error("bytes after its end")]
    TrailingBytes,
    /// The message is not in its one shortest form.
    #[error("not in its shortest form")]
    NotCanonical,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The viewer.
    Viewer,
    /// The host, its workers included.
    Host,
}

impl Side {
    /// The fault, if this side is to blame.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Viewer => Fault::Viewer,
            Self::Host => Fault::Host,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.fault().name())
    }
}

/// An end broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {side} {violation}")]
pub struct Error {
    /// Who broke it.
    pub side: Side,
    /// How.
    pub violation: Violation,
}

/// How an end can break the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// It sent bytes that are no message.
    #[error("sent no valid message: {0}")]
    Malformed(DecodeError),
    /// It sent a frame of the wrong kind.
    #[error("sent a frame of kind {0}")]
    WrongKind(u8),
    /// It announced a frame that is too long.
    #[error("announced a frame of {bytes} bytes where {limit} are allowed")]
    Oversized {
        /// What it announced.
        bytes: u32,
        /// What is allowed.
        limit: usize,
    },
    /// A number does not follow the one before.
    #[error("sent {message} number {number} out of order after {last}")]
    OutOfOrder {
        /// The message.
        message: &'static str,
        /// Its number.
        number: u64,
        /// The last number before.
        last: u64,
    },
    /// A canvas that is not there.
    #[error("sent {message} for canvas {}, which is not there", canvas.0)]
    UnknownCanvas {
        /// The message.
        message: &'static str,
        /// The canvas.
        canvas: CanvasId,
    },
    /// More than a limit allows, over time or at once.
    #[error("sent more {0} than allowed")]
    TooFast(&'static str),
    /// The message has no meaning at this point.
    #[error("sent {message} while the connection is {phase}")]
    WrongState {
        /// The message.
        message: &'static str,
        /// The phase of the connection.
        phase: &'static str,
    },
    /// The message does not belong to the channel.
    #[error("sent {message} on channel {}", channel.name())]
    WrongChannel {
        /// The message.
        message: &'static str,
        /// The channel it came on.
        channel: Channel,
    },
    /// A minor version or capability that was not offered or is no longer spoken.
    #[error("wants minor version {0}, which is not spoken here")]
    Version(u16),
    /// Something that was not agreed on.
    #[error("sent {0} without agreement")]
    NotAgreed(&'static str),
    /// The caller of the state machine did not take what it gave out.
    #[error("did not take the state machine's output")]
    NotDrained,
}

impl Error {
    /// The code to close the connection with.
    pub const fn close_code(&self) -> CloseCode {
        match (self.side, self.violation) {
            (Side::Viewer, Violation::Malformed(_) | Violation::WrongKind(_)) => CloseCode::Malformed,
            (Side::Viewer, Violation::Oversized { .. }) => CloseCode::Oversized,
            (Side::Viewer, Violation::OutOfOrder { .. }) => CloseCode::OutOfOrder,
            (Side::Viewer, Violation::TooFast(_)) => CloseCode::TooFast,
            (
                Side::Viewer,
                Violation::WrongState { .. } | Violation::UnknownCanvas { .. } | Violation::NotAgreed(_),
            ) => CloseCode::WrongState,
            (Side::Viewer, Violation::WrongChannel { .. }) => CloseCode::WrongChannel,
            (Side::Viewer, Violation::Version(_)) => CloseCode::VersionMismatch,
            (Side::Viewer, Violation::NotDrained) => CloseCode::ViewerStalled,
            (Side::Host, Violation::Malformed(_) | Violation::WrongKind(_)) => CloseCode::HostMalformed,
            (Side::Host, Violation::Oversized { .. }) => CloseCode::HostOversized,
            (Side::Host, Violation::OutOfOrder { .. }) => CloseCode::HostOutOfOrder,
            (Side::Host, Violation::TooFast(_)) => CloseCode::HostTooFast,
            (Side::Host, Violation::WrongState { .. } | Violation::UnknownCanvas { .. } | Violation::NotAgreed(_)) => {
                CloseCode::HostWrongState
            }
            (Side::Host, Violation::WrongChannel { .. }) => CloseCode::HostWrongChannel,
            (Side::Host, Violation::Version(_)) => CloseCode::HostVersionMismatch,
            (Side::Host, Violation::NotDrained) => CloseCode::HostFailed,
        }
    }

    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        self.side.fault()
    }
}
