//! What moves a connection's bytes: one protocol, several carriers, one in use at a time.
//!
//! Owns the streams of the connection that is up. It must never look into a frame. [`race`] finds out which carrier works.

mod quic;
mod race;
mod tcp;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use shoji_protocol::{Channel, CloseCode};

pub(super) use self::race::{Race, Won};
use self::{quic::Quic, tcp::Tcp};
use super::{Carried, Error, wire::Outgoing};

/// Chunks taken from the carrier at once: about 90 kB, so that a large update costs few turns of the loop.
pub(super) const CHUNKS: usize = 64;

/// Bytes that came, in the first of these.
pub(super) type Chunks = [Bytes; CHUNKS];

/// A way to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// QUIC, over UDP.
    Quic,
    /// TLS over TCP.
    Tcp,
}

impl Way {
    /// Its name for people, the same in every language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quic => "QUIC (UDP)",
            Self::Tcp => "TLS (TCP)",
        }
    }
}

/// Which ways may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Choice {
    /// QUIC, and TLS over TCP where UDP is closed.
    #[default]
    Auto,
    /// QUIC only.
    Quic,
    /// TLS over TCP only.
    Tcp,
}

/// A connection that is up.
pub(super) enum Carrier {
    Quic(Box<Quic>),
    Tcp(Box<Tcp>),
}

/// What a carrier has to tell.
pub(super) enum Told {
    /// So many chunks of one channel's frames.
    Channel(Channel, usize),
    /// So many chunks of the frames of all channels.
    Shared(usize),
    /// A copy of a piece of the updates' stream.
    Datagram(Bytes),
    /// Something was written, or may be.
    Wrote,
    /// The host finished a stream, which only happens with the connection's end; the reason is on its way.
    Finished,
}

impl Carrier {
    pub(super) fn way(&self) -> Way {
        match self {
            Self::Quic(_) => Way::Quic,
            Self::Tcp(_) => Way::Tcp,
        }
    }

    /// Whether the frames of all channels share one stream.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    pub(super) fn meter(&self) -> Meter {
        match self {
            Self::Quic(quic) => Meter::Quic(quic.connection().clone()),
            Self::Tcp(tcp) => Meter::Tcp(tcp.counts().clone()),
        }
    }

    /// Sends beside the stream; a carrier that takes no datagrams leaves it to the stream.
    pub(super) fn send_datagram(&self, datagram: Vec<u8>) {
        if let Self::Quic(quic) = self {
            let _ = quic.connection().send_datagram(datagram.into());
        }
    }

    /// The carrier's own estimate of the round trip, if it has one.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        match self {
            Self::Quic(quic) => Some(quic.connection().rtt()),
            Self::Tcp(_) => None,
        }
    }

    /// Writes what is outgoing and reads what comes, until there is something to tell. Safe to drop at any time.
    pub(super) async fn next(&mut self, outgoing: &mut Outgoing, chunks: &mut Chunks) -> Result<Told, Error> {
        match self {
            Self::Quic(quic) => quic.next(outgoing, chunks).await,
            Self::Tcp(tcp) => tcp.next(outgoing, chunks).await,
        }
    }

    /// Why the carrier is over, if it knows: perhaps better than the stream that broke first.
    pub(super) fn reason(&self) -> Option<Error> {
        match self {
            Self::Quic(quic) => quic.reason(),
            Self::Tcp(_) => None,
        }
    }

    /// Waits for the reason, after [`Told::Finished`].
    pub(super) async fn closed(&self) -> Error {
        match self {
            Self::Quic(quic) => quic.closed().await,
            Self::Tcp(_) => Error::Lost,
        }
    }

    /// Writes what is left and closes when the host has it.
    pub(super) async fn farewell(&mut self, outgoing: &mut Outgoing, patience: Duration, code: CloseCode) {
        match self {
            Self::Quic(quic) => quic.farewell(outgoing, patience, code).await,
            Self::Tcp(tcp) => tcp.farewell(outgoing, patience).await,
        }
    }
}

/// Counts a carrier's bytes while its connection is up.
#[derive(Clone)]
pub(super) enum Meter {
    Quic(quinn::Connection),
    Tcp(Arc<tcp::Counts>),
}

impl Meter {
    pub(super) fn carried(&self) -> Carried {
        match self {
            Self::Quic(connection) => {
                let stats = connection.stats();
                Carried { received: stats.udp_rx.bytes, sent: stats.udp_tx.bytes }
            }
            Self::Tcp(counts) => counts.carried(),
        }
    }
}
