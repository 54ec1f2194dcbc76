//! What moves a connection's bytes: one protocol, one state machine, several carriers.
//!
//! A carrier belongs to one viewer that has been authenticated. It brings the viewer's bytes, takes the host's frames in
//! order of channel (control before updates), and says when the last update went into the transport: only then is the
//! next one taken from the worker, so that the newest pixels win. It must never look into a frame, and never hold more
//! than one update and [`crate::limits::CONTROL_BACKLOG`] bytes of the rest.

mod copies;
mod losses;
mod messages;
mod outgoing;
mod quic;
mod stream;
mod streams;
mod webrtc;
mod websocket;
mod webtransport;

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use shoji_protocol::{Channel, CloseCode};

pub(super) use messages::Messages;
pub(crate) use quic::{Quic, close_code as quic_code};
pub(crate) use stream::Stream;
pub(super) use webrtc::WebRtc;
pub(super) use webtransport::WebTransport;

/// Moves the bytes of one connection.
pub(crate) trait Carrier: Send {
    /// What it is called in logs.
    const NAME: &'static str;

    /// Whether copies of input can come beside the ordered bytes. Where they cannot, they are not agreed on.
    const HAS_DATAGRAMS: bool;

    /// Whether it sends copies of updates beside the ordered bytes.
    const COPIES_UPDATES: bool = false;

    /// Where the viewer is.
    fn peer(&self) -> SocketAddr;

    /// Takes a whole frame; [`next`](Self::next) sends it.
    fn queue(&mut self, channel: Channel, frame: Bytes);

    /// The viewer takes copies of updates: a carrier that sends them does so from now on where packets are lost.
    fn copy_updates(&mut self) {}

    /// Whether everything went into the transport, so that another update may be queued.
    fn is_drained(&self) -> bool;

    /// Sends what is queued, until there is something to tell. Safe to drop at any time: nothing is lost or sent twice.
    fn next(&mut self) -> impl Future<Output = Result<Told, Lost>> + Send;

    /// Sends what is left but for updates, above all the close message, waits until the viewer has it (for
    /// [`crate::limits::FAREWELL`] at most), and closes. Nothing may follow.
    fn farewell(&mut self, code: CloseCode) -> impl Future<Output = ()> + Send;
}

/// What a carrier has to tell.
#[derive(Debug)]
pub(crate) enum Told {
    /// Bytes of the frames of one channel.
    Channel(Channel, Bytes),
    /// Bytes of the frames of all channels, which follow one another: a frame's channel is that of its message.
    Shared(Bytes),
    /// A datagram.
    Datagram(Bytes),
    /// The transport took something: [`Carrier::is_drained`] may have changed.
    Wrote,
}

/// The carrier broke, for this reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Lost(pub(crate) String);

impl Lost {
    /// The viewer takes nothing, and what waits for it is more than may wait.
    pub(crate) fn unread() -> Self {
        Self("the viewer does not read what it is told".to_owned())
    }

    /// Of a failed read or write. What the other side gave as a reason is cut and made harmless: it goes into the log.
    pub(crate) fn because(error: impl std::fmt::Display) -> Self {
        let harmless = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        Self(error.to_string().chars().take(crate::limits::REASON_LOGGED).map(harmless).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_a_viewer_gives_makes_no_line_of_its_own_in_the_log_and_no_long_one() {
        let lost =
            Lost::because(format!("closed by peer: \n2026 INFO Viewer attached \u{1b}[2J{}", "x".repeat(10_000)));
        assert!(lost.0.starts_with("closed by peer: \u{fffd}2026"), "{lost}");
        assert!(!lost.0.chars().any(char::is_control));
        assert_eq!(lost.0.chars().count(), crate::limits::REASON_LOGGED);
    }
}
