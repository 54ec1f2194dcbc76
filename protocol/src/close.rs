//! Why a connection ends: one numbered code, and whose fault it is. The numbers are part of the wire and are pinned by a
//! test; a number is never given a second meaning.
//!
//! ```
//! use shoji_protocol::{CloseCode, Fault};
//! assert_eq!(CloseCode::TooFast.number(), 23);
//! assert_eq!(CloseCode::TooFast.fault(), Fault::Viewer);
//! ```

use crate::wire;

wire! { both
    /// Why a connection ends.
    pub codes CloseCode {
        /// The viewer left, as it should.
        Normal = 0,
        /// The session ended, as the person or its time limit wanted.
        SessionEnded = 1,
        /// The same session was taken up from another connection.
        Replaced = 2,
        /// The browser is gone and is not started again.
        BrowserGone = 3,
        /// The session's worker died.
        WorkerDied = 4,
        /// The host stops.
        HostStopping = 5,
        /// The device may no longer connect.
        Revoked = 6,
        /// The administrator ended the session.
        EndedByAdministrator = 7,

        /// The viewer sent what is no message.
        Malformed = 20,
        /// The viewer sent a message that is too long.
        Oversized = 21,
        /// The viewer sent input or acknowledgements out of order, or again.
        OutOfOrder = 22,
        /// The viewer sent more than a person can do.
        TooFast = 23,
        /// The viewer sent a message that has no meaning at that point.
        WrongState = 24,
        /// The viewer speaks a version that the host does not.
        VersionMismatch = 25,
        /// The viewer sent a message on a channel it does not belong to.
        WrongChannel = 26,
        /// The viewer did not say hello, or did not attach, in time.
        HandshakeTimeout = 27,

        /// The host sent what is no message.
        HostMalformed = 30,
        /// The host sent a message that is too long.
        HostOversized = 31,
        /// The host sent canvases or updates out of order, or again.
        HostOutOfOrder = 32,
        /// The host sent more than agreed.
        HostTooFast = 33,
        /// The host sent a message that has no meaning at that point.
        HostWrongState = 34,
        /// The host speaks a version that the viewer does not.
        HostVersionMismatch = 35,
        /// The host sent a message on a channel it does not belong to.
        HostWrongChannel = 36,
        /// The host did not answer in time.
        HostHandshakeTimeout = 37,
        /// The host failed in itself.
        HostFailed = 39,

        /// The viewer did not acknowledge an update in time, or stopped reading.
        ViewerStalled = 40,
        /// The other end was silent for too long.
        KeepAliveLost = 41,
        /// The host has no room for another session.
        NoCapacity = 42,
        /// There is no such session to take up.
        UnknownResume = 43,
        /// The device's certificate has expired.
        CertificateExpired = 44,
        /// The device is not known to the host.
        DeviceUnknown = 45,
        /// The host could not start a browser.
        BrowserNotStarted = 46,
    }
}

/// Who has to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The viewer, or its device.
    Viewer,
    /// The host.
    Host,
    /// The link between them.
    Network,
    /// Nobody: it is what somebody wanted.
    Nobody,
}

impl Fault {
    /// The word for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Host => "host",
            Self::Network => "network",
            Self::Nobody => "nobody",
        }
    }
}

impl CloseCode {
    /// Whose fault it is.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Normal
            | Self::SessionEnded
            | Self::Replaced
            | Self::HostStopping
            | Self::Revoked
            | Self::EndedByAdministrator => Fault::Nobody,
            Self::Malformed
            | Self::Oversized
            | Self::OutOfOrder
            | Self::TooFast
            | Self::WrongState
            | Self::VersionMismatch
            | Self::WrongChannel
            | Self::HandshakeTimeout
            | Self::ViewerStalled
            | Self::UnknownResume
            | Self::CertificateExpired
            | Self::DeviceUnknown => Fault::Viewer,
            Self::BrowserGone
            | Self::WorkerDied
            | Self::HostMalformed
            | Self::HostOversized
            | Self::HostOutOfOrder
            | Self::HostTooFast
            | Self::HostWrongState
            | Self::HostVersionMismatch
            | Self::HostWrongChannel
            | Self::HostHandshakeTimeout
            | Self::HostFailed
            | Self::NoCapacity
            | Self::BrowserNotStarted => Fault::Host,
            Self::KeepAliveLost => Fault::Network,
        }
    }
}
