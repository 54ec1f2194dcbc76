//! Why a worker ends, and what of it the supervisor is told.

use shoji_compositor as compositor;
use shoji_protocol::worker::Failure;

use super::link::LinkError;
use super::rights;

/// Why a worker ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The supervisor is gone or speaks nonsense.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The compositor cannot work.
    #[error("the compositor failed: {0}: the session ends, and its user can begin another")]
    Compositor(#[from] compositor::Error),
    /// The encoder cannot work.
    #[error("the encoder failed: {0}: the session ends, and its user can begin another; please report this line")]
    Encoder(#[from] shoji_codec::EncodeError),
    /// An update became larger than the protocol carries.
    #[error(
        "an update of {0} bytes is too large: the session ends, and its user can begin another; please report this line"
    )]
    TooLarge(usize),
    /// The worker cannot give its rights up.
    #[error("the worker cannot confine itself, and does not start without: {0}")]
    Rights(#[from] rights::Error),
    /// The supervisor asked to stop.
    #[error("stopped")]
    Stopped,
    /// A system call failed.
    #[error("the worker cannot run: {0}: check the machine's free memory and limit of open files (ulimit -n)")]
    System(#[from] std::io::Error),
}

impl Error {
    /// What to tell the supervisor, if it can still be told and does not know.
    pub(super) fn failure(&self) -> Option<Failure> {
        match self {
            Self::Compositor(_) => Some(Failure::Compositor),
            Self::Encoder(_) | Self::TooLarge(_) => Some(Failure::Encoder),
            Self::Rights(_) => Some(Failure::Rights),
            Self::Link(LinkError::Frame(_) | LinkError::Message(_)) => Some(Failure::Supervisor),
            Self::Link(_) | Self::Stopped | Self::System(_) => None,
        }
    }
}
